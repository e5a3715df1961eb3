"""Clocks: against the oracle on dense streams of cases, and timelines that people can check by hand."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest

from detectors.calendars import ALWAYS, Calendar
from detectors.judge import RuleJudge
from detectors.partial import merge
from detectors.rules import Clock, Condition, Kind, Measure, Op, Rule
from streams.fragments import join, split
from tests import oracle
from tests.builders import feeder_of, run
from tests.unit.test_oracle import split as sliced
from tests.unit.test_oracle import without_none

SHIFTS = (
    ALWAYS,
    Calendar("half minutes", np.arange(-60, 300, 60) * 1000, np.arange(-30, 330, 60) * 1000, 30_000),
    Calendar("odd", [3_000, 7_001, 20_500, 61_000, 130_000], [7_000, 19_999, 53_000, 90_000, 131_000], 1_000),
    Calendar("over soon", [-5_000], [70_000]),
)
STEPS = ["opened"] * 4 + ["signed", "closed", "paused", "resumed", "resumed", "extended", "reopened"]
KINDS = (Kind.OVERDUE_COUNT, Kind.OVERDUE_LONGEST, Kind.SILENT)


def event(random: Random, number: int) -> dict[str, Any]:
    time = random.randrange(120_000) if random.random() < 0.5 else 1000 * random.randrange(120)
    told: dict[str, Any] = {
        "stream": "cases",
        "id": f"{number:03}",
        "time": time,
        "case": f"k{random.randrange(15)}",
        "step": random.choice(STEPS),
        "region": random.choice(["长沙", "长沙", "株洲", None]),
        "class": random.choice(["ordinary", "ordinary", "vip"]),
    }
    if told["step"] == "extended":
        told["until"] = random.choice([None, 0, time / 1000 + random.randrange(40), time / 1000 + 40 * random.random()])
    return without_none(told)


def rule(random: Random) -> Rule:
    kind = random.choice(KINDS)
    clock = Clock(
        begins=random.choice([("opened",), ("opened", "signed"), ("paused",)]),
        ends=random.choice([("closed",), ("closed", "extended"), ("resumed",)]),
        limit_ms=random.choice([1, 4_000, 15_000, 33_333]),
        at=random.choice([0.8, 1.0, 1.0, 0.333, 2.0]),
        calendar=random.choice(SHIFTS),
    )
    below = random.random() < 0.3
    top = random.choice([2, 7]) if kind is Kind.OVERDUE_COUNT else random.choice([3, 12.345, 20])
    thresholds = [top * part for part in (0.3, 0.6, 0.9)]
    hop = random.choice([1000, 2500])
    return Rule(
        id="r",
        stream="cases",
        measure=Measure(kind, clock=None if kind is Kind.SILENT else clock),
        levels=tuple(zip(("yellow", "orange", "red"), reversed(thresholds) if below else thresholds, strict=True)),
        title={"en": "t", "zh": "t"},
        where=random.choice([(), (Condition("class", Op.IN, ("ordinary",)),)]),
        by=random.choice([(), ("region",)]),
        window_ms=hop * random.choice([1, 4]),
        hop_ms=hop,
        below=below,
        for_ms=hop * random.choice([0, 0, 1, 3]),
        clear=random.choice([1.0, 0.8]),
        clear_for_ms=hop * random.choice([0, 0, 2, 4]),
    )


@pytest.mark.parametrize("seed", range(60))
def test_agrees_with_the_oracle_in_any_split_and_after_any_restart(seed: int) -> None:
    random = Random(seed)
    events = sorted((event(random, number) for number in range(120)), key=lambda one: one["time"])
    late = sorted(events, key=lambda one: one["time"] + random.randrange(3000))
    rules = [replace(rule(random), id=f"r{number}") for number in range(6)]
    cuts = sorted(random.sample(range(120), 9))
    expected = oracle.transitions(rules, late, 3000, drain=40_000)
    assert expected, "a test in which nothing happens proves nothing"
    assert run(rules, sliced(late, cuts), 3000, drain_ms=40_000) == expected
    assert run(rules, sliced(late, cuts), 3000, drain_ms=40_000, restarts=True) == expected
    assert run(rules, [events], 3000, drain_ms=40_000) == expected


@pytest.mark.parametrize("seed", range(20))
def test_parts_told_by_several_partitions_cut_small_and_twice_are_one_pane(seed: int) -> None:
    """What partitions tell of a pane is merged in any order, and a judge that hears a part again changes nothing."""
    random = Random(seed)
    own = replace(rule(random), measure=Measure(Kind.OVERDUE_LONGEST, clock=Clock(("opened",), ("closed",), 9_000)))
    events = [{**event(random, number), "time": random.randrange(own.hop_ms)} for number in range(60)]
    whole = feeder_of(own, events).close(own.hop_ms)
    parts = [feeder_of(own, events[part::3]).close(own.hop_ms)[0] for part in range(3)]
    random.shuffle(parts)
    pieces = [piece for part in parts for piece in split(part, 900)]
    assert len(pieces) > 3
    told_again = join(pieces[0], pieces[0])
    assert series_after(own, [merge([told_again, *pieces[1:]])]) == series_after(own, whole)


def series_after(own: Rule, panes: list[Any]) -> dict[Any, tuple[str, float]]:
    judge = RuleJudge(own)
    for pane in panes:
        assert judge.take(pane)
    judge.advance(60_000)
    return {key: (level, value) for key, level, value in judge.series()}
