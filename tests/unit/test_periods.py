"""Windows of the calendar against their oracle: over midnights, months and quarters, in any split, over restarts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from detectors.hours import Almanac, Span
from detectors.periods import PERIODS, end_of, start_of
from detectors.rules import Block, Kind, Measure, Rule
from tests import oracle
from tests.builders import run
from tests.unit.test_oracle import TITLE, split
from tests.unit.test_oracle_windows import HOP, a_rule, dense_event, simple

KINDS = {Kind.COUNT, Kind.SUM, Kind.MEAN, Kind.MAX, Kind.DISTINCT, Kind.SHARE, Kind.QUANTILE, Kind.RATIO}
KINDS |= {Kind.SHARE_OF_ALL, Kind.UNMATCHED_COUNT, Kind.UNMATCHED_SHARE, Kind.UNMATCHED_TOTAL}
BORDERS = [  # midnights of the site: of a day, a Monday, a month, a quarter, and of a day after one of 23 hours
    ("Asia/Shanghai", "2026-03-04"),
    ("UTC", "2026-03-02"),
    ("Asia/Kathmandu", "2026-03-01"),
    ("America/St_Johns", "2026-04-01"),
    ("Europe/Berlin", "2026-03-30"),
]


def over_a_border(random: Random, zone: str, day: str) -> tuple[list[dict[str, Any]], Almanac]:
    """Make 300 events of a minute with a midnight somewhere in it, and some of a day before."""
    midnight = round(datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1000
    shift = midnight - random.randrange(5, 40) * 1000
    events = [dense_event(random, number) for number in range(300)]
    for number, event in enumerate(events):
        event["time"] += shift - (86_400_000 if number % 10 == 0 else 0)
    return sorted(events, key=lambda event: event["time"] + random.randrange(2000)), Almanac(zone)


def over_periods(random: Random, id_: str, almanac: Almanac) -> Rule:
    rule = a_rule(random, id_)
    while rule.measure.base is not None:
        rule = a_rule(random, id_)
    if random.random() < 0.5:
        measure = simple(random, rule.stream)
        rule = replace(rule, measure=measure, min_events=random.choice([0, 3]) if measure.kind is Kind.MEAN else 0)
        scale = {Kind.SHARE: 0.2, Kind.MEAN: 2.0, Kind.MAX: 3.0, Kind.QUANTILE: 2.0}.get(measure.kind, 10.0)
        thresholds = [scale, 2 * scale, 3 * scale][: len(rule.levels)]
        names = [name for name, _ in rule.levels]
        rule = replace(rule, levels=tuple(zip(names, reversed(thresholds) if rule.below else thresholds, strict=True)))
    if random.random() < 0.5:  # other thresholds from one side of the border on
        span = Span(**random.choice([{"month_days": ((1, 2),)}, {"months": ((3, 3),)}, {"days": (6, 0)}]))
        rule = replace(rule, when=(Block(span, tuple(2 * threshold for _, threshold in rule.levels)),))
    period = random.choice(list(PERIODS))
    return replace(rule, period=period, window_ms=PERIODS[period], almanac=almanac, hop_ms=HOP, for_ms=0)


@pytest.mark.parametrize("border", BORDERS, ids=" ".join)
@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_the_oracle_in_any_split_and_over_restarts(border: tuple[str, str], seed: int) -> None:
    random = Random(f"{border} {seed}")
    events, almanac = over_a_border(random, *border)
    late = [event for event in events if event["time"] > events[len(events) // 2]["time"] - 3_600_000]
    some = [over_periods(random, f"r{number}", almanac) for number in range(5)]
    expected = oracle.transitions(some, late, 2000, drain=20_000)
    cuts = sorted(random.sample(range(len(late)), 9))
    assert run(some, split(late, cuts), 2000, drain_ms=20_000) == expected
    assert run(some, split(late, cuts), 2000, drain_ms=20_000, restarts=True) == expected


def test_levels_of_every_kind_move_and_fall_where_a_period_ends() -> None:
    moved: dict[Kind, set[str]] = {}
    for seed in range(130):
        random = Random(seed)
        events, almanac = over_a_border(random, *random.choice(BORDERS[:3]))
        rule = over_periods(random, "r", almanac)
        last = max(event["time"] for event in events)
        near = [event for event in events if event["time"] > last - 120_000]
        for told in run([rule], [sorted(near, key=lambda event: event["time"])], 0, drain_ms=5_000):
            moved.setdefault(rule.measure.kind, set()).add(told[6])
    assert moved.keys() == KINDS
    assert any("cleared" in reasons for reasons in moved.values())


def test_a_month_is_whole_at_its_last_midnight_and_begins_anew_behind_it() -> None:
    zone = ZoneInfo("Asia/Shanghai")
    first = datetime(2026, 3, 1, tzinfo=zone)
    events = [
        {"stream": "complaints", "id": str(day), "category": "billing",
         "time": round((first + timedelta(days=day, hours=1)).timestamp()) * 1000}
        for day in range(33)
    ]  # fmt: skip
    rule = Rule("r", "complaints", Measure(Kind.COUNT), (("yellow", 20.0), ("red", 31.0)), TITLE, period="month",
                window_ms=PERIODS["month"], hop_ms=900_000)  # fmt: skip
    told = [(*said[:1], said[4], said[5]) for said in run([rule], [events], 0)]
    april = round(datetime(2026, 4, 1, tzinfo=zone).timestamp()) * 1000
    assert told == [
        (events[19]["time"] + 900_000, "yellow", 20.0),
        (events[30]["time"] + 900_000, "red", 31.0),
        (april + 900_000, "green", 0.0),
    ]
    assert rule.window_at(april) == 31 * 86_400_000
    assert rule.window_at(april + 900_000) == 900_000


def test_what_is_kept_of_a_quarter_is_one_pane_a_side() -> None:
    from detectors.rulejudge import RuleJudge
    from tests.builders import feeder_of

    rule = Rule("r", "calls", Measure(Kind.COUNT), (("yellow", 1e9),), TITLE, by=("region",), period="quarter",
                window_ms=PERIODS["quarter"], hop_ms=900_000)  # fmt: skip
    start = round(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1000
    events = [{"stream": "calls", "id": str(n), "time": start + n * 900_000, "outcome": "answered", "region": "长沙"}
              for n in range(2000)]  # fmt: skip
    judge = RuleJudge(rule)
    for pane in feeder_of(rule, events).close(start + 2001 * 900_000):
        judge.take(pane)
    judge.advance(start + 2001 * 900_000)
    assert len(judge.state()["inside"]) == 1
    assert judge.value_of(0) == judge.events_of(0) == 2000


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/St_Johns", "Pacific/Apia"])
def test_a_period_ends_where_the_next_begins(period: str, zone: str) -> None:
    for day in range(800):
        time = round(datetime(2025, 1, 1, 7, tzinfo=UTC).timestamp()) * 1000 + day * 86_400_000
        start, end = start_of(period, zone, time), end_of(period, zone, time)
        assert start <= time < end
        assert start_of(period, zone, end) == end
        assert start_of(period, zone, end - 1) == start
