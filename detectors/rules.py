"""A rule, checked: what is measured, over which events, and when it becomes which level."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from enum import Enum
from functools import cached_property
from typing import Any

from detectors.calendars import Calendar
from detectors.hours import HERE, Almanac, Schedule, Span
from detectors.measure import Clock, Condition, FieldName, Kind, Measure, Op, Part, Scalar
from detectors.periods import start_of
from detectors.transition import Key

__all__ = ["LEVEL_CODE", "Block", "Clock", "Condition", "FieldName", "Kind", "Measure", "Op", "Part", "Rule", "Scalar"]
"""A rule, and all that it is made of."""

LEVEL_CODE: Mapping[str, float] = {"green": 0, "act": 0.5, "yellow": 1, "orange": 2, "red": 3}
"""What `tocsin_level` shows, and the order of the levels. `act` stands alone in its rule."""


@dataclass(frozen=True, slots=True)
class Block:
    """Other thresholds for a part of the time, one for each level of the rule, in the order of its levels.

    `targets` are all those of the rule, as they are then.
    """

    span: Span
    thresholds: tuple[float, ...]
    targets: Mapping[str, float] = field(default_factory=dict)


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
    period: str = ""  # of the calendar, where the window begins with one; `window_ms` is the longest then
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

    def window_at(self, time_ms: int) -> int:
        """Say how far the window of a boundary reaches back."""
        if not self.period:
            return self.window_ms
        return time_ms - start_of(self.period, self.almanac.zone, time_ms - 1)

    @property
    def asks_for_holidays(self) -> bool:
        """Whether it matters to this rule which days are holidays."""
        return any(span.holiday is not None for span in (*(block.span for block in self.when), *self.quiet))

    def targets_at(self, time_ms: int) -> Mapping[str, float]:
        """Give what the value should be at a time, as the first block that holds then has it."""
        if not self.targets or not self.when:
            return self.targets
        moment_ms = time_ms - 1 if self.period else time_ms  # of a period, that in which its window ends
        number = Schedule([block.span for block in self.when], self.almanac).at(moment_ms)
        return self.when[number - 1].targets if number else self.targets

    @cached_property
    def sides(self) -> tuple[Rule, ...]:
        """What is counted for this rule, each as a rule over one stream: a source knows of no other.

        A partial says which of them it belongs to. Of most rules there is one: the rule itself.
        """
        measure = self.measure
        if measure.base is not None:
            return replace(self, measure=measure.base).sides
        if measure.kind is Kind.SHARE_OF_ALL and measure.of is not None and measure.of.measure is not None:
            return (replace(self, measure=measure.of.measure),)
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
                    contributors=(),
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
        meaning = _lean(meaning)
        if self.measure.kind is Kind.UNUSUAL or self.period:
            meaning["zone"] = (
                self.almanac.zone
            )  # what was learned is by its hours, and a window begins by its midnights
        meaning["when"] = [[asdict(block.span), block.thresholds] for block in self.when]
        text = json.dumps(meaning, default=_plain, sort_keys=True, ensure_ascii=False)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


_LATER = ("month_days", "period")


def _lean(meaning: Any) -> Any:
    """Leave out what was not there in earlier versions and says nothing: rules as they were keep their fingerprints."""
    if isinstance(meaning, dict):
        return {name: _lean(value) for name, value in meaning.items() if value or name not in _LATER}
    return meaning


def _plain(value: Enum | date | Calendar) -> str:
    """Name what JSON has no word for. A calendar by its name: next year's holidays are no other arithmetic."""
    if isinstance(value, Calendar):
        return value.name
    return value.isoformat() if isinstance(value, date) else str(value.value)
