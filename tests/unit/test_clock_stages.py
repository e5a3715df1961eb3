"""Clocks in the worker's stages: bytes in, alerts out, and time that passes though nobody says anything."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest

from alerts.records import decode
from detectors.rules import Clock, Kind, Measure, Rule
from streams.source_stage import Ways
from tests.staging import NOW_MS, Pipeline, rule
from tests.unit.test_clocks import event as any_event
from tests.unit.test_clocks import rule as any_rule
from tests.unit.test_judge_stage import as_bytes, muddled, replayed

CLOCK = Clock(("opened",), ("closed",), 60_000)
OVERDUE = rule("overdue", stream="cases", by=("region",), measure=Measure(Kind.OVERDUE_COUNT, clock=CLOCK),
               levels=(("yellow", 1.0), ("red", 2.0)))  # fmt: skip
SILENT = rule("silent", stream="cases", measure=Measure(Kind.SILENT), levels=(("red", 90.0),))


def step(case: str, name: str, at_s: float, **more: object) -> bytes:
    told = {"id": f"{case}-{name}-{at_s}", "time": NOW_MS / 1000 + at_s, "case": case, "step": name, "region": "长沙"}
    return json.dumps({**told, **more}).encode()


def told(pipe: Pipeline) -> list[tuple[str, str, str, float]]:
    """Read the alerts as (rule, level, time of the day, value)."""
    return [(one["rule"], one["level"], one["time"][11:19], one["value"]) for one in pipe.said()]


def pipeline(rules: Sequence[Rule], *logs: list[bytes], judges: int = 2) -> Pipeline:
    by_partition = {("cases", number): log for number, log in enumerate(logs)}
    return Pipeline(rules, by_partition, Ways(judges, lateness_ms=1_000))


def test_cases_become_overdue_and_a_stream_silent_though_nothing_comes_any_more() -> None:
    """The two partitions tell different steps of one case; after half a minute both are idle and time goes on alone."""
    one = [step("a", "opened", 0), step("b", "opened", 10), step("c", "opened", 20)]
    two = [step("c", "closed", 21), step("d", "opened", 21.5, region="株洲")]
    pipe = pipeline([OVERDUE, SILENT], one, two)
    pipe.settle()
    pipe.beat(150)
    assert sorted(told(pipe), key=lambda alert: alert[2]) == [
        ("overdue", "yellow", "09:01:00", 1),
        ("overdue", "red", "09:01:10", 2),
        ("overdue", "yellow", "09:01:22", 1),  # of 株洲
        ("silent", "red", "09:01:52", 90.5),
    ]


def test_a_crash_and_a_new_worker_change_nothing() -> None:
    one, two = [step("a", "opened", 0), step("b", "opened", 10)], [step("b", "paused", 15)]
    pipe = pipeline([OVERDUE, SILENT], one, two)
    pipe.settle()
    pipe.beat(40)
    for hosted in pipe.hosted:
        hosted.save()
        hosted.crash()
    one.append(step("b", "resumed", 70))
    pipe.settle()
    pipe.beat(120)
    for hosted in pipe.judges:
        hosted.save()
        hosted.crash()
    pipe.beat(60)
    assert [alert for alert in told(pipe) if alert[0] == "overdue"] == [
        ("overdue", "yellow", "09:01:00", 1),
        ("overdue", "red", "09:02:05", 2),  # five seconds had run before the pause
    ]


@pytest.mark.parametrize("seed", range(12))
def test_partitions_and_crashes_give_what_replay_gives(seed: int) -> None:
    random = Random(seed)
    rules = [replace(any_rule(random), id=f"r{number}") for number in range(5)]
    events = [any_event(random, number) for number in range(120)]
    expected = replayed(rules, sorted(events, key=lambda one: one["time"]))
    logs: list[list[bytes]] = [[], [], []]
    for event in sorted(events, key=lambda one: one["time"] + random.randrange(1_000)):
        random.choice(logs).append(as_bytes(event))
    for log in logs:
        log.append(json.dumps({"heartbeat": True, "time": 200}).encode())
    pipe = muddled(pipeline(rules, *logs), random)
    last = max(event["time"] for event in events)
    ends = {one.id: last // one.hop_ms * one.hop_ms + one.hop_ms for one in rules}
    assert {alert for alert in pipe.alerts if decode(alert).time_ms <= ends[decode(alert).rule]} == expected
    assert expected
