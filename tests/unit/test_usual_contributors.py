"""Whom an alert names where its rule does not say: which fields, and against a plain count whatever the split."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

from alerts.naming import foremost
from alerts.records import alert_record
from detectors.checker import check_rules
from detectors.declaring import read_streams
from detectors.places import Place
from detectors.rules import Rule
from detectors.transition import Contributor, Transition
from detectors.vocabulary import STREAMS, FieldType, Stream
from tests import oracle
from tests.builders import in_partitions, walk
from tests.unit.test_contributors import expected
from tests.unit.test_oracle import split as cut


def rule_of(streams: Mapping[str, Stream] = STREAMS, **keys: Any) -> Rule:
    levels = {"yellow": 1}
    written = {"id": "r", "title": {"en": "t", "zh": "t"}, "measure": "count", "levels": levels, **keys}
    checked = check_rules({"version": 1, "rules": [written]}, streams)
    assert checked.problems == ()
    return checked.rules[0]


COMPLAINTS = {"stream": "complaints"}
CALLS = {"stream": "calls"}
NETWORK = {"stream": "network"}
RATIO = {"ratio": {"of": {}, "to": {"stream": "calls"}}}
SHARE_OF_ALL = {"share_of_all": "count"}
UNMATCHED = {"unmatched": "share", "in": {"stream": "complaints"}, "on": "customer", "within": "30m"}
CLOCK = {"from": "opened", "until": "closed", "limit": "1h"}
CASES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "three at most": (COMPLAINTS, ("category", "outlet", "provider")),
    "not those of by": ({**COMPLAINTS, "by": ["region", "category"]}, ("outlet", "provider", "reason")),
    "not what is fixed": ({**CALLS, "where": {"purpose": "complaint"}}, ("queue", "region", "outlet")),
    "two values are not one": ({**CALLS, "where": {"purpose": ["complaint", "order"]}}, ("queue", "region", "purpose")),
    "all but one": ({**CALLS, "where": {"purpose": {"not": "internal"}}}, ("queue", "region", "purpose")),
    "an outlet has one region": ({**NETWORK, "by": ["outlet"]}, ("kind", "cause")),
    "levels are places": ({**NETWORK, "at": ["outlet", "region"]}, ("outlet", "kind", "cause")),
    "sum": ({**NETWORK, "measure": {"sum": "users"}}, ("region", "outlet", "kind")),
    "share": ({**CALLS, "measure": {"share": {"outcome": "blocked"}}}, ("queue", "region", "purpose")),
    "low share": (
        {**CALLS, "measure": {"share": {"outcome": "answered"}}, "direction": "below", "levels": {"red": 0.5}},
        ("queue", "region", "purpose"),
    ),
    "now": ({**NETWORK, "measure": {"now": "sum", "field": "users"}}, ("region", "outlet", "kind")),
    "overdue": ({"stream": "cases", "measure": {"overdue": "count", **CLOCK}}, ("class", "department", "region")),
    "a step is blamed": (
        {"stream": "shipments", "measure": {"overdue": "count", **CLOCK, "name_worst": "step"}},
        ("lane", "outlet", "region"),
    ),
    "ratio": ({**COMPLAINTS, "measure": RATIO}, ("category", "outlet", "provider")),
    "low ratio": ({**COMPLAINTS, "measure": RATIO, "direction": "below"}, ("queue", "region", "purpose")),
    "growth": ({**CALLS, "measure": {"growth": "count", "against": "7d"}}, ("queue", "region", "purpose")),
    "forecast": ({**CALLS, "measure": {"forecast": "count", "ahead": "15m"}}, ("queue", "region", "purpose")),
    "unusually much": ({**CALLS, "measure": {"unusual": "count", "side": "high"}}, ("queue", "region", "purpose")),
    "unusually little": ({**CALLS, "measure": {"unusual": "count", "side": "low"}}, ()),
    "too few": ({**CALLS, "direction": "below"}, ()),
    "a drop": ({**CALLS, "measure": {"drop": "count", "against": "28d"}, "window": "1h", "levels": {"red": 0.5}}, ()),
    "a mean": ({**CALLS, "measure": {"mean": "wait_s"}}, ("queue", "region", "purpose")),
    "a low mean": ({**CALLS, "measure": {"mean": "wait_s"}, "direction": "below"}, ()),
    "a maximum": ({**CALLS, "measure": {"max": "wait_s"}}, ()),
    "a quantile": ({**CALLS, "measure": {"quantile": "wait_s", "q": 0.9}}, ()),
    "distinct": ({**CALLS, "measure": {"distinct": "customer"}}, ()),
    "the longest": ({"stream": "cases", "measure": {"overdue": "longest", **CLOCK}}, ()),
    "new values": ({**COMPLAINTS, "measure": {"new": "reason", "within": "30d"}}, ("reason",)),
    "new values of by": ({**COMPLAINTS, "measure": {"new": "reason", "within": "30d"}, "by": ["reason"]}, ()),
    "new people": ({**COMPLAINTS, "measure": {"new": "customer", "within": "30d"}}, ()),
    "new numbers": ({**COMPLAINTS, "measure": {"new": "severity", "within": "30d"}}, ()),
    "share of all": ({**COMPLAINTS, "by": ["region"], "measure": SHARE_OF_ALL}, ("category", "outlet", "provider")),
    "hidden": ({**CALLS, "by": ["region"], "measure": UNMATCHED}, ("queue", "purpose", "outlet")),
    "few hidden": (
        {**CALLS, "measure": UNMATCHED, "direction": "below", "levels": {"red": 0.5}},
        ("queue", "region", "purpose"),
    ),
    "too few hidden": ({**CALLS, "measure": {**UNMATCHED, "unmatched": "count"}, "direction": "below"}, ()),
    "hidden of shipments": (
        {
            **CALLS,
            "measure": {
                "ratio": {"of": {"measure": {**UNMATCHED, "unmatched": "count"}}, "to": {"stream": "shipments"}}
            },
        },
        ("queue", "region", "purpose"),
    ),
    "told and hidden": ({**CALLS, "measure": {**UNMATCHED, "unmatched": "total"}}, ()),
    "silence": ({**CALLS, "measure": {"silent": True}}, ()),
    "turned off": ({**COMPLAINTS, "contributors": []}, ()),
    "said otherwise": ({**COMPLAINTS, "contributors": ["brand"]}, ("brand",)),
    "a mean that asks": ({**CALLS, "measure": {"mean": "wait_s"}, "contributors": ["region"]}, ("region",)),
}


@pytest.mark.parametrize("case", CASES)
def test_which_fields(case: str) -> None:
    keys, fields = CASES[case]
    assert rule_of(**keys).contributors == fields


def test_every_stream_has_some_and_all_are_texts_that_name_nobody() -> None:
    for stream in STREAMS.values():
        assert stream.drivers
        assert {stream.fields[name].type for name in stream.drivers} == {FieldType.STRING}
        assert not {"customer", "agent", "owner", "id", stream.thing}.intersection(stream.drivers)


def test_the_guide_tells_them() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| `(\w+)` \| (.*) \|$", guide, re.MULTILINE)
    rows = {name: tuple(re.findall(r"`(\w+)`", cell)) for name, cell in table}
    assert {name: rows.get(name) for name in STREAMS} == {name: stream.drivers for name, stream in STREAMS.items()}


def declared(**more: Any) -> tuple[Mapping[str, Stream], list[str]]:
    fields = {"locker": {"required": True}, "region": "string", "note": "string", "state": {"one_of": ["free", "full"]}}
    place = Place({"lockers": {"fields": fields, **more}}, (), [])
    streams = read_streams(place)
    return streams, [problem.message for problem in place.problems]


def test_streams_of_a_site_say_theirs_or_have_those_that_surely_have_few_values() -> None:
    streams, problems = declared()
    assert problems == []
    assert rule_of(streams, stream="lockers").contributors == ("region", "state")
    streams, problems = declared(contributors=["note"])
    assert problems == []
    assert rule_of(streams, stream="lockers").contributors == ("note",)
    streams, problems = declared(contributors=[])
    assert rule_of(streams, stream="lockers").contributors == ()
    assert declared(contributors=["nota"])[1] == ['stream lockers has no field "nota": did you mean "note"?']


HIDDEN = {"unmatched": "share", "in": {"stream": "complaints"}, "on": "customer", "within": "4s"}
RULES = [
    rule_of(**COMPLAINTS, by=["region"], window="20s", hop="1s", levels={"yellow": 3, "red": 9}),
    rule_of(**COMPLAINTS, id="s", measure={"sum": "severity"}, window="10s", hop="2s", levels={"yellow": 9}),
    rule_of(**CALLS, id="lost", measure={"share": {"outcome": "abandoned"}}, window="10s", hop="2s",
            levels={"red": 0.4}),
    rule_of(**CALLS, id="well", measure={"share": {"outcome": "answered"}}, window="10s", hop="2s", levels={"red": 0.4},
            direction="below"),
    rule_of(**COMPLAINTS, id="mean", measure={"mean": "severity"}, by=["region"], window="10s", hop="2s",
            levels={"yellow": 1.2}),
    rule_of(**CALLS, id="hidden", measure=HIDDEN, window="10s", hop="2s", levels={"yellow": 0.3, "red": 0.7}),
    rule_of(**CALLS, id="registered", measure=HIDDEN, direction="below", window="6s", hop="2s", levels={"red": 0.5}),
    rule_of(**CALLS, id="how-many", measure={**HIDDEN, "unmatched": "count"}, by=["region"], window="10s", hop="1s",
            levels={"yellow": 3, "red": 6}),
    rule_of(**CALLS, id="vip", where={"queue": "vip"}, window="10s", hop="2s", levels={"red": 2}),
]  # fmt: skip


def some_events(random: Random, number: int) -> list[dict[str, Any]]:
    told = []
    for at in range(number):
        stream = random.choice(["complaints", "calls"])
        one: dict[str, Any] = {"stream": stream, "id": str(at), "time": random.randrange(60_000)}
        one |= {"customer": random.choice([*map(str, range(30)), None])}
        one |= {"region": random.choice("ab"), "outlet": random.choice(["o1", "o2", "o3", "", None])}
        if stream == "complaints":
            one |= {"category": random.choice(["network", "billing"]), "severity": random.choice([1, 0.1, 2.5, None])}
            one["provider"] = random.choice(["p1", "p2", None])
        else:
            one |= {
                "outcome": random.choice(["answered", "abandoned", "blocked"]),
                "queue": random.choice(["vip", "a"]),
            }
            one["purpose"] = random.choice(["order", "inquiry", None])
        told.append({name: value for name, value in one.items() if value is not None})
    return sorted(told, key=lambda one: one["time"] + random.randrange(3000))


def plainly(transitions: list[Transition], accepted: list[dict[str, Any]]) -> list[tuple[Contributor, ...]]:
    by_id = {rule.id: rule for rule in RULES}
    return [expected(by_id[one.rule], accepted, one) for one in transitions]


@pytest.mark.parametrize("seed", range(8))
def test_they_are_a_plain_count_of_the_window_in_any_split_and_after_restarts(seed: int) -> None:
    random = Random(seed)
    events = some_events(random, 400)
    whole = walk(RULES, [events], 2000, drain_ms=20_000)
    assert {one.rule for one in whole} == {rule.id for rule in RULES}
    accepted = [dict(one) for one in oracle.accepted(events, 2000)]
    assert [one.top for one in whole] == plainly(whole, accepted)
    parts = cut(events, sorted(random.sample(range(400), 9)))
    assert walk(RULES, parts, 2000, drain_ms=20_000) == whole
    assert walk(RULES, parts, 2000, drain_ms=20_000, restarts=True) == whole


@pytest.mark.parametrize("seed", range(4))
def test_so_they_are_however_partitions_part_them_and_in_whatever_order_panes_come(seed: int) -> None:
    random = Random(50 + seed)
    events = sorted(some_events(random, 400), key=lambda one: one["time"])
    told = [in_partitions(RULES, events, partitions, random) for partitions in (1, 3, 7)]
    assert told[0] == told[1] == told[2]
    assert [one.top for one in told[0]] == plainly(told[0], events)


def test_a_summary_ends_with_three_of_them_at_most_and_the_record_has_all() -> None:
    (rule,) = [rule_of(**COMPLAINTS, window="10s", hop="1s")]
    events = [
        {**COMPLAINTS, "id": f"{n}", "time": 100, "category": f"c{n % 4}", "outlet": f"o{n % 5}", "provider": "p"}
        for n in range(40)
    ]  # fmt: skip
    (said,) = [one for one in walk([rule], [events], 0) if one.level == "yellow"]
    record = alert_record(said, rule)
    assert record.summary["en"] == "all: 40 · mainly category c0 25 %; outlet o0 20 %; provider p 100 %"
    assert record.summary["zh"] == "全部：40，主要来自类别 c0 25 %；网点 o0 20 %；提供商 p 100 %"
    assert record.top == said.top
    assert [(one.field, one.value) for one in said.top or ()] == [
        *(("category", f"c{n}") for n in range(3)),
        *(("outlet", f"o{n}") for n in range(3)),
        ("provider", "p"),
    ]
    assert len(foremost(said.top or ())) == 3
