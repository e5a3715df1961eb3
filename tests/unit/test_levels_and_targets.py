"""Levels without colours, levels that are a part of a limit, targets in words: from rule file to alert record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from streams.commands.replay import command

HEAD = "id: r, title: {en: R, zh: 规则}, stream: complaints, hop: 10s, contributors: []"


def events(count: int, **fields: Any) -> list[dict[str, Any]]:
    return [
        {"id": str(n), "time": 1_772_355_600 + n * 0.1, "stream": "complaints", "category": "billing", **fields}
        for n in range(count)
    ]


def records(folder: Path, rule: str, some: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Replay events through one rule until all is green again."""
    (folder / "rules.yaml").write_text(f"rules:\n  - {{{HEAD}, {rule}}}\n", encoding="utf-8")
    (folder / "events.jsonl").write_text("".join(f"{json.dumps(event)}\n" for event in some), encoding="utf-8")
    options = [str(folder / "events.jsonl"), "--rules", str(folder / "rules.yaml"), "--drain", "--quiet"]
    answer = CliRunner().invoke(command, options)
    assert (answer.exit_code, answer.stderr) == (0, "")
    return [json.loads(line) for line in answer.stdout.splitlines()]


def test_a_rule_without_colours_says_act_and_when_it_is_over(tmp_path: Path) -> None:
    told = records(tmp_path, "measure: count, window: 1m, levels: {act: 3}", events(5))
    assert [(record["was"], record["level"], record["reason"]) for record in told] == [
        ("green", "act", "raised"),
        ("act", "green", "cleared"),
    ]


def test_a_major_complaint_is_red_at_the_next_boundary_whatever_the_counts(tmp_path: Path) -> None:
    some = events(1, major=True)
    some[0]["time"] += 3
    told = records(tmp_path, "measure: count, where: {major: true}, levels: {red: 1}", some)
    assert (told[0]["level"], told[0]["time"]) == ("red", "2026-03-01T09:00:10Z")


@pytest.mark.parametrize(("count", "levels"), [(54, []), (55, ["yellow", "green"]), (100, ["red", "green"])])
def test_a_warning_comes_at_a_part_of_the_limit(count: int, levels: list[str], tmp_path: Path) -> None:
    # 55 % of 100 is 55 as people reckon; 0.55 * 100 is a little more.
    rule = "measure: count, window: 10m, targets: {limit: 100}, levels: {yellow: 55%, red: 100%}"
    assert [record["level"] for record in records(tmp_path, rule, events(count))] == levels


def test_targets_stand_beside_the_value(tmp_path: Path) -> None:
    rule = "measure: count, levels: {yellow: 5}, targets: {target: 2, challenge: 1}"
    assert records(tmp_path, rule, events(5))[0]["summary"] == {
        "en": "all: 5 (target 2, challenge 1)",
        "zh": "全部：5（目标 2，挑战目标 1）",
    }


def test_targets_of_a_quarter_are_named_in_it_and_its_parts_of_a_limit_follow(tmp_path: Path) -> None:
    spring = "when: [{months: 1-3, targets: {limit: 4}}]"
    rule = f"measure: count, levels: {{yellow: 50%}}, targets: {{target: 7, limit: 100}}, {spring}"
    told = records(tmp_path, rule, events(2))
    assert (told[0]["threshold"], told[0]["summary"]["en"]) == (2.0, "all: 2 (target 7, limit 4)")


def test_a_text_names_targets_as_numbers_and_as_shares(tmp_path: Path) -> None:
    summary = '{en: "{percent} of {target_percent}, {target}", zh: x}'
    rule = (
        f"measure: {{share: {{repeat: true}}}}, levels: {{yellow: 0.5}}, targets: {{target: 0.125}}, summary: {summary}"
    )
    told = records(tmp_path, rule, events(4, repeat=True))
    assert told[0]["summary"]["en"] == "100 % of 12.5 %, 0.125"
