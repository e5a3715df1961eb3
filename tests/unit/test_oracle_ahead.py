"""The measures that are judged against their past, against their oracle: weeks of events, in any split and order."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.checker import check_rules
from detectors.hours import Almanac
from detectors.rules import Condition, Kind, Measure, Op, Rule
from tests import oracle
from tests.builders import run
from tests.oracle_ahead import DAY, HOUR, MINUTE, WEEK
from tests.unit.test_oracle import TITLE, distincts, numeric, shares, split, without_none

KINDS = [Kind.UNUSUAL, Kind.FORECAST, Kind.DROP, Kind.NEW]
BASES = [Kind.COUNT, Kind.COUNT, Kind.SUM, Kind.MEAN, Kind.MAX, Kind.SHARE, Kind.DISTINCT, Kind.NOW_COUNT]
LATENESS = 2 * HOUR


def weeks_of_events(random: Random, number: int, weeks: float) -> list[dict[str, Any]]:
    """Make complaints and elements that follow the hour of the day, with a surge, a lull and rare reasons."""
    surge = random.random() * weeks * WEEK
    events = []
    for one in range(number):
        time = random.randrange(int(weeks * WEEK))
        while random.random() > 0.55 + 0.45 * math.sin(time / DAY * 2 * math.pi):
            time = random.randrange(int(weeks * WEEK))
        if random.random() < 0.1:
            time = int(surge + random.random() * 5 * HOUR)
        event: dict[str, Any] = {"id": str(one), "time": time, "region": random.choice(["长沙", "株洲", None])}
        if random.random() < 0.7:
            reason = f"r{min(int(random.expovariate(0.4)), 12)}"
            event |= {"stream": "complaints", "category": random.choice(["network", "billing"])}
            event |= {"reason": reason, "severity": random.choice([None, 1, 2, 7]), "repeat": random.random() < 0.3}
        else:
            event |= {"stream": "network", "element": f"n{random.randrange(9)}", "users": random.choice([None, 3])}
            event |= {"state": random.choice(["down", "up"]), "outlet": random.choice(["o1", "o2", None])}
        events.append(without_none(event))
    return sorted(events, key=lambda event: event["time"] + random.randrange(LATENESS))


def rule_ahead(random: Random, kind: Kind, id_: str = "r") -> Rule:
    """Make a rule with thresholds that such events cross."""
    base = Kind.DISTINCT if kind is Kind.NEW else random.choice(BASES)
    stream = "network" if base.is_now else "complaints"
    field = "reason" if kind is Kind.NEW else distincts[stream] if base is Kind.DISTINCT else None
    field = numeric[stream] if base in (Kind.SUM, Kind.MEAN, Kind.MAX) else field
    hop = {Kind.DROP: 12 * HOUR}.get(kind, random.choice([20 * MINUTE, HOUR]))
    window = hop * random.choice([1, 3, 6])
    span = random.choice([HOUR, 100 * MINUTE, 5 * HOUR])
    if kind is Kind.DROP:
        hop, window = random.choice([(6 * HOUR, DAY), (DAY, DAY), (12 * HOUR, 12 * HOUR), (DAY, WEEK)])
        span = WEEK * random.choice([1, 2, 3])
    elif kind is Kind.NEW:
        span = random.choice([DAY, 3 * DAY, 10 * HOUR])
    below = kind is not Kind.NEW and random.random() < 0.25
    scale = {Kind.UNUSUAL: 0.5, Kind.DROP: 0.2, Kind.NEW: 0.6}.get(kind, 0.3 if base is Kind.SHARE else 1.0)
    thresholds = [scale * step for step in (1, 2, 3)]
    matching = shares[stream] if base is Kind.SHARE else ()
    least = random.choice([0, 2]) if base in (Kind.MEAN, Kind.MAX, Kind.SHARE) else 0
    inner = Measure(base, field, matching)
    return Rule(
        id=id_,
        stream=stream,
        measure=Measure(kind, base=inner, span_ms=span, low=random.random() < 0.3),
        levels=tuple(zip(("yellow", "orange", "red"), reversed(thresholds) if below else thresholds, strict=True)),
        title=TITLE,
        where=(Condition("state", Op.IN, ("down",)),) if base.is_now else (),
        excepted=random.choice([(), (Condition(numeric[stream], Op.GE, (7.0,)),)]),
        by=random.choice([(), ("region",)]),
        window_ms=window,
        hop_ms=hop,
        below=below,
        for_ms=hop * random.choice([0, 0, 1]),
        clear=random.choice([1.0, 0.8]),
        clear_for_ms=hop * random.choice([0, 0, 2]),
        unknown_after_ms=random.choice([0, 4 * HOUR, DAY]),
        min_events=least,
        almanac=almanac(random),
    )


def almanac(random: Random) -> Almanac:
    """Choose a clock and some holidays."""
    zone = random.choice(["UTC", "Asia/Shanghai", "America/St_Johns", "Asia/Kathmandu"])
    days = [date(1970, 1, 1) + timedelta(days=day) for day in range(30)]
    return Almanac(zone, frozenset(random.sample(days, random.choice([0, 2, 7]))))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_the_oracle_over_weeks(kind: Kind, seed: int) -> None:
    random = Random(f"{kind} {seed}")
    events = weeks_of_events(random, 350, 4 if kind is Kind.DROP else 2.2)
    some = [rule_ahead(random, kind, f"r{number}") for number in range(3)]
    expected = oracle.transitions(some, events, LATENESS, drain=DAY)
    assert expected  # thresholds are such that something is said
    cuts = sorted(random.sample(range(len(events)), 9))
    assert run(some, split(events, cuts), LATENESS, drain_ms=DAY) == expected
    assert run(some, split(events, cuts), LATENESS, drain_ms=DAY, restarts=True) == expected


@pytest.mark.parametrize("seed", range(4))
def test_days_of_the_month_agree_with_the_oracle(seed: int) -> None:
    """Over six weeks from 1 January on: the days named come first when the hours are known, and again a month later."""
    random = Random(f"month days {seed}")
    rule = rule_ahead(random, Kind.UNUSUAL)
    base = random.choice([Measure(Kind.COUNT), Measure(Kind.DISTINCT, "reason")])
    days = random.choice([((9, 11),), ((9, 9), (11, 12)), ((8, 12), (20, 31))])
    measure = replace(rule.measure, base=base, low=False, month_days=days)
    rule = replace(rule, stream="complaints", measure=measure, where=(), excepted=(), below=False, min_events=0)
    rule = replace(rule, hop_ms=2 * HOUR, window_ms=4 * HOUR, for_ms=0, clear_for_ms=0, unknown_after_ms=4 * HOUR)
    some = [replace(rule, levels=(("yellow", 0.3), ("orange", 0.6), ("red", 0.9)))]
    events = weeks_of_events(random, 300, 6.3)
    events += [  # twice the usual on the tenth of both months
        {"id": f"m{month}{one}", "time": (month * 31 + 9) * DAY + one * 15 * MINUTE, "stream": "complaints",
         "category": "billing", "reason": f"r{one % 3}", "region": "长沙"}
        for month in (0, 1) for one in range(80)
    ]  # fmt: skip
    events.sort(key=lambda event: event["time"])
    expected = oracle.transitions(some, events, LATENESS, drain=DAY)
    assert expected
    plain = [replace(some[0], measure=replace(measure, month_days=()))]
    assert expected != oracle.transitions(plain, events, LATENESS, drain=DAY), "the days named make a difference"
    cuts = sorted(random.sample(range(len(events)), 9))
    assert run(some, split(events, cuts), LATENESS, drain_ms=DAY) == expected
    assert run(some, split(events, cuts), LATENESS, drain_ms=DAY, restarts=True) == expected


@given(st.integers(0, 10_000), st.sampled_from(KINDS), st.lists(st.integers(0, 80), max_size=5), st.booleans())
@settings(max_examples=40, deadline=None)
def test_any_split_order_and_restart_give_the_same(seed: int, kind: Kind, cuts: list[int], restarts: bool) -> None:
    random = Random(seed)
    events = weeks_of_events(random, 80, 2.5)
    rule = rule_ahead(random, kind)
    in_order = sorted(events, key=lambda event: event["time"])
    expected = run([rule], [in_order], LATENESS, drain_ms=DAY)
    assert run([rule], split(events, cuts), LATENESS, drain_ms=DAY, restarts=restarts) == expected
    assert expected == oracle.transitions([rule], events, LATENESS, drain=DAY)


def test_a_rule_without_its_base_is_another_rule() -> None:
    rule = rule_ahead(Random(1), Kind.UNUSUAL)
    assert rule.sides[0].measure == rule.measure.base
    assert rule.fingerprint != replace(rule, measure=replace(rule.measure, low=not rule.measure.low)).fingerprint
    assert rule.fingerprint != replace(rule, almanac=Almanac("Asia/Tokyo")).fingerprint


def centre(random: Random, number: int) -> list[dict[str, Any]]:
    """Make half a day of calls in two queues, with a surge, and agents who come, go and change queues."""
    events = []
    for one in range(number):
        time = random.choice([random.randrange(12 * HOUR), 5 * HOUR + random.randrange(HOUR)])
        event: dict[str, Any] = {"id": str(one), "time": time, "queue": random.choice(["a", "a", "b", None])}
        if random.random() < 0.7:
            outcome = random.choice(["answered", "answered", "abandoned"])
            event |= {"stream": "calls", "outcome": outcome, "region": random.choice(["长沙", "株洲"])}
            if outcome == "answered":
                event |= {"talk_s": random.choice([None, 60, 300, 1200]), "wrap_s": random.choice([None, 0, 90])}
        else:
            event |= {"stream": "agents", "agent": f"a{random.randrange(7)}"}
            event |= {"state": random.choice(["ready", "talking", "wrap", "away", "out"])}
        events.append(without_none(event))
    return sorted(events, key=lambda event: event["time"] + random.randrange(20 * MINUTE))


def staffing_rule(random: Random) -> Rule:
    """Make a rule on the service level to come, out of a rule file."""
    checked = check_rules(
        {
            "version": 1,
            "rules": [
                {
                    "id": "ahead",
                    "title": TITLE,
                    "stream": "calls",
                    "window": "30m",
                    "hop": "5m",
                    "measure": {"service_level_ahead": random.choice(["15m", "1h"]), "within": "20s"},
                    "where": random.choice([{}, {"queue": ["a", "b"]}, {"region": "长沙"}]),
                    "except": random.choice([{"talk_s": {"ge": 1000}}, {"queue": "b"}]),
                    "by": random.choice([[], ["queue"]]),
                    "direction": "below",
                    "levels": {"yellow": 0.8, "orange": 0.5, "red": 0.2},
                }
            ],
        }
    )
    assert checked.problems == ()
    return checked.rules[0]


@pytest.mark.parametrize("seed", range(12))
def test_service_level_ahead_agrees_with_the_oracle(seed: int) -> None:
    random = Random(seed)
    events = centre(random, 300)
    rules = [staffing_rule(random)]
    expected = oracle.transitions(rules, events, 20 * MINUTE, drain=HOUR)
    assert expected
    cuts = sorted(random.sample(range(len(events)), 6))
    assert run(rules, split(events, cuts), 20 * MINUTE, drain_ms=HOUR) == expected
    assert run(rules, split(events, cuts), 20 * MINUTE, drain_ms=HOUR, restarts=True) == expected
