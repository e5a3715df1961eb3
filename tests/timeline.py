"""Scenarios as timelines: `at("10:00", …)` does, `want(between("10:30", "10:31"), …)` says who must have been told.

The desk is a stage over a log, as in a worker. With `restarts` it is dumped, thrown away and taken up again after every
step; with `crash()` it falls back to the state at the last `save()` and reads the log on from there.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import msgspec

from alerts.audit import AuditRecord
from alerts.callout import Crew
from alerts.commands import Command, Verb
from alerts.desk import Desk
from alerts.duty import Person, Post, Roster
from alerts.ladders import Ladder, Rung
from alerts.notices import NoticeChange
from alerts.notifications import Notification
from alerts.records import AlertRecord, format_time, parse_time
from alerts.routing import Routing
from alerts.site import Site
from detectors.rules import Rule
from streams.desk_stage import DeskStage
from streams.stage import Outgoing
from tests.alerting import CHINA, SURGE, entry, record
from tests.staging import chunk

MINUTE_MS = 60_000
RUNGS = (Rung("officer", 5 * MINUTE_MS), Rung("leader", 10 * MINUTE_MS), Rung("boss", 20 * MINUTE_MS))
LADDER = Ladder(name="provincial", rungs=RUNGS)
PEOPLE = ("an", "bo", "chen")
NOTIFY = {"yellow": ("noc",), "orange": ("ladder:provincial",), "red": ("ladder:provincial",)}
RULE = replace(SURGE, notice=None, notify=NOTIFY)


def clock(text: str) -> int:
    """Read a time of 1 March 2026 in China; `+1 03:00` is of the day after."""
    days, _, time = text.rpartition(" ")
    hours = f"{time}:00" if time.count(":") == 1 else time
    return parse_time(f"2026-03-01T{hours}+08:00") + 86_400_000 * int(days or 0)


def between(start: str, end: str) -> tuple[int, int]:
    return clock(start), clock(end)


def crew(*people: Person, **roles: tuple[str, ...]) -> Crew:
    """Three people on the ladder; `people` and `roles` change who they are."""
    filled = {"officer": ("an",), "leader": ("bo",), "boss": ("chen",)} | roles
    known = {name: Person(id=name) for name in PEOPLE} | {person.id: person for person in people}
    posts = {role: (Post(people=names),) for role, names in filled.items()}
    return Crew(ladders={"provincial": LADDER}, roster=Roster(zone=CHINA, people=known, roles=posts))


@dataclass
class Told:
    at_ms: int
    notification: Notification

    def __str__(self) -> str:
        one = self.notification
        return f"{format_time(self.at_ms)} {one.to or one.channel} {one.reason.value} {one.record.level}"


@dataclass
class Timeline:
    """One desk, its log, and all that it told."""

    crew: Crew = field(default_factory=crew)
    rules: tuple[Rule, ...] = (RULE,)
    restarts: bool = False
    now_ms: int = clock("09:00")
    told: list[Told] = field(default_factory=list)
    log: list[bytes] = field(default_factory=list)
    out: list[Outgoing] = field(default_factory=list)
    records: dict[str, AlertRecord] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._ids = count()
        self.stage = self._stage()
        self._saved = (self.stage.dump(), 0)

    # What happens.

    def at(self, time: str, *happenings: tuple[str, Any]) -> None:
        """Let time pass, a second at a time as in a worker, up to `time`; then let these happen."""
        self.pass_to(clock(time))
        for kind, what in happenings:
            self._enter(self._alert(*what) if kind == "alert" else self._command(*what))

    def pass_to(self, end_ms: int, *, step_ms: int = 1_000) -> None:
        while self.now_ms < end_ms:
            self.now_ms = min(self.now_ms + step_ms, end_ms)
            self.out += self.stage.beat(self.now_ms)
        self._restart()

    def save(self) -> None:
        self._saved = (self.stage.dump(), len(self.log))

    def crash(self, *, away_s: int = 0) -> None:
        """Lose all since the last `save`; another worker takes up after `away_s`."""
        self.now_ms += away_s * 1_000
        blob, offset = self._saved
        self._load(blob)
        if self.log[offset:]:
            self.out += self.stage.feed(chunk(*self.log[offset:], topic="tocsin.commands"), self.now_ms)

    # What must have come of it.

    def want(self, when: tuple[int, int], who: str, *reasons: str, level: str | None = None) -> None:
        """Check that somebody was told just these in a span of time, ends included, in this order."""
        found = [
            one.notification.reason.value
            for one in self._to(who, when)
            if level is None or one.notification.record.level == level
        ]
        all_told = "\n".join(map(str, self.told))
        assert found == list(reasons), f"{who} was told {found}, not {list(reasons)}:\n{all_told}"

    def want_none(self, who: str, when: tuple[int, int] | None = None) -> None:
        self.want(when or (0, 1 << 60), who)

    def audit(self) -> list[bytes]:
        return [each.value for each in self.out if each.topic == "tocsin.audit"]

    def incident(self, region: str = "长沙") -> Any:
        return self.stage.desk.incidents.get(self.records[region].incident)

    # How.

    def _to(self, who: str, when: tuple[int, int]) -> list[Told]:
        return [one for one in self.told if who in (one.notification.to, "*") and when[0] <= one.at_ms <= when[1]]

    def _stage(self) -> DeskStage:
        routing = Routing(channels=("chat",), receivers={"noc": ()})
        return DeskStage(Desk(self.rules, CHINA, routing, site=Site(crew=self.crew)), self, self)

    def _load(self, blob: bytes) -> None:
        """Take a state up. What is said again of it is known to the outbox by its key."""
        told = self.told
        self.told, self.stage = [], self._stage()
        self.stage.load(blob)
        known = {one.notification.idempotency_key for one in told}
        self.told = told + [one for one in self.told if one.notification.idempotency_key not in known]

    def _enter(self, value: bytes) -> None:
        self.log.append(value)
        self.out += self.stage.feed(chunk(value, topic="tocsin.commands", first=len(self.log) - 1), self.now_ms)
        self._restart()

    def _restart(self) -> None:
        if self.restarts:
            blob = self.stage.dump()
            self._load(blob)
            assert self.stage.dump() == blob

    def _alert(self, level: str, region: str) -> bytes:
        before = self.records.get(region)
        is_new = before is None or before.level == "green"
        started_ms = self.now_ms if before is None or is_new else before.started_ms
        minute = (self.now_ms - started_ms) / MINUTE_MS
        was = "green" if before is None or is_new else before.level
        made = record(level, was, minute=minute, key=(region, "network"), started_ms=started_ms)
        self.records[region] = made
        return entry(made, self.now_ms)

    def _command(self, verb: str, by: str, region: str, body: dict[str, Any]) -> bytes:
        made = Command(
            command=body.pop("command", f"c{next(self._ids)}"),
            time=format_time(self.now_ms),
            by=by,
            what=Verb(verb),
            on=self.records[region].incident,
            body=body,
        )
        return made.encode()

    # Its ears and its outlet.

    has_room = True

    def offer(self, notification: Notification) -> None:
        self.told.append(Told(self.now_ms, notification))

    def safe(self) -> None: ...

    def alert(self, record: AlertRecord) -> None: ...

    def notice(self, change: NoticeChange) -> None: ...


def goes(level: str, region: str = "长沙") -> tuple[str, Any]:
    """The alert of a region goes to a level."""
    return "alert", (level, region)


def does(verb: str, by: str, region: str = "长沙", **body: Any) -> tuple[str, Any]:
    """Somebody asks something about the incident of a region."""
    return "command", (verb, by, region, body)


def outcomes(lines: list[bytes]) -> list[str]:
    return [msgspec.json.decode(line, type=AuditRecord).outcome for line in lines]
