"""The contract's *exact meaning*, read aloud in plain Python: slow, obvious, and independent of `detectors`.

It takes events as dicts (`stream`, `id`, `time` in ms, fields) in arrival order and gives transitions as tuples
(time, rule, key, was, level, value, reason, started, threshold).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from detectors.rules import Condition, Kind, Op, Rule

Event = Mapping[str, Any]
THINGS = {"network": "element", "cases": "case", "agents": "agent"}


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


def keys_of(rule: Rule, event: Event) -> list[tuple[Any, ...]]:
    """Give the keys of the series an event counts in: one, or one for each level at which it has a place."""
    by = tuple("" if event.get(field) is None else event[field] for field in rule.by)
    return [(level, event[level], *by) for level in rule.at if event.get(level)] if rule.at else [by]


def value_at(rule: Rule, key: tuple[Any, ...], events: Sequence[Event], t: int) -> float | None:
    """Give the value of one series at boundary t; None is unknown."""
    kind, field = rule.measure.kind, rule.measure.field or ""
    if kind.is_now:
        latest: dict[str, Event] = {}
        for event in sorted((e for e in events if e["time"] < t), key=lambda e: (e["time"], e["id"])):
            latest[event[THINGS[rule.stream]]] = event
        there = [e for e in latest.values() if key in keys_of(rule, e) and match(rule.where, e)]
        values = [e[field] for e in there if e.get(field) is not None]
        return {Kind.NOW_COUNT: len(there), Kind.NOW_SUM: math.fsum(values) if kind is Kind.NOW_SUM else 0,
                Kind.NOW_DISTINCT: len(set(values))}[kind]  # fmt: skip
    there = [e for e in events if t - rule.window_ms <= e["time"] < t and key in keys_of(rule, e)]
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
        placed = [e for e in own if rule.measure.kind.is_now or match(rule.where, e)]
        for key in {key for e in placed for key in keys_of(rule, e)}:
            first = min(e["time"] for e in placed if key in keys_of(rule, e))
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
