"""docs/rules.md says what is so: its rules load, its table of levels is the formula's, its messages are real."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from detectors.vocabulary import STREAMS, Stream
from streams.commands.check import command as check
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


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.startswith("version: 1\n") and "stream: lockers" not in b])
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
    (block,) = [block for block in BLOCKS if block.startswith("rules: [complaints.yaml]")]
    shutil.copy(ROOT / "rules" / "telecom" / "complaints.yaml", tmp_path)
    (tmp_path / "example.yaml").write_text(block, encoding="utf-8")
    answer = CliRunner().invoke(command, [str(tmp_path / "example.yaml")])
    assert (answer.exit_code, answer.stderr) == (0, "ok: 1 test passed\n"), answer.stdout


def test_the_calendar_that_is_shown_is_one(tmp_path: Path) -> None:
    (block,) = re.findall(r"```\n(calendars:.*?)```", PAGE, re.DOTALL)
    (tmp_path / "calendars.yaml").write_text(block, encoding="utf-8")
    (tmp_path / "rules.yaml").write_text(BLOCKS[0], encoding="utf-8")
    assert load([tmp_path]).problems == ()


@pytest.mark.parametrize("block", SHOWN[:10])
def test_the_ten_rules_stand_in_the_packs_as_they_are_shown(block: str) -> None:
    shipped = [path.read_text(encoding="utf-8") for path in (ROOT / "rules").rglob("*.yaml")]
    assert any(block in text for text in shipped)


def test_the_first_rule_is_written_step_by_step(tmp_path: Path) -> None:
    settings, rule, test = BLOCKS[BLOCKS.index(next(b for b in BLOCKS if b.startswith("custom_streams"))) :][:3]
    files = {"site.yaml": settings, "rules/lockers.yaml": rule, "rules/tests/lockers.yaml": test}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    at_the_site = [str(tmp_path / "rules"), "--settings", str(tmp_path / "site.yaml")]
    assert CliRunner().invoke(check, at_the_site).exit_code == 0
    answer = CliRunner().invoke(command, at_the_site)
    assert (answer.exit_code, answer.stderr) == (0, "ok: 1 test passed\n"), answer.stdout


@pytest.mark.parametrize("stream", STREAMS.values(), ids=lambda stream: stream.name)
def test_the_table_of_streams_has_their_fields(stream: Stream) -> None:
    (row,) = [row for row in table("Stream") if row[0] == f"`{stream.name}`"]
    assert row[1].strip("`") == (stream.thing or "")
    bold = {name for name, field in stream.fields.items() if field.required}
    assert (re.findall(r"`(\w+)`", row[2]), set(re.findall(r"\*\*`(\w+)`", row[2]))) == (list(stream.fields), bold)
    for field in stream.fields.values():
        assert ", ".join(field.one_of) in row[2]


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
