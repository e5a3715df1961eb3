"""What `overdue` means, one thing and one step at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from detectors.calendars import Calendar
from detectors.rules import Clock, Kind, Rule

Event = Mapping[str, Any]
THINGS = {"cases": "case", "shipments": "shipment", "claims": "claim", "plans": "plan", "network": "element"}


def working(calendar: Calendar, a: int, b: int) -> int:
    """Count the working milliseconds from a to b."""
    shifts = zip(calendar.starts.tolist(), calendar.ends.tolist(), strict=True)
    return sum(max(0, min(b, end) - max(a, start)) for start, end in shifts)


def beyond(clock: Clock, steps: Sequence[Event], t: int) -> int | None:
    """Say by how many working ms a thing is overdue at t (below 0: not yet); None if its clock has not started."""
    running: bool | None = None
    elapsed = limit = last = 0
    for now, step, named in [*((e["time"], e["step"], e.get("until")) for e in steps), (t, "", None)]:
        if running:
            elapsed += working(clock.calendar, last, now)
        last = now
        until = None if named is None else working(clock.calendar, now, round(named * 1000))
        own = until if clock.limit_ms is None else clock.limit_ms
        if step in clock.ends:
            running = None
        elif (step in clock.begins and running is None) or (step == "reopened" and step not in clock.begins):
            running, elapsed, limit = None if own is None else True, 0, own or 0
        elif running is None or (step in clock.begins and clock.limit_ms is not None):
            continue
        elif step == "extended" or step in clock.begins:
            limit = limit if until is None else elapsed + until
        elif step in ("paused", "resumed"):
            running = step == "resumed"
    return None if running is None else elapsed - math.ceil(Fraction(str(clock.at)) * limit)


def before_moment(clock: Clock, events: Sequence[Event], t: int) -> int | None:
    """Say by how many ms a thing is too near the moment that it named last; None if it names none, or no more."""
    moment: int | None = None
    for event in events:
        named = event.get(clock.moment or "")
        if event.get("step") in clock.ends:
            moment = None
        elif named is not None:
            moment = max(round(named * 1000), event["time"])
    return None if moment is None or (clock.ahead_ms and t >= moment) else t - (moment - clock.ahead_ms)


def overdue_at(rule: Rule, events: Sequence[Event], t: int, counts: Callable[[Event], bool]) -> float:
    """Judge the things whose latest event `counts` in the series; `events` are those before t."""
    assert rule.measure.clock is not None
    steps: dict[Any, list[Event]] = {}
    for event in sorted(events, key=lambda e: (e["time"], e["id"])):
        steps.setdefault(event.get(THINGS[rule.stream]) or ("id", event["id"]), []).append(event)
    here = [s for s in steps.values() if counts(s[-1])]
    late = beyond if rule.measure.clock.moment is None else before_moment
    over = [ms for ms in (late(rule.measure.clock, s, t) for s in here) if ms is not None and ms >= 0]
    return len(over) if rule.measure.kind is Kind.OVERDUE_COUNT else max(over, default=0) / 1000
