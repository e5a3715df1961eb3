"""The contract's *exact meaning*, read aloud in plain Python: slow, obvious, and independent of `detectors`.

It takes events as dicts (`stream`, `id`, `time` in ms, fields) in arrival order and gives transitions as tuples
(time, rule, key, was, level, value, reason, started, threshold).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from detectors.calendars import Calendar
from detectors.rules import Clock, Condition, Kind, Op, Rule

Event = Mapping[str, Any]
THINGS = {"network": "element", "cases": "case", "agents": "agent", "shipments": "shipment", "claims": "claim"}


def accepted(events: Sequence[Event], lateness: int) -> list[Event]:
    """Drop duplicates, then late events."""
    kept: list[Event] = []
    watermark = -math.inf
    for event in events:
        twins = (e for e in kept if e["stream"] == event["stream"] and e["id"] == event["id"])
        if any(abs(e["time"] - event["time"]) <= 3_600_000 for e in twins) or event["time"] < watermark:
            continue
        kept.append(event)
        watermark = max(watermark, event["time"] - lateness)
    return kept


def same(a: Any, b: Any) -> bool:
    return isinstance(a, bool) == isinstance(b, bool) and isinstance(a, str) == isinstance(b, str) and a == b


def holds(condition: Condition, event: Event) -> bool:
    value = event.get(condition.field)
    if condition.op in (Op.IN, Op.NOT):
        found = value is not None and any(same(value, wanted) for wanted in condition.values)
        return found if condition.op is Op.IN else not found
    if value is None or isinstance(value, str | bool):
        return False
    limit = condition.values[0]
    return {Op.GE: value >= limit, Op.GT: value > limit, Op.LE: value <= limit, Op.LT: value < limit}[condition.op]


def match(conditions: Sequence[Condition], event: Event) -> bool:
    return all(holds(condition, event) for condition in conditions)


def key_of(rule: Rule, event: Event) -> tuple[Any, ...]:
    return tuple("" if event.get(field) is None else event[field] for field in rule.by)


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


def overdue_at(rule: Rule, key: tuple[Any, ...], events: Sequence[Event], t: int) -> float:
    assert rule.measure.clock is not None
    steps: dict[str, list[Event]] = {}
    for event in sorted((e for e in events if e["time"] < t), key=lambda e: (e["time"], e["id"])):
        steps.setdefault(event[THINGS[rule.stream]], []).append(event)
    here = [s for s in steps.values() if key_of(rule, s[-1]) == key and match(rule.where, s[-1])]
    over = [ms for ms in (beyond(rule.measure.clock, s, t) for s in here) if ms is not None and ms >= 0]
    return len(over) if rule.measure.kind is Kind.OVERDUE_COUNT else max(over, default=0) / 1000


def value_at(rule: Rule, key: tuple[Any, ...], events: Sequence[Event], t: int) -> float | None:
    """Give the value of one series at boundary t; None is unknown."""
    kind, field = rule.measure.kind, rule.measure.field or ""
    if kind.is_now:
        latest: dict[str, Event] = {}
        for event in sorted((e for e in events if e["time"] < t), key=lambda e: (e["time"], e["id"])):
            latest[event[THINGS[rule.stream]]] = event
        there = [e for e in latest.values() if key_of(rule, e) == key and match(rule.where, e)]
        values = [e[field] for e in there if e.get(field) is not None]
        return {Kind.NOW_COUNT: len(there), Kind.NOW_SUM: math.fsum(values) if kind is Kind.NOW_SUM else 0,
                Kind.NOW_DISTINCT: len(set(values))}[kind]  # fmt: skip
    if kind.is_overdue:
        return overdue_at(rule, key, events, t)
    if kind is Kind.SILENT:
        own = [e["time"] for e in events if e["time"] < t and key_of(rule, e) == key and match(rule.where, e)]
        return (t - max(own)) / 1000
    there = [e for e in events if t - rule.window_ms <= e["time"] < t and key_of(rule, e) == key]
    there = [e for e in there if match(rule.where, e)]
    values = [e[field] for e in there if e.get(field) is not None]
    if kind is Kind.COUNT:
        return len(there)
    if kind is Kind.DISTINCT:
        return len(set(values))
    if kind is Kind.SUM:
        return math.fsum(values)
    if len(there) < rule.min_events or not (there if kind is Kind.SHARE else values):
        return None
    if kind is Kind.SHARE:
        return sum(match(rule.measure.matching, e) for e in there) / len(there)
    return max(values) if kind is Kind.MAX else math.fsum(values) / len(values)


def level_of(rule: Rule, value: float, *, hold: bool) -> int:
    reached = 0
    for rank, (_, threshold) in enumerate(rule.levels, 1):
        limit, clear = Fraction(str(threshold)), Fraction(str(rule.clear if hold else 1))
        if rule.below:
            reached = rank if value <= float(limit / clear) else reached
        else:
            reached = rank if value >= float(limit * clear) else reached
    return reached


Told = tuple[Any, ...]


def transitions(rules: Sequence[Rule], arrived: Sequence[Event], lateness: int, drain: int = 0) -> list[Told]:
    """Judge every boundary of every series up to the first after the last event, and `drain` ms on."""
    events = accepted(arrived, lateness)
    said: list[Told] = []
    last = max((e["time"] for e in events), default=0)
    for number, rule in enumerate(rules):
        hop = rule.hop_ms
        own = [e for e in events if e["stream"] == rule.stream]
        placed = [e for e in own if rule.measure.kind.places_things or match(rule.where, e)]
        for key in {key_of(rule, e) for e in placed}:
            first = min(e["time"] for e in placed if key_of(rule, e) == key)
            begin = -(-(first + rule.window_ms) // hop) * hop if rule.below else first // hop * hop + hop
            entered: dict[int, int] = {}
            held: dict[int, int] = {}
            level, started, known, ends = 0, 0, None, last // hop * hop + hop + drain
            for t in range(begin, ends + 1, hop):
                value = value_at(rule, key, own, t)
                was, reason = level, ""
                if value is not None:
                    known = t
                    entered[t] = level_of(rule, value, hold=False)
                    held[t] = level_of(rule, value, hold=True)
                    rise = min(entered.get(b, 0) for b in range(t - rule.for_ms, t + 1, hop))
                    keep = max(held.get(b, 0) for b in range(t - rule.clear_for_ms, t + 1, hop))
                    level = max(rise, min(level, keep))
                elif known is not None and t - known >= rule.unknown_after_ms:
                    entered[t] = held[t] = level = 0
                    reason = "unknown"
                else:
                    entered[t], held[t] = entered.get(t - hop, 0), held.get(t - hop, 0)
                if level == was:
                    continue
                started = t if was == 0 else started
                names = ["green", *(name for name, _ in rule.levels)]
                reason = reason or ("raised" if level > was else "lowered" if level else "cleared")
                threshold = rule.levels[max(level, was) - 1 if level > was else was - 1][1]
                told = None if reason == "unknown" else float(value or 0)
                said.append((t, number, key, names[was], names[level], told, reason, started, threshold))
    said.sort(key=lambda s: (s[0], s[1], tuple(map(str, s[2]))))
    return [(t, rules[number].id, *rest) for t, number, *rest in said]
