"""Timelines: what happens at which minute, and which pages people get between which. One day, by the clock in UTC.

Each step is also taken by a desk that has just been loaded from a dump: if it decided otherwise, the test fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from alerts.desk import Desk, Effect
from alerts.incidents import Incident
from alerts.matchers import read_matchers
from alerts.notifications import Notification
from alerts.records import Scalar, alert_record
from alerts.routing import Routing
from alerts.silences import Silence
from alerts.site import Site
from detectors.rules import LEVEL_CODE, Condition, Kind, Measure, Op, Rule
from detectors.transition import Transition
from tests.alerting import CHINA

DAY_MS = round(datetime(2026, 3, 2, tzinfo=UTC).timestamp() * 1000)  # a Monday
BEAT_MS = 20_000
_LEVELS = (("yellow", 10.0), ("orange", 20.0), ("red", 30.0))


def rule(id_: str, stream: str, by: str, kind: Kind = Kind.COUNT, field_: str | None = None, **changed: Any) -> Rule:
    return replace(
        Rule(
            id=id_,
            stream=stream,
            measure=Measure(kind, field_),
            levels=_LEVELS,
            title={"en": id_, "zh": id_},
            by=tuple(by.split()),
            window_ms=300_000,
        ),
        **changed,
    )


_DOWN = (Condition("state", Op.IN, ("down",)),)
OUTAGE = rule("outage", "network", "region", Kind.NOW_SUM, "users", where=_DOWN)
PROVINCE = rule("province", "network", "", Kind.NOW_SUM, "users", where=_DOWN)
OUTLETS = rule("outlets", "network", "region", Kind.NOW_DISTINCT, "outlet")
CELLS = rule("cells", "network", "region element", Kind.NOW_COUNT)
SURGE = rule("surge", "complaints", "region category")
CALLS = rule("calls", "calls", "region")
QUEUE = rule("queue", "calls", "queue")
CLAIMS = rule("claims", "claims", "region")
RULES = (OUTAGE, PROVINCE, OUTLETS, CELLS, SURGE, CALLS, QUEUE, CLAIMS)


def clock(text: str) -> int:
    """Read `10:00` or `10:00:30`.

    >>> clock("00:01") - DAY_MS
    60000
    """
    parts = [int(part) for part in text.split(":")]
    return DAY_MS + sum(part * unit for part, unit in zip(parts, (3_600_000, 60_000, 1_000), strict=False))


def between(start: str, end: str) -> tuple[int, int]:
    """Name a span, both ends included."""
    return clock(start), clock(end)


Step = Callable[["Timeline", Desk, int], list[Effect]]


def alert(rule_: Rule, level: str, *, value: float | None = None, **key: Scalar) -> Step:
    """Let one series go to a level."""

    def step(line: Timeline, desk: Desk, now_ms: int) -> list[Effect]:
        series = (rule_.id, *key.values())
        was, started_ms = line.series.get(series, ("green", now_ms))
        started_ms = now_ms if was == "green" else started_ms
        line.moved[series] = (level, started_ms)
        said = value if value is not None else 10.0 * LEVEL_CODE[level]
        reason = "raised" if LEVEL_CODE[level] > LEVEL_CODE[was] else "lowered" if level != "green" else "cleared"
        moved = Transition(
            rule_.id, tuple(key[name] for name in rule_.by), level, was, now_ms, started_ms, said, 10.0, reason
        )
        return desk.handle(alert_record(moved, rule_), now_ms)

    return step


def silence(id_: str, until: str, *, including_red: bool = False, **match: Any) -> Step:
    """Let 王工 silence what matches."""

    def step(_: Timeline, desk: Desk, now_ms: int) -> list[Effect]:
        return desk.silence(silence_of(id_, now_ms, until, including_red=including_red, **match), now_ms)

    return step


def silence_of(id_: str, now_ms: int, until: str, *, including_red: bool = False, **match: Any) -> Silence:
    return Silence(
        id=id_,
        matchers=read_matchers(match),
        author="王工",
        comment="割接",
        starts_ms=now_ms,
        ends_ms=clock(until),
        including_red=including_red,
    )


def expire(id_: str) -> Step:
    return lambda _, desk, now_ms: desk.expire(id_, now_ms)


def plan(id_: str, **fields: Any) -> Step:
    return lambda _, desk, now_ms: desk.plan(id_, fields, now_ms)


def comment(text: str, *, by: str) -> Step:
    return lambda line, desk, now_ms: desk.comment(line.incident.id, by=by, text=text, now_ms=now_ms)


def end(*, by: str) -> Step:
    return lambda line, desk, now_ms: desk.end(line.incident.id, by=by, text="", now_ms=now_ms)


@dataclass
class Timeline:
    """One desk through a day. `pages` are those of the channel `pager`, until they are wanted."""

    rules: Iterable[Rule] = RULES
    site: Site = field(default_factory=Site)
    routing: Routing = field(default_factory=lambda: Routing(channels=("pager",)))
    pages: list[tuple[int, Notification]] = field(default_factory=list)
    series: dict[tuple[Scalar, ...], tuple[str, int]] = field(default_factory=dict)
    moved: dict[tuple[Scalar, ...], tuple[str, int]] = field(default_factory=dict)
    now_ms: int = 0

    def __post_init__(self) -> None:
        self.desk = self._made()

    def _made(self) -> Desk:
        return Desk(self.rules, CHINA, self.routing, site=self.site)

    def at(self, time: str, *steps: Step) -> None:
        """Let time go on, beat by beat, and then do the steps. The day begins with the first."""
        self.now_ms = self.now_ms or clock(time)
        self._go(clock(time))
        for step in steps:
            self._both(step)
            self.series.update(self.moved)

    def _go(self, until_ms: int) -> None:
        assert until_ms >= self.now_ms, "time goes forward"
        while self.now_ms + BEAT_MS <= until_ms:
            self.now_ms += BEAT_MS
            self._both(lambda _, desk, now_ms: desk.beat(now_ms))
        self.now_ms = until_ms

    def _both(self, step: Step) -> None:
        other = self._made()
        other.load(msgspec.msgpack.decode(msgspec.msgpack.encode(self.desk.dump())))
        told = step(self, self.desk, self.now_ms)
        assert step(self, other, self.now_ms) == told, "a desk that was taken over decides the same"
        assert other.dump() == self.desk.dump()
        self.pages += [
            (self.now_ms, each) for each in told if isinstance(each, Notification) and each.channel == "pager"
        ]

    def want(self, span: tuple[int, int], said: str) -> Notification:
        """Take the first page of a span; it says `reason level rule place`."""
        until_ms = span[1]
        if until_ms > self.now_ms:
            self._go(until_ms)
        found = [(at_ms, page) for at_ms, page in self.pages if span[0] <= at_ms <= until_ms]
        assert [in_short(page) for _, page in found][:1] == [said], self.told()
        self.pages.remove(found[0])
        return found[0][1]

    def want_none(self, until: str = "") -> None:
        """See that there is no page which was not wanted, up to a time."""
        if until:
            self._go(clock(until))
        assert not self.pages, self.told()

    def told(self) -> list[str]:
        """Write the pages that were not wanted yet."""
        return [f"{datetime.fromtimestamp(at / 1000, UTC):%H:%M:%S} {in_short(page)}" for at, page in self.pages]

    @property
    def incidents(self) -> list[Incident]:
        return list(self.desk.incidents)

    @property
    def incident(self) -> Incident:
        """The only incident there is."""
        (only,) = self.desk.incidents
        return only


def in_short(page: Notification) -> str:
    """Write a page as `reason level rule place`."""
    words = [page.reason.value, page.record.level, page.record.rule, *map(str, page.record.key.values())]
    return " ".join(words)


def muted(incidents: Iterable[Incident]) -> Mapping[str, tuple[str, ...]]:
    """Say which incidents are muted, by rule, and why."""
    return {each.rule: each.telling.muted for each in incidents if each.telling.muted}
