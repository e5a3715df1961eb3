"""What may happen in a timeline: alerts, silences, plans, what people ask. Each is one entry of the desk's log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from alerts.commands import Command, Verb
from alerts.matchers import read_matchers
from alerts.plans import Plan
from alerts.records import Scalar, alert_record, format_time, parse_time
from alerts.silences import Silence
from detectors.rules import LEVEL_CODE, Condition, Kind, Measure, Op, Rule
from detectors.transition import Transition
from tests.alerting import entry

if TYPE_CHECKING:
    from tests.timeline import Timeline

DAY_MS = parse_time("2026-03-02T00:00:00Z")  # a Monday
_LEVELS = (("yellow", 10.0), ("orange", 20.0), ("red", 30.0))


def clock(text: str) -> int:
    """Read `10:00` or `10:00:30`, UTC; `28:00` and `+1 04:00` are of the next day.

    >>> clock("00:01") - DAY_MS, clock("+1 04:00") == clock("28:00")
    (60000, True)
    """
    days, _, time = text.rpartition(" ")
    parts = [int(part) for part in time.split(":")]
    seconds = sum(part * unit for part, unit in zip(parts, (3_600, 60, 1), strict=False))
    return DAY_MS + 1_000 * (seconds + 86_400 * int(days or 0))


def between(start: str, end: str) -> tuple[int, int]:
    """Name a span, both ends included."""
    return clock(start), clock(end)


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

Step = Callable[["Timeline"], bytes]
"""Gives what happens as an entry of the log, now."""


def alert(rule_: Rule, level: str, *, value: float | None = None, **key: Scalar) -> Step:
    """Let one series go to a level."""

    def step(line: Timeline) -> bytes:
        series = (rule_.id, *key.values())
        was, started_ms = line.series.get(series, ("green", line.now_ms))
        started_ms = line.now_ms if was == "green" else started_ms
        line.series[series] = (level, started_ms)
        said = value if value is not None else 10.0 * LEVEL_CODE[level]
        reason = "raised" if LEVEL_CODE[level] > LEVEL_CODE[was] else "lowered" if level != "green" else "cleared"
        named = tuple(key[name] for name in rule_.by)
        moved = Transition(rule_.id, named, level, was, line.now_ms, started_ms, said, 10.0, reason)
        record = alert_record(moved, rule_)
        if key.get("region"):
            line.last[str(key["region"])] = record.incident
        return entry(record, line.now_ms)

    return step


def asks(verb: str, by: str, on: str | Callable[[Timeline], str] = "", **body: Any) -> Step:
    """Let somebody ask something of the desk; `command` names it, where it is asked twice."""
    name = body.pop("command", "")

    def step(line: Timeline) -> bytes:
        about = on if isinstance(on, str) else on(line)
        made = Command(
            command=name or line.next_name(),
            time=format_time(line.now_ms),
            by=by,
            what=Verb(verb),
            on=about,
            body=body,
        )
        return made.encode()

    return step


def does(verb: str, by: str, region: str = "长沙", **body: Any) -> Step:
    """Let somebody ask something about the incident of a region."""
    return asks(verb, by, lambda line: line.last[region], **body)


def silence(id_: str, until: str, *, including_red: bool = False, **match: Any) -> Step:
    """Let 王工 silence what matches."""
    body = {"match": match, "comment": "割接", "ends": format_time(clock(until)), "including_red": including_red}
    return asks("silence-add", "王工", id_, **body)


def expire(id_: str) -> Step:
    return asks("silence-expire", "王工", id_)


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


def plan(id_: str, starts: str, ends: str | None = None, *, told: str = "", **fields: str) -> Step:
    """Let an event of `plans` be told; planned work, unless it says what it is. Times are those of `clock`."""

    def step(line: Timeline) -> bytes:
        made = Plan(
            id=id_,
            told_ms=clock(told) if told else line.now_ms,
            starts_ms=clock(starts),
            ends_ms=None if ends is None else clock(ends),
            **{"kind": "planned", **fields},  # type: ignore[arg-type]
        )
        return asks("plan", "plans", id_, **made.as_body())(line)

    return step


def comment(text: str, *, by: str) -> Step:
    return asks("comment", by, lambda line: line.incident.id, text=text)


def end(*, by: str) -> Step:
    return asks("resolve", by, lambda line: line.incident.id)
