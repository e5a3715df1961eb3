"""The measures that learn, in the worker's stages: partitions, crashes and snapshots give what replay gives."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from detectors.rules import Kind, Rule
from streams.source_stage import Ways
from tests.staging import Pipeline
from tests.unit.test_judge_stage import as_bytes, muddled, replayed
from tests.unit.test_oracle_ahead import KINDS, LATENESS, MINUTE, centre, rule_ahead, staffing_rule, weeks_of_events
from tests.unit.test_two_streams import until_the_last


def walked(rules: list[Rule], events: list[dict[str, Any]], lateness_ms: int, random: Random) -> Pipeline:
    """Spread events over two partitions a stream, and walk all stages with crashes nobody chose."""
    streams = {stream for rule in rules for stream in rule.streams}
    logs: dict[tuple[str, int], list[bytes]] = {(stream, number): [] for stream in streams for number in range(2)}
    for event in events:
        if event["stream"] in streams:
            logs[event["stream"], random.randrange(2)].append(as_bytes(event))
    end_s = max(event["time"] for event in events) / 1000 + 86_400
    for log in logs.values():
        log.append(json.dumps({"heartbeat": True, "time": end_s}).encode())
    return muddled(Pipeline(rules, logs, Ways(2, lateness_ms=lateness_ms)), random)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_learned_survives_crashes_and_partitions(kind: Kind) -> None:
    random = Random(f"stages {kind}")
    events = weeks_of_events(random, 250, 3 if kind is Kind.DROP else 1.6)
    rules = [replace(rule_ahead(random, kind), id=f"r{number}") for number in range(6)]
    expected = replayed(rules, events)
    assert expected
    pipe = walked(rules, events, LATENESS, random)
    watched = [event for event in events if event["stream"] in {rule.stream for rule in rules}]
    assert until_the_last(pipe.alerts, rules, watched) == until_the_last(list(expected), rules, watched)
    assert pipe.counts.late_partials == 0


@pytest.mark.parametrize("seed", range(3))
def test_staff_and_calls_meet_in_the_worker(seed: int) -> None:
    random = Random(seed)
    events = centre(random, 250)
    rules = [staffing_rule(random)]
    expected = replayed(rules, events)
    assert expected
    pipe = walked(rules, events, 20 * MINUTE, random)
    assert until_the_last(pipe.alerts, rules, events) == expected
