"""Who drives an alert: against a plain count, in any split, order, partition and after restarts."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from fractions import Fraction
from random import Random
from typing import Any

import numpy as np
import pytest

from alerts.desk import Desk
from alerts.records import alert_record, decode, encode
from alerts.routing import Routing
from detectors import contributors
from detectors.judge import Judge
from detectors.monitor import Monitor
from detectors.partial import Partial, merge
from detectors.rules import Condition, Kind, Measure, Op, Part, Rule
from detectors.transition import Contributor, Key, Transition
from detectors.vocabulary import STREAMS
from streams.fragments import join, size_of, split
from streams.pack import pack, unpack
from tests import oracle, oracle_clocks, oracle_windows
from tests.builders import batch, walk
from tests.unit.test_oracle import dense_event, dense_rule
from tests.unit.test_oracle import split as cut

FIELDS = {"calls": ("queue", "outcome"), "network": ("element", "state"), "complaints": ("outlet", "provider"),
          "cases": ("class", "owner")}  # fmt: skip


def event(random: Random, number: int) -> dict[str, Any]:
    one = dense_event(random, number)
    if one["stream"] == "complaints":
        one |= {"outlet": random.choice(["o1", "o1", "o2", "", None]), "provider": random.choice(["p1", "p2", "p3"])}
    if one["stream"] == "cases":
        one |= {"class": random.choice(["vip", "ordinary", None]), "owner": random.choice(["w1", "w1", "w2", "w3"])}
    return {name: value for name, value in one.items() if value is not None}


def some_rules(random: Random) -> list[Rule]:
    rules = [rule for rule in (dense_rule(random) for _ in range(9)) if rule.measure.kind is not Kind.SILENT]
    return [replace(rule, id=f"r{number}", contributors=FIELDS[rule.stream]) for number, rule in enumerate(rules[:6])]


def as_ratios(random: Random, rules: Sequence[Rule]) -> list[Rule]:
    """Make them ratios of calls to complaints, or the other way round."""
    ratios = []
    for rule in rules:
        of, to = random.sample(["calls", "complaints"], 2)
        measure = Measure(Kind.RATIO, of=Part(of, (), Measure(Kind.COUNT)), to=Part(to, (), Measure(Kind.COUNT)))
        levels = tuple(zip(("yellow", "red"), (1.5, 0.5) if rule.below else (0.5, 1.5), strict=True))
        ratios.append(
            replace(
                rule,
                stream=of,
                measure=measure,
                levels=levels,
                where=(),
                at=("region",) if rule.at else (),
                contributors=FIELDS[to if rule.below else of],
            )
        )
    return ratios


def unmatched(rule: Rule, key: Key, events: Sequence[dict[str, Any]], t: int) -> list[dict[str, Any]]:
    """Give the events that an unmatched counts; of a share that is low the others."""
    decided, hidden, _ = oracle_windows.decided_at(rule, key, events, t)
    return [e for e in decided if e not in hidden] if rule.below else hidden


def weight_of(rule: Rule, e: dict[str, Any]) -> Any:
    if rule.measure.kind in (Kind.SUM, Kind.MEAN, Kind.NOW_SUM):
        return Fraction(e.get(rule.measure.field or "", 0))
    if rule.measure.kind in (Kind.SHARE, Kind.NOW_SHARE):
        return int(oracle.match(rule.measure.matching, e) is not rule.below)
    return 1


def expected(rule: Rule, events: Sequence[dict[str, Any]], transition: Transition) -> tuple[Contributor, ...]:
    """Count who drives a series at a boundary, the plain way."""
    key, t, kind = transition.key, transition.time_ms, rule.measure.kind
    own = [e for e in events if e["stream"] == rule.stream]
    if kind.is_now:
        latest = {}
        for e in sorted((e for e in own if e["time"] < t), key=lambda e: (e["time"], e["id"])):
            latest[e[oracle.THINGS[rule.stream]]] = e
        there = list(latest.values())
    elif rule.measure.clock is not None:
        steps: dict[str, list[dict[str, Any]]] = {}
        for e in sorted((e for e in own if e["time"] < t), key=lambda e: (e["time"], e["id"])):
            steps.setdefault(e["case"], []).append(e)
        late = {case: oracle_clocks.beyond(rule.measure.clock, of_it, t) for case, of_it in steps.items()}
        there = [steps[case][-1] for case, beyond in late.items() if beyond is not None and beyond >= 0]
    elif kind.is_unmatched:
        there = unmatched(rule, key, events, t)
    else:
        there = [e for e in own if t - rule.window_ms <= e["time"] < t]
    there = [e for e in there if oracle.match(rule.where, e) and key in oracle.keys_of(rule, e)]
    top: list[Contributor] = []
    for field in rule.contributors:
        weights: Counter[str] = Counter()
        for e in there:
            weights[e.get(field, "")] += weight_of(rule, e)
        total = math.fsum(map(float, weights.values()))
        named = sorted(((v, w) for v, w in weights.items() if v and w), key=lambda entry: (-entry[1], entry[0]))
        if rule.at and key[0] == field:
            continue
        top += [Contributor(field, v, round(float(w) / float(total), 4)) for v, w in named[:3]]
    return tuple(top)


@pytest.mark.parametrize("seed", range(12))
def test_agrees_with_a_plain_count_in_any_split_and_after_restarts(seed: int) -> None:
    random = Random(seed)
    events = [event(random, number) for number in range(300)]
    events.sort(key=lambda e: e["time"] + random.randrange(3000))
    rules = some_rules(random)
    whole = walk(rules, [events], 2000, drain_ms=20_000)
    assert whole, "a test of nothing"
    accepted = oracle.accepted(events, 2000)
    by_id = {rule.id: rule for rule in rules}
    assert [t.top for t in whole] == [expected(by_id[t.rule], accepted, t) for t in whole]
    parts = cut(events, sorted(random.sample(range(300), 9)))
    assert walk(rules, parts, 2000, drain_ms=20_000) == whole
    assert walk(rules, parts, 2000, drain_ms=20_000, restarts=True) == whole


@pytest.mark.parametrize("seed", range(6))
def test_a_ratio_is_driven_by_the_side_above_or_if_it_is_low_by_the_side_below(seed: int) -> None:
    random = Random(seed)
    events = [event(random, number) for number in range(300)]
    events.sort(key=lambda e: e["time"] + random.randrange(3000))
    rules = as_ratios(random, some_rules(random))
    parts = cut(events, sorted(random.sample(range(300), 9)))
    whole = walk(rules, parts, 2000, drain_ms=20_000, restarts=True)
    accepted = oracle.accepted(events, 2000)
    sides = {}
    for rule in rules:
        side = rule.measure.to if rule.below else rule.measure.of
        assert side is not None
        assert side.measure is not None
        sides[rule.id] = replace(rule, stream=side.stream, measure=side.measure)
    assert any(transition.top for transition in whole)
    assert [t.top for t in whole] == [expected(sides[t.rule], accepted, t) for t in whole]


@pytest.mark.parametrize("seed", range(4))
def test_any_partition_of_the_events_gives_the_same(seed: int) -> None:
    random = Random(100 + seed)
    events = [{**event(random, number), "id": str(number)} for number in range(300)]
    events = sorted((e for e in events if e["stream"] == "complaints"), key=lambda e: e["time"])
    rule = Rule("r", "complaints", Measure(Kind.COUNT), (("yellow", 3.0), ("red", 9.0)), {}, by=("region",),
                window_ms=20_000, hop_ms=1000, contributors=FIELDS["complaints"])  # fmt: skip
    told = []
    for partitions in (1, 2, 5):
        judge = Judge([rule])
        monitors = [Monitor([rule], STREAMS, lateness_ms=0) for _ in range(partitions)]
        for number, one in enumerate(events):
            monitors[number % partitions].feed(batch("complaints", [one]))
        for partial in [partial for monitor in monitors for partial in monitor.close(1 << 50)]:
            assert judge.take(Partial.of(unpack(pack(partial.state()))))
        told.append(judge.advance(200_000))
    assert told[0] == told[1] == told[2]
    assert any(transition.top for transition in told[0])


RULE = Rule("r", "complaints", Measure(Kind.COUNT), (("yellow", 1.0),), {}, contributors=("outlet",), window_ms=2000,
            hop_ms=1000)  # fmt: skip


def crowd(values: int, each: int = 1) -> list[dict[str, Any]]:
    return [
        {"stream": "complaints", "id": f"{n}-{k}", "time": 100, "category": "x", "outlet": f"o{n}"}
        for n in range(values)
        for k in range(each + 5 * (n == 7))
    ]


def test_up_to_the_bound_all_is_exact_and_beyond_it_nothing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contributors, "VALUES_MAX", 50)
    (full,) = [t for t in walk([RULE], [crowd(50)], 0) if t.level == "yellow"]
    assert full.top is not None
    assert full.top[0] == Contributor("outlet", "o7", round(6 / 55, 4))
    events = crowd(51)
    for slices in ([events], [events[:30], events[30:]], [[one] for one in events]):
        (over,) = [t for t in walk([RULE], slices, 0) if t.level == "yellow"]
        assert over.top == (), "51 values are more than are told apart"


def test_memory_is_bounded_whatever_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contributors, "VALUES_MAX", 50)
    monitor = Monitor([RULE], STREAMS, lateness_ms=0)
    for number in range(200):  # more than the parts of a pane that wait to be merged
        monitor.feed(batch("complaints", [{**one, "outlet": f"{number}-{one['outlet']}"} for one in crowd(20)]))
    (partial,) = monitor.close(10_000)
    assert partial.parts is not None
    assert len(partial.parts.code) <= 50 * contributors.BESIDE
    assert len(partial.parts.texts) <= 50 * contributors.BESIDE
    settled = partial.parts.settled()
    assert len(settled.code) == len(settled.texts) == 51


def test_a_pane_in_parts_names_the_same() -> None:
    rule = replace(RULE, by=("region",))
    events = [{**one, "region": f"r{number % 9}"} for number, one in enumerate(crowd(300))]
    monitor = Monitor([rule], STREAMS, lateness_ms=0)
    monitor.feed(batch("complaints", events))
    (pane,) = monitor.close(10_000)
    pieces = split(pane, size_of(pane) // 4)
    assert len(pieces) > 2
    whole = pieces[0]
    for piece in pieces[1:]:
        whole = join(whole, piece)
    judges = []
    for one in (pane, whole, merge([whole])):
        judge = Judge([rule])
        judge.take(one)
        judges.append(judge.advance(10_000))
    assert judges[0] == judges[1] == judges[2]


def test_a_rule_that_does_not_ask_carries_nothing() -> None:
    silent = replace(RULE, contributors=())
    monitor = Monitor([silent], STREAMS, lateness_ms=0)
    monitor.feed(batch("complaints", crowd(5)))
    (pane,) = monitor.close(10_000)
    assert pane.parts is None
    assert {t.top for t in walk([silent], [crowd(5)], 0)} == {None}


def test_a_low_share_is_driven_by_what_does_not_match() -> None:
    rule = Rule("r", "calls", Measure(Kind.SHARE, matching=(Condition("outcome", Op.IN, ("answered",)),)),
                (("red", 0.5),), {}, below=True, window_ms=1000, hop_ms=1000, contributors=("queue",))  # fmt: skip
    events = [
        {"stream": "calls", "id": str(n), "time": 1000 + n, "queue": "good" if n % 5 else "bad",
         "outcome": "answered" if n % 5 and n < 40 else "abandoned"}
        for n in range(100)
    ]  # fmt: skip
    said = walk([rule], [[{**events[1], "id": "x", "time": 0}], events], 0, drain_ms=2000)
    assert said[0].top == (
        Contributor("queue", "good", round(48 / 68, 4)),
        Contributor("queue", "bad", round(20 / 68, 4)),
    )


def test_sums_are_exact_in_the_shares_too() -> None:
    rule = replace(RULE, measure=Measure(Kind.SUM, "severity"))
    events = [{**one, "severity": 0.1, "outlet": "a" if n < 3 else "b"} for n, one in enumerate(crowd(10))]
    rng = Random(1)
    tops = set()
    for _ in range(5):
        rng.shuffle(events)
        (said,) = [t for t in walk([rule], cut(events, [3, 7]), 0) if t.level == "yellow"]
        tops.add(said.top)
    assert len(tops) == 1
    assert np.isclose(sum(one.share for one in next(iter(tops)) or ()), 1)


def test_the_record_tells_them_and_comes_back() -> None:
    english = {"outlet": {"o7": "Furong Square"}}
    (said,) = [t for t in walk([RULE], [crowd(9)], 0) if t.level == "yellow"]
    record = alert_record(said, RULE, english)
    told = json.loads(encode(record))
    assert told["top"][0] == {"field": "outlet", "value": "o7", "share": round(6 / 14, 4)}
    assert told["summary"]["en"] == "all: 14 · mainly outlet Furong Square 42.9 %, o0 7.1 %, o1 7.1 %"
    assert told["summary"]["zh"] == "全部：14，主要来自网点 o7 42.9 %、o0 7.1 %、o1 7.1 %"
    assert decode(encode(record)) == record
    desk = Desk([RULE], UTC, Routing(channels=("a",)))
    desk.handle(record, 0)
    heir = Desk([RULE], UTC, Routing(channels=("a",)))
    heir.load(json.loads(json.dumps(desk.dump())))
    assert heir.incidents.firing()[0].record == record
    spoken = replace(RULE, summary={"en": "{value}: {top}.", "zh": "{top}。"})
    assert alert_record(said, spoken).summary["zh"] == "网点 o7 42.9 %、o0 7.1 %、o1 7.1 %。"
    assert "top" not in json.loads(encode(alert_record(replace(said, top=None), RULE)))
