"""What the oracle says of quantiles, ratios, shares of all, growth, rise, and events without their counterpart.

`value_at` and `beginnings` of `tests.oracle` ask here for the kinds that are named below; for what these measures are
made of they are asked in turn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from detectors import sketch
from detectors.rules import Kind, Part, Rule
from tests import oracle

Event = Mapping[str, Any]
Key = tuple[Any, ...]
UNMATCHED = (Kind.UNMATCHED_COUNT, Kind.UNMATCHED_SHARE, Kind.UNMATCHED_TOTAL)
KINDS = (Kind.RATIO, Kind.SHARE_OF_ALL, Kind.GROWTH, Kind.RISE, *UNMATCHED)


def quantile(values: Sequence[float], q: float) -> float | None:
    """The smallest value with at least q of all at or under it; by buckets of 1 % where there are many."""
    if not values:
        return None
    if len(set(values)) > sketch.EXACT_LEN:
        values = [middle(value) for value in values]
    return sorted(values)[math.ceil(Fraction(str(q)) * len(values)) - 1]


def middle(value: float) -> float:
    if value < 1e-12:
        return 0.0
    gamma, exact = Fraction(101, 99), Fraction(value)
    power = round(math.log(value) / math.log(101 / 99))
    while gamma**power < exact:
        power += 1
    while gamma ** (power - 1) >= exact:
        power -= 1
    return float(gamma**power * Fraction(99, 100))


def of_part(rule: Rule, part: Part) -> Rule:
    assert part.measure is not None
    return replace(rule, stream=part.stream, where=(*rule.where, *part.where), measure=part.measure, min_events=0)


def counted(rule: Rule) -> list[tuple[Rule, int]]:
    """Give the rules, each over one stream, whose first event begins a series; and how much later it does."""
    measure = rule.measure
    if measure.kind in (Kind.GROWTH, Kind.RISE):
        assert measure.base is not None
        return counted(replace(rule, measure=measure.base))
    if measure.kind is Kind.RATIO:
        assert measure.of is not None
        assert measure.to is not None
        return counted(of_part(rule, measure.of)) + counted(of_part(rule, measure.to))
    if measure.kind is Kind.UNMATCHED_TOTAL:
        return [(rule, measure.span_ms), (counterparts(rule), 0)]
    return [(rule, measure.span_ms)]


def counterparts(rule: Rule) -> Rule:
    assert rule.measure.to is not None
    return replace(rule, stream=rule.measure.to.stream, where=rule.measure.to.where, excepted=())


def value_at(rule: Rule, key: Key, events: Sequence[Event], t: int) -> float | None:
    """Give the value of one series at boundary t."""
    measure, hop = rule.measure, rule.hop_ms
    if measure.kind is Kind.RATIO:
        assert measure.of is not None
        assert measure.to is not None
        under = of_part(rule, measure.to)
        of, to = oracle.value_at(of_part(rule, measure.of), key, events, t), oracle.value_at(under, key, events, t)
        number = oracle.value_at(replace(under, measure=replace(under.measure, kind=Kind.COUNT)), key, events, t) or 0
        return None if of is None or not to or number < rule.min_events else of * measure.per / to
    if measure.kind is Kind.SHARE_OF_ALL:
        there = [e for e in events if e["stream"] == rule.stream and oracle.opens(rule, t) <= e["time"] < t]
        counting = [e for e in there if oracle.chosen(rule, e)]
        if not counting or len(counting) < rule.min_events:
            return None
        return sum(key in oracle.keys_of(rule, e) for e in counting) / len(counting)
    if measure.kind in (Kind.GROWTH, Kind.RISE):
        assert measure.base is not None
        base = replace(rule, measure=measure.base)
        first = oracle.beginnings(rule, events).get(key, t)
        begin = first // hop * hop + hop
        now, then = oracle.value_at(base, key, events, t), oracle.value_at(base, key, events, t - measure.span_ms)
        has_history = t - measure.span_ms >= begin + rule.window_ms
        if (
            not has_history
            or now is None
            or then is None
            or (base.measure.kind is Kind.COUNT and now < rule.min_events)
        ):
            return None
        return now - then if measure.kind is Kind.RISE else now / then if then else None
    return unmatched_at(rule, key, events, t)


def decided_at(rule: Rule, key: Key, events: Sequence[Event], t: int) -> tuple[list[Event], list[Event], list[Event]]:
    """Give the events that are decided in a window, those of them without a counterpart, and all counterparts."""
    field, within = rule.measure.field or "", rule.measure.span_ms
    other = counterparts(rule)
    near = [e for e in events if e["stream"] == other.stream and oracle.match(other.where, e)]
    decided = [
        e
        for e in events
        if e["stream"] == rule.stream
        and e.get(field) is not None
        and oracle.opens(rule, t) <= e["time"] + within < t
        and oracle.match(rule.where, e)
        and key in oracle.keys_of(rule, e)
    ]
    hidden = [
        e for e in decided if not any(n.get(field) == e[field] and abs(n["time"] - e["time"]) <= within for n in near)
    ]
    return decided, hidden, near


def unmatched_at(rule: Rule, key: Key, events: Sequence[Event], t: int) -> float | None:
    kind = rule.measure.kind
    decided, hidden, near = decided_at(rule, key, events, t)
    if kind is Kind.UNMATCHED_SHARE:
        return len(hidden) / len(decided) if decided and len(decided) >= rule.min_events else None
    if kind is Kind.UNMATCHED_COUNT:
        return len(hidden)
    return len(hidden) + sum(oracle.opens(rule, t) <= n["time"] < t and key in oracle.keys_of(rule, n) for n in near)
