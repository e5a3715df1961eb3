"""The packs give the figures that the organisations and the books give, by the rules as they are shipped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from detectors.rules import Rule
from streams.rulefile import load
from tests.builders import run, walk

RULES = {rule.id: rule for rule in load([Path(__file__).parents[2] / "rules"]).rules}
DAY_MS = 86_400_000
HALF_HOUR_MS = 1_800_000
Event = dict[str, Any]


def value(rule: Rule, events: list[Event], *, over: float = 1e-9) -> float:
    """Give the value of a rule over some events of one half-hour, at the first boundary where it is at least `over`."""
    bare = replace(rule, levels=(("yellow", over),), when=(), below=False, hop_ms=HALF_HOUR_MS, window_ms=DAY_MS)
    bare = replace(bare, for_ms=0, clear_for_ms=0, min_events=0, contributors=())
    told = [{"time": 1_000 + number, **event, "id": str(number)} for number, event in enumerate(events)]
    (raised,) = run([bare], [sorted(told, key=lambda event: int(event["time"]))], 0)
    return float(raised[5])


def calls(number: int, outcome: str, wait_s: float) -> list[Event]:
    return [{"stream": "calls", "outcome": outcome, "wait_s": wait_s}] * number


def hour(in_time: int, answered: int, abandoned_in_time: int, abandoned: int) -> list[Event]:
    served = calls(in_time, "answered", 20) + calls(answered - in_time, "answered", 21)
    return served + calls(abandoned_in_time, "abandoned", 20) + calls(abandoned - abandoned_in_time, "abandoned", 21)


@pytest.mark.parametrize(("formula", "percent"), [("f1", 83.0), ("f2", 86.0), ("f3", 81.1), ("f4", 82.7)])
def test_the_service_levels_of_one_hour_by_four_formulas(formula: str, percent: float) -> None:
    # Call Centre Helper: 1,000 answered, 860 of them in time; 60 abandoned, 20 of them in time.
    assert round(100 * value(RULES[f"courier-service-level-{formula}"], hour(860, 1000, 20, 60)), 1) == percent


def test_the_service_level_of_a_real_time_display() -> None:
    # Genesys CCPulse: 200 ÷ ((300 + 100) − 50).
    assert round(100 * value(RULES["courier-service-level-f4"], hour(200, 300, 50, 100)), 2) == 57.14


def test_twenty_three_complaints_of_ten_thousand_are_sixty_nine_with_the_hidden_ones() -> None:
    shipped = [{"stream": "shipments", "shipment": "s", "step": "collected"}] * 10_000
    told = [{"stream": "complaints", "category": "timeliness", "customer": f"told-{one}"} for one in range(23)]
    called = [{"stream": "calls", "outcome": "answered", "purpose": "complaint"}]
    hidden = [{**called[0], "customer": f"hidden-{one}"} for one in range(46)]
    known = [{**called[0], "customer": f"told-{one}"} for one in range(11)]  # four of five calls are hidden
    end = [{"stream": "calls", "outcome": "answered", "time": 3 * HALF_HOUR_MS}]  # the rest is certain by then
    events = shipped + told + hidden + known + end
    assert value(RULES["freight-complaint-rate"], events) == 23
    assert value(RULES["freight-true-complaint-rate"], events, over=24) == 69
    assert round(100 * value(RULES["freight-hidden-complaints"], events)) == 81  # 46 of 57


def test_the_payout_ratio_that_was_and_that_is_aimed_at() -> None:
    settled = {"stream": "claims", "claim": "c", "step": "settled"}
    opened = {"stream": "claims", "claim": "d", "step": "opened", "premium": 9_999, "paid": 1}
    for paid in (14.9, 11.95, 9.0):
        events = [{**settled, "paid": 2 * paid, "premium": 50}, {**settled, "paid": 0, "premium": 150}, opened]
        assert value(RULES["freight-payout-ratio"], events) == paid


@pytest.mark.parametrize(
    ("rule", "levels", "targets"),
    [
        ("freight-complaint-rate", {"yellow": 19, "orange": 20.55}, {"target": 20.55, "challenge": 19}),
        ("freight-true-complaint-rate", {"yellow": 23, "red": 69}, {"target": 23}),
        ("freight-hidden-complaints", {"red": 0.80}, {}),
        ("freight-internal-answered", {"yellow": 0.8999}, {"target": 0.90}),
        ("freight-internal-solved", {"yellow": 0.2501}, {"target": 0.25}),
        ("freight-payout-ratio", {"yellow": 9, "orange": 11.95, "red": 14.9}, {"target": 11.95, "challenge": 9}),
        ("freight-claim-days", {"yellow": 16.2}, {}),
        ("freight-small-claim-days", {"yellow": 11, "orange": 13}, {"target": 13, "challenge": 11}),
        (
            "freight-claims-online",
            {"yellow": 0.4999, "orange": 0.4499, "red": 0.36},
            {"target": 0.45, "challenge": 0.5},
        ),
        ("courier-order-taking", {"yellow": 180}, {}),
        ("post-pickup-city", {"yellow": 0.0501, "orange": 0.1001}, {"target": 0.05, "limit": 0.10}),
        ("post-pickup-quarter", {"yellow": 0.0501, "orange": 0.1001}, {"target": 0.05, "limit": 0.10}),
        ("users-affected", {"yellow": 2_000, "orange": 5_000, "red": 10_000}, {}),
        ("users-affected-province", {"orange": 5_000, "red": 10_000}, {}),
        ("outlets-down", {"yellow": 1, "orange": 3, "red": 10}, {}),
        ("outlets-down-province", {"orange": 3, "red": 10}, {}),
        ("travel-call-volume", {"yellow": 1.25, "orange": 1.6}, {}),
        ("travel-complaint-rate", {"yellow": 20.5}, {"target": 16.1}),
        ("travel-satisfaction", {"yellow": 0.99, "orange": 0.971}, {"target": 0.995}),
        ("travel-tickets-month", {"yellow": 270, "orange": 311}, {"target": 237}),
        ("travel-compensation", {"yellow": 55.58}, {"target": 55.58}),
    ],
)
def test_the_figures_of_the_organisations_are_the_defaults(
    rule: str, levels: dict[str, float], targets: dict[str, float]
) -> None:
    assert levels.items() <= dict(RULES[rule].levels).items()
    assert dict(RULES[rule].targets) == targets


def test_the_third_quarter_has_its_own_target_and_challenge() -> None:
    (quarter,) = RULES["freight-complaint-rate"].when
    assert quarter.thresholds[:2] == (20, 23)
    rule = RULES["freight-complaint-rate"]
    july, october = 1_783_000_000_000, 1_791_000_000_000  # 2026-07-02, 2026-10-03
    assert [rule.targets_at(july), rule.targets_at(october)] == [
        {"target": 23, "challenge": 20},
        {"target": 20.55, "challenge": 19},
    ]


def test_the_stage_that_overran_most_is_named_though_none_is_late() -> None:
    stages = [("collected", 0, None), ("sorted", 1, (86_400, 86_000)), ("hauled", 2, (90_000, 86_400))]
    events = [
        {
            "stream": "shipments",
            "id": f"{shipment} {step}",
            "time": day * DAY_MS + 1,
            "shipment": shipment,
            "step": step,
            "lane": "沪蓉",
            **({} if plan is None else {"planned_s": plan[0], "actual_s": plan[1]}),
        }
        for step, day, plan in stages
        for shipment in ("s1", "s2", "s3", "s4", "s5")
    ]
    (late,) = walk([RULES["freight-late-shipments"]], [events], 0, drain_ms=2 * DAY_MS)
    assert (late.level, late.worst_step) == ("yellow", "sorted")
