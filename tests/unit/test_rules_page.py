"""docs/rules.md says what is so: its rules load, its table of levels is the formula's, its messages are real."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from streams.rulefile import load
from tests.conftest import DATA

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
SAID = {
    line.split(": ", 2)[2] for path in (DATA / "rules" / "bad").glob("*.txt") for line in path.read_text().splitlines()
}


def table(heading: str) -> list[list[str]]:
    """Read the rows of the table that has this first heading, without its two head lines."""
    text = PAGE[PAGE.index(f"| {heading} |") :].split("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines()[2:]]


def test_the_smallest_rule_loads(tmp_path: Path) -> None:
    path = tmp_path / "smallest.yaml"
    path.write_text(BLOCKS[0], encoding="utf-8")
    assert load([path]).problems == ()


def test_the_calendar_that_is_shown_is_one(tmp_path: Path) -> None:
    (block,) = re.findall(r"```\n(calendars:.*?)```", PAGE, re.DOTALL)
    (tmp_path / "calendars.yaml").write_text(block, encoding="utf-8")
    (tmp_path / "rules.yaml").write_text(BLOCKS[0], encoding="utf-8")
    assert load([tmp_path]).problems == ()


@pytest.mark.parametrize("block", BLOCKS[1:])
def test_the_three_rules_stand_in_the_pack_as_they_are_shown(block: str) -> None:
    shipped = [path.read_text(encoding="utf-8") for path in (ROOT / "rules").glob("*.yaml")]
    assert any(block in text for text in shipped)


@pytest.mark.parametrize("message", [row[0].strip("`") for row in table("Message")])
def test_a_message_is_one_that_is_said(message: str) -> None:
    assert message in SAID


def test_the_table_of_levels_follows_the_formula() -> None:
    names = ["green", "yellow", "orange"]
    levels: list[int] = []
    entered: list[int] = []
    held: list[int] = []
    for _, value, enters, holds, level, _ in table("Time"):
        entered.append(sum(float(value) >= threshold for threshold in (30, 60)))
        held.append(sum(float(value) >= 0.9 * threshold for threshold in (30, 60)))
        rises = min(entered[-3:]) if len(entered) >= 3 else 0
        levels.append(max(rises, min(levels[-1] if levels else 0, max(held[-5:]))))
        assert (enters, holds, level) == (names[entered[-1]], names[held[-1]], names[levels[-1]])
