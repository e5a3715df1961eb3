"""What a rule computes, and over which events: kinds of measures, conditions on fields, clocks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from functools import lru_cache

from detectors.calendars import ALWAYS, Calendar

Scalar = str | float | bool


class Op(Enum):
    """How one condition of a `where` compares."""

    IN = "in"  # the value is one of `values`
    NOT = "not"  # it is none of them, or the field is missing
    GE = "ge"
    GT = "gt"
    LE = "le"
    LT = "lt"


@dataclass(frozen=True, slots=True)
class FieldName:
    """Another field of the same event, in the place of a number it is compared with."""

    field: str


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on one field. Types compare strictly: 1 equals 1.0, but neither `true` nor `"1"`."""

    field: str
    op: Op
    values: tuple[Scalar | FieldName, ...]  # one number, or another field, for GE GT LE LT

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields it reads."""
        return (self.field, *(value.field for value in self.values if isinstance(value, FieldName)))


class Kind(Enum):
    """What a measure computes: over a window, `NOW_*` over the latest state of things, or out of another measure.

    The last look back on the values another measure had (`Measure.base`), or carry them on. `OVERDUE_*` and `SILENT`
    run against the clock.
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
    NOW_SHARE = "now share"
    OVERDUE_COUNT = "overdue count"
    OVERDUE_LONGEST = "overdue longest"
    SILENT = "silent"
    QUANTILE = "quantile"
    RATIO = "ratio"
    SHARE_OF_ALL = "share of all"
    GROWTH = "growth"
    RISE = "rise"
    UNMATCHED_COUNT = "unmatched count"
    UNMATCHED_SHARE = "unmatched share"
    UNMATCHED_TOTAL = "unmatched total"
    MOMENTS = "moments"  # not a measure of a rule: what a source tells of each side of an `UNMATCHED_*`
    NEW = "new"
    UNUSUAL = "unusual"
    FORECAST = "forecast"
    DROP = "drop"
    SERVICE_LEVEL_AHEAD = "service level ahead"

    @property
    def is_now(self) -> bool:
        """Whether the measure follows the latest state of things instead of a window of events."""
        return self in (Kind.NOW_COUNT, Kind.NOW_SUM, Kind.NOW_DISTINCT, Kind.NOW_SHARE)

    @property
    def is_unmatched(self) -> bool:
        """Whether the measure looks for the counterpart of each event in another stream."""
        return self in (Kind.UNMATCHED_COUNT, Kind.UNMATCHED_SHARE, Kind.UNMATCHED_TOTAL)

    @property
    def is_overdue(self) -> bool:
        """Whether the measure runs a clock for each thing."""
        return self in (Kind.OVERDUE_COUNT, Kind.OVERDUE_LONGEST)

    @property
    def looks_back(self) -> bool:
        """Whether the measure sets the value of another beside the one that it had some time ago."""
        return self in (Kind.GROWTH, Kind.RISE)

    @property
    def follows_states(self) -> bool:
        """Whether what counts is the state that events have left, and not the events in a window."""
        return self.is_now or self.moves

    @property
    def moves(self) -> bool:
        """Whether the value rises by itself while nothing happens."""
        return self.is_overdue or self is Kind.SILENT

    @property
    def places_things(self) -> bool:
        """Whether a thing counts in the series where its latest event places it, and so every event says something."""
        return self.is_now or self.is_overdue


@dataclass(frozen=True, slots=True)
class Part:
    """Events of one stream that a measure across streams names; `measure` is what a ratio takes of them."""

    stream: str
    where: tuple[Condition, ...] = ()
    measure: Measure | None = None


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock an `overdue` measure runs for each thing: the steps that start and end it, and how long it may run.

    A thing is overdue from `at` × its limit on. `limit_ms` is working time of the calendar; None: up to the time that
    the starting step names itself. With `name_worst`, alerts name the step to blame.

    A clock with a `moment` counts down to what a time field of its thing's events names, instead of up from a step: the
    thing is overdue from `ahead_ms` before that moment up to it, or without `ahead_ms` from the moment on.
    """

    begins: tuple[str, ...]
    ends: tuple[str, ...]
    limit_ms: int | None
    at: float = 1.0
    calendar: Calendar = ALWAYS
    name_worst: bool = False
    moment: str | None = None
    ahead_ms: int = 0

    def due_after(self, limit_ms: int) -> int:
        """Give the working time after which a thing with this limit is overdue: at × limit, reckoned in decimals.

        >>> Clock(("opened",), ("closed",), 86_400_000, at=0.8).due_after(86_400_000)
        69120000
        """
        if self.moment is not None:
            return limit_ms - self.ahead_ms
        above, under = _decimal(self.at)
        return -(-above * limit_ms // under)


@lru_cache(maxsize=1024)  # asked for with every step of every thing
def _decimal(number: float) -> tuple[int, int]:
    """Give a number as people write it, as a fraction."""
    return Fraction(str(number)).as_integer_ratio()


@dataclass(frozen=True, slots=True)
class Measure:
    """What is computed: `field` for all but the counts, `matching` for `share` alone, `clock` for `overdue`.

    A ratio is `of` ÷ `to` × `per`; a share of all is `of` in one series ÷ `of` in all of them. A growth is that of
    `base`, against its value `span_ms` ago, and a rise the difference; so `unusual`, `drop` and `new` look back on its
    values, and `forecast` carries them on. An unmatched event is one of which no event of
    `to` with the same `field` lies within `span_ms`. A service level ahead is that of the agents of `to`.
    """

    kind: Kind
    field: str | None = None
    matching: tuple[Condition, ...] = ()
    clock: Clock | None = None
    q: float | None = None  # of a quantile, over 0, up to 1
    of: Part | None = None
    to: Part | None = None
    per: float = 1.0
    base: Measure | None = None
    span_ms: int = 0
    places: bool = True  # whether the keys of the events counted make series of the rule
    low: bool = False  # whether the unusually low is asked for, not the high
    within_ms: int = 0  # how soon a call is to be answered
    month_days: tuple[
        tuple[int, int], ...
    ] = ()  # first and last, of the month: what is usual there is a matter of its own
