"""docs/rules.md says what is so: its rules load, its table of levels is the formula's, its messages are real."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.commands.test import command
from streams.rulefile import load
from tests.conftest import DATA

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
SHOWN = [block for block in BLOCKS if block.startswith("  - id: ")]  # rules, as they stand in a file
SAID = {
    line.split(": ", 2)[2] for path in (DATA / "rules" / "bad").glob("*.txt") for line in path.read_text().splitlines()
}


def table(heading: str) -> list[list[str]]:
    """Read the rows of the table that has this first heading, without its two head lines."""
    text = PAGE[PAGE.index(f"| {heading} |") :].split("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines()[2:]]


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.startswith("version: 1\n")])
def test_an_example_that_is_a_whole_file_loads(block: str, tmp_path: Path) -> None:
    path = tmp_path / "example.yaml"
    path.write_text(block, encoding="utf-8")
    assert load([path]).problems == ()


@pytest.mark.parametrize("block", SHOWN)
def test_a_rule_that_is_shown_loads(block: str, tmp_path: Path) -> None:
    path = tmp_path / "shown.yaml"
    path.write_text(f"version: 1\nrules:\n{block}", encoding="utf-8")
    found = load([path])
    assert found.problems == ()
    assert len(found.rules) == 1


def test_the_example_of_a_test_passes(tmp_path: Path) -> None:
    (block,) = [block for block in BLOCKS if block.startswith("rules: ")]
    shutil.copy(ROOT / "rules" / "complaints.yaml", tmp_path)
    (tmp_path / "example.yaml").write_text(block, encoding="utf-8")
    answer = CliRunner().invoke(command, [str(tmp_path / "example.yaml")])
    assert (answer.exit_code, answer.stderr) == (0, "ok: 1 test passed\n"), answer.stdout


def test_the_calendar_that_is_shown_is_one(tmp_path: Path) -> None:
    (block,) = re.findall(r"```\n(calendars:.*?)```", PAGE, re.DOTALL)
    (tmp_path / "calendars.yaml").write_text(block, encoding="utf-8")
    (tmp_path / "rules.yaml").write_text(BLOCKS[0], encoding="utf-8")
    assert load([tmp_path]).problems == ()


@pytest.mark.parametrize("block", SHOWN[:3])
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
