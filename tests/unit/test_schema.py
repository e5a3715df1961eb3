"""The schemas are those of the tables, take all that is right, and refuse what is wrong as far as a schema can."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft7Validator

from detectors.checker import RULE_KEYS
from detectors.forms import FORMS
from detectors.measures import MEASURES
from detectors.schema import SAYS, schema_of_rules, schema_of_tests
from detectors.testfile import is_test_file
from streams.commands.schema import command
from streams.rulefile import load
from streams.yamlfile import parse_yaml, read_yaml
from tests.conftest import DATA

SHIPPED = Path(__file__).parents[2] / "rules"
GOOD = DATA / "rules" / "good"
BAD = DATA / "rules" / "bad"
RULES = Draft7Validator(schema_of_rules())
TESTS = Draft7Validator(schema_of_tests())

UNSEEN = {
    "numbers beside each other": [
        "default-window-not-a-multiple-of-hop",
        "levels-equal",
        "levels-out-of-order",
        "tests-shape",
    ],
    "the same, with `below`": ["levels-out-of-order-below"],
    "how large a number with its unit is": ["duration-not-whole-ms", "duration-too-long", "duration-zero"],
    "names that are elsewhere": ["id-duplicate", "notify-level-not-in-rule", "summary-unknown-placeholder"],
    "what belongs to which measure": ["min-events-not-here", "what-does-not-combine", "share-of-all"],
    "braces": ["summary-lone-brace"],
    "what JSON cannot say": ["where-not-finite", "yaml-lone-surrogate"],
    "how YAML writes it": ["yaml-duplicate-key", "yaml-key-not-text", "yaml-merge-of-a-text", "yaml-unknown-tag"],
}
"""What only `tocsin check` sees, and why."""


def is_valid(data: Any) -> bool:
    return (TESTS if is_test_file(data) else RULES).is_valid(data)


@pytest.mark.parametrize(("which", "name"), [("rules", "schema.json"), ("tests", "tests.schema.json")])
def test_what_is_committed_is_what_the_tables_say(which: str, name: str) -> None:
    written = CliRunner().invoke(command, [which]).stdout
    assert (SHIPPED / name).read_text(encoding="utf-8") == written, "make schema"
    Draft7Validator.check_schema(json.loads(written))


FINE = [path for folder in (SHIPPED, GOOD) for found in [load([folder])] for path in (*found.files, *found.test_files)]


@pytest.mark.parametrize("path", FINE, ids=lambda path: path.name)
def test_all_that_is_shipped_or_good_is_valid(path: Path) -> None:
    data = read_yaml(path).data
    validator = TESTS if is_test_file(data) else RULES
    assert [(list(error.path), error.message) for error in validator.iter_errors(data)] == []


def test_what_a_schema_cannot_see_is_known() -> None:
    seen, unseen = set(), set()
    for path in BAD.glob("*.yaml"):
        data = read_yaml(path).data
        if data is not None:  # what is no YAML has no schema
            assert load([path]).problems
            (unseen if is_valid(data) else seen).add(path.stem)
    assert unseen == {name for names in UNSEEN.values() for name in names}
    assert len(seen) >= 50


@pytest.mark.parametrize("path", sorted(SHIPPED.rglob("*.yaml")), ids=lambda path: path.name)
def test_a_shipped_file_tells_editors_its_schema(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    name = first.removeprefix("# yaml-language-server: $schema=")
    assert name != first
    expected = "tests.schema.json" if is_test_file(read_yaml(path).data) else "schema.json"
    assert (path.parent / name).resolve() == SHIPPED / expected


WRITTEN = {
    "{quantile: wait_s, q: 0.95}": "{quantile: queue, q: 0.95}",
    "{ratio: {of: {stream: complaints, measure: count}, to: {where: {purpose: complaint}}}, per: 10000}": (
        "{ratio: {of: {stream: complaints, where: {wait_s: 3}}, to: {measure: count}}}"
    ),
    "{growth: {share: {outcome: abandoned}}, against: 7d}": "{growth: {share: {outcome: abandonned}}, against: 7d}",
    "{unmatched: share, in: {stream: complaints, where: {repeat: true}}, on: customer, within: 30m}": (
        "{unmatched: share, in: {where: {repeat: true}}, on: customer, within: 30m}"
    ),
    "{silent: true}": "{silent: 5m}",
    "{unusual: count}": "{unusual: counts}",
    "{forecast: {mean: wait_s}, ahead: 15m}": "{forecast: {mean: wait_s}, ahead: 15}",
    "{service_level_ahead: 15m, within: 20s}": "{service_level_ahead: 15m}",
}


CLOCKS = {
    "{overdue: count, from: opened, until: [replied, closed], limit: 3d, at: 0.8, calendar: china-workdays}": (
        "{overdue: count, from: opened, until: [], limit: 3d}"
    ),
    "{overdue: longest, from: promised, until: closed, limit: until}": (
        "{overdue: longest, from: promised, until: closed, limit: never}"
    ),
    "{overdue: count, to: until, ahead: 24h, until: closed}": "{overdue: count, to: class, ahead: 24h}",
    "{overdue: count, to: until}": "{overdue: count, to: until, limit: 24h}",
    "{overdue: count, from: opened, until: closed, limit: 2d, name_worst: step}": (
        "{overdue: count, from: opened, until: closed, limit: 2d, name_worst: true}"
    ),
}


@pytest.mark.parametrize(("good", "bad"), [*WRITTEN.items(), *CLOCKS.items()])
def test_a_form_takes_what_the_contract_writes_and_not_its_like(good: str, bad: str) -> None:
    schema = schema_of_rules(measures=dict.fromkeys(form.name for form in FORMS))
    stream = "cases" if good in CLOCKS else "calls"
    rule = f"rules: [{{id: r, title: {{en: R, zh: R}}, stream: {stream}, levels: {{red: 1}}, measure: %s}}]"
    found = [
        Draft7Validator(schema).is_valid(parse_yaml((rule % text).encode(), "r.yaml").data) for text in (good, bad)
    ]
    assert found == [True, False]


def test_every_measure_has_a_form_and_every_key_a_word() -> None:
    assert set(MEASURES) <= {form.name for form in FORMS}
    assert set(SAYS) == set(RULE_KEYS)
