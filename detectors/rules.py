"""A rule, checked: what is measured, over which events, and when it becomes which level."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from enum import Enum
from fractions import Fraction
from functools import cached_property, lru_cache

from detectors.calendars import ALWAYS, Calendar
from detectors.hours import HERE, Almanac, Span
from detectors.transition import Key

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
    GROWTH = "growth"
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
    """What is computed: `field` for all but the counts, `matching` for `share` alone, `clock` for `overdue`.

    A ratio is `of` ÷ `to` × `per`; a growth is that of `base`, against its value `span_ms` ago; so `unusual`, `drop`
    and `new` look back on its values, and `forecast` carries them on. An unmatched event is one of which no event of
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
    offset_ms: int = 0  # what the hours and weekdays of an unusual are ahead of UTC
    within_ms: int = 0  # how soon a call is to be answered


@dataclass(frozen=True, slots=True)
class Block:
    """Other thresholds for a part of the time, one for each level of the rule, in the order of its levels."""

    span: Span
    thresholds: tuple[float, ...]


@dataclass(frozen=True)  # no slots: the fingerprint is asked for with every partial, and kept
class Rule:
    """One rule of a rule file, with every default filled in. Times are integer milliseconds.

    `levels` goes from the mildest to the worst, as (name, threshold); `texts` keeps what people read
    (`title`, `summary`, `action`: language → template) and `notify`, `notice`, `quiet` and `targets`, which `alerts`
    reads. Of several blocks in `when` the first that holds counts; hours and days are those of `almanac`. A rule with
    `at` is judged at each of these levels: its keys begin with the level and the place, and those of `by` follow.
    """

    id: str
    stream: str
    measure: Measure
    levels: tuple[tuple[str, float], ...]
    title: Mapping[str, str]
    where: tuple[Condition, ...] = ()
    excepted: tuple[Condition, ...] = ()  # events that match all of it are left out; empty leaves out none
    by: tuple[str, ...] = ()
    at: tuple[str, ...] = ()
    contributors: tuple[str, ...] = ()
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
    role: str = ""  # cause, symptom or alone in its incident; empty: by its stream
    when: tuple[Block, ...] = ()
    quiet: tuple[Span, ...] = ()
    targets: Mapping[str, float] = field(default_factory=dict)
    almanac: Almanac = HERE

    @property
    def asks_for_holidays(self) -> bool:
        """Whether it matters to this rule which days are holidays."""
        return any(span.holiday is not None for span in (*(block.span for block in self.when), *self.quiet))

    @cached_property
    def sides(self) -> tuple[Rule, ...]:
        """What is counted for this rule, each as a rule over one stream: a source knows of no other.

        A partial says which of them it belongs to. Of most rules there is one: the rule itself.
        """
        measure = self.measure
        if measure.base is not None:
            return replace(self, measure=measure.base).sides
        if measure.kind is Kind.RATIO:
            driving = measure.to if self.below else measure.of  # a low ratio is driven by what it is divided by
            return tuple(
                side
                for part in (measure.of, measure.to)
                if part is not None
                for side in self._side_of(part, drives=part is driving).sides
            )
        if measure.kind is Kind.SERVICE_LEVEL_AHEAD and measure.to is not None:
            return self._staffed(measure.to)
        if measure.kind.is_unmatched and measure.to is not None:
            placed = measure.kind is Kind.UNMATCHED_TOTAL
            found = Measure(Kind.MOMENTS, measure.field, places=placed)
            return (
                replace(self, measure=Measure(Kind.MOMENTS, measure.field)),
                replace(
                    self,
                    stream=measure.to.stream,
                    where=measure.to.where,
                    excepted=(),
                    measure=found,
                    by=self.by if placed else (),
                    at=self.at if placed else (),
                ),
            )
        return (self,)

    def _staffed(self, agents: Part) -> tuple[Rule, ...]:
        """Give calls, talk times, wrap-up times and the agents at work, in the order of `detectors.staffing`."""
        answered = replace(self, where=(*self.where, Condition("outcome", Op.IN, ("answered",))))
        return (
            replace(self, measure=Measure(Kind.COUNT)),
            replace(answered, measure=Measure(Kind.MEAN, "talk_s")),
            replace(answered, measure=Measure(Kind.MEAN, "wrap_s")),
            replace(
                self, stream=agents.stream, where=agents.where, excepted=(), measure=agents.measure or self.measure
            ),
        )

    def _side_of(self, part: Part, *, drives: bool) -> Rule:
        """Give one side of a ratio as a rule of its own; the rule's `where` holds on both, one of them drives it."""
        assert part.measure is not None
        contributors = self.contributors if drives else ()
        where = (*self.where, *part.where)
        return replace(self, stream=part.stream, where=where, measure=part.measure, contributors=contributors)

    @cached_property
    def streams(self) -> tuple[str, ...]:
        """The streams the rule reads."""
        return tuple(dict.fromkeys(side.stream for side in self.sides))

    def named(self, key: Key) -> dict[str, Scalar]:
        """Give the values of a key their names, in the order of the key.

        >>> base = {"id": "r", "stream": "calls", "measure": Measure(Kind.COUNT), "levels": (), "title": {}}
        >>> Rule(**base, by=("region",)).named(("长沙",))
        {'region': '长沙'}
        >>> Rule(**base, at=("outlet", "city"), by=("queue",)).named(("city", "长沙", "vip"))
        {'city': '长沙', 'queue': 'vip'}
        """
        if self.at:
            level, *key_values = key
            return dict(zip((str(level), *self.by), key_values, strict=True))
        return dict(zip(self.by, key, strict=True))

    @cached_property
    def fingerprint(self) -> str:
        """Name the arithmetic of this rule: state and partials of another fingerprint are not its own."""
        apart = {"title", "summary", "action", "notify", "notice", "role", "quiet", "targets", "almanac"}
        meaning = {name: value for name, value in asdict(self).items() if name not in apart}
        text = json.dumps(meaning, default=_plain, sort_keys=True, ensure_ascii=False)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _plain(value: Enum | date | Calendar) -> str:
    """Name what JSON has no word for. A calendar by its name: next year's holidays are no other arithmetic."""
    if isinstance(value, Calendar):
        return value.name
    return value.isoformat() if isinstance(value, date) else str(value.value)
