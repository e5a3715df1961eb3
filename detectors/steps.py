"""What a step means to the clock of its thing."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

import numpy as np

from detectors.batch import UInt64
from detectors.codes import code_of
from detectors.rules import Clock

STEP = "step"
UNTIL = "until"
"""The fields of a stream that a clock reads: what happened to the thing, and the time an extension names."""


class Role(IntEnum):
    """What an event does to a clock. Numbers are written into partials: they stay."""

    NONE = 0  # it only says where the thing is now
    BEGIN = 1  # starts the clock, unless it is open
    END = 2
    PAUSE = 3
    RESUME = 4
    EXTEND = 5  # gives a new due time
    RESTART = 6  # starts the clock anew, open or not


_BY_NAME: Mapping[str, Role] = {
    "paused": Role.PAUSE,
    "resumed": Role.RESUME,
    "extended": Role.EXTEND,
    "reopened": Role.RESTART,
}


def roles_of(clock: Clock, steps: UInt64) -> UInt64:
    """Give the role of each of (n,) steps, told by their codes. A step that the rule names is that and nothing else.

    >>> hours = Clock(begins=("opened",), ends=("closed", "paused"), limit_ms=1)
    >>> roles_of(hours, np.array([code_of(name) for name in ("opened", "signed", "paused", "resumed")])).tolist()
    [1, 0, 2, 4]
    """
    named = dict.fromkeys(clock.begins, Role.BEGIN) | dict.fromkeys(clock.ends, Role.END)
    roles = np.zeros(len(steps), np.uint64)
    for name, role in (dict(_BY_NAME) | named).items():
        roles[steps == np.uint64(code_of(name))] = role
    return roles
