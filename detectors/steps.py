"""What a step means to the clock of its thing, and by how much it overran its plan."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

import numpy as np

from detectors.batch import Float64, Int64, UInt64
from detectors.codes import code_of
from detectors.rules import Clock

STEP = "step"
UNTIL = "until"
"""The fields of a stream that a clock reads: what happened to the thing, and the time an extension names."""
PLANNED, ACTUAL = "planned_s", "actual_s"
"""How long the step that is over was meant to take, and how long it took."""

NOT_TOLD_MS = -(1 << 62)
_OVERRUN_S_MAX = 1e12  # thirty thousand years, either way: what is beyond it stays there


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


def countdown_roles(clock: Clock, steps: UInt64 | None, moments: Float64) -> UInt64:
    """Give the roles for a clock that counts down: whoever names a moment gives it anew, NaN names none.

    >>> hours = Clock(begins=(), ends=("closed",), limit_ms=None, moment="until")
    >>> steps = np.array([code_of(name) for name in ("opened", "signed", "closed")])
    >>> countdown_roles(hours, steps, np.array([5.0, np.nan, 5.0])).tolist()
    [6, 0, 2]
    """
    roles = np.where(np.isnan(moments), np.uint64(Role.NONE), np.uint64(Role.RESTART))
    for name in clock.ends if steps is not None else ():
        roles[steps == np.uint64(code_of(name))] = Role.END
    return roles


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


def overruns_of(planned_s: Float64, actual_s: Float64) -> Int64:
    """Give by how many milliseconds each of (n,) steps overran its plan, below 0 if it did not; NOT_TOLD_MS if unknown.

    >>> overruns_of(np.array([60.0, 60.0, np.nan]), np.array([90.5, 30.0, 1.0])).tolist()[:2]
    [30500, -30000]
    """
    over_s = np.clip(actual_s - planned_s, -_OVERRUN_S_MAX, _OVERRUN_S_MAX)
    told = ~np.isnan(over_s)
    overruns = np.full(len(over_s), NOT_TOLD_MS)
    overruns[told] = np.rint(over_s[told] * 1000).astype(np.int64)
    return overruns
