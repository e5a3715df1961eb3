"""Clocks that count down to a moment an event names: against the oracle, and by hand."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from detectors import clocks
from detectors.rulejudge import RuleJudge
from detectors.rules import Clock, Condition, Kind, Measure, Op, Rule
from tests import oracle
from tests.builders import feeder_of, run
from tests.unit.test_oracle import split, without_none

MOMENTS = {"plans": "starts", "cases": "until", "network": "eta"}
HOUR_MS = 3_600_000
T0_MS = 1_772_355_600_000  # 2026-03-01T09:00:00Z
TITLE = {"en": "t", "zh": "t"}


def event(random: Random, number: int, stream: str) -> dict[str, Any]:
    time = random.randrange(120_000) if random.random() < 0.5 else 1000 * random.randrange(120)
    named = random.choice(
        [None, 0, time / 1000, time / 1000 + random.randrange(60), time / 1000 + 60 * random.random()]
    )
    told: dict[str, Any] = {"stream": stream, "id": f"{number:03}", "time": time, MOMENTS[stream]: named}
    told["region"] = random.choice(["长沙", "长沙", "株洲", None])
    if stream == "plans":
        told["starts"] = named or 0
        told |= {
            "kind": random.choice(["planned", "planned", "outside"]),
            "plan": random.choice([None, "p1", "p2", "p3"]),
        }
    elif stream == "cases":
        steps = ["opened", "promised", "paused", "extended", "replied", "closed", "reopened"]
        told |= {
            "case": f"k{random.randrange(15)}",
            "step": random.choice(steps),
            "class": random.choice(["vip", None]),
        }
    else:
        told |= {"element": f"n{random.randrange(15)}", "state": random.choice(["down", "down", "up"])}
    return without_none(told)


def rule(random: Random, stream: str) -> Rule:
    ends = random.choice([(), ("closed",), ("closed", "replied")]) if stream == "cases" else ()
    clock = Clock((), ends, None, moment=MOMENTS[stream], ahead_ms=random.choice([0, 1, 9_000, 40_000]))
    kind = random.choice([Kind.OVERDUE_COUNT, Kind.OVERDUE_LONGEST])
    top = random.choice([2, 7]) if kind is Kind.OVERDUE_COUNT else random.choice([3, 12.345, 30])
    below = random.random() < 0.3
    thresholds = [top * part for part in (0.3, 0.6, 0.9)]
    hop = random.choice([1000, 2500])
    wanted = {"plans": ("kind", "planned"), "cases": ("class", "vip"), "network": ("state", "down")}[stream]
    return Rule(
        id="r",
        stream=stream,
        measure=Measure(kind, clock=clock),
        levels=tuple(zip(("yellow", "orange", "red"), reversed(thresholds) if below else thresholds, strict=True)),
        title=TITLE,
        where=random.choice([(), (Condition(wanted[0], Op.IN, (wanted[1],)),)]),
        by=random.choice([(), ("region",)]),
        window_ms=hop,
        hop_ms=hop,
        below=below,
        for_ms=hop * random.choice([0, 0, 2]),
        clear=random.choice([1.0, 0.8]),
        clear_for_ms=hop * random.choice([0, 0, 3]),
    )


@pytest.mark.parametrize("room", [1, 1024], ids=["forgets at once", "forgets late"])
@pytest.mark.parametrize("stream", MOMENTS)
@pytest.mark.parametrize("seed", range(6))
def test_agrees_with_the_oracle_in_any_split_and_after_any_restart(
    seed: int, stream: str, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clocks, "_ROOM_MIN", room)
    random = Random(f"{seed} {stream}")
    events = sorted((event(random, number, stream) for number in range(70)), key=lambda one: one["time"])
    late = sorted(events, key=lambda one: one["time"] + random.randrange(3000))
    rules = [replace(rule(random, stream), id=f"r{number}") for number in range(4)]
    cuts = sorted(random.sample(range(70), 7))
    expected = oracle.transitions(rules, late, 3000, drain=60_000)
    assert expected, "a test in which nothing happens proves nothing"
    assert run(rules, split(late, cuts), 3000, drain_ms=60_000) == expected
    assert run(rules, split(late, cuts), 3000, drain_ms=60_000, restarts=True) == expected
    assert run(rules, [events], 3000, drain_ms=60_000) == expected


def plan(hours: float, starts: float | None, **fields: Any) -> dict[str, Any]:
    """Tell of a plan so many hours after nine, that begins so many hours after nine."""
    time = T0_MS + round(hours * HOUR_MS)
    moment = {} if starts is None else {"starts": T0_MS / 1000 + starts * 3600}
    return {"stream": "plans", "id": f"{hours}{fields}", "time": time, "kind": "planned", **moment, **fields}


UNTOLD = (Condition("told", Op.NOT, (True,)),)
DAY_AHEAD = Measure(Kind.OVERDUE_COUNT, clock=Clock((), (), None, moment="starts", ahead_ms=24 * HOUR_MS))


def changes(events: list[dict[str, Any]], measure: Measure = DAY_AHEAD) -> list[tuple[float, str, float]]:
    own = Rule("r", "plans", measure, (("orange", 1.0),), TITLE, where=UNTOLD, hop_ms=60_000)
    said = run([own], [events], 0, drain_ms=96 * HOUR_MS)
    return [((time - T0_MS) / HOUR_MS, level, value) for time, _, _, _, level, value, *_ in said]


TIMELINES = {
    "a work in two days is due a day ahead, and no more once it began": (
        [plan(0, 48)],
        [(24, "orange", 1), (48, "green", 0)],
    ),
    "one that was told is not": ([plan(0, 48, plan="a"), plan(20, 48, plan="a", told=True)], []),
    "told too late it is over then": (
        [plan(0, 48, plan="a"), plan(30, 48, plan="a", told=True)],
        [(24, "orange", 1), (30 + 1 / 60, "green", 0)],
    ),
    "one that is moved counts from its new beginning": (
        [plan(0, 48, plan="a"), plan(10, 72, plan="a")],
        [(48, "orange", 1), (72, "green", 0)],
    ),
    "plans without a name are works of their own": (
        [plan(0, 48), plan(10, 72)],
        [(24, "orange", 1), (72, "green", 0)],
    ),
    "one that is announced too late is due at once": ([plan(0, 5)], [(1 / 60, "orange", 1), (5, "green", 0)]),
    "one that is announced when it has begun cannot be told ahead any more": ([plan(0, -1)], []),
}


@pytest.mark.parametrize("name", TIMELINES)
def test_a_timeline(name: str) -> None:
    events, expected = TIMELINES[name]
    assert changes(events) == expected


def test_without_ahead_it_is_overdue_from_the_moment_on_until_its_thing_is_over() -> None:
    clock = Clock((), (), None, moment="eta")
    down = (Condition("state", Op.IN, ("down",)),)
    own = Rule(
        "r", "network", Measure(Kind.OVERDUE_LONGEST, clock=clock), (("red", 1800.0),), TITLE, down, hop_ms=60_000
    )
    element = {"stream": "network", "element": "bts-1"}
    events = [
        {**element, "id": "1", "time": T0_MS, "state": "down", "eta": T0_MS / 1000 + 3600},
        {**element, "id": "2", "time": T0_MS + 2 * HOUR_MS, "state": "up"},
    ]
    said = run([own], [events], 0)
    assert [((time - T0_MS) / HOUR_MS, level) for time, _, _, _, level, *_ in said] == [
        (1.5, "red"),
        (2 + 1 / 60, "green"),
    ]


def test_a_moment_that_has_come_takes_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clocks, "_ROOM_MIN", 4)
    own = Rule("r", "plans", DAY_AHEAD, (("orange", 1.0),), TITLE, hop_ms=60_000)
    judge = RuleJudge(own)
    for hour in range(200):
        for pane in feeder_of(own, [plan(hour, hour + 2)]).close(T0_MS + 300 * HOUR_MS):
            judge.take(pane)
        judge.advance(T0_MS + (hour + 1) * HOUR_MS)
    assert len(judge.state()["things"]["code"]) < 12
