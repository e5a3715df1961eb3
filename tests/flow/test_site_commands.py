"""`check`, `test` and `schema` at a site with a stream, places and holidays of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from jsonschema import Draft7Validator

from streams.commands.check import command as check
from streams.commands.replay import command as replay
from streams.commands.schema import command as schema
from streams.commands.test import command as try_rules

SETTINGS = """
topology: topology.csv
holidays: [china, 2026-07-13]
custom_streams:
  lockers:
    thing: locker
    fields: {locker: {required: true}, state: {required: true, one_of: [free, broken]}, doors: number, outlet: string}
"""
TABLE = """level,name,parent,name_en
outlet,o1,长沙,
outlet,o2,长沙,
city,长沙,湖南,Changsha
province,湖南,,Hunan
"""
RULES = """
version: 1
rules:
  - id: broken
    title: {en: Lockers broken, zh: 快递柜故障}
    stream: lockers
    where: {state: broken}
    measure: {now: sum, field: doors}
    at: [outlet, city]
    contributors: [outlet]
    levels: {yellow: 10}
    when: [{holiday: true, levels: {yellow: 30}}]
"""
TESTS = """
rules: [rules.yaml]
tests:
  - name: two outlets make a city
    events:
      - lockers: {time: "%s", locker: l1, state: broken, doors: 8, outlet: o1}
      - lockers: {time: "%s", locker: l2, state: broken, doors: 8, outlet: o2}
    %s:
      - {rule: broken, key: {city: 长沙}, level: yellow}
"""


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOCSIN_SETTINGS", "site.yaml")
    for name, text in {"site.yaml": SETTINGS, "topology.csv": TABLE, "rules.yaml": RULES}.items():
        Path(name).write_text(text, encoding="utf-8")


def run(command: Any, *args: str) -> Result:
    return CliRunner().invoke(command, list(args))


def tried(day: str, key: str, *more: str) -> Result:
    Path("t.yaml").write_text(TESTS % (f"{day}T09:00:00+08:00", f"{day}T09:01:00+08:00", key), encoding="utf-8")
    return run(try_rules, "t.yaml", *more)


def test_rules_are_tried_on_streams_and_places_of_the_site() -> None:
    answer = tried("2026-03-02", "expect")
    assert (answer.exit_code, answer.stderr) == (0, "ok: 1 test passed\n"), answer.stdout
    Path("site.yaml").write_text("", encoding="utf-8")
    assert tried("2026-03-02", "expect").exit_code == 2


def test_what_came_nearest_is_told_by_the_level_it_is_of() -> None:
    answer = tried("2026-03-02", "expect_none", "--output", "json")
    (failure,) = json.loads(answer.stdout)["tests"][0]["failures"]
    assert failure["nearest"]["key"] == {"city": "长沙"}


@pytest.mark.parametrize(
    ("day", "key"),
    [
        pytest.param("2026-02-17", "expect_none", id="the Spring Festival"),
        pytest.param("2026-02-28", "expect", id="a Saturday that is worked"),
        pytest.param("2026-07-13", "expect_none", id="a day of the site's own"),
    ],
)
def test_official_days_off_and_those_of_the_site_are_holidays_of_rules(day: str, key: str) -> None:
    answer = tried(day, key)
    assert answer.exit_code == 0, answer.stdout


def test_a_rule_written_whole_is_one_that_loads_and_that_the_schema_of_the_site_takes() -> None:
    answer = run(check, "--effective", "rules.yaml")
    assert answer.exit_code == 0, answer.stderr
    Path("whole.yaml").write_text(answer.stdout, encoding="utf-8")
    assert run(check, "whole.yaml").exit_code == 0
    whole = yaml.safe_load(answer.stdout)
    assert whole["rules"][0]["at"] == ["outlet", "city"]
    validator = Draft7Validator(json.loads(run(schema).stdout))
    assert [error.message for error in validator.iter_errors(whole)] == []
    whole["rules"][0]["at"] = ["village"]
    assert not validator.is_valid(whole)
    tried("2026-03-02", "expect")
    tests = yaml.safe_load(Path("t.yaml").read_text(encoding="utf-8"))
    assert Draft7Validator(json.loads(run(schema, "tests").stdout)).is_valid(tests)


def test_a_table_with_columns_of_its_own_is_told_of_maps() -> None:
    Path("lockers.csv").write_text("No,Box\n1,l1\n2,l2\n", encoding="utf-8")
    done = CliRunner().invoke(replay, ["lockers.csv", "--rules", "rules.yaml"])
    assert done.exit_code == 0
    assert "0 accepted; 2 refused (missing-field 2)" in done.stderr
    assert done.stderr.splitlines()[-1].startswith(
        "note: if this is a table with columns of its own, it wants --map FILE"
    )
