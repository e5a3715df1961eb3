"""Quantiles, ratios, shares of all, growth, rise, unmatched events: as their oracle, in any split, over restarts."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import sketch
from detectors.rules import Condition, Kind, Measure, Op, Part, Rule
from tests import oracle
from tests.builders import run
from tests.unit.test_oracle import TITLE, split, without_none

HOP = 1000
ANSWERED = (Condition("outcome", Op.IN, ("answered",)),)
SEVERE = (Condition("severity", Op.GE, (2.0,)),)
HUNAN = (Condition("region", Op.NOT, ("长沙",)),)

times = st.integers(0, 40_000) | st.integers(0, 40).map(lambda s: s * 1000)
regions = st.sampled_from(["长沙", "株洲", None])
customers = st.sampled_from(["c1", "c2", "c3", None])
near = st.integers(0, 9).map(lambda n: 10 + n / 100)  # many values in one bucket
numbers = st.none() | near | st.integers(0, 4) | st.sampled_from([0.0, 1e-13, 0.1, 0.7, 1.0, 1.0202, 3e7, 12.5])
calls = st.fixed_dictionaries(
    {
        "stream": st.just("calls"),
        "id": st.integers(0, 300).map(str),
        "time": times,
        "outcome": st.sampled_from(["answered", "abandoned"]),
        "region": regions,
        "wait_s": numbers,
        "customer": customers,
    }
).map(without_none)
complaints = st.fixed_dictionaries(
    {
        "stream": st.just("complaints"),
        "id": st.integers(0, 300).map(str),
        "time": times,
        "category": st.just("billing"),
        "region": regions,
        "severity": numbers,
        "customer": customers,
    }
).map(without_none)
network = st.fixed_dictionaries(
    {
        "stream": st.just("network"),
        "id": st.integers(0, 300).map(str),
        "time": times,
        "element": st.sampled_from(["n1", "n2", "n3"]),
        "state": st.just("down"),
        "region": regions,
    }
).map(without_none)


@pytest.fixture(params=[3, 256], ids=["sketched", "exact"], autouse=True)
def exact_len(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Few values make buckets, so that random streams cross from one to the other and back."""
    monkeypatch.setattr(sketch, "EXACT_LEN", request.param)
    return int(request.param)


@st.composite
def streams(draw: st.DrawFn, lateness: int | None = None) -> tuple[list[dict[str, Any]], int]:
    late = draw(st.sampled_from([0, 500, 3000])) if lateness is None else lateness
    events = draw(st.lists(calls | complaints | network, max_size=60))
    jitter = draw(st.lists(st.integers(0, 4000), min_size=len(events), max_size=len(events)))
    order = sorted(range(len(events)), key=lambda i: events[i]["time"] + jitter[i])
    return [events[i] for i in order], late


def simple(random: Random, stream: str) -> Measure:
    """Choose a measure of one stream, fit for a side of a ratio."""
    number, text = ("wait_s", "customer") if stream == "calls" else ("severity", "customer")
    return random.choice(
        [
            Measure(Kind.COUNT),
            Measure(Kind.SUM, number),
            Measure(Kind.MEAN, number),
            Measure(Kind.MAX, number),
            Measure(Kind.DISTINCT, text),
            Measure(Kind.SHARE, matching=ANSWERED if stream == "calls" else SEVERE),
            Measure(Kind.QUANTILE, number, q=random.choice([0.05, 0.5, 0.95, 1.0])),
        ]
    )


def unmatched(random: Random, hop: int) -> Measure:
    other = random.choice(["calls", "complaints"])
    kind = random.choice([Kind.UNMATCHED_COUNT, Kind.UNMATCHED_SHARE, Kind.UNMATCHED_TOTAL])
    where = random.choice([(), SEVERE if other == "complaints" else ANSWERED])
    return Measure(kind, "customer", to=Part(other, where), span_ms=hop * random.choice([1, 2, 5]))


def ratio(random: Random, hop: int) -> Measure:
    of, to = random.choice(["calls", "complaints"]), random.choice(["calls", "complaints"])
    above = unmatched(random, hop) if random.random() < 0.3 else simple(random, of)
    wheres = {"calls": [(), ANSWERED], "complaints": [(), SEVERE]}
    return Measure(
        Kind.RATIO,
        of=Part(of, random.choice(wheres[of]), above),
        to=Part(to, random.choice(wheres[to]), simple(random, to)),
        per=random.choice([1.0, 100.0]),
    )


