"""`tocsin replay` from the command line: files in, alert records out, agreeing with the oracle."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from detectors.rules import Condition, FieldName, Kind, Op, Rule
from streams.commands.replay import command
from tests import oracle
from tests.unit.test_oracle import dense_event, dense_rule

BASE_MS = 1_772_355_600_000  # 2026-03-01T09:00:00Z


def as_where(conditions: Sequence[Condition]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for condition in conditions:
        values = [{"field": one.field} if isinstance(one, FieldName) else one for one in condition.values]
        told[condition.field] = (
            values
            if condition.op is Op.IN
            else {"not": values}
            if condition.op is Op.NOT
            else {condition.op.value: values[0]}
        )
    return told


def as_yaml(rules: Sequence[Rule]) -> str:
    """Write checked rules back as a rule file."""
    told = []
    for rule in rules:
        kind, field = rule.measure.kind, rule.measure.field
        measure: Any = kind.value if kind is Kind.COUNT else {kind.value: field}
        if kind is Kind.SHARE:
            measure = {"share": as_where(rule.measure.matching)}
        if kind is Kind.SILENT:
            measure = {"silent": True}
        if (clock := rule.measure.clock) is not None:
            measure = {"overdue": kind.value.removeprefix("overdue "), "limit": f"{clock.limit_ms}ms", "at": clock.at}
            measure |= {"from": list(clock.begins), "until": list(clock.ends)}
        if kind is Kind.NOW_SHARE:
            measure = {"now": "share", "of": as_where(rule.measure.matching)}
        elif kind.is_now:
            measure = {"now": kind.value.removeprefix("now ")} | ({"field": field} if field else {})
        one: dict[str, Any] = {
            "id": rule.id,
            "title": {"en": "t", "zh": "题"},
            "stream": rule.stream,
            "where": as_where(rule.where),
            "measure": measure,
            "by": list(rule.by),
            **({"at": list(rule.at)} if rule.at else {}),
            "window": f"{rule.window_ms}ms",
            "hop": f"{rule.hop_ms}ms",
            "levels": dict(rule.levels),
            "direction": "below" if rule.below else "above",
            "for": f"{rule.for_ms}ms",
            "clear": rule.clear,
            "clear_for": f"{rule.clear_for_ms}ms",
            "unknown_after": f"{rule.unknown_after_ms}ms",
        }
        if rule.min_events:
            one["min_events"] = rule.min_events
        told.append(one)
    return yaml.safe_dump({"version": 1, "rules": told}, allow_unicode=True)


def line(event: Mapping[str, Any], rng: random.Random) -> str:
    """Write one event, its time in one of the forms the contract allows."""
    time_ms = event["time"]
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    time = rng.choice([moment.isoformat(timespec="milliseconds"), time_ms / 1000])
    return json.dumps({**event, "time": time}, ensure_ascii=False)


def run(*args: str | Path, stdin: str | None = None) -> Result:
    return CliRunner().invoke(command, [str(arg) for arg in args], input=stdin)


def told(record: Mapping[str, Any]) -> tuple[Any, ...]:
    def ms(text: str) -> int:
        return round(datetime.fromisoformat(text).timestamp() * 1000)

    return (
        ms(record["time"]),
        record["rule"],
        tuple(record["key"].values()),
        record["was"],
        record["level"],
        record["value"],
        record["reason"],
        ms(record["started"]),
        record["threshold"],
    )


@pytest.mark.parametrize("seed", range(25))
def test_agrees_with_the_oracle(seed: int, tmp_path: Path) -> None:
    rng = random.Random(1000 + seed)
    events = [dense_event(rng, number) for number in range(300)]
    events = [{**event, "time": event["time"] + BASE_MS} for event in events]
    events = [{**event, "until": event["until"] + BASE_MS / 1000} if "until" in event else event for event in events]
    events.sort(key=lambda event: event["time"] + rng.randrange(3000))
    rules = [replace(dense_rule(rng), id=f"r{number}") for number in range(5)]
    (tmp_path / "rules.yaml").write_text(as_yaml(rules), encoding="utf-8")
    (tmp_path / "events.jsonl").write_text("\n".join(line(e, rng) for e in events), encoding="utf-8")
    result = run(tmp_path / "events.jsonl", "--rules", tmp_path / "rules.yaml", "--lateness", "2s")
    assert result.exit_code == 0, result.stderr
    records = [json.loads(text) for text in result.stdout.splitlines()]
    expected = oracle.transitions(rules, events, 2000)
    named = {rule.id: rule for rule in rules}
    expected = [(t, id_, tuple(named[id_].named(key).values()), *rest) for t, id_, key, *rest in expected]
    assert [told(record) for record in records] == expected
    ids = {(r["rule"], *r["key"].items(), r["started"]): r["alert"] for r in records}
    assert len(set(ids.values())) == len(ids)
    assert all(ids[r["rule"], *r["key"].items(), r["started"]] == r["alert"] for r in records)


RULES = """
version: 1
rules:
  - {id: surge, title: {en: Surge, zh: 激增}, stream: complaints, measure: count, by: [region], window: 10s,
     levels: {red: 2}}
