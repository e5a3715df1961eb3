"""Rule files: every mistake has its exact message, and good files give the rules that they say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from detectors.checker import check_rules
from detectors.rules import Clock, Condition, Kind, Measure, Op, Part, Rule
from detectors.vocabulary import Field, FieldType, Stream, declare
from streams.commands.check import command
from streams.rulefile import load
from tests.conftest import DATA

BAD = DATA / "rules" / "bad"
GOOD = DATA / "rules" / "good"
CASES = sorted(path.name.removesuffix(".yaml") for path in BAD.iterdir() if path.suffix == ".yaml" or path.is_dir())
SIZE = Field(FieldType.NUMBER)
SHIPPED = Path(__file__).parents[2] / "rules"


def rule(text: str, tmp_path: Path) -> Rule:
    """Load one rule that starts from the smallest good one."""
    path = tmp_path / "rule.yaml"
    smallest = "id: x\n    title: {en: X, zh: 某}\n    levels: {yellow: 1}"
    indented = text.strip().replace("\n", "\n    ")
    path.write_text(f"rules:\n  - {smallest}\n    {indented}\n", encoding="utf-8")
    found = load([path])
    assert found.problems == ()
    return found.rules[0]


def test_there_are_enough_mistakes_to_learn_from() -> None:
    assert len(CASES) >= 40


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_told_exactly(
    case: str, golden: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(BAD)
    path = case if (BAD / case).is_dir() else f"{case}.yaml"
    answer = CliRunner().invoke(command, [path])
    assert answer.exit_code == 1
    assert answer.stdout, "a file with a mistake has a message"
    golden(f"rules/bad/{case}.txt", answer.stdout)


def test_every_key_of_the_contract_is_read() -> None:
    found = load([GOOD / "every-key.yaml"])
    assert found.problems == ()
    assert found.rules == (
        Rule(
            id="complaint-surge",
            stream="complaints",
            measure=Measure(Kind.COUNT),
            levels=(("yellow", 30.0), ("orange", 60.0), ("red", 120.0)),
            title={"en": "Complaint surge", "zh": "投诉激增"},
            where=(
                Condition("category", Op.IN, ("network", "billing")),
                Condition("tier", Op.NOT, ("test",)),
                Condition("severity", Op.GE, (2.0,)),
                Condition("severity", Op.LT, (5.0,)),
                Condition("repeat", Op.IN, (True,)),
            ),
            by=("region", "category"),
            contributors=("outlet", "provider", "reason"),
            window_ms=600_000,
            hop_ms=30_000,
            for_ms=60_000,
            clear=0.9,
            clear_for_ms=120_000,
            unknown_after_ms=1_800_000,
            summary={"en": "{value} {category} complaints in {region}", "zh": "{region} {category} 投诉 {value} 件"},
            action={"en": "Ask the NOC", "zh": "询问网管"},
            notify={"yellow": ("noc",), "orange": ("noc", "duty"), "red": ("ladder:provincial",)},
            notice="outage",
        ),
    )


def test_what_is_not_said_has_the_default_of_the_contract(tmp_path: Path) -> None:
    found = rule("stream: calls\nmeasure: count", tmp_path)
    assert (found.window_ms, found.hop_ms, found.unknown_after_ms) == (300_000, 10_000, 1_800_000)
    assert (found.for_ms, found.clear, found.clear_for_ms, found.min_events) == (0, 1.0, 0, 0)
    assert (found.where, found.by, found.below, found.notify, found.notice) == ((), (), False, {}, None)


MEASURES = {
    "stream: calls\nmeasure: count": Measure(Kind.COUNT),
    "stream: network\nmeasure: {sum: users}": Measure(Kind.SUM, "users"),
    "stream: calls\nmeasure: {mean: wait_s}": Measure(Kind.MEAN, "wait_s"),
    "stream: calls\nmeasure: {max: wait_s}": Measure(Kind.MAX, "wait_s"),
    "stream: calls\nmeasure: {distinct: agent}": Measure(Kind.DISTINCT, "agent"),
    "stream: calls\nmeasure: {share: {outcome: abandoned, wait_s: {gt: 5}}}": Measure(
        Kind.SHARE,
        matching=(Condition("outcome", Op.IN, ("abandoned",)), Condition("wait_s", Op.GT, (5.0,))),
    ),
    "stream: calls\nmeasure: {unusual: count}": Measure(Kind.UNUSUAL, base=Measure(Kind.COUNT)),
    "stream: calls\nmeasure: {unusual: {mean: wait_s}, side: low}": Measure(
        Kind.UNUSUAL, base=Measure(Kind.MEAN, "wait_s"), low=True
    ),
    "stream: calls\nmeasure: {forecast: count, ahead: 15m}": Measure(
        Kind.FORECAST, base=Measure(Kind.COUNT), span_ms=900_000
    ),
    "stream: shipments\nwindow: 7d\nhop: 1d\nmeasure: {drop: count, against: 28d}": Measure(
        Kind.DROP, base=Measure(Kind.COUNT), span_ms=28 * 86_400_000
    ),
    "stream: complaints\nmeasure: {new: reason, within: 30d}": Measure(
        Kind.NEW, base=Measure(Kind.DISTINCT, "reason"), span_ms=30 * 86_400_000
    ),
    "stream: calls\nwhere: {queue: a, line: b}\nmeasure: {service_level_ahead: 15m, within: 20s}": Measure(
        Kind.SERVICE_LEVEL_AHEAD,
        to=Part(
            "agents",
            (Condition("state", Op.IN, ("ready", "talking", "wrap")), Condition("queue", Op.IN, ("a",))),
            Measure(Kind.NOW_COUNT),
        ),
        span_ms=900_000,
        within_ms=20_000,
    ),
    "stream: agents\nmeasure: {now: count}": Measure(Kind.NOW_COUNT),
    "stream: agents\nmeasure: {now: share, of: {state: talking}}": Measure(
        Kind.NOW_SHARE, matching=(Condition("state", Op.IN, ("talking",)),)
    ),
    "stream: network\nmeasure: {now: sum, field: users}": Measure(Kind.NOW_SUM, "users"),
    "stream: network\nmeasure: {field: outlet, now: distinct}": Measure(Kind.NOW_DISTINCT, "outlet"),
    "stream: calls\nmeasure: {quantile: wait_s, q: 0.95}": Measure(Kind.QUANTILE, "wait_s", q=0.95),
    "stream: complaints\nmeasure: {per: 100, ratio: {of: {}, to: {stream: shipments, where: {step: in}}}}": Measure(
        Kind.RATIO,
        of=Part("complaints", (), Measure(Kind.COUNT)),
        to=Part("shipments", (Condition("step", Op.IN, ("in",)),), Measure(Kind.COUNT)),
        per=100.0,
    ),
    "stream: claims\nmeasure: {ratio: {of: {measure: {sum: paid}}, to: {measure: {sum: premium}}}}": Measure(
        Kind.RATIO,
        of=Part("claims", (), Measure(Kind.SUM, "paid")),
        to=Part("claims", (), Measure(Kind.SUM, "premium")),
    ),
    "stream: complaints\nmeasure: {growth: {distinct: customer}, against: 7d}": Measure(
        Kind.GROWTH, base=Measure(Kind.DISTINCT, "customer"), span_ms=604_800_000
    ),
    "stream: calls\nmeasure: {unmatched: share, in: {stream: complaints}, on: customer, within: 30m}": Measure(
        Kind.UNMATCHED_SHARE, "customer", to=Part("complaints"), span_ms=1_800_000
    ),
    "stream: calls\nmeasure: {silent: true}": Measure(Kind.SILENT),
    "stream: cases\nmeasure: {overdue: count, from: opened, until: [replied, closed], limit: 24h, at: 0.8}": Measure(
        Kind.OVERDUE_COUNT, clock=Clock(("opened",), ("replied", "closed"), 86_400_000, 0.8)
    ),
    "stream: cases\nmeasure: {overdue: count, from: promised, until: [resolved, closed], limit: until}": Measure(
        Kind.OVERDUE_COUNT, clock=Clock(("promised",), ("resolved", "closed"), None)
    ),
    "stream: claims\nmeasure: {limit: 3d, overdue: longest, until: settled, from: [opened]}": Measure(
        Kind.OVERDUE_LONGEST, clock=Clock(("opened",), ("settled",), 3 * 86_400_000)
    ),
    "stream: shipments\nmeasure: {overdue: count, from: 揽收, until: 签收, limit: 2d, name_worst: step}": Measure(
        Kind.OVERDUE_COUNT, clock=Clock(("揽收",), ("签收",), 2 * 86_400_000, name_worst=True)
    ),
}


@pytest.mark.parametrize("text", MEASURES)
def test_a_measure_is_read(text: str, tmp_path: Path) -> None:
    assert rule(text, tmp_path).measure == MEASURES[text]


@pytest.mark.parametrize(
    ("where", "condition"),
    [
        ("region: 长沙", Condition("region", Op.IN, ("长沙",))),
        ("severity: 2", Condition("severity", Op.IN, (2.0,))),
        ("severity: [1, 2.5, 1e3]", Condition("severity", Op.IN, (1.0, 2.5, 1000.0))),
        ("major: true", Condition("major", Op.IN, (True,))),
        ("region: {not: [长沙, 岳阳]}", Condition("region", Op.NOT, ("长沙", "岳阳"))),
        ("severity: {le: 0x10}", Condition("severity", Op.LE, (16.0,))),
        ("reason: no", Condition("reason", Op.IN, ("no",))),
        ("reason: [on, Yes, off]", Condition("reason", Op.IN, ("on", "Yes", "off"))),
        ("reason: 2026-03-01", Condition("reason", Op.IN, ("2026-03-01",))),
        ("reason: 12:30", Condition("reason", Op.IN, ("12:30",))),
        ('outlet: "0731"', Condition("outlet", Op.IN, ("0731",))),
        ("outlet: !!str 0731", Condition("outlet", Op.IN, ("0731",))),
    ],
)
def test_a_where_means_what_it_looks_like(where: str, condition: Condition, tmp_path: Path) -> None:
    found = rule(f"stream: complaints\nmeasure: count\nwhere: {{{where}}}", tmp_path)
    assert found.where == (condition,)


def test_levels_go_from_the_mildest_to_the_worst_however_they_are_written(tmp_path: Path) -> None:
    text = "stream: surveys\nmeasure: {share: {satisfied: true}}\ndirection: below\nmin_events: 20"
    path = tmp_path / "x.yaml"
    path.write_text(
        "rules:\n  - id: s\n    title: {en: S, zh: 满}\n    levels: {red: 0.9, yellow: 0.99}\n    "
        + text.replace("\n", "\n    "),
        encoding="utf-8",
    )
    (found,) = load([path]).rules
    assert found.levels == (("yellow", 0.99), ("red", 0.9))
    assert found.below


def test_anchors_and_merge_keys_share_what_rules_have_in_common() -> None:
    found = load([GOOD / "anchors.yaml"])
    assert found.problems == ()
    assert [(rule.id, rule.hop_ms, rule.levels) for rule in found.rules] == [
        ("by-region", 30_000, (("yellow", 30.0), ("red", 90.0))),
        ("by-outlet", 60_000, (("yellow", 30.0), ("red", 90.0))),
    ]


def test_a_folder_is_read_at_any_depth_and_files_of_tests_give_no_rules() -> None:
    found = load([GOOD])
    assert found.problems == ()
    assert [path.name for path in found.files] == ["anchors.yaml", "deeper.yml", "every-key.yaml", "windows.yaml"]
    assert [path.name for path in found.test_files] == ["tests.yaml"]
    assert [rule.id for rule in found.rules] == ["by-region", "by-outlet", "deeper", "complaint-surge", "from-windows"]


def test_a_file_named_twice_is_read_once() -> None:
    found = load([GOOD / "every-key.yaml", GOOD, GOOD / "every-key.yaml"])
    assert found.problems == ()


def test_a_path_that_is_not_there_is_a_problem_of_its_own(tmp_path: Path) -> None:
    (problem,) = load([tmp_path / "nowhere.yaml"]).problems
    assert str(problem) == f"{tmp_path / 'nowhere.yaml'}:1:1: (file): cannot be read: no such file or directory"


def test_a_file_beyond_all_measure_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_bytes(b"#" * (512 * 1024 + 1))
    (problem,) = load([path]).problems
    assert problem.message == "is larger than 512 KiB"


def test_a_bad_rule_does_not_hide_its_good_neighbours(tmp_path: Path) -> None:
    path = tmp_path / "two.yaml"
    head = "stream: calls, measure: count, title: {en: X, zh: 某}"
    path.write_text(f"rules:\n  - {{id: a, {head}, levels: {{}}}}\n  - {{id: b, {head}, levels: {{red: 1}}}}\n")
    found = load([path])
    assert [rule.id for rule in found.rules] == ["b"]
    assert len(found.problems) == 1


def test_the_shipped_rules_are_right() -> None:
    found = load([SHIPPED])
    assert found.problems == ()
    assert len(found.rules) >= 10
    for rule in found.rules:
        assert rule.summary, f"{rule.id} does not say what happened"
        assert rule.action, f"{rule.id} does not say what to do"
        assert set(rule.notify) == {level for level, _ in rule.levels}, f"{rule.id} does not say who hears"


def test_the_shipped_rules_have_the_figures_of_the_operator() -> None:
    levels = {rule.id: dict(rule.levels) for rule in load([SHIPPED]).rules}
    assert levels["users-affected"] == {"yellow": 2000, "orange": 5000, "red": 10_000}
    assert levels["outlets-down"] == {"yellow": 1, "orange": 3, "red": 10}
    assert levels["major-complaint"] == {"red": 1}


def test_good_rules_are_counted_on_standard_error() -> None:
    answer = CliRunner().invoke(command, [str(GOOD)])
    assert (answer.exit_code, answer.stdout, answer.stderr) == (0, "", "ok: 5 rules in 4 files and 1 test file\n")


def test_a_rule_that_asks_for_holidays_nobody_named_is_noted(tmp_path: Path) -> None:
    path, settings = tmp_path / "r.yaml", tmp_path / "s.yaml"
    block = "when: [{holiday: true, levels: {red: 9}}]"
    path.write_text(
        f"rules: [{{id: a, title: {{en: A, zh: 甲}}, stream: calls, measure: count, levels: {{red: 5}}, {block}}}]"
    )
    note = "note: no holidays are known (settings: holidays), and a asks for them\n"
    for holidays, said in {"[]": note, "[2026-10-01]": "", "[china, 2026-07-13]": ""}.items():
        settings.write_text(f"holidays: {holidays}")
        answer = CliRunner().invoke(command, [str(path), "--settings", str(settings)])
        assert (answer.exit_code, answer.stderr) == (0, f"ok: 1 rule in 1 file\n{said}")
    answer = CliRunner().invoke(command, [str(path)])
    assert (answer.exit_code, answer.stderr) == (0, "ok: 1 rule in 1 file\n"), "the official days off are known"


def test_a_ladder_that_nobody_described_is_noted(tmp_path: Path) -> None:
    path, settings, people = tmp_path / "r.yaml", tmp_path / "s.yaml", tmp_path / "people.yaml"
    path.write_text(
        "rules: [{id: a, title: {en: A, zh: 甲}, stream: calls, measure: count, levels: {yellow: 5, red: 9},"
        " notify: {yellow: ladder:provincial, red: [noc, ladder:provinical]}}]"
    )
    answer = CliRunner().invoke(command, [str(path)])
    said = 'a names the ladder "provinical": did you mean "provincial"? Else it is told to all.'
    assert (answer.exit_code, answer.stderr) == (0, f"ok: 1 rule in 1 file\nnote: {said}\n")
    settings.write_text(f"people: {people}")
    people.write_text("ladders: {provinical: {rungs: [{role: head, wait: 5m}]}}")
    answer = CliRunner().invoke(command, [str(path), "--settings", str(settings)])
    assert (answer.exit_code, answer.stderr) == (0, "ok: 1 rule in 1 file\n")


def test_quiet_says_nothing_but_the_mistakes() -> None:
    answer = CliRunner().invoke(command, ["--quiet", str(BAD / "levels-empty.yaml")])
    assert (answer.exit_code, answer.stderr) == (1, "")
    assert answer.stdout.count("\n") == 1


def test_a_caret_stands_under_the_mistake_though_chinese_is_wide(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("rules:\n  - {title: {zh: 投诉激增, fr: x}}\n", encoding="utf-8")
    answer = CliRunner().invoke(command, [str(path)])
    lines = answer.stderr.split("\n")
    at = lines.index(" " * 4 + " " * len("  - {title: {zh: ") + " " * 2 * len("投诉激增") + "  ^")
    assert lines[at - 1] == "      - {title: {zh: 投诉激增, fr: x}}"


def test_json_has_the_same_problems_for_programs() -> None:
    answer = CliRunner().invoke(command, ["--output", "json", str(BAD / "levels-empty.yaml")])
    found = json.loads(answer.stdout)
    assert (answer.exit_code, found["ok"], found["files"], found["rules"]) == (1, False, 1, 0)
    (problem,) = found["problems"]
    assert (problem["line"], problem["column"], problem["path"]) == (7, 13, "rules[0].levels")


def test_a_path_that_does_not_exist_is_wrong_usage() -> None:
    answer = CliRunner().invoke(command, ["nowhere.yaml"])
    assert answer.exit_code == 2
    assert "nowhere.yaml" in answer.stderr


def test_a_field_that_two_streams_know_by_different_types_tells_no_series_apart() -> None:
    """Of the shipped streams none do; a site's own may."""
    streams = {one.name: one for one in (declare("calls", "", "size"), Stream("lockers", {"size": SIZE}))}
    given = {
        "id": "r",
        "title": {"en": "R", "zh": "某"},
        "stream": "calls",
        "measure": {"ratio": {"of": {}, "to": {"stream": "lockers"}}},
        "by": ["size"],
        "levels": {"red": 1},
    }
    (problem,) = check_rules({"rules": [given]}, streams).problems
    assert problem.path == ("rules", 0, "by", 0)
    assert problem.message == '"size" is a string in stream calls and a number in lockers'
