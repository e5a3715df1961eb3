"""Late shipments, and the step to blame: from planned and actual seconds to the text of the alert."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from alerts.records import alert_record, decode, encode
from detectors.rulejudge import RuleJudge
from detectors.rules import Clock, Kind, Measure, Rule
from detectors.transition import Transition
from streams.rulefile import load
from streams.source_stage import Ways
from tests import oracle_clocks
from tests.builders import feeder_of, run
from tests.staging import NOW_MS, Pipeline
from tests.unit.test_judge_stage import as_bytes, muddled
from tests.unit.test_oracle import split, without_none

RULES = """
rules:
  - id: late
    title: {en: Late shipments, zh: 货物迟到}
    stream: shipments
    by: [lane]
    measure: {overdue: count, from: picked-up, until: delivered, limit: 60m, name_worst: step}
    levels: {yellow: 1, red: 3}
    summary: {en: "{value} late on {lane}: {worst_step}", zh: "{lane} {value} 票迟到：{worst_step}"}
"""


@pytest.fixture
def rule(tmp_path: Path) -> Rule:
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    found = load([tmp_path])
    assert found.problems == ()
    return found.rules[0]


def step(  # noqa: PLR0917  a timeline is read in columns
    shipment: str,
    minute: float,
    name: str,
    planned_min: float | None = None,
    actual_min: float | None = None,
    lane: str = "长沙-武汉",
) -> dict[str, Any]:
    """Make one step that is over at a minute, with the minutes it was meant to take and took."""
    seconds = [None if minutes is None else 60 * minutes for minutes in (planned_min, actual_min)]
    return without_none(
        {
            "stream": "shipments",
            "id": f"{shipment}-{name}-{minute}",
            "time": NOW_MS + round(minute * 60_000),
            "shipment": shipment,
            "step": name,
            "lane": lane,
            "planned_s": seconds[0],
            "actual_s": seconds[1],
        }
    )


def named(transition: Transition) -> tuple[Any, ...]:
    return (transition.time_ms - NOW_MS) / 60_000, transition.level, transition.worst_step


def test_the_step_that_overran_most_is_named(rule: Rule) -> None:
    events = [step("a", 0, "picked-up", 10, 12), step("a", 20, "sorted", 15, 20), step("a", 50, "hauled", 30, 30)]
    events += [step("a", 90, "delivered", 30, 40)]
    assert run([rule], [events], 0, tell=named) == [(60, "yellow", "sorted"), (90 + 1 / 6, "green", "")]


def test_even_if_no_single_step_is_late(rule: Rule) -> None:
    """The plan of the steps adds up to less than the limit, and time was lost between them: the tightest is named."""
    events = [step("a", 0, "picked-up", 10, 9), step("a", 40, "sorted", 15, 14.5), step("a", 61, "other")]
    assert run([rule], [events], 0, tell=named) == [(60, "yellow", "sorted")]


def test_a_step_that_comes_twice_overran_by_both(rule: Rule) -> None:
    events = [step("a", 0, "picked-up", 10, 13), step("a", 10, "sorted", 10, 12), step("a", 20, "sorted", 10, 12)]
    assert run([rule], [[*events, step("b", 61, "x")]], 0, tell=named) == [(60, "yellow", "sorted")]


def test_of_several_the_step_to_blame_for_most_is_named(rule: Rule) -> None:
    """One terrible haul is one shipment's; two slow sortings are two."""
    events = [step(name, 0, "picked-up") for name in "abc"]
    events += [step("a", 10, "hauled", 10, 500), step("b", 10, "sorted", 10, 12), step("c", 10, "sorted", 10, 11)]
    events += [step("d", 20, "picked-up", 1, 99), step("x", 61, "y")]
    assert run([rule], [events], 0, tell=named) == [(60, "red", "sorted")], "d is slow, but not late yet"


def test_without_a_plan_nobody_is_to_blame(rule: Rule) -> None:
    events = [step("a", 0, "picked-up"), step("a", 10, "sorted", 10), step("a", 61, "hauled", None, 5)]
    assert run([rule], [events], 0, tell=named) == [(60, "yellow", "")]


def test_the_alert_says_it_in_data_and_in_words(rule: Rule) -> None:
    events = [step("a", 0, "picked-up", 1, 2), step("a", 10, "分拣", 10, 99), step("b", 61, "x")]
    said: list[Transition] = []
    run([rule], [events], 0, tell=lambda transition: (said.append(transition),))
    record = alert_record(said[0], rule)
    assert (record.worst_step, record.summary["zh"]) == ("分拣", "长沙-武汉 1 票迟到：分拣")
    assert decode(encode(record)) == record