"""
EVENT = '{{"id": "{}", "time": "2026-03-01T09:00:{:02}Z", "category": "billing", "region": "长沙"}}\n'


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES, encoding="utf-8")
    return path


def levels(result: Result) -> list[tuple[str, str]]:
    return [(r["level"], r["time"][11:19]) for r in map(json.loads, result.stdout.splitlines())]


def test_ends_at_the_first_boundary_after_the_last_event_unless_drained(rules: Path, tmp_path: Path) -> None:
    path = tmp_path / "complaints.jsonl"
    path.write_text(EVENT.format("a", 1) + EVENT.format("b", 2), encoding="utf-8")
    assert levels(run(path, "--rules", rules)) == [("red", "09:00:10")]
    assert levels(run(path, "--rules", rules, "--drain")) == [("red", "09:00:10"), ("green", "09:00:20")]


def test_reads_gzip_and_standard_input_and_writes_a_file(rules: Path, tmp_path: Path) -> None:
    text = EVENT.format("a", 1) + EVENT.format("b", 2)
    (tmp_path / "complaints.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    one = run(tmp_path / "complaints.jsonl.gz", "--rules", rules)
    two = run("-", "--stream", "complaints", "--rules", rules, stdin=text)
    three = run("-", "--stream", "complaints", "--rules", rules, "--alerts", tmp_path / "out.jsonl", stdin=text)
    assert one.stdout == two.stdout == (tmp_path / "out.jsonl").read_text(encoding="utf-8")
    assert levels(one) == [("red", "09:00:10")]
    assert three.stdout == ""


def test_refused_lines_are_told_counted_and_kept(rules: Path, tmp_path: Path) -> None:
    path = tmp_path / "complaints.jsonl"
    path.write_text(EVENT.format("a", 1) + "rubbish\n" + EVENT.format("b", 2) + '{"id": "x"}\n', encoding="utf-8")
    result = run(path, "--rules", rules, "--dead-letters", tmp_path / "dead.jsonl")
    assert result.exit_code == 0
    assert levels(result) == [("red", "09:00:10")]
    assert f"refused {path}:2: not-json: " in result.stderr
    assert "2 accepted; 2 refused (not-json 1, missing-field 1)" in result.stderr
    kept = [json.loads(text) for text in (tmp_path / "dead.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(letter["line"], letter["reason"]) for letter in kept] == [(2, "not-json"), (4, "missing-field")]


def test_sorts_on_request(rules: Path, tmp_path: Path) -> None:
    path = tmp_path / "complaints.jsonl"
    path.write_text(EVENT.format("b", 20) + EVENT.format("a", 1) + EVENT.format("c", 2), encoding="utf-8")
    assert levels(run(path, "--rules", rules)) == []
    assert levels(run(path, "--rules", rules, "--sort")) == [("red", "09:00:10"), ("green", "09:00:20")]


def test_several_files_are_merged_by_time(rules: Path, tmp_path: Path) -> None:
    (tmp_path / "complaints-1.jsonl").write_text(EVENT.format("a", 1) + EVENT.format("b", 31), encoding="utf-8")
    (tmp_path / "complaints-2.jsonl").write_text(EVENT.format("c", 2) + EVENT.format("d", 32), encoding="utf-8")
    result = run(tmp_path / "complaints-1.jsonl", tmp_path / "complaints-2.jsonl", "--rules", rules)
    assert levels(result) == [("red", "09:00:10"), ("green", "09:00:20"), ("red", "09:00:40")]
    assert "late" not in result.stderr


def test_a_rule_does_not_depend_on_the_hops_of_another(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(
        """
version: 1
rules:
  - {id: fast, title: {en: a, zh: a}, stream: complaints, measure: count, window: 20s, hop: 20s, levels: {red: 1}}
  - {id: slow, title: {en: a, zh: a}, stream: calls, measure: count, window: 30s, hop: 30s, levels: {red: 9}}
