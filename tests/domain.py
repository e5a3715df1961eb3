"""Which row of the domain is served by which rule, shown by which test: read from the packs and their tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import yaml

from streams.rulefile import load
from streams.site import SHIPPED
from streams.testcases import Case, Expectation, read_cases

ROOT = Path(__file__).parents[1]
PACKS = ROOT / "rules"
PAGE = ROOT / "docs" / "rules-domain.md"
SECTIONS = sorted((ROOT / "tests" / "data" / "domain-rows").glob("*.yaml"))
HEAD = """# The domain, row by row

What five service organisations watch, which shipped rule does it, and which test shows that it does. The names of rows
stand in a comment above each rule (`# domain: 1 · Major complaint`). This page is written from those comments and the
tests beside the rules: `pytest tests/unit/test_domain.py --update-golden`.
"""

SERVES = re.compile(r"\s*# domain: (\w+) · (.+)")
ID = re.compile(r"\s*- id: ([a-z0-9-]+)")


class Row(NamedTuple):
    """A row of the domain, and what does it where that is no rule."""

    section: str
    name: str
    part: str = ""
    tests: tuple[str, ...] = ()
    not_yet: str = ""


class Serves(NamedTuple):
    """A rule, its file, and the rows that the comment above it names."""

    rule: str
    file: str
    rows: tuple[tuple[str, str], ...]


@cache
def titles() -> dict[str, str]:
    """Give the section's titles."""
    return {path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))["title"] for path in SECTIONS}


@cache
def rows() -> tuple[Row, ...]:
    """Read the rows, in the order of the sections."""
    return tuple(
        Row(path.stem, **{**row, "tests": tuple(row.get("tests", ()))})
        for path in SECTIONS
        for row in yaml.safe_load(path.read_text(encoding="utf-8"))["rows"]
    )


@cache
def served() -> tuple[Serves, ...]:
    """Read the comments above the rules of the packs."""
    return tuple(found for path in sorted(load([PACKS]).files) for found in _served(path))


def _served(path: Path) -> Iterator[Serves]:
    above: list[tuple[str, str]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if match := SERVES.fullmatch(line):
            above.append((match[1], match[2].strip()))
        elif match := ID.match(line):
            yield Serves(match[1], path.relative_to(PACKS).as_posix(), tuple(above))
            above = []


@cache
def cases() -> tuple[Case, ...]:
    """Read the tests beside the rules."""
    files = [read_cases(path, SHIPPED) for path in sorted(load([PACKS]).test_files)]
    return tuple(case for file in files for case in file.cases)


def fires_in(rule: str) -> list[Case]:
    """Give the tests that want this rule to fire."""
    return [case for case in cases() if any(_fires(each, rule) for each in case.expected)]


def silent_in(rule: str) -> list[Case]:
    """Give the tests that want no change of this rule at all, of some series or of any."""
    return [case for case in cases() if any(_is_silence(each, rule) for each in case.expected)]


def _fires(each: Expectation, rule: str) -> bool:
    return each.rule == rule and not each.unwanted and each.level != "green"


def _is_silence(each: Expectation, rule: str) -> bool:
    return each.rule == rule and each.unwanted and not each.level


def page() -> str:
    """Write docs/rules-domain.md."""
    parts = [HEAD]
    for section, title in titles().items():
        parts.append(f"\n## {section} · {title}\n\n| Row | Rule | Test |\n|---|---|---|\n")
        parts.extend(_line(row) for row in rows() if row.section == section)
    return "".join(parts)


def _line(row: Row) -> str:
    found = [serves for serves in served() if (row.section, row.name) in serves.rows]
    said = [f"[`{each.rule}`](../rules/{each.file})" for each in found]
    said += [row.part] if row.part else []
    said += [f"*not yet*: {row.not_yet}"] if row.not_yet else []
    shown = list(dict.fromkeys(f"“{case.name}”" for each in found for case in fires_in(each.rule)[:1]))
    shown += [f"`{test}`" for test in row.tests]
    return f"| {row.name} | {' · '.join(said)} | {' · '.join(shown)} |\n"
