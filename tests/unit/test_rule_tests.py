"""The tests beside the shipped rules pass, and each rule has one that would notice if it no longer worked."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from detectors.rules import Rule
from streams.rulefile import load
from streams.site import Site
from streams.testcases import Case, read_cases
from streams.testrun import run

SHIPPED = Path(__file__).parents[2] / "rules"
RULES = load([SHIPPED])


@cache
def cases() -> list[tuple[Case, dict[str, Rule]]]:
    """Give every test there is, with the rules it is about."""
    files = [read_cases(path, Site()) for path in RULES.test_files]
    assert not [problem for file in files for problem in file.problems]
    return [(case, dict(file.rules)) for file in files for case in file.cases]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each test of the files, under its own name."""
    if "number" in metafunc.fixturenames:
        names = [f"{Path(case.place.file).stem}: {case.name}" for case, _ in cases()]
        metafunc.parametrize("number", range(len(names)), ids=names)


def test_it_passes(number: int) -> None:
    case, rules = cases()[number]
    outcome = run(case, rules)
    assert outcome.passed, f"tocsin test {case.place.file} says why"


@pytest.mark.parametrize("rule", RULES.rules, ids=[rule.id for rule in RULES.rules])
def test_a_rule_that_no_longer_rises_is_noticed(rule: Rule) -> None:
    deaf = replace(rule, levels=tuple((level, -1.0 if rule.below else 1e12) for level, _ in rule.levels), when=())
    named = [(case, rules) for case, rules in cases() if any(e.rule == rule.id for e in case.expected)]
    assert named, f"no test names {rule.id}"
    assert any(not run(case, {**rules, rule.id: deaf}).passed for case, rules in named)