""",
        encoding="utf-8",
    )
    assert levels(run("-", "--stream", "complaints", "--rules", path, stdin=EVENT.format("a", 28))) == [
        ("red", "09:00:40")
    ]


def test_sorting_breaks_ties_by_the_order_of_the_files(rules: Path, tmp_path: Path) -> None:
    (tmp_path / "complaints-1.jsonl").write_text(EVENT.format("z", 20) + EVENT.format("a", 1), encoding="utf-8")
    (tmp_path / "complaints-2.jsonl").write_text(EVENT.format("a", 1).replace("长沙", "株洲"), encoding="utf-8")
    by_region = rules.read_text(encoding="utf-8").replace("red: 2", "red: 1")
    rules.write_text(by_region, encoding="utf-8")
    result = run(tmp_path / "complaints-1.jsonl", tmp_path / "complaints-2.jsonl", "--sort", "--rules", rules)
    regions = {record["key"]["region"] for record in map(json.loads, result.stdout.splitlines())}
    assert regions == {"长沙"}
    assert "1 duplicate" in result.stderr


def test_the_end_of_the_calendar_is_refused(rules: Path) -> None:
    sentinel = '{"id": "x", "time": "9999-12-31T23:59:59Z", "category": "billing"}\n'
    result = run("-", "--stream", "complaints", "--rules", rules, stdin=sentinel + EVENT.format("a", 1))
    assert result.exit_code == 0
    assert "1 accepted; 1 refused (bad-value 1)" in result.stderr


@pytest.mark.parametrize("option", ["--alerts", "--dead-letters"])
@pytest.mark.parametrize("victim", ["complaints.jsonl", "rules.yaml"])
def test_no_input_is_overwritten(rules: Path, tmp_path: Path, option: str, victim: str) -> None:
    path = tmp_path / "complaints.jsonl"
    path.write_text(EVENT.format("a", 1), encoding="utf-8")
    before = (tmp_path / victim).read_text(encoding="utf-8")
    result = run(path, "--rules", rules, option, tmp_path / victim)
    assert result.exit_code == 2
    assert f"{option} {tmp_path / victim} is read too" in result.stderr
    assert (tmp_path / victim).read_text(encoding="utf-8") == before


def test_one_file_cannot_take_both_outputs(rules: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run("-", "--stream", "calls", "--rules", rules, "--alerts", out, "--dead-letters", out, stdin="")
    assert result.exit_code == 2
    assert "are one file" in result.stderr


def test_an_old_result_stays_until_there_is_a_new_one(rules: Path, tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text("old", encoding="utf-8")
    packed = gzip.compress((EVENT.format("a", 1) + EVENT.format("b", 2)).encode())
    (tmp_path / "complaints.jsonl.gz").write_bytes(packed[:-12])
    result = run(tmp_path / "complaints.jsonl.gz", "--rules", rules, "--alerts", tmp_path / "out.jsonl")
    assert result.exit_code == 3
    assert "its end is missing" in result.stderr
    assert (tmp_path / "out.jsonl").read_text(encoding="utf-8") == "old"


def test_a_full_disk_is_one_clear_line(rules: Path, tmp_path: Path) -> None:
    path = tmp_path / "complaints.jsonl"
    path.write_text(EVENT.format("a", 1) + EVENT.format("b", 2), encoding="utf-8")
    command_line = [sys.executable, "app.py", "replay", str(path), "--rules", str(rules)]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command_line, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert "tocsin replay: standard output: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_heartbeat_lets_time_pass(rules: Path, tmp_path: Path) -> None:
    heartbeat = '{"heartbeat": true, "time": "2026-03-01T09:00:45Z", "stream": "complaints"}\n'
    path = tmp_path / "complaints.jsonl"
    path.write_text(EVENT.format("a", 1) + EVENT.format("b", 2) + heartbeat + EVENT.format("c", 44), encoding="utf-8")
    result = run(path, "--rules", rules)
    assert levels(result) == [("red", "09:00:10"), ("green", "09:00:20")]
    assert "2 accepted; 1 late" in result.stderr


def test_events_whose_stream_nobody_says_are_told_with_what_to_do(rules: Path, tmp_path: Path) -> None:
    path = tmp_path / "march.jsonl"
    path.write_text('{"id": "a", "time": "2026-03-01T09:00:00Z", "category": "other"}\n', encoding="utf-8")
    assert "or give --stream NAME" in run(path, "--rules", rules).stderr
    assert "--stream NAME" not in run(path, "--rules", rules, "--stream", "complaints").stderr


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["missing.jsonl"], 3, "tocsin replay: missing.jsonl: cannot be read: No such file or directory"),
        (["notes.txt"], 2, "tocsin replay: notes.txt: expected .jsonl or .csv"),
        (["-", "--stream", "complaint"], 2, 'unknown stream "complaint": did you mean "complaints"?'),
        (["-", "--lateness", "soon"], 2, "'soon' is not a duration: write a number and ms, s, m, h or d, as in 10s"),
        (["-", "-"], 2, "tocsin replay: standard input (-) can be read only once"),
    ],
    ids=["missing", "suffix", "stream", "lateness", "stdin twice"],
)
def test_wrong_usage_is_one_clear_line(rules: Path, args: list[str], code: int, said: str) -> None:
    result = run(*args, "--rules", rules, stdin="")
    assert result.exit_code == code
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_wrong_rules_are_told_all_at_once(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("version: 1\nrules:\n  - {id: a, stream: cals}\n", encoding="utf-8")
    result = run("-", "--rules", path, stdin="")
    assert result.exit_code == 2
    assert "did you mean" in result.stderr.lower()
    assert result.stderr.count("\n") >= 3