def a_rule(random: Random, id_: str = "r") -> Rule:
    """Any rule of this file, with thresholds that random streams cross. Growth looks seconds back, not days."""
    hop = random.choice([HOP, 2 * HOP])
    stream = random.choice(["calls", "complaints"])
    base = random.choice(
        [
            Measure(Kind.QUANTILE, "wait_s" if stream == "calls" else "severity", q=random.choice([0.5, 0.9, 0.95])),
            ratio(random, hop),
            unmatched(random, hop),
            Measure(Kind.SHARE_OF_ALL, of=Part(stream, (), Measure(Kind.COUNT))),
        ]
    )
    measure = base
    if random.random() < 0.4:
        base = random.choice([base, simple(random, stream), Measure(Kind.COUNT), Measure(Kind.NOW_COUNT)])
        stream = "network" if base.kind.is_now else stream
        measure = Measure(random.choice([Kind.GROWTH, Kind.RISE]), base=base, span_ms=hop * random.choice([2, 6, 10]))
    below = random.random() < 0.4
    by, at = random.choice([((), ()), (("region",), ()), ((), ("region", "customer"))])
    if at and base.kind not in (Kind.SHARE_OF_ALL, Kind.COUNT):
        at = ()
    usual = {Kind.UNMATCHED_SHARE: 0.3, Kind.SHARE_OF_ALL: 0.25, Kind.GROWTH: 0.5, Kind.RISE: 0.2}
    scale = usual.get(measure.kind, random.choice([0.5, 1.0, 3.0]))
    thresholds = [scale * measure.per * step for step in random.choice([(1,), (1, 2), (1, 2, 4)])]
    takes_min = base.kind in (Kind.QUANTILE, Kind.RATIO, Kind.SHARE_OF_ALL, Kind.UNMATCHED_SHARE)
    takes_min |= base is not measure and base.kind is Kind.COUNT
    return Rule(
        id=id_,
        stream=stream,
        measure=measure,
        levels=tuple(zip(("yellow", "orange", "red"), reversed(thresholds) if below else thresholds, strict=False)),
        title=TITLE,
        where=random.choice([(), (), HUNAN]),
        by=by,
        at=at,
        window_ms=random.choice([1, 2, 5, 12]) * hop,
        hop_ms=hop,
        below=below,
        for_ms=hop * random.choice([0, 0, 1, 3]),
        clear=random.choice([1.0, 0.9]),
        clear_for_ms=hop * random.choice([0, 0, 2]),
        unknown_after_ms=random.choice([0, 1500, 4000, 20_000]),
        min_events=random.choice([0, 0, 2]) if takes_min else 0,
    )


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    return a_rule(Random(draw(st.integers(0, 1 << 32))))


@given(streams(), st.lists(rules(), min_size=1, max_size=2), st.lists(st.integers(0, 60), max_size=6), st.booleans())
@settings(max_examples=60)
def test_agrees_with_the_oracle_in_any_split_and_over_restarts(
    given_stream: tuple[list[dict[str, Any]], int], some: list[Rule], cuts: list[int], restarts: bool
) -> None:
    events, lateness = given_stream
    rules_ = [replace(rule, id=f"r{number}") for number, rule in enumerate(some)]
    expected = oracle.transitions(rules_, events, lateness, drain=30_000)
    assert run(rules_, split(events, cuts), lateness, drain_ms=30_000, restarts=restarts) == expected


@pytest.mark.parametrize("seed", range(12))
def test_agrees_with_the_oracle_on_dense_streams(seed: int) -> None:
    random = Random(seed)
    events = [dense_event(random, number) for number in range(300)]
    events.sort(key=lambda event: event["time"] + random.randrange(2000))
    some = [a_rule(random, f"r{number}") for number in range(5)]
    expected = oracle.transitions(some, events, 2000, drain=20_000)
    cuts = sorted(random.sample(range(300), 9))
    assert run(some, split(events, cuts), 2000, drain_ms=20_000) == expected
    assert run(some, split(events, cuts), 2000, drain_ms=20_000, restarts=True) == expected


