"""Clocks: against the oracle on dense streams of cases, and timelines that people can check by hand."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest

from detectors.calendars import ALWAYS, Calendar
from detectors.partial import merge
from detectors.rulejudge import RuleJudge
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
    if told["step"] == "extended" or random.random() < 0.3:
        told["until"] = random.choice([None, 0, time / 1000 + random.randrange(40), time / 1000 + 40 * random.random()])
    return without_none(told)


def rule(random: Random) -> Rule:
    kind = random.choice(KINDS)
    clock = Clock(
        begins=random.choice([("opened",), ("opened", "signed"), ("paused",)]),
        ends=random.choice([("closed",), ("closed", "extended"), ("resumed",)]),
        limit_ms=random.choice([1, 4_000, 15_000, 33_333, None]),
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


@pytest.mark.parametrize("seed", range(30))
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


T0_MS = 1_772_355_600_000  # 2026-03-01T09:00:00Z


def at(text: str) -> int:
    """Read a time of the day of these timelines."""
    hours, minutes = map(int, text.split(":"))
    return T0_MS + ((hours - 9) * 60 + minutes) * 60_000


def told(
    steps: str, limit: str | None, *, kind: Kind = Kind.OVERDUE_COUNT, part: float = 1.0, seconds: float = 1
) -> str:
    """Walk a timeline ("09:00 opened, 10:00 extended 12:00, …") of one case; tell when its rule changed its level."""
    events = []
    for number, step in enumerate(steps.split(", ")):
        time, name, *until = step.split(" ")
        more = {"until": at(until[0]) / 1000} if until else {}
        events.append({"stream": "cases", "id": f"{number}", "time": at(time), "case": "k1", "step": name, **more})
    clock = Clock(("opened",), ("replied", "closed"), None if limit is None else at(limit) - at("00:00"), part)
    levels = (("red", seconds),)
    own = Rule("r", "cases", Measure(kind, clock=clock), levels, {}, hop_ms=60_000)
    day_ms = 86_400_000
    said = run([own], [events], 0, drain_ms=day_ms)
    return ", ".join(f"{(time - at('00:00')) // 60_000 // 60:02}:{(time - T0_MS) // 60_000 % 60:02} {level}"
                     for time, _, _, _, level, *_ in said)  # fmt: skip


TIMELINES = {
    "a limit that passes": ("09:00 opened", "01:00", "10:00 red"),
    "one that is kept": ("09:00 opened, 09:59 replied", "01:00", ""),
    "one that is missed and ended": ("09:00 opened, 10:30 replied", "01:00", "10:00 red, 10:31 green"),
    "what comes at the very limit is overdue at it": ("09:00 opened, 10:00 closed", "01:00", "10:00 red, 10:01 green"),
    "opened twice starts once": ("09:00 opened, 09:30 opened", "01:00", "10:00 red"),
    "opened again after its end": ("09:00 opened, 09:10 closed, 09:30 opened", "01:00", "10:30 red"),
    "other steps change nothing": ("09:00 opened, 09:20 signed, 09:40 dispatched", "01:00", "10:00 red"),
    "a pause stops it": ("09:00 opened, 09:30 paused", "01:00", ""),
    "and it goes on where it stopped": ("09:00 opened, 09:30 paused, 11:00 resumed", "01:00", "11:30 red"),
    "pauses add up": (
        "09:00 opened, 09:10 paused, 09:20 resumed, 09:30 paused, 09:45 resumed",
        "01:00",
        "10:25 red",
    ),
    "paused twice is one pause": ("09:00 opened, 09:10 paused, 09:50 paused, 10:00 resumed", "01:00", "10:50 red"),
    "resumed without a pause is nothing": ("09:00 opened, 09:30 resumed", "01:00", "10:00 red"),
    "overdue stays overdue while paused": (
        "09:00 opened, 10:30 paused, 12:00 replied",
        "01:00",
        "10:00 red, 12:01 green",
    ),
    "an extension gives a new due time": ("09:00 opened, 09:30 extended 12:00", "01:00", "12:00 red"),
    "the last one counts": ("09:00 opened, 09:30 extended 12:00, 09:40 extended 11:00", "01:00", "11:00 red"),
    "it lifts what was overdue": ("09:00 opened, 10:30 extended 12:00", "01:00", "10:00 red, 10:31 green, 12:00 red"),
    "without a time it says nothing": ("09:00 opened, 09:30 extended", "01:00", "10:00 red"),
    "to a time gone by it is due at once": ("09:00 opened, 09:30 extended 09:10", "01:00", "09:31 red"),
    "a pause moves the new due time too": (
        "09:00 opened, 09:30 extended 12:00, 10:00 paused, 11:00 resumed",
        "01:00",
        "13:00 red",
    ),
    "extended while paused: as if it ran from then": (
        "09:00 opened, 09:30 paused, 10:00 extended 12:00, 11:00 resumed",
        "01:00",
        "13:00 red",
    ),
    "reopened starts it again": ("09:00 opened, 09:30 closed, 11:00 reopened", "01:00", "12:00 red"),
    "with its own limit, not the extended one": (
        "09:00 opened, 09:10 extended 16:00, 09:30 closed, 11:00 reopened",
        "01:00",
        "12:00 red",
    ),
    "even while it runs": ("09:00 opened, 09:30 reopened", "01:00", "10:30 red"),
    "even if it was never seen to open": ("09:30 reopened", "01:00", "10:30 red"),
    "a step before it opened is nothing": ("09:00 paused, 09:10 extended 09:20, 09:30 opened", "01:00", "10:30 red"),
}


@pytest.mark.parametrize("name", TIMELINES)
def test_a_timeline(name: str) -> None:
    steps, limit, expected = TIMELINES[name]
    assert told(steps, limit) == expected


PROMISES = {
    "kept": ("09:00 opened 12:00, 11:59 closed", ""),
    "not kept": ("09:00 opened 12:00", "12:00 red"),
    "one that names no time is none": ("09:00 opened", ""),
    "given again": ("09:00 opened 12:00, 11:00 opened 14:00", "14:00 red"),
    "given again without a time": ("09:00 opened 12:00, 11:00 opened", "12:00 red"),
    "of a time gone by": ("09:00 opened 08:00", "09:01 red"),
    "extended": ("09:00 opened 12:00, 10:00 extended 13:00", "13:00 red"),
    "reopened with a new time": ("09:00 opened 12:00, 11:00 closed, 13:00 reopened 15:00", "15:00 red"),
    "reopened without one": ("09:00 opened 12:00, 11:00 closed, 13:00 reopened", ""),
}


@pytest.mark.parametrize("name", PROMISES)
def test_a_promise_is_due_when_it_says(name: str) -> None:
    steps, expected = PROMISES[name]
    assert told(steps, None) == expected


def test_warns_at_a_part_of_the_limit() -> None:
    assert told("09:00 opened", "05:00", part=0.8) == "13:00 red"
    assert told("09:00 opened, 10:00 extended 19:00", "05:00", part=0.8) == "17:00 red", "of the extended limit"
    assert told("09:00 opened", "01:00", part=2) == "11:00 red"


def test_the_longest_is_told_in_seconds_beyond_the_limit() -> None:
    longest = Kind.OVERDUE_LONGEST
    assert told("09:00 opened, 12:00 closed", "01:00", kind=longest, seconds=1800) == "10:30 red, 12:01 green"
    assert told("09:00 opened, 10:20 paused, 12:00 resumed", "01:00", kind=longest, seconds=1800) == "12:10 red"
    assert told("09:00 opened", "10:00", kind=longest, part=0.5, seconds=60) == "14:01 red"


def test_what_is_shown_has_moved_since_it_was_judged() -> None:
    """A series is judged only where its level can change; the wall shows its value of now."""
    own = Rule("r", "cases", Measure(Kind.SILENT), (("red", 3600.0),), {}, hop_ms=1_000)
    events = [{"stream": "cases", "id": "1", "time": T0_MS, "case": "k", "step": "opened"}]
    judge = RuleJudge(own)
    for pane in feeder_of(own, events).close(T0_MS + 1_000):
        judge.take(pane)
    assert judge.advance(T0_MS + 1_000) == []
    assert judge.next_ms == T0_MS + 3_600_000, "not a boundary between is worked on"
    assert judge.advance(T0_MS + 90_999) == []
    assert list(judge.series()) == [((), "green", 90.0)]


def test_open_cases_outlive_another_table_of_holidays() -> None:
    """Next year's official days come with a new version: what is open stays open, and is due by the new table."""

    def by(calendar: Calendar) -> RuleJudge:
        measure = Measure(Kind.OVERDUE_COUNT, clock=Clock(("opened",), ("closed",), 60_000, calendar=calendar))
        return RuleJudge(Rule("r", "cases", measure, (("red", 1.0),), {}, hop_ms=1_000))

    old = by(Calendar("official", [0], [1_000_000]))
    new = by(Calendar("official", [0, 100_000], [30_000, 1_000_000]))
    assert old.rule.fingerprint == new.rule.fingerprint
    event = {"stream": "cases", "id": "1", "time": 20_000, "case": "k", "step": "opened"}
    for pane in feeder_of(old.rule, [event]).close(21_000):
        old.take(pane)
    assert old.advance(25_000) == []
    new.restore(old.state())
    assert [transition.time_ms for transition in new.advance(300_000)] == [150_000]
    same = by(Calendar("official", [0], [1_000_000]))
    same.restore(old.state())
    assert [transition.time_ms for transition in same.advance(300_000)] == [80_000]


def test_a_clock_that_has_ended_takes_no_memory() -> None:
    measure = Measure(Kind.OVERDUE_COUNT, clock=Clock(("opened",), ("closed",), 60_000))
    own = Rule("r", "cases", measure, (("red", 1.0),), {}, hop_ms=1_000)
    judge = RuleJudge(own)
    for number, step in enumerate(("opened", "closed")):
        events = [
            {"stream": "cases", "id": f"{n}", "time": 1_000 * number, "case": f"k{n}", "step": step} for n in range(9)
        ]
        for pane in feeder_of(own, events).close(9_000):
            judge.take(pane)
        judge.advance(1_000 * (number + 1))
        assert len(judge.state()["things"]["code"]) == (9 if step == "opened" else 0)
