"""A rule, checked: what is measured, over which events, and when it becomes which level."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from fractions import Fraction
from functools import cached_property, lru_cache

from detectors.calendars import ALWAYS, Calendar

Scalar = str | float | bool

LEVEL_CODE: Mapping[str, float] = {"green": 0, "act": 0.5, "yellow": 1, "orange": 2, "red": 3}
"""What `tocsin_level` shows, and the order of the levels. `act` stands alone in its rule."""


class Op(Enum):
    """How one condition of a `where` compares."""

    IN = "in"  # the value is one of `values`
    NOT = "not"  # it is none of them, or the field is missing
    GE = "ge"
    GT = "gt"
    LE = "le"
    LT = "lt"


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on one field. Types compare strictly: 1 equals 1.0, but neither `true` nor `"1"`."""

    field: str
    op: Op
    values: tuple[Scalar, ...]  # one number for GE GT LE LT


class Kind(Enum):
    """What a measure computes.

    The first six run over a window, `NOW_*` over the latest state of things, the rest against the clock.
    """

    COUNT = "count"
    SUM = "sum"
    MEAN = "mean"
    MAX = "max"
    SHARE = "share"
    DISTINCT = "distinct"
    NOW_COUNT = "now count"
    NOW_SUM = "now sum"
    NOW_DISTINCT = "now distinct"
    OVERDUE_COUNT = "overdue count"
    OVERDUE_LONGEST = "overdue longest"
    SILENT = "silent"

    @property
    def is_now(self) -> bool:
        """Whether the measure follows the latest state of things instead of a window of events."""
        return self in (Kind.NOW_COUNT, Kind.NOW_SUM, Kind.NOW_DISTINCT)

    @property
    def is_overdue(self) -> bool:
        """Whether the measure runs a clock for each thing."""
        return self in (Kind.OVERDUE_COUNT, Kind.OVERDUE_LONGEST)

    @property
    def places_things(self) -> bool:
        """Whether a thing counts in the series where its latest event places it, and so every event says something."""
        return self.is_now or self.is_overdue


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock an `overdue` measure runs for each thing: the steps that start and end it, and how long it may run.

    A thing is overdue from `at` × its limit on. `limit_ms` is working time of the calendar; None: up to the time that
    the starting step names itself. With `name_worst`, alerts name the step to blame.
    """

    begins: tuple[str, ...]
    ends: tuple[str, ...]
    limit_ms: int | None
    at: float = 1.0
    calendar: Calendar = ALWAYS
    name_worst: bool = False

    def due_after(self, limit_ms: int) -> int:
        """Give the working time after which a thing with this limit is overdue: at × limit, reckoned in decimals.

        >>> Clock(("opened",), ("closed",), 86_400_000, at=0.8).due_after(86_400_000)
        69120000
        """
        above, under = _decimal(self.at)
        return -(-above * limit_ms // under)


@lru_cache(maxsize=1024)  # asked for with every step of every thing
def _decimal(number: float) -> tuple[int, int]:
    """Give a number as people write it, as a fraction."""
    return Fraction(str(number)).as_integer_ratio()


@dataclass(frozen=True, slots=True)
class Measure:
    """What is computed: `field` for all but the counts, `matching` for `share` alone, `clock` for `overdue`."""

    kind: Kind
    field: str | None = None
    matching: tuple[Condition, ...] = ()
    clock: Clock | None = None


@dataclass(frozen=True)  # no slots: the fingerprint is asked for with every partial, and kept
class Rule:
    """One rule of a rule file, with every default filled in. Times are integer milliseconds.

    `levels` goes from the mildest to the worst, as (name, threshold); `texts` keeps what people read
    (`title`, `summary`, `action`: language → template) and `notify`/`notice`, which `alerts` reads.
    """

    id: str
    stream: str
    measure: Measure
    levels: tuple[tuple[str, float], ...]
    title: Mapping[str, str]
    where: tuple[Condition, ...] = ()
    by: tuple[str, ...] = ()
    window_ms: int = 300_000
    hop_ms: int = 10_000
    below: bool = False
    for_ms: int = 0
    clear: float = 1.0
    clear_for_ms: int = 0
    unknown_after_ms: int = 1_800_000
    min_events: int = 0
    summary: Mapping[str, str] = field(default_factory=dict)
    action: Mapping[str, str] = field(default_factory=dict)
    notify: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notice: str | None = None

    @cached_property
    def fingerprint(self) -> str:
        """Name the arithmetic of this rule: state and partials of another fingerprint are not its own."""
        spoken = {"title", "summary", "action", "notify", "notice"}
        meaning = {name: value for name, value in asdict(self).items() if name not in spoken}
        text = json.dumps(meaning, default=_plain, sort_keys=True, ensure_ascii=False)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _plain(value: Kind | Op | Calendar) -> str:
    """Name what JSON has no word for. A calendar by its name: next year's holidays are no other arithmetic."""
    return value.name if isinstance(value, Calendar) else value.value
