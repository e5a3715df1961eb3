"""The call-centre indicators of docs/rules.md: each is a rule that loads, and gives the figure the books give."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from detectors.checker import check_rules
from detectors.rules import Rule
from tests.builders import run
from tests.unit.test_rules_page import table

INDICATORS = {name: text.strip("`") for name, text in table("Indicator")}
NAMED = """after-call work, occupancy, mean time to abandon, cost per call, mean talk time, mean wait, longest wait,
mean speed of answer, calls an hour, monitoring score, blocked rate, abandonment rate, attendance, total calls, agent
turnover, service level f1, service level f2, service level f3, service level f4"""


def rule(name: str) -> Rule:
    given = yaml.safe_load("{" + next(text for title, text in INDICATORS.items() if title.startswith(name)) + "}")
    told = {"id": "indicator", "title": {"en": "t", "zh": "题"}, "levels": {"yellow": 0.5}, **given}
    checked = check_rules({"version": 1, "rules": [told]})
    assert checked.problems == ()
    return checked.rules[0]


@pytest.mark.parametrize("name", INDICATORS)
def test_a_row_of_the_table_is_a_rule(name: str) -> None:
    assert rule(name).stream in ("calls", "agents")


def test_the_table_has_every_indicator() -> None:
    there = [name.split(":")[0].lower() for name in INDICATORS]
    assert [name for name in " ".join(NAMED.split()).split(", ") if name not in there] == []


def value(name: str, events: list[dict[str, Any]]) -> float:
    """Give the value of an indicator over some events of one minute."""
    low = replace(rule(name), levels=(("yellow", 1e-9),), below=False, window_ms=3_600_000, hop_ms=60_000, min_events=0)
    told = [{"id": str(number), "time": 1_000 + number, **event} for number, event in enumerate(events)]
    (raised,) = run([low], [told], 0)
    return float(raised[5])


def calls(outcome: str, number: int, wait_s: float, **fields: Any) -> list[dict[str, Any]]:
    return [{"stream": "calls", "outcome": outcome, "wait_s": wait_s, **fields}] * number


def hour(in_time: int, answered: int, abandoned_in_time: int, abandoned: int) -> list[dict[str, Any]]:
    served = calls("answered", in_time, 20) + calls("answered", answered - in_time, 21)
    lost = calls("abandoned", abandoned_in_time, 20) + calls("abandoned", abandoned - abandoned_in_time, 20.5)
    return served + lost + calls("blocked", 7, 0)


@pytest.mark.parametrize(("formula", "percent"), [("F1", 83.0), ("F2", 86.0), ("F3", 81.1), ("F4", 82.7)])
def test_the_service_levels_of_one_hour_by_four_formulas(formula: str, percent: float) -> None:
    # Call Centre Helper: 1,000 answered, 860 of them in time; 60 abandoned, 20 of them in time.
    assert round(100 * value(f"Service level {formula}", hour(860, 1000, 20, 60)), 1) == percent


def test_the_service_level_of_a_real_time_display() -> None:
    # Genesys CCPulse: 200 ÷ ((300 + 100) − 50).
    assert round(100 * value("Service level F4", hour(200, 300, 50, 100)), 2) == 57.14


def test_the_other_indicators_of_an_hour() -> None:
    some = calls("answered", 3, 10, talk_s=100, wrap_s=20) + calls("answered", 1, 30, talk_s=300, wrap_s=40)
    some += calls("abandoned", 1, 60) + calls("abandoned", 1, 4.9) + calls("blocked", 2, 0)
    some += [{"stream": "agents", "agent": f"a{number}", "state": state, "score": 80, "cost": 6.5}
             for number, state in enumerate(("ready", "talking", "talking", "wrap", "away"))]  # fmt: skip
    figures = {
        "After-call work": 25.0,
        "Occupancy": 0.75,
        "Mean time to abandon": 32.45,
        "Cost per call": 32.5 / 8,
        "Mean talk time": 150.0,
        "Mean speed of answer": 15.0,
        "Longest wait": 60.0,
        "Calls an hour": 8.0,
        "Monitoring score": 80.0,
        "Blocked rate": 0.25,
        "Abandonment rate": 0.2,  # who hung up within 5 s was never there
        "Attendance": 0.8,
        "Total calls": 8.0,
    }
    assert {name: value(name, some) for name in figures} == pytest.approx(figures)


def test_agents_who_leave_are_seen_against_the_weeks_before() -> None:
    day, gone = 86_400_000, 6
    turnover = replace(rule("Agent turnover"), levels=(("yellow", 0.15),))
    events = [
        {"stream": "agents", "id": f"{at} {agent}", "time": at * day + 5, "agent": f"a{agent}", "state": "ready"}
        for at in range(7, 70)
        for agent in range(30)
        if at < 56 or agent >= gone
    ]
    (raised,) = run([turnover], [events], 0)
    assert (raised[4], raised[5]) == ("yellow", pytest.approx(gone / 30))
    assert 62 * day < raised[0] <= 64 * day  # once none of them was there for a week
