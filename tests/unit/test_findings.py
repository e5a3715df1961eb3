"""What an incident was, as people found it: at its end or after it, in timeline, history and explanation."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.explain import explanation
from tests.alerting import CHINA
from tests.happenings import SURGE
from tests.recounted import Day, history_of


def day_of(*asked: tuple[str, dict[str, object]], is_over: bool = False) -> tuple[Day, str]:
    day = Day(rules=(SURGE,))
    day.pass_to("10:00")
    incident = day.alert(SURGE, "orange", region="长沙", category="network").incident
    if is_over:
        day.alert(SURGE, "green", region="长沙", category="network")
    for what, body in asked:
        day.pass_to(f"10:{10 + asked.index((what, body))}")
        day.command(what, "王工", incident, **body)
    return day, incident


@pytest.mark.parametrize(
    ("asked", "is_over", "finding", "is_false"),
    [
        pytest.param([("resolve", {"cause": "光缆中断"})], False, "光缆中断", False, id="ended by hand with its cause"),
        pytest.param([("find", {"cause": "光缆中断"})], True, "光缆中断", False, id="found after it was over"),
        pytest.param([("find", {"false_alarm": True})], True, "", True, id="there was no trouble"),
        pytest.param([("find", {"cause": "a"}), ("find", {"cause": "b"})], True, "b", False, id="the last word counts"),
        pytest.param([("find", {"false_alarm": True}), ("find", {"cause": "a"})], True, "a", True, id="both are kept"),
        pytest.param([("find", {"cause": "a"}), ("find", {"false_alarm": True})], True, "a", True, id="in any order"),
        pytest.param(
            [("find", {"cause": "a", "false_alarm": True}), ("find", {"false_alarm": False})], True, "a", False,
            id="there was trouble after all",
        ),
        pytest.param([("find", {"cause": "a\u202eb\n"})], True, "ab", False, id="text of others is cleaned"),
        pytest.param([("resolve", {"cause": 3})], False, "", False, id="refused: no text"),
        pytest.param([("find", {})], True, "", False, id="refused: nothing said"),
        pytest.param([("find", {"false_alarm": "yes"})], True, "", False, id="refused: neither true nor false"),
        pytest.param([("find", {"cause": "x" * 2_001})], True, "", False, id="refused: too long"),
    ],
)  # fmt: skip
def test_what_it_was_is_kept(
    asked: list[tuple[str, dict[str, object]]], is_over: bool, finding: str, is_false: bool, tmp_path: Path
) -> None:
    day, incident = day_of(*asked, is_over=is_over)
    with history_of(day.log, tmp_path) as reads:
        state = reads.state(incident)
        orders = reads.orders(incident)
    assert state is not None
    assert (state["finding"], state["false_alarm"]) == (finding, is_false)
    assert [each.outcome == "done" for each in orders] == [bool(finding or is_false)] * len(orders)
    again = day.made()
    again.load(day.stage.dump())
    assert again.dump() == day.stage.dump()


def test_a_refused_cause_does_not_end_the_incident(tmp_path: Path) -> None:
    day, incident = day_of(("resolve", {"cause": 3}))
    with history_of(day.log, tmp_path) as reads:
        state = reads.state(incident)
    assert state is not None
    assert state["state"] == "open"


def test_it_is_explained_in_both_languages(tmp_path: Path) -> None:
    day, incident = day_of(("find", {"cause": "光缆中断"}), ("find", {"false_alarm": True}), is_over=True)
    with history_of(day.log, tmp_path) as reads:
        told = explanation(incident, CHINA)(reads)["statements"]
    assert [one["zh"].partition("  ")[2] for one in told if "王工" in one["zh"]] == [
        "王工 查明原因：光缆中断",
        "王工 认定为误报",
    ]
    assert any("found the cause: 光缆中断" in one["en"] for one in told)