def test_an_alert_of_a_rule_that_does_not_ask_is_as_ever(rule: Rule) -> None:
    said = Transition(rule.id, ("x",), "yellow", "green", 0, 0, 1.0, 1.0, "raised")
    assert b'"worst_step"' not in encode(alert_record(said, rule))


def test_the_last_words_of_a_rule_name_it_too(rule: Rule) -> None:
    judge = RuleJudge(rule)
    for pane in feeder_of(rule, [step("a", 0, "picked-up", 1, 2)]).close(NOW_MS + 10_000):
        judge.take(pane)
    judge.advance(NOW_MS + 3_600_000)
    (ending,) = judge.endings()
    assert alert_record(ending, rule).summary["en"] == "unknown late on 长沙-武汉: picked-up"


STEPS = ["picked-up", "sorted", "hauled", "out", "delivered"]
OWN = Rule(
    "late",
    "shipments",
    Measure(Kind.OVERDUE_COUNT, clock=Clock(("picked-up",), ("delivered",), 5 * 60_000, name_worst=True)),
    (("yellow", 1.0), ("orange", 2.0), ("red", 4.0)),
    {"en": "t", "zh": "t"},
    by=("lane",),
)


def any_step(random: Random) -> dict[str, Any]:
    made = step(f"s{random.randrange(9)}", random.randrange(1800) / 60, random.choice(STEPS), lane=random.choice("xy"))
    if random.random() < 0.9:
        made |= {"planned_s": random.choice([60, 90.5]), "actual_s": random.choice([30, 60, 120, 120.25])}
    return {**made, "id": str(random.random())}


def blamed(events: Sequence[dict[str, Any]], lane: str, t: int) -> str:
    """Say in plain code who is to blame in a lane at a boundary."""
    things: dict[str, list[dict[str, Any]]] = {}
    for event in sorted((e for e in events if e["time"] < t), key=lambda e: (e["time"], e["id"])):
        things.setdefault(event["shipment"], []).append(event)
    worst: Counter[str] = Counter()
    total: Counter[str] = Counter()
    assert OWN.measure.clock is not None
    for steps in things.values():
        late = oracle_clocks.beyond(OWN.measure.clock, steps, t)
        if late is None or late < 0 or steps[-1]["lane"] != lane:
            continue
        since = max(n for n, e in enumerate(steps) if e["step"] == "delivered") + 1 if any(
            e["step"] == "delivered" for e in steps) else 0  # fmt: skip
        first = next(n for n in range(since, len(steps)) if steps[n]["step"] == "picked-up")
        over: Counter[str] = Counter()
        for event in steps[first:]:
            if "planned_s" in event:
                over[event["step"]] += round((event["actual_s"] - event["planned_s"]) * 1000)
        if over:
            name = min(over, key=lambda one: (-over[one], one))
            worst[name] += 1
            total[name] += over[name]
    return min(worst, key=lambda one: (-worst[one], -total[one], one), default="")


@pytest.mark.parametrize("seed", range(10))
def test_the_same_in_any_split_order_and_restart_and_through_the_stages(seed: int) -> None:
    random = Random(seed)
    events = sorted((any_step(random) for _ in range(90)), key=lambda one: one["time"])
    late = sorted(events, key=lambda one: one["time"] + random.randrange(3000))

    def tell(said: Transition) -> tuple[Any, ...]:
        return said.time_ms, str(said.key[0]), said.level, said.worst_step

    whole = run([OWN], [events], 3000, tell=tell)
    assert len({worst for _, _, _, worst in whole}) > 2
    assert [worst for _, _, _, worst in whole] == [blamed(events, lane, t) for t, lane, _, _ in whole]
    assert run([OWN], split(late, [9, 40, 41, 70]), 3000, restarts=True, tell=tell) == whole

    logs: dict[tuple[str, int], list[bytes]] = {("shipments", number): [] for number in range(3)}
    for event in events:
        random.choice(list(logs.values())).append(as_bytes(event))
    for log in logs.values():
        log.append(as_bytes({"heartbeat": True, "time": NOW_MS + 1_801_000}))
    pipe = muddled(Pipeline([OWN], logs, Ways(2, lateness_ms=3_000), NOW_MS + 3_600_000), random)
    said = [decode(value) for value in dict.fromkeys(pipe.alerts)]
    told = [(one.time_ms, one.key["lane"], one.level, one.worst_step) for one in said]
    assert [one for one in told if one[0] <= whole[-1][0]] == whole
