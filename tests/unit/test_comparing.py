"""`where` that compares two fields of an event: numbers and times alike; what is missing matches nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from detectors.checker import check_rules
from detectors.conditions import read_where
from detectors.places import Place
from detectors.rules import Condition, FieldName, Op
from detectors.vocabulary import STREAMS
from detectors.where import Asked, asking
from streams.columns import to_batch
from streams.events import Decoder

HEAD: dict[str, Any] = {"id": "r", "title": {"en": "R", "zh": "R"}, "levels": {"yellow": 1}}


def chosen(stream: str, where: dict[str, Any], events: list[dict[str, Any]]) -> list[bool]:
    """Say which events match, from the bytes on."""
    place = Place(where, (), [])
    conditions = read_where(place, STREAMS[stream])
    assert not place.problems
    fields = {field for condition in conditions for field in condition.fields}
    lines = [json.dumps({"id": str(n), "time": 1_772_355_600, **event}).encode() for n, event in enumerate(events)]
    told = Decoder(STREAMS[stream]).gather(lines, fields)
    assert len(told.ids) == len(events)
    batch = to_batch(STREAMS[stream], told.ids, told.time_ms, told.columns)
    mask = Asked(STREAMS[stream].fields, batch).matches(asking(conditions))
    assert mask is not None
    return mask.tolist()


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("gt", [False, False, True, False, False]),
        ("ge", [False, True, True, False, False]),
        ("lt", [True, False, False, False, False]),
        ("le", [True, True, False, False, False]),
    ],
)
def test_numbers_are_compared_and_what_is_missing_matches_nothing(word: str, expected: list[bool]) -> None:
    plan = {"shipment": "s", "step": "signed", "planned_s": 60}
    events = [{**plan, "actual_s": 59.5}, {**plan, "actual_s": 60.0}, {**plan, "actual_s": 61}, plan]
    events += [{"shipment": "s", "step": "signed", "actual_s": 61}]
    assert chosen("shipments", {"actual_s": {word: {"field": "planned_s"}}}, events) == expected


def test_times_are_compared_whatever_their_offset() -> None:
    plan = {"kind": "planned", "starts": "2026-03-01T09:00:00Z"}
    ends = ["2026-03-01T17:00:00+08:00", "2026-03-01T16:59:59.999+08:00", 1_772_355_601, None]
    events = [{**plan, "ends": end} if end is not None else plan for end in ends]
    assert chosen("plans", {"ends": {"gt": {"field": "starts"}}}, events) == [False, False, True, False]
    assert chosen("plans", {"ends": {"le": {"field": "starts"}}}, events) == [True, True, False, False]


def test_it_is_one_condition_among_others() -> None:
    place = Place({"actual_s": {"gt": {"field": "planned_s"}, "le": 9}, "step": "sorted"}, (), [])
    assert read_where(place, STREAMS["shipments"]) == (
        Condition("actual_s", Op.GT, (FieldName("planned_s"),)),
        Condition("actual_s", Op.LE, (9.0,)),
        Condition("step", Op.IN, ("sorted",)),
    )


def test_both_sides_of_a_ratio_have_the_fields_that_are_compared() -> None:
    ratio = {"ratio": {"of": {"stream": "shipments"}, "to": {"stream": "calls"}}}
    rule = {**HEAD, "stream": "shipments", "measure": ratio, "where": {"actual_s": {"gt": {"field": "planned_s"}}}}
    told = [problem.message for problem in check_rules({"rules": [rule]}).problems]
    assert told == [
        'stream calls has no field "actual_s": this rule needs it in both streams',
        'stream calls has no field "planned_s": this rule needs it in both streams',
    ]


def test_agents_are_chosen_by_what_they_have_both_fields_of() -> None:
    rule = {
        **HEAD,
        "stream": "calls",
        "where": {"wait_s": {"gt": {"field": "talk_s"}}, "queue": "a"},
        "measure": {"service_level_ahead": "15m", "within": "20s"},
    }
    (found,) = check_rules({"rules": [rule]}).rules.values()
    assert [condition.field for condition in found.sides[3].where] == ["state", "queue"]