def test_dense_streams_move_levels_of_every_kind() -> None:
    """What is compared above is not silence: each kind rises and falls somewhere."""
    moved: dict[Kind, set[str]] = {}
    for random, rule in ((Random(seed), a_rule(Random(seed))) for seed in range(120)):
        events = sorted((dense_event(random, number) for number in range(200)), key=lambda e: e["time"])
        for told in run([rule], [events], 0, drain_ms=20_000):
            moved.setdefault(rule.measure.kind, set()).add(told[6])
    kinds = {Kind.QUANTILE, Kind.RATIO, Kind.SHARE_OF_ALL, Kind.GROWTH, Kind.RISE}
    kinds |= {Kind.UNMATCHED_COUNT, Kind.UNMATCHED_SHARE, Kind.UNMATCHED_TOTAL}
    assert {kind for kind, reasons in moved.items() if {"raised", "cleared"} <= reasons} == kinds


def dense_event(random: Random, number: int) -> dict[str, Any]:
    wave = random.choice([0, 40_000])
    event: dict[str, Any] = {
        "id": str(number if random.random() < 0.97 else random.randrange(number + 1)),
        "time": random.randrange(60_000) if wave == 0 else wave + random.randrange(6_000),
        "region": random.choice(["长沙", "长沙", "株洲", None]),
        "stream": random.choice(["calls", "calls", "complaints", "network"]),
        "customer": random.choice([None, *(f"c{n}" for n in range(12))]),
    }
    if event["stream"] == "calls":
        event |= {"outcome": random.choice(["answered", "abandoned"])}
        event |= {"wait_s": random.choice([None, 0, 5, *(10 + n / 100 for n in range(9)), random.random() * 30])}
    elif event["stream"] == "network":
        event |= {"element": f"n{random.randrange(9)}", "state": "down"}
    else:
        event |= {"category": "billing", "severity": random.choice([None, 1, 2, 5])}
    return without_none(event)


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


@pytest.mark.parametrize(("q", "value"), [(0.05, 1.0), (0.5, 10.0), (0.95, 19.0), (0.96, 20.0), (1.0, 20.0)])
def test_a_quantile_is_the_smallest_value_with_that_part_at_or_under_it(q: float, value: float, exact_len: int) -> None:
    events = [{"stream": "calls", "id": str(n), "time": n, "outcome": "answered", "wait_s": n} for n in range(1, 21)]
    rule = Rule("r", "calls", Measure(Kind.QUANTILE, "wait_s", q=q), (("red", 0.5),), TITLE, hop_ms=HOP)
    ((*_, told, _, _, _),) = run([rule], [events], 0)
    assert told == (value if exact_len > len(events) else pytest.approx(value, rel=0.010001))


@pytest.mark.parametrize("panes", [(1, 1), (1, 2), (2, 1)], ids=["one pane", "then few", "few first"])
@pytest.mark.parametrize("cuts", [[], [4], [2, 7]], ids=["at once", "apart", "in pieces"])
def test_a_pane_of_many_values_stays_in_buckets_when_it_meets_one_of_few(
    panes: tuple[int, int], cuts: list[int], exact_len: int
) -> None:
    """Four values that share a bucket, and ten fives: five values in all, whatever the pane or batch they come in."""
    waits = [(10 + n / 100, panes[0]) for n in range(4)] + [(5.0, panes[1])] * 10
    events = [
        {"stream": "calls", "id": str(n), "time": pane * HOP, "outcome": "answered", "wait_s": wait}
        for n, (wait, pane) in enumerate(waits)
    ]
    levels = (("yellow", 4.0), ("red", 5.001))
    rule = Rule("r", "calls", Measure(Kind.QUANTILE, "wait_s", q=0.5), levels, TITLE, hop_ms=HOP)
    expected = oracle.transitions([rule], events, HOP, drain=2 * HOP)
    assert run([rule], split(events, cuts), HOP, drain_ms=2 * HOP) == expected
    assert expected[-1][4] == ("yellow" if exact_len > len(events) else "red"), "five's bucket stands for 5.0028"
