"""Where a series stands, as its judge knows it: value, next level, what holds it back, what is missing."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.explainwords import sentences
from alerts.standings import standing_statements
from detectors.rules import Kind, Measure, Rule
from streams.historyreads import WrongQuestion
from streams.source_stage import Ways
from streams.standings import read_series
from tests.alerting import CHINA, record
from tests.staging import Pipeline, call, heartbeat, rule


def judged(one: Rule, *log: bytes) -> Any:
    """Let a judge see a log of one partition of calls, and give it."""
    line = Pipeline([one], {("calls", 0): list(log)}, Ways(1, 0))
    line.settle()
    return line.judges[0].stage


def told(one: Rule, key: tuple[Any, ...], *log: bytes, **more: Any) -> list[str]:
    stands = judged(one, *log).standing(one.id, key)
    said = standing_statements(one, one.named(key), stands, more.pop("last", None), CHINA, **more)
    return [line["en"] for line in sentences(said, CHINA)]


def test_a_value_below_its_threshold_names_the_next_level() -> None:
    one = rule(by=("region",), for_ms=5_000)
    said = told(one, ("a",), call("c1", 0.5, region="a"), heartbeat(2))
    assert said[0] == "t · a: GREEN, value 1, as judged at 2026-03-01 17:00:02 +08:00"
    assert "YELLOW begins at 2; it is not reached" in said
    assert said[-1] == "The history knows no change of its level"


def test_a_threshold_that_is_reached_and_not_held_long_enough_says_since_when() -> None:
    one = rule(by=("region",), for_ms=5_000)
    calls = [call(f"c{n}", n / 10, region="a") for n in range(3)]
    said = told(one, ("a",), *calls, heartbeat(3))
    assert (
        "YELLOW begins at 2: reached since 2026-03-01 17:00:01 +08:00, for 2 s by the last boundary; it must hold 5 s"
    ) in said
    said = told(one, ("a",), *calls, heartbeat(7))
    assert said[0].startswith("t · a: YELLOW, value 3")
    assert "RED begins at 4; it is not reached" in said
    many = [call(f"c{n}", n / 10, region="a") for n in range(9)]
    assert "It stands at the highest level of the rule" in told(one, ("a",), *many, heartbeat(7))


def test_too_few_events_are_counted_and_the_last_value_named() -> None:
    one = rule(measure=Measure(Kind.MEAN, "wait_s"), min_events=2, levels=(("yellow", 20.0),))
    calls = [call("c1", 0.1, wait_s=5), call("c2", 0.2, wait_s=7)]
    said = told(one, (), *calls, heartbeat(2))
    assert "2 events are in the window; the rule asks for 2" in said
    said = told(one, (), calls[0], heartbeat(2))
    assert "1 events are in the window, and the rule asks for 2: there is no value" in said
    assert "There has been no value yet" in said
    said = told(one, (), *calls, heartbeat(30))
    assert "0 events are in the window, and the rule asks for 2: there is no value" in said
    assert any(
        line.startswith("There is no value now; the last one was at 2026-03-01 17:00:10 +08:00") for line in said
    )


def test_a_series_nobody_has_seen_and_one_that_waits_for_a_whole_window() -> None:
    one = rule(by=("region",), below=True, levels=(("yellow", 4.0), ("red", 2.0)))
    assert told(one, ("b",), call("c1", 0.5, region="a"), heartbeat(2))[0] == (
        "No event of b has come to the rule surge, as far as its judge remembers"
    )
    assert told(one, ("a",), call("c1", 0.5, region="a"), heartbeat(2))[0].startswith("t · a: not judged yet")


def test_blindness_waiting_and_the_last_change_are_said() -> None:
    one = rule(by=("region",))
    last = record("orange", "yellow")
    said = told(one, ("a",), call("c1", 0.5, region="a"), heartbeat(2), blind=("calls",), waits=True, last=last)
    assert any(line.startswith("The stream calls is blind") for line in said)
    assert any(line.startswith("The rule is not judged now") for line in said)
    assert said[-1] == "Its level changed last at 2026-03-01 17:20:30 +08:00: YELLOW → ORANGE"


def test_without_a_history_it_says_what_the_judge_knows_and_that_the_last_change_is_not() -> None:
    said = told(rule(by=("region",)), ("a",), call("c1", 0.5, region="a"), heartbeat(2), has_history=False)
    assert said[0].startswith("t · a: ")
    assert said[-1] == "When its level changed last is not known now: the history cannot be read"


RULES = {"surge": rule("surge", by=("region",)), "all": rule("all"), "wide": rule("wide", at=("outlet", "city"))}


@pytest.mark.parametrize(
    ("name", "pairs", "said"),
    [
        ("", [], 'name a "rule"'),
        ("surg", [], "did you mean|unknown rule"),
        ("surge", ["region"], "is not FIELD=NAME"),
        ("surge", ["=a"], "is not FIELD=NAME"),
        ("surge", ["city=a"], 'has no "city"'),
        ("all", ["city=a"], "one series for all"),
        ("wide", [], "name one of outlet, city"),
        ("wide", ["outlet=a", "city=b"], "name one of outlet, city"),
    ],
)
def test_a_series_that_cannot_be_meant_is_told_in_one_line(name: str, pairs: list[str], said: str) -> None:
    with pytest.raises(WrongQuestion, match=said):
        read_series(name, pairs, RULES)


def test_a_series_is_read() -> None:
    assert read_series("surge", ["region=长沙=1"], RULES) == (RULES["surge"], {"region": "长沙=1"})
