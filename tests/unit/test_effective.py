"""`tocsin check --effective`: a rule with every default is the same rule, and passes the check itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from click.testing import CliRunner

from alerts.records import default_summary
from streams.commands.check import command
from streams.rulefile import load
from tests.conftest import DATA

SHIPPED = Path(__file__).parents[2] / "rules"


def test_the_effective_rules_are_the_same_rules(tmp_path: Path) -> None:
    for folder in (SHIPPED, DATA / "rules" / "good"):
        answer = CliRunner().invoke(command, ["--effective", str(folder)])
        assert answer.exit_code == 0
        path = tmp_path / "whole.yaml"
        path.write_text(answer.stdout, encoding="utf-8")
        again = load([path])
        assert again.problems == ()
        assert again.rules == tuple(
            replace(rule, summary=rule.summary or default_summary(rule)) for rule in load([folder]).rules
        )


def test_every_default_is_written_out_and_every_part_of_a_limit_reckoned(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("""rules:
  - id: x
    title: {en: "1e3", zh: no}
    stream: calls
    measure: {mean: wait_s}
    targets: {limit: 90}
    levels: {yellow: 80%, red: 100%}
    when:
      - {days: sat-sun, levels: {yellow: 100%, red: 110%}}
      - {months: 7-9, targets: {limit: 100}}
""")
    answer = CliRunner().invoke(command, ["--effective", str(path)])
    assert (
        answer.stdout
        == f"""# Every default filled in. Hours and days are those of Asia/Shanghai.
version: 1
rules:
  # {path}
  - id: x
    title: {{en: '1e3', zh: 'no'}}
    stream: calls
    where: {{}}
    measure: {{mean: wait_s}}
    by: []
    contributors: [queue, region, purpose]
    window: 5m
    hop: 10s
    levels: {{yellow: 72, red: 90}}
    direction: above
    for: 0s
    clear: 1
    clear_for: 0s
    unknown_after: 30m
    min_events: 0
    targets: {{limit: 90}}
    when:
    - days: sat-sun
      levels: {{yellow: 90, red: 99}}
      targets: {{limit: 90}}
    - months: 7-9
      targets: {{limit: 100}}
      levels: {{yellow: 80, red: 100}}
    quiet: []
    summary: {{en: '{{key}}: {{value}} (limit {{limit}})', zh: '{{key}}：{{value}}（上限 {{limit}}）'}}
    notify: {{}}
"""
    )


def test_a_default_that_does_not_belong_to_the_measure_is_left_out() -> None:
    answer = CliRunner().invoke(command, ["--effective", "--output", "json", str(SHIPPED / "telecom" / "network.yaml")])
    rules = json.loads(answer.stdout)["rules"]
    assert [rule["id"] for rule in rules][:2] == ["users-affected", "users-affected-province"]
    assert "min_events" not in rules[0]


def test_where_something_is_wrong_it_is_told_instead(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("rules: [{id: x}]")
    answer = CliRunner().invoke(command, ["--effective", str(path)])
    assert answer.exit_code == 1
    assert '"title" is missing' in answer.stdout
