"""The arithmetic against its oracle: every transition, on random streams and rules, in any split and order."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.calendars import ALWAYS, Calendar
from detectors.rules import Clock, Condition, FieldName, Kind, Measure, Op, Rule
from tests import oracle
from tests.builders import run

TITLE = {"en": "t", "zh": "t"}
HOP = 1000
KINDS = (
    *(Kind.COUNT, Kind.SUM, Kind.MEAN, Kind.MAX, Kind.SHARE, Kind.DISTINCT),
    *(Kind.NOW_COUNT, Kind.NOW_SUM, Kind.NOW_DISTINCT, Kind.NOW_SHARE),
    *(Kind.OVERDUE_COUNT, Kind.OVERDUE_LONGEST, Kind.SILENT),
)
"""The measures of this file; the others have their own, with streams that try them."""

times = st.integers(0, 40_000) | st.integers(0, 40).map(lambda s: s * 1000)
regions = st.sampled_from(["长沙", "株洲", "", None])
numbers = st.none() | st.integers(0, 30) | st.sampled_from([0.1, 0.2, 0.7, 1e-9, 1e15, 2.5, 123456.789])


def without_none(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if value is not None}


calls = st.fixed_dictionaries(
    {
        "stream": st.just("calls"),
        "id": st.integers(0, 200).map(str),
        "time": times,
        "outcome": st.sampled_from(["answered", "abandoned", "blocked"]),
        "region": regions,
        "queue": st.sampled_from(["a", "b", None]),
        "wait_s": numbers,
        "talk_s": numbers,
        "customer": st.sampled_from(["c1", "c2", "c3", "c4", None]),
    }
).map(without_none)
network = st.fixed_dictionaries(
    {
        "stream": st.just("network"),
        "id": st.integers(0, 200).map(str),
        "time": times,
        "element": st.sampled_from(["n1", "n2", "n3", "n4"]),
        "state": st.sampled_from(["down", "degraded", "up"]),
        "region": regions,
        "outlet": st.sampled_from(["o1", "o2", None]),
        "users": numbers,
    }
).map(without_none)
complaints = st.fixed_dictionaries(
    {
        "stream": st.just("complaints"),
        "id": st.integers(0, 200).map(str),
        "time": times,
        "category": st.sampled_from(["network", "billing"]),
        "region": regions,
        "severity": numbers,
        "repeat": st.none() | st.booleans(),
    }
).map(without_none)
cases = st.fixed_dictionaries(
    {
        "stream": st.just("cases"),
        "id": st.integers(0, 200).map(str),
        "time": times,
        "case": st.sampled_from(["k1", "k2", "k3"]),
        "step": st.sampled_from(
            ["opened", "opened", "signed", "extended", "extended", "paused", "resumed", "replied", "closed", "reopened"]
        ),
        "class": st.sampled_from(["ordinary", "vip"]),
        "region": regions,
        "until": st.none() | st.integers(0, 60) | st.floats(0, 60),
    }
).map(without_none)


@st.composite
def streams(draw: st.DrawFn, lateness: int | None = None) -> tuple[list[dict[str, Any]], int]:
    """Events in an order near that of their times, and the lateness allowed."""
    late = draw(st.sampled_from([0, 0, 500, 3000, 8000])) if lateness is None else lateness
    events = draw(st.lists(calls | network | complaints | cases | cases, max_size=60))
    jitter = draw(st.lists(st.integers(0, 4000), min_size=len(events), max_size=len(events)))
    order = sorted(range(len(events)), key=lambda i: events[i]["time"] + jitter[i])
    return [events[i] for i in order], late


wheres = st.sampled_from(
    [
        (),
        (Condition("region", Op.IN, ("长沙",)),),
        (Condition("region", Op.NOT, ("长沙", "")),),
        (Condition("region", Op.IN, ("",)),),
        (Condition("region", Op.IN, ("株洲", "长沙")), Condition("region", Op.NOT, ("长沙",))),
    ]
)
numeric = {"calls": "wait_s", "network": "users", "complaints": "severity"}
shares = {
    "calls": (Condition("outcome", Op.IN, ("abandoned",)),),
    "network": (Condition("state", Op.NOT, ("up",)),),
    "complaints": (Condition("repeat", Op.IN, (True,)),),
}
shifts = st.sampled_from(
    [
        ALWAYS,
        Calendar("by half minutes", [0, 60_000, 120_000], [30_000, 90_000, 150_000], 30_000),
        Calendar("odd", [3_000, 7_001, 20_500, 41_000], [7_000, 9_999, 33_000, 90_000], 1_000),
        Calendar("over soon", [-5_000], [21_000]),
    ]
)
clocks = st.builds(
    Clock,
    begins=st.sampled_from([("opened",), ("opened", "signed"), ("reopened",), ("paused",)]),
    ends=st.sampled_from([("closed",), ("replied", "closed"), ("resumed",)]),
    limit_ms=st.sampled_from([1, 1500, 5000, 12_000, 30_000]),
    at=st.sampled_from([1.0, 0.8, 0.333, 2.0]),
    calendar=shifts,
)
distincts = {"calls": "customer", "network": "outlet", "complaints": "severity"}


@st.composite
def rules(draw: st.DrawFn, id_: str = "r") -> Rule:
    """Any rule this version computes, with thresholds that random streams cross."""
    kind = draw(st.sampled_from(KINDS))
    clock = draw(clocks) if kind.is_overdue else None
    stream = "network" if kind.is_now else draw(st.sampled_from(["calls", "network", "complaints"]))
    stream = stream if clock is None else "cases"
    field: str | None = None
    if kind in (Kind.SUM, Kind.MEAN, Kind.MAX, Kind.NOW_SUM):
        field = numeric[stream]
    if kind in (Kind.DISTINCT, Kind.NOW_DISTINCT):
        field = distincts[stream]
    where = draw(wheres)
    if clock is None and draw(st.booleans()):
        number = draw(st.sampled_from([0.0, 2.0, 10.0]))
        where = (*where, Condition(numeric[stream], draw(st.sampled_from([Op.GE, Op.GT, Op.LE, Op.LT])), (number,)))
    if stream == "calls" and draw(st.booleans()):
        where = (*where, Condition("talk_s", draw(st.sampled_from([Op.GE, Op.LT])), (FieldName("wait_s"),)))
    if kind.is_now and draw(st.booleans()):
        where = (*where, Condition("state", Op.IN, ("down", "degraded")))
    below = draw(st.booleans())
    scale = 0.2 if kind in (Kind.SHARE, Kind.NOW_SHARE) else draw(st.sampled_from([0.5, 1.0, 3.0, 10.0]))
    thresholds = [scale * step for step in draw(st.sampled_from([(1,), (1, 2), (1, 2, 4)]))]
    if below:
        thresholds.reverse()
    hop = draw(st.sampled_from([HOP, 2 * HOP]))
    spans = st.sampled_from([0, 0, 1, 2, 5]).map(lambda n: n * hop)
    narrow = {"calls": "queue", "network": "outlet", "complaints": "category", "cases": "class"}[stream]
    at = draw(st.sampled_from([(), (), ("region",), (narrow, "region")]))
    return Rule(
        id=id_,
        stream=stream,
        measure=Measure(kind, field, shares[stream] if kind in (Kind.SHARE, Kind.NOW_SHARE) else (), clock),
        levels=tuple(zip(("yellow", "orange", "red"), thresholds, strict=False)),
        title=TITLE,
        where=where,
        excepted=draw(wheres),
        by=() if at else draw(st.sampled_from([(), ("region",), ("region", narrow)])),
        at=at,
        window_ms=draw(st.sampled_from([1, 2, 5, 12])) * hop,
        hop_ms=hop,
        below=below,
        for_ms=draw(spans),
        clear=draw(st.sampled_from([1.0, 0.9, 0.5])),
        clear_for_ms=draw(spans),
        unknown_after_ms=draw(st.sampled_from([0, 1500, 3000, 20_000])),
        min_events=draw(st.sampled_from([0, 2])) if kind in (Kind.MEAN, Kind.MAX, Kind.SHARE) else 0,
    )


def split(events: list[dict[str, Any]], cuts: list[int]) -> list[list[dict[str, Any]]]:
    edges = [0, *sorted(min(cut, len(events)) for cut in cuts), len(events)]
    return [events[a:b] for a, b in pairwise(edges)]


@given(streams(), st.lists(rules(), min_size=1, max_size=2), st.lists(st.integers(0, 60), max_size=6))
def test_agrees_with_the_oracle_in_any_split(
    given_stream: tuple[list[dict[str, Any]], int], some: list[Rule], cuts: list[int]
) -> None:
    events, lateness = given_stream
    rules_ = [replace(rule, id=f"r{number}") for number, rule in enumerate(some)]
    expected = oracle.transitions(rules_, events, lateness, drain=30_000)
    assert run(rules_, split(events, cuts), lateness, drain_ms=30_000) == expected


@pytest.mark.parametrize("seed", range(40))
def test_agrees_with_the_oracle_on_dense_streams(seed: int) -> None:
    """Hypothesis finds the corners; this walks the middle: hundreds of events in few series, levels up and down."""
    random = Random(seed)
    events = [dense_event(random, number) for number in range(400)]
    events.sort(key=lambda event: event["time"] + random.randrange(3000))
    some = [replace(dense_rule(random), id=f"r{number}") for number in range(6)]
    expected = oracle.transitions(some, events, 2000, drain=20_000)
    cuts = sorted(random.sample(range(400), 9))
    assert run(some, split(events, cuts), 2000, drain_ms=20_000) == expected
    assert run(some, split(events, cuts), 2000, drain_ms=20_000, restarts=True) == expected


def dense_event(random: Random, number: int) -> dict[str, Any]:
    wave = random.choice([0, 60_000, 75_000])
    event: dict[str, Any] = {
        "id": str(number if random.random() < 0.97 else random.randrange(number + 1)),
        "time": random.randrange(120_000) if wave == 0 else wave + random.randrange(15_000),
        "region": random.choice(["长沙", "长沙", "株洲", None]),
        "stream": random.choice(["calls", "network", "complaints", "cases"]),
    }
    if event["stream"] == "calls":
        event |= {"outcome": random.choice(["answered", "abandoned"]), "customer": f"c{random.randrange(9)}"}
        event |= {"wait_s": random.choice([None, 0.1, 0.7, 5, random.random() * 30]), "queue": random.choice("ab")}
    elif event["stream"] == "network":
        event |= {"element": f"n{random.randrange(12)}", "state": random.choice(["down", "degraded", "up"])}
        event |= {"users": random.choice([None, 1, 3, 0.1]), "outlet": random.choice(["o1", "o2", "o3", None])}
    elif event["stream"] == "cases":
        steps = ["opened"] * 4 + ["signed", "closed", "paused", "resumed", "resumed", "extended", "reopened"]
        event |= {"case": f"k{random.randrange(15)}", "step": random.choice(steps)}
        event["until"] = random.choice([None, event["time"] / 1000 + random.random() * 40])
    else:
        event |= {"category": "billing", "severity": random.choice([None, 1, 2, 5]), "repeat": random.random() < 0.3}
    return without_none(event)


def dense_rule(random: Random) -> Rule:
    kind = random.choice(KINDS)
    stream = "network" if kind.is_now else random.choice(["calls", "network", "complaints"])
    clock = None
    if kind.is_overdue:
        stream = "cases"
        clock = Clock(("opened",), ("closed", "signed"), random.choice([4_000, 15_000]), random.choice([0.8, 1.0]))
    field = numeric[stream] if kind in (Kind.SUM, Kind.MEAN, Kind.MAX, Kind.NOW_SUM) else None
    field = distincts[stream] if kind in (Kind.DISTINCT, Kind.NOW_DISTINCT) else field
    below = random.random() < 0.4
    at = {"calls": ("queue", "region"), "network": ("outlet", "region")}.get(stream, ("region",))
    at = at if random.random() < 0.3 else ()
    top = {
        Kind.SHARE: 0.7,
        Kind.NOW_SHARE: 0.7,
        Kind.MEAN: 12,
        Kind.MAX: 25,
        Kind.DISTINCT: 6,
        Kind.NOW_DISTINCT: 3,
        Kind.OVERDUE_LONGEST: 20,
        Kind.SILENT: 4,
    }.get(kind, 8)
    thresholds = [top * part for part in (0.3, 0.6, 0.9)]
    hop = random.choice([1000, 2500])
    return Rule(
        id="r",
        stream=stream,
        measure=Measure(kind, field, shares[stream] if kind in (Kind.SHARE, Kind.NOW_SHARE) else (), clock),
        levels=tuple(zip(("yellow", "orange", "red"), reversed(thresholds) if below else thresholds, strict=True)),
        title=TITLE,
        where=(Condition("state", Op.IN, ("down", "degraded")),) if kind.is_now else (),
        by=random.choice([(), ("region",)]) if not at else (),
        at=at,
        window_ms=hop * random.choice([1, 4, 10]),
        hop_ms=hop,
        below=below,
        for_ms=hop * random.choice([0, 0, 1, 3]),
        clear=random.choice([1.0, 0.8]),
        clear_for_ms=hop * random.choice([0, 0, 2, 4]),
        unknown_after_ms=random.choice([0, 4000, 10_000]),
        min_events=random.choice([0, 3]) if kind in (Kind.MEAN, Kind.MAX, Kind.SHARE) else 0,
    )


@given(streams(lateness=4000), rules(), st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_any_arrival_order_within_lateness_gives_the_same(
    given_stream: tuple[list[dict[str, Any]], int], rule: Rule, random: Any
) -> None:
    events = [{**event, "id": str(number)} for number, event in enumerate(given_stream[0])]
    one = sorted(events, key=lambda event: event["time"])
    other = sorted(events, key=lambda event: event["time"] + random.randint(0, 3999))
    expected = run([rule], [one], 4000, drain_ms=30_000)
    assert run([rule], split(other, [7, 20, 33]), 4000, drain_ms=30_000) == expected
