"""What was made apart, in one rule: levels of places, blocks of `when`, two streams, measures that learn."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from random import Random
from zoneinfo import ZoneInfo

import pytest

from detectors.rules import Kind, Rule
from tests import oracle
from tests.builders import run
from tests.unit import test_oracle_ahead as ahead
from tests.unit import test_oracle_windows as windows
from tests.unit.test_oracle import split
from tests.unit.test_when import dense_blocks

NIGHT_MS = round(datetime(2026, 3, 1, 23, 59, 30, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp() * 1000)


def placed(random: Random, rule: Rule, levels: tuple[str, ...]) -> Rule:
    """Judge a rule at levels; its `by` may not name one of them."""
    return replace(rule, at=random.choice([levels, levels[-1:]]), by=())


@pytest.mark.parametrize("seed", range(24))
def test_two_streams_at_every_level_by_thresholds_of_the_hour(seed: int) -> None:
    random = Random(seed)
    events = [windows.dense_event(random, number) for number in range(250)]
    events = [{**event, "time": event["time"] + NIGHT_MS} for event in events]
    events.sort(key=lambda event: event["time"] + random.randrange(2000))
    some = []
    for number in range(5):
        rule = dense_blocks(random, windows.a_rule(random, f"r{number}"), NIGHT_MS)
        levels = ("region",) if "network" in rule.streams else ("customer", "region")
        some.append(placed(random, rule, levels) if random.random() < 0.6 else rule)
    expected = oracle.transitions(some, events, 2000, drain=20_000)
    assert expected
    cuts = sorted(random.sample(range(250), 7))
    assert run(some, split(events, cuts), 2000, drain_ms=20_000) == expected
    assert run(some, split(events, cuts), 2000, drain_ms=20_000, restarts=True) == expected


@pytest.mark.parametrize("kind", ahead.KINDS)
@pytest.mark.parametrize("seed", range(2))
def test_what_learns_is_judged_at_every_level_by_thresholds_of_the_hour(kind: Kind, seed: int) -> None:
    random = Random(f"{kind} {seed}")
    events = ahead.weeks_of_events(random, 250, 4 if kind is Kind.DROP else 2.2)
    rules = [ahead.rule_ahead(random, kind, f"r{number}") for number in range(3)]
    some = [placed(random, by_the_hour(random, rule), ("region",)) for rule in rules]
    expected = oracle.transitions(some, events, ahead.LATENESS, drain=ahead.DAY)
    assert expected
    cuts = sorted(random.sample(range(len(events)), 5))
    assert run(some, split(events, cuts), ahead.LATENESS, drain_ms=ahead.DAY, restarts=True) == expected


def by_the_hour(random: Random, rule: Rule) -> Rule:
    """Give a rule other thresholds at night and on a day of the first weeks of 1970, in which its events lie."""
    return dense_blocks(random, rule, random.randrange(14) * ahead.DAY)


@pytest.mark.parametrize("below", [False, True])
def test_a_rule_at_levels_wakes_for_no_place_at_all(below: bool) -> None:
    """Events that name no place are counted and never judged: neither by a border, nor by silence, nor by a hold."""
    random = Random(below)
    events = [windows.dense_event(random, number) for number in range(60)]
    events = sorted(({**event, "time": event["time"] + NIGHT_MS} for event in events), key=lambda event: event["time"])
    nowhere = [{name: value for name, value in event.items() if name != "region"} for event in events]
    tried = 0
    while tried < 10:
        rule = replace(dense_blocks(random, windows.a_rule(random), NIGHT_MS), at=("region",), by=(), below=below)
        if run([rule], [events], 0, drain_ms=600_000):
            tried += 1
            assert run([rule], [nowhere], 0, drain_ms=600_000, restarts=True) == []
