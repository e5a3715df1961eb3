"""Scenarios as timelines: `at("10:00", …)` does, `want(between("10:30", "10:31"), …)` says what must have been told.

There is one desk, a stage over a log as in a worker. Every step is also taken by a desk that has just been loaded from
a dump: if it decided otherwise, the test fails. With `restarts` the desk is thrown away after every step and taken up
again; with `crash()` it falls back to the state at the last `save()` and reads the log on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count

import msgspec

from alerts.audit import AuditRecord
from alerts.callout import Crew
from alerts.desk import Desk
from alerts.duty import Person, Post, Roster
from alerts.incidents import Incident
from alerts.ladders import Ladder, Rung
from alerts.notices import NoticeChange
from alerts.notifications import OF_WINDOWS, Notification
from alerts.records import AlertRecord, Scalar
from alerts.routing import Routing
from alerts.site import Site
from detectors.rules import Rule
from streams.desk_stage import DeskStage
from streams.stage import Outgoing
from tests.alerting import CHINA
from tests.happenings import OUTAGE, RULES, Step, alert, clock
from tests.staging import chunk

MINUTE_MS = 60_000
RUNGS = (Rung("officer", 5 * MINUTE_MS), Rung("leader", 10 * MINUTE_MS), Rung("boss", 20 * MINUTE_MS))
LADDER = Ladder(name="provincial", rungs=RUNGS)
PEOPLE = ("an", "bo", "chen")
NOTIFY = {"yellow": ("noc",), "orange": ("ladder:provincial",), "red": ("ladder:provincial",)}
CALLED = replace(OUTAGE, notify=NOTIFY)
"""A rule with a ladder."""


def crew(*people: Person, **roles: tuple[str, ...]) -> Crew:
    """Three people on the ladder; `people` and `roles` change who they are."""
    filled = {"officer": ("an",), "leader": ("bo",), "boss": ("chen",)} | roles
    known = {name: Person(id=name) for name in PEOPLE} | {person.id: person for person in people}
    posts = {role: (Post(people=names),) for role, names in filled.items()}
    return Crew(ladders={"provincial": LADDER}, roster=Roster(zone=UTC, people=known, roles=posts))


@dataclass
class Told:
    at_ms: int
    notification: Notification

    def __str__(self) -> str:
        one = self.notification
        return f"{datetime.fromtimestamp(self.at_ms / 1000, UTC):%H:%M:%S} {one.to or one.channel} {in_short(one)}"


@dataclass
class Ear:
    """Hears what a desk decides."""

    told: list[Notification] = field(default_factory=list)
    has_room = True

    def offer(self, notification: Notification) -> None:
        self.told.append(notification)

    def safe(self) -> None: ...

    def alert(self, record: AlertRecord) -> None: ...

    def notice(self, change: NoticeChange) -> None: ...


@dataclass
class Timeline:
    """One desk, its log, and all that it told. `pages` are those of the channel `pager`, until they are wanted."""

    rules: Iterable[Rule] = RULES
    site: Site = field(default_factory=Site)
    routing: Routing = field(default_factory=lambda: Routing(channels=("pager",)))
    restarts: bool = False
    step_ms: int = 20_000
    now_ms: int = 0  # it begins with the first step, unless it says when
    told: list[Told] = field(default_factory=list)
    pages: list[Told] = field(default_factory=list)
    asides: list[Told] = field(default_factory=list)  # of windows and silences that begin or end, until they are wanted
    log: list[bytes] = field(default_factory=list)
    out: list[Outgoing] = field(default_factory=list)
    series: dict[tuple[Scalar, ...], tuple[str, int]] = field(default_factory=dict)
    last: dict[str, str] = field(default_factory=dict)  # region → the incident its newest alert opens, if it does

    def __post_init__(self) -> None:
        self._ids = count()
        self._ear = Ear()
        self.stage = self._stage(self._ear)
        self._saved = (self.stage.dump(), 0)

    def next_name(self) -> str:
        return f"c{next(self._ids)}"

    # What happens.

    def at(self, time: str, *steps: Step) -> None:
        """Let time pass, a beat after the other as in a worker, up to `time`; then let these happen."""
        self.now_ms = self.now_ms or clock(time)
        self.pass_to(clock(time))
        self.do(*steps)

    def do(self, *steps: Step) -> None:
        """Let these happen now."""
        for step in steps:
            value = step(self)
            self.log.append(value)
            first = len(self.log) - 1
            self._both(lambda stage, value=value, first=first: stage.feed(_of_log(value, first=first), self.now_ms))
            self._restart()

    def pass_to(self, end_ms: int) -> None:
        assert end_ms >= self.now_ms, "time goes forward"
        while self.now_ms < end_ms:
            self.now_ms = min(self.now_ms + self.step_ms, end_ms)
            self._both(lambda stage: stage.beat(self.now_ms), twice=self.step_ms > 1_000)
        self._restart()

    def save(self) -> None:
        self._saved = (self.stage.dump(), len(self.log))

    def crash(self, *, away_s: int = 0) -> None:
        """Lose all since the last `save`; another worker takes up after `away_s`."""
        self.now_ms += away_s * 1_000
        blob, offset = self._saved
        self._load(blob)
        if self.log[offset:]:
            self.out += self.stage.feed(_of_log(*self.log[offset:]), self.now_ms)
            self._hear()

    # What must have come of it.

    def want(self, span: tuple[int, int], said: str) -> Notification:
        """Take the first page of a span; it says `reason level rule place`."""
        if span[1] > self.now_ms:
            self.pass_to(span[1])
        found = [each for each in self.pages if span[0] <= each.at_ms <= span[1]]
        assert [in_short(each.notification) for each in found][:1] == [said], self.left()
        self.pages.remove(found[0])
        return found[0].notification

    def want_none(self, until: str = "") -> None:
        """See that there is no page which was not wanted, up to a time."""
        if until:
            self.pass_to(clock(until))
        assert not self.pages, self.left()

    def want_aside(self, span: tuple[int, int], said: str, to: str = "") -> Notification:
        """Take the first aside of a span to a channel, or to a person; it says `reason title`."""
        if span[1] > self.now_ms:
            self.pass_to(span[1])
        found = [each for each in self.asides if span[0] <= each.at_ms <= span[1] and each.notification.to == to]
        in_words = [f"{each.notification.reason.value} {each.notification.record.title['zh']}" for each in found]
        assert in_words[:1] == [said], [str(each) for each in self.asides]
        self.asides.remove(found[0])
        return found[0].notification

    def left(self) -> list[str]:
        """Write the pages that were not wanted yet."""
        return [str(each) for each in self.pages]

    def rang(self, span: tuple[int, int], who: str, *reasons: str, level: str | None = None) -> None:
        """See that somebody was told just these in a span of time, ends included, in this order; `*` is everybody."""
        found = [
            one.notification.reason.value
            for one in self.told
            if who in (one.notification.to, "*") and span[0] <= one.at_ms <= span[1]
            if level is None or one.notification.record.level == level
        ]
        all_told = "\n".join(map(str, self.told))
        assert found == list(reasons), f"{who} was told {found}, not {list(reasons)}:\n{all_told}"

    def rang_none(self, who: str, span: tuple[int, int] | None = None) -> None:
        self.rang(span or (0, 1 << 60), who)

    def outcomes(self) -> list[str]:
        """Say what came of what people asked."""
        return [msgspec.json.decode(line, type=AuditRecord).outcome for line in self.audit()]

    def audit(self) -> list[bytes]:
        return [each.value for each in self.out if each.topic == "tocsin.audit"]

    @property
    def desk(self) -> Desk:
        return self.stage.desk

    @property
    def incidents(self) -> list[Incident]:
        return list(self.desk.incidents)

    @property
    def incident(self) -> Incident:
        """The only incident there is."""
        (only,) = self.desk.incidents
        return only

    # How.

    def _stage(self, ear: Ear) -> DeskStage:
        return DeskStage(Desk(self.rules, CHINA, self.routing, site=self.site), ear, ear)

    def _both(self, act: Callable[[DeskStage], list[Outgoing]], *, twice: bool = True) -> None:
        """Let the desk act, and one that was taken up from its state: they must do the same."""
        ear = Ear()
        other = self._stage(ear)
        if twice:
            other.load(self.stage.dump())
            ear.told.clear()
        out = act(self.stage)
        if twice:
            assert act(other) == out, "a desk that was taken over decides the same"
            assert ear.told == self._ear.told
            assert other.dump() == self.stage.dump()
        self.out += out
        self._hear()

    def _hear(self) -> None:
        told = [Told(self.now_ms, each) for each in self._ear.told]
        self._ear.told.clear()
        self.asides += [each for each in told if each.notification.reason in OF_WINDOWS]
        pages = [each for each in told if each.notification.reason not in OF_WINDOWS]
        self.told += pages
        self.pages += [each for each in pages if each.notification.channel == "pager"]

    def _load(self, blob: bytes) -> None:
        """Take a state up. What is said again of it is known to the outbox by its key."""
        self.stage = self._stage(self._ear)
        self.stage.load(blob)
        known = {one.notification.idempotency_key for one in self.told}
        self._ear.told[:] = [each for each in self._ear.told if each.idempotency_key not in known]
        self._hear()

    def _restart(self) -> None:
        if self.restarts:
            blob = self.stage.dump()
            self._load(blob)
            assert self.stage.dump() == blob


def calling(
    crew_: Crew | None = None, *, rules: tuple[Rule, ...] = (CALLED,), start: str = "09:00", restarts: bool = False
) -> Timeline:
    """A timeline with people on a ladder, looked at every second."""
    routing = Routing(channels=("pager",), receivers={"noc": ()})
    site = Site(crew=crew() if crew_ is None else crew_)
    return Timeline(rules, site, routing, restarts=restarts, step_ms=1_000, now_ms=clock(start))


def goes(level: str, region: str = "长沙") -> Step:
    """Let the outage of a region go to a level; it has a ladder."""
    return alert(CALLED, level, region=region)


def in_short(page: Notification) -> str:
    """Write a page as `reason level rule place`."""
    words = [page.reason.value, page.record.level, page.record.rule, *map(str, page.record.key.values())]
    return " ".join(words)


def muted(incidents: Iterable[Incident]) -> Mapping[str, tuple[str, ...]]:
    """Say which incidents are muted, by rule, and why."""
    return {each.rule: each.telling.muted for each in incidents if each.telling.muted}


def _of_log(*values: bytes, first: int = 0) -> object:
    return chunk(*values, topic="tocsin.commands", first=first)
