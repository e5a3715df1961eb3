"""What docs/desk.md says is shown is a test; each point and each ask has one; there are timelines enough."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/desk.md").read_text(encoding="utf-8")
POINTS = range(1, 9)
ASKS = (1, 2, 3, *range(5, 16), 17, 18, 19)
TIMELINES_MIN = 40


def rows(part: str) -> list[tuple[int, list[tuple[str, str]]]]:
    """Read the rows of a table: (number, [(file, test)])."""
    _, _, rest = PAGE.partition(f"## {part}\n")
    table = re.findall(r"^\| (\d+) \|.*$", rest.partition("\n## ")[0], re.MULTILINE)
    lines = re.findall(r"^\| \d+ \|.*$", rest.partition("\n## ")[0], re.MULTILINE)
    named = [re.findall(r"`(tests/[a-z_/]+\.py)::(\w+)`", line) for line in lines]
    return list(zip(map(int, table), named, strict=True))


@cache
def _named_in(file: Path) -> frozenset[str]:
    tree = ast.parse(file.read_bytes())
    functions = (each for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(each.name for each in functions if each.name.startswith("test_"))


@pytest.mark.parametrize(("part", "numbers"), [("Points", POINTS), ("Asks", ASKS)])
def test_each_point_and_each_ask_is_shown_by_tests_that_are_there(part: str, numbers: tuple[int, ...]) -> None:
    found = rows(part)
    assert {number for number, _ in found} == set(numbers)
    assert [number for number, named in found if not named] == [], "shown by nothing"
    gone = [f"{file}::{name}" for _, named in found for file, name in named if name not in _named_in(ROOT / file)]
    assert gone == [], "there is no such test"


def test_there_are_timelines_enough() -> None:
    flow = ROOT / "tests/flow"
    files = [*flow.glob("test_timelines_*.py"), *flow.glob("test_escalation*.py"), flow / "test_storm.py"]
    assert sum(len(_named_in(file)) for file in files) >= TIMELINES_MIN
