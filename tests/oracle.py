"""The contract's *exact meaning*, read aloud in plain Python: slow, obvious, and independent of `detectors`.

It takes events as dicts (`stream`, `id`, `time` in ms, fields) in arrival order and gives transitions as tuples
(time, rule, key, was, level, value, reason, started, threshold).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from detectors.rules import Condition, FieldName, Kind, Op, Rule
from tests import oracle_ahead, oracle_clocks, oracle_windows

Event = Mapping[str, Any]
THINGS = {"agents": "agent", **oracle_clocks.THINGS}


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
    if isinstance(limit, FieldName):
        limit = event.get(limit.field)
        if limit is None:
            return False
    return {Op.GE: value >= limit, Op.GT: value > limit, Op.LE: value <= limit, Op.LT: value < limit}[condition.op]


def match(conditions: Sequence[Condition], event: Event) -> bool:
    return all(holds(condition, event) for condition in conditions)


def chosen(rule: Rule, event: Event) -> bool:
    return match(rule.where, event) and not (rule.excepted and match(rule.excepted, event))


def keys_of(rule: Rule, event: Event) -> list[tuple[Any, ...]]:
    """Give the keys of the series an event counts in: one, or one for each level at which it has a place."""
    by = tuple("" if event.get(field) is None else event[field] for field in rule.by)
    return [(level, event[level], *by) for level in rule.at if event.get(level)] if rule.at else [by]


def latest_at(rule: Rule, key: tuple[Any, ...], events: Sequence[Event], t: int) -> float | None:
    """Give the value of one series of a `now` rule at boundary t."""
    kind, field = rule.measure.kind, rule.measure.field or ""
    latest: dict[Any, Event] = {}
    for event in sorted((e for e in events if e["time"] < t), key=lambda e: (e["time"], e["id"])):
        latest[event.get(THINGS[rule.stream]) or ("id", event["id"])] = event
    there = [e for e in latest.values() if key in keys_of(rule, e) and chosen(rule, e)]
    values = [e[field] for e in there if e.get(field) is not None]
    if kind is Kind.NOW_SHARE:
        return sum(match(rule.measure.matching, e) for e in there) / len(there) if there else None
    return {Kind.NOW_COUNT: len(there), Kind.NOW_SUM: math.fsum(values) if kind is Kind.NOW_SUM else 0,
            Kind.NOW_DISTINCT: len(set(values))}[kind]  # fmt: skip


def opens(rule: Rule, t: int) -> int:
    """Give the time with which the window of boundary t opens: of a period, the last midnight with which one began."""
    if not rule.period:
        return t - rule.window_ms
    zone = ZoneInfo(rule.almanac.zone)
    day = datetime.fromtimestamp((t - 1) // 1000, zone).date()
    begins = {
        "day": lambda d: d is not None,
        "week": lambda d: d.weekday() == 0,
        "month": lambda d: d.day == 1,
        "quarter": lambda d: d.day == 1 and d.month in (1, 4, 7, 10),
    }[rule.period]
    while not begins(day):
        day -= timedelta(days=1)
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * 1000


def value_at(rule: Rule, key: tuple[Any, ...], events: Sequence[Event], t: int) -> float | None:
    """Give the value of one series at boundary t; None is unknown."""
    kind = rule.measure.kind
    if kind in oracle_windows.KINDS:
        return oracle_windows.value_at(rule, key, events, t)
    events = [e for e in events if e["stream"] == rule.stream]
    if kind.is_now:
        return latest_at(rule, key, events, t)
    if kind.is_overdue:
        own = [e for e in events if e["time"] < t]
        return oracle_clocks.overdue_at(rule, own, t, lambda e: key in keys_of(rule, e) and chosen(rule, e))
    if kind is Kind.SILENT:
        own = [e["time"] for e in events if e["time"] < t and key in keys_of(rule, e) and chosen(rule, e)]
        return (t - max(own)) / 1000
    first = opens(rule, t)
    there = [e for e in events if first <= e["time"] < t and key in keys_of(rule, e) and chosen(rule, e)]
    return over_window(rule, there)


def over_window(rule: Rule, there: Sequence[Event]) -> float | None:
    """Give the value of the events of one series in one window."""
    kind, field = rule.measure.kind, rule.measure.field or ""
    values = [e[field] for e in there if e.get(field) is not None]
    if kind is Kind.COUNT:
        return len(there)
    if kind is Kind.DISTINCT:
        return len(set(values))
    if kind is Kind.SUM:
        return math.fsum(values)
    if len(there) < rule.min_events or not (there if kind is Kind.SHARE else values):
        return None
    if kind is Kind.QUANTILE:
        return oracle_windows.quantile(values, rule.measure.q or 0)
    if kind is Kind.SHARE:
        return sum(match(rule.measure.matching, e) for e in there) / len(there)
    return max(values) if kind is Kind.MAX else math.fsum(values) / len(values)


def thresholds_at(rule: Rule, t: int) -> list[float]:
    """Walk the blocks of `when` in their order: the first that holds at t, by the clock on the site's wall.

    Of a period it is what holds when its window ends, the moment before t.
    """
    t -= 1 if rule.period else 0
    wall = datetime.fromtimestamp(t / 1000, ZoneInfo(rule.almanac.zone)).replace(tzinfo=None)
    for block in rule.when:
        span = block.span
        # Each day's stretches of time, from yesterday's on, for a night that began yesterday still goes on.
        for ago in (0, 1):
            midnight = datetime(wall.year, wall.month, wall.day) - timedelta(days=ago)  # noqa: DTZ001
            day = midnight.date()
            if span.days and day.weekday() not in span.days:
                continue
            if span.holiday is not None and span.holiday != (day in rule.almanac.holidays):
                continue
            if span.month_days and not any(day.day in range(first, last + 1) for first, last in span.month_days):
                continue
            if span.months and not any(day.month in range(first, last + 1) for first, last in span.months):
                continue
            if span.dates and not any(first <= day <= last for first, last in span.dates):
                continue
            for start, end in span.hours or ((0, 1440),):
                length = end - start if end > start else end + 1440 - start
                begins = midnight + timedelta(minutes=start)
                if begins <= wall < begins + timedelta(minutes=length):
                    return list(block.thresholds)
    return [threshold for _, threshold in rule.levels]


def level_of(rule: Rule, value: float, t: int, *, hold: bool) -> int:
    reached = 0
    for rank, threshold in enumerate(thresholds_at(rule, t), 1):
        limit, clear = Fraction(str(threshold)), Fraction(str(rule.clear if hold else 1))
        if rule.below:
            reached = rank if value <= float(limit / clear) else reached
        else:
            reached = rank if value >= float(limit * clear) else reached
    return reached


def past_in(rule: Rule, key: tuple[Any, ...], first: int, events: Sequence[Event]) -> Any:
    """Give what knows the values of one series of a rule that is judged against its past; None for the others."""
    if rule.measure.kind not in oracle_ahead.KINDS:
        return None
    begin = first // rule.hop_ms * rule.hop_ms + rule.hop_ms
    if rule.measure.kind is Kind.SERVICE_LEVEL_AHEAD:
        agents = beginnings(rule.sides[3], events).get(key)
        return oracle_ahead.ServiceLevels(
            rule, begin, lambda side, t: value_at(rule.sides[side], key, events, t), agents
        )
    base = replace(rule, measure=rule.measure.base or rule.measure)
    own = [e for e in events if e["stream"] == rule.stream and key in keys_of(rule, e) and chosen(rule, e)]
    return oracle_ahead.past_of(rule, own, begin, lambda t: value_at(base, key, events, t))


def beginnings(rule: Rule, events: Sequence[Event]) -> dict[tuple[Any, ...], int]:
    """Give every series with the time of its first event."""
    first: dict[tuple[Any, ...], int] = {}
    if rule.measure.kind is Kind.SERVICE_LEVEL_AHEAD:
        calls, agents = beginnings(rule.sides[0], events), beginnings(rule.sides[3], events)
        return {
            key: min(calls.get(key, agents.get(key, 0)), agents.get(key, calls.get(key, 0))) for key in calls | agents
        }
    if rule.measure.kind in oracle_ahead.KINDS:
        return beginnings(replace(rule, measure=rule.measure.base or rule.measure), events)
    for one, shift in oracle_windows.counted(rule):
        for event in events:
            if event["stream"] == one.stream and (one.measure.kind.places_things or chosen(one, event)):
                for key in keys_of(rule, event):
                    first[key] = min(first.get(key, event["time"] + shift), event["time"] + shift)
    return first


Told = tuple[Any, ...]


def transitions(rules: Sequence[Rule], arrived: Sequence[Event], lateness: int, drain: int = 0) -> list[Told]:
    """Judge every boundary of every series up to the first after the last event, and `drain` ms on."""
    events = accepted(arrived, lateness)
    said: list[Told] = []
    last = max((e["time"] for e in events), default=0)
    for number, rule in enumerate(rules):
        hop = rule.hop_ms
        for key, first in beginnings(rule, events).items():
            late = rule.below and not rule.period
            begin = -(-(first + rule.window_ms) // hop) * hop if late else first // hop * hop + hop
            past = past_in(rule, key, first, events)
            entered: dict[int, int] = {}
            held: dict[int, int] = {}
            level, started, known, ends = 0, 0, None, last // hop * hop + hop + drain
            for t in range(begin, ends + 1, hop):
                value = value_at(rule, key, events, t) if past is None else past.at(t)
                was, reason = level, ""
                if value is not None:
                    known = t
                    entered[t] = level_of(rule, value, t, hold=False)
                    held[t] = level_of(rule, value, t, hold=True)
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
                threshold = thresholds_at(rule, t)[level - 1 if level > was else was - 1]
                told = None if reason == "unknown" else float(value or 0)
                said.append((t, number, key, names[was], names[level], told, reason, started, threshold))
    said.sort(key=lambda s: (s[0], s[1], tuple(map(str, s[2]))))
    return [(t, rules[number].id, *rest) for t, number, *rest in said]
