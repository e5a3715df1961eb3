"""`when` blocks: other thresholds for a part of the time, exactly as the oracle reads them, in any split."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from detectors.hours import Almanac, Schedule, Span, holds_at
from detectors.rules import Block, Kind, Measure, Rule
from tests import oracle
from tests.builders import run
from tests.unit.test_oracle import dense_event, dense_rule, split

START_MS = 1_772_323_200_000  # 2026-03-01T00:00:00Z, a Sunday; 08:00 in Shanghai
HOUR_MS = 3_600_000
TITLE = {"en": "t", "zh": "t"}


def ms(text: str, zone: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def dense_blocks(random: Random, rule: Rule, start_ms: int) -> Rule:
    """Give a rule some blocks whose borders lie within two minutes of its events."""
    zone = ZoneInfo("Asia/Shanghai")
    local = datetime.fromtimestamp(start_ms / 1000, zone)
    minute = local.hour * 60 + local.minute
    blocks = []
    for _ in range(random.choice([1, 2])):
        first, last = sorted((minute + step) % 1440 for step in random.sample(range(4), 2))
        span = Span(
            hours=random.choice([(), ((first, last),), ((last, first),)]),
            days=random.choice([(), (local.weekday(),), ((local.weekday() + 6) % 7,)]),
            holiday=random.choice([None, None, True, False]),
            dates=random.choice([(), (), ((local.date(), local.date()),)]),
            month_days=random.choice([(), (), ((1, 1),), ((local.day, 31),)]),
            months=random.choice([(), (), ((1, 2),), ((local.month, 12),)]),
        )
        factor = random.choice([0.4, 0.7, 1.5, 3])
        blocks.append(Block(span, tuple(threshold * factor for _, threshold in rule.levels)))
    holidays = frozenset([local.date()] if random.random() < 0.5 else [])
    return replace(rule, when=tuple(blocks), almanac=Almanac("Asia/Shanghai", holidays))


@pytest.mark.parametrize("seed", range(40))
def test_thresholds_change_at_the_border_as_the_oracle_says(seed: int) -> None:
    random = Random(seed)
    # Some begin just before a day, a week or a year ends in Shanghai, where spans of days have their borders.
    before = [ms(text, "Asia/Shanghai") for text in ("2026-03-01 23:59", "2025-12-31 23:58")]
    start_ms = random.choice([START_MS, *before])
    events = [dense_event(random, number) for number in range(400)]
    events = [{**event, "time": event["time"] + start_ms} for event in events]
    events.sort(key=lambda event: event["time"] + random.randrange(3000))
    rules = [replace(dense_blocks(random, dense_rule(random), start_ms), id=f"r{number}") for number in range(6)]
    expected = oracle.transitions(rules, events, 2000, drain=20_000)
    cuts = sorted(random.sample(range(400), 9))
    assert run(rules, split(events, cuts), 2000, drain_ms=20_000) == expected
    assert run(rules, split(events, cuts), 2000, drain_ms=20_000, restarts=True) == expected


def down(element: str, time_ms: int) -> dict[str, Any]:
    return {"stream": "network", "id": element, "time": time_ms, "element": element, "state": "down"}


def standing(**over: Any) -> Rule:
    """Judge how many elements are down, a value that stands still while no event comes."""
    settings = {"levels": (("yellow", 30.0), ("red", 60.0)), "hop_ms": 10_000, "title": TITLE}
    return Rule(id="r", stream="network", measure=Measure(Kind.NOW_COUNT), **(settings | over))


NIGHT = Block(Span(hours=((22 * 60, 6 * 60),)), (10.0, 20.0))


def told_of(rule: Rule, events: list[dict[str, Any]], drain_ms: int) -> list[tuple[int, str, float]]:
    said = run([rule], [events], 0, drain_ms)
    return [(time_ms, level, threshold) for time_ms, _, _, _, level, _, _, _, threshold in said]


def test_a_value_that_stands_still_is_judged_anew_at_the_border() -> None:
    before = ms("2026-03-01 21:00", "Asia/Shanghai")
    rule = standing(when=(NIGHT,))
    events = [down(f"n{number}", before) for number in range(12)]
    assert told_of(rule, events, 12 * HOUR_MS) == [
        (ms("2026-03-01 22:00", "Asia/Shanghai"), "yellow", 10.0),
        (ms("2026-03-02 06:00", "Asia/Shanghai"), "green", 30.0),
    ]


def test_holds_reach_back_over_the_border_to_what_was_entered_and_held_there() -> None:
    before = ms("2026-03-01 21:00", "Asia/Shanghai")
    rule = standing(when=(NIGHT,), for_ms=60_000, clear_for_ms=120_000)
    events = [down(f"n{number}", before) for number in range(12)]
    assert told_of(rule, events, 12 * HOUR_MS) == [
        (ms("2026-03-01 22:01", "Asia/Shanghai"), "yellow", 10.0),  # for a minute of the night's own boundaries
        (ms("2026-03-02 06:02", "Asia/Shanghai"), "green", 30.0),  # last held at 05:59:50, two minutes before 06:01:50
    ]


def test_the_first_block_that_holds_counts() -> None:
    feast = Block(Span(holiday=True), (5.0, 6.0))
    rule = standing(when=(feast, NIGHT), almanac=Almanac("UTC", frozenset([date(2026, 3, 1)])))
    events = [down(f"n{number}", START_MS + 21 * HOUR_MS) for number in range(5)]
    assert told_of(rule, events, 12 * HOUR_MS) == [
        (START_MS + 21 * HOUR_MS + 10_000, "yellow", 5.0),
        (START_MS + 24 * HOUR_MS, "green", 10.0),
    ]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kathmandu", "UTC"])
@pytest.mark.parametrize("around", ["2026-03-28", "2026-04-04", "2026-10-03", "2026-10-24", "2026-03-07", "2026-10-31"])
def test_no_change_is_missed_when_the_clocks_are_put_forward_or_back(zone: str, around: str) -> None:
    spans = [Span(hours=((2 * 60 + 20, 2 * 60 + 40),)), Span(hours=((1 * 60 + 50, 3 * 60 + 10),), days=(6,))]
    schedule = Schedule(spans, Almanac(zone))
    time_ms = round(datetime.fromisoformat(around).replace(tzinfo=UTC).timestamp() * 1000)
    end_ms = time_ms + 60 * HOUR_MS
    changes = []
    walked = time_ms
    while walked < end_ms:
        until_ms = schedule.until(walked)
        assert until_ms > walked
        if schedule.at(until_ms) != schedule.at(walked):
            changes.append(until_ms)
        walked = until_ms
    minutes = range(time_ms, end_ms, 60_000)
    expected = [now for now in minutes[1:] if schedule.at(now) != schedule.at(now - 60_000)]
    assert [change for change in changes if change < end_ms] == expected


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    friday_night = [Span(hours=((22 * 60, 6 * 60),), days=(4,))]
    friday = datetime(2026, 3, 6, tzinfo=UTC)
    held = [
        hour
        for hour in range(72)
        if holds_at(friday_night, Almanac("UTC"), round((friday + timedelta(hours=hour)).timestamp() * 1000))
    ]
    assert held == list(range(22, 30))


def test_targets_are_those_of_the_first_block_that_holds() -> None:
    summer = Block(Span(months=((7, 9),)), (30.0, 60.0), {"target": 23.0, "challenge": 20.0})
    rule = standing(targets={"target": 20.55, "challenge": 19.0}, when=(summer,))
    hours = {"2026-06-30 23:59": 20.55, "2026-07-01 00:00": 23, "2026-09-30 23:59": 23, "2026-10-01 00:00": 20.55}
    assert {text: rule.targets_at(ms(text, "Asia/Shanghai"))["target"] for text in hours} == hours
    assert rule.targets_at(ms("2026-08-01 00:00", "Asia/Shanghai"))["challenge"] == 20


def test_only_the_arithmetic_is_in_the_fingerprint() -> None:
    rule = standing(when=(NIGHT,))
    assert rule.fingerprint == replace(rule, when=(replace(NIGHT, targets={"target": 1.0}),)).fingerprint
    assert rule.fingerprint != standing().fingerprint
    assert rule.fingerprint == replace(rule, quiet=(Span(days=(6,)),), targets={"target": 1.0}).fingerprint
    # Next year's holidays do not make every rule begin anew.
    assert rule.fingerprint == replace(rule, almanac=Almanac("UTC", frozenset([date(2027, 1, 1)]))).fingerprint
