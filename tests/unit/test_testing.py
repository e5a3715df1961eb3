"""`tocsin test`: what a test means, and what is said when it fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.commands.test import command

RULES = """
rules:
  - id: surge
    title: {en: Surge, zh: 激增}
    stream: complaints
    measure: count
    by: [region]
    window: 1m
    levels: {yellow: 5, red: 50}
    for: 20s
  - id: quiet-line
    title: {en: Quiet line, zh: 来电过少}
    stream: calls
    measure: count
    window: 1m
    direction: below
    levels: {yellow: 2}
  - id: users
    title: {en: Users, zh: 用户}
    stream: network
    measure: {now: sum, field: users}
    levels: {yellow: 100}
    contributors: [outlet]
    when: [{hours: "22:00-06:00", levels: {yellow: 10}}, {holiday: true, levels: {yellow: 1000}}]
  - id: late
    title: {en: Late, zh: 迟到}
    stream: shipments
    measure: {overdue: count, from: collected, until: signed, limit: 1h, name_worst: step}
    levels: {red: 1}
"""
SPAN = 'every: 5s, from: "2026-03-01T09:00:00+08:00", to: "2026-03-01T09:01:00+08:00"'
BURST = f"complaints: {{{SPAN}, region: 长沙, category: network}}"


@pytest.fixture
def tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run one test, given as the lines under its name, beside the rules above."""
    monkeypatch.chdir(tmp_path)
    Path("rules.yaml").write_text(RULES, encoding="utf-8")

    def run(text: str, *options: str, head: str = "rules: [rules.yaml]") -> Result:
        body = text.strip().replace("\n", "\n    ")
        Path("t.yaml").write_text(f"{head}\ntests:\n  - name: it\n    {body}\n", encoding="utf-8")
        return CliRunner().invoke(command, ["t.yaml", *options])

    return run


def test_it_is_judged_as_in_replay_and_times_take_date_and_offset_of_the_first_event(
    tried: Callable[..., Result],
) -> None:
    answer = tried(f"""events:
  - {BURST}
expect:
  - {{rule: surge, key: {{region: 长沙}}, level: yellow, at: "09:00:50"}}
  - {{rule: surge, level: yellow, at: "2026-03-01T01:00:50Z"}}
expect_none: [{{rule: surge, level: red}}]""")
    assert (answer.exit_code, answer.stdout, answer.stderr) == (0, "ok  t.yaml: 1 test\n", "ok: 1 test passed\n")


def test_every_repeats_up_to_but_not_including_its_end(tried: Callable[..., Result]) -> None:
    answer = tried(
        """events:
  - network: {every: 10s, from: "2026-03-01T09:00:00Z", to: "2026-03-01T09:01:00Z", element: a, state: down}
expect: [{rule: users, level: yellow}]""",
        "--output",
        "json",
    )
    (test,) = json.loads(answer.stdout)["tests"]
    assert test["events"] == 6


def test_time_goes_on_to_the_last_time_named_and_no_further(tried: Callable[..., Result]) -> None:
    text = f"""events:
  - {BURST}
expect: [{{rule: surge, level: green%s}}]"""
    assert tried(text % ', between: ["09:01:00", "09:03:00"]').exit_code == 0
    answer = tried(text % "")
    assert answer.exit_code == 1
    assert "the test ends at 09:01:00: let the events go on" in answer.stdout
    # A rule for which silence is trouble does not rise only because a test has no more events.
    assert (
        tried("""events:
  - calls: {every: 5s, from: "2026-03-01T09:00:00Z", to: "2026-03-01T09:05:00Z", outcome: answered}
expect_none: [{rule: quiet-line}]""").exit_code
        == 0
    )


def test_a_file_says_its_own_zone_and_holidays(tried: Callable[..., Result]) -> None:
    text = """events:
  - network: {time: "2026-03-01T09:00:00Z", element: a, state: down, users: 50}
%s: [{rule: users, level: yellow, at: "09:00:10"}]"""
    head = "rules: [rules.yaml]\nzone: America/Los_Angeles"
    assert tried(text % "expect", head=head).exit_code == 0  # 01:00 there: night
    assert tried(text % "expect_none").exit_code == 0  # 17:00 in Shanghai
    day = text.replace("users: 50", "users: 500")
    assert tried(day % "expect").exit_code == 0
    assert tried(day % "expect_none", head="rules: [rules.yaml]\nholidays: [2026-03-01]").exit_code == 0


FAILURES = {
    "too early": ('expect: [{rule: surge, level: yellow, at: "09:00:30"}]', "20s too late", 'write at: "09:00:50"'),
    "too late": ('expect: [{rule: surge, level: yellow, at: "09:02:00"}]', "70s too early", 'write at: "09:00:50"'),
    "another level": (
        'expect: [{rule: surge, level: red, at: "09:00:50"}]',
        "green → yellow (region 长沙) at 09:00:50 (value 10, threshold 5): yellow, not red",
        "change the events, the expectation or the rule",
    ),
    "another key": (
        "expect: [{rule: surge, key: {region: 株洲}, level: yellow}]",
        "(region 长沙) at 09:00:50 (value 10, threshold 5): another key",
        "compare `key` with region of the events",
    ),
    "no event counts": (
        "expect: [{rule: quiet-line, level: yellow}]",
        "nothing: quiet-line stayed green; none of the events made a value of it",
        "compare the events with `stream`, `where`, `by` and `min_events`",
    ),
    "another value": (
        "expect: [{rule: surge, level: yellow, value: 12, tolerance: 1}]",
        "(value 10, threshold 5): another value, 10",
        "if that is right, write it into the expectation",
    ),
    "unwanted": (
        "expect_none: [{rule: surge, level: yellow}]",
        "green → yellow (region 长沙) at 09:00:50",
        "raise the threshold or lengthen `for`",
    ),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_failure_says_what_came_nearest_and_what_to_do(case: str, tried: Callable[..., Result]) -> None:
    expectation, got, what_next = FAILURES[case]
    answer = tried(f"events:\n  - {BURST}\n{expectation}")
    assert answer.exit_code == 1
    lines = answer.stdout.splitlines()
    place = next(number for number, line in enumerate(lines) if line.strip().startswith("t.yaml:6:"))
    assert lines[place + 1].split()[:2] == ["expected", "a"] or lines[place + 1].split()[:2] == ["expected", "no"]
    assert got in lines[place + 2]
    assert what_next in lines[place + 3]
    assert answer.stderr == "1 of 1 test failed\n"
    assert "\x1b" not in answer.stdout


@pytest.mark.parametrize(
    ("until", "said"),
    [
        ("09:00:20", "its highest value was 4 (region 长沙) at 09:00:20, and yellow begins at 5"),
        ("09:00:40", "its highest value was 8 (region 长沙) at 09:00:40, and yellow begins at 5"),
    ],
)
def test_where_nothing_changed_it_says_how_far_the_value_came(
    until: str, said: str, tried: Callable[..., Result]
) -> None:
    burst = BURST.replace("09:01:00", until)
    answer = tried(f"events:\n  - {burst}\nexpect: [{{rule: surge, level: yellow}}]")
    assert said in answer.stdout
    held = "it must hold for 20s, and the test ends at 09:00:40" in answer.stdout
    assert held == (until == "09:00:40")


DOWN = """events:
  - network: {time: "2026-03-01T09:00:00+08:00", element: a, state: down, users: 80, outlet: o1}
  - network: {time: "2026-03-01T09:00:01+08:00", element: b, state: down, users: 40, outlet: o2}
  - network: {time: "2026-03-01T09:00:01+08:00", element: c, state: down, users: 0.5}
"""


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("value: 120.5, top: {outlet: o1}", ""),
        ("value: 120, tolerance: 0.5, top: {outlet: [o1, o2]}", ""),
        ("value: 120, tolerance: 0.4", "another value, 120.5"),
        ("top: {outlet: o2}", "top outlet o1"),
        ("top: {outlet: [o1, o2, o3]}", "top outlet o1 and o2"),
    ],
)
def test_value_and_contributors_are_expected_too(more: str, said: str, tried: Callable[..., Result]) -> None:
    answer = tried(f"{DOWN}expect: [{{rule: users, level: yellow, {more}}}]")
    assert answer.exit_code == (1 if said else 0), answer.stdout
    assert said in answer.stdout
    # What was not to be is told only if it came just so.
    assert tried(f"{DOWN}expect_none: [{{rule: users, {more}}}]").exit_code == (0 if said else 1)


def test_the_step_to_blame_is_expected_too(tried: Callable[..., Result]) -> None:
    text = """events:
  - shipments: {time: "2026-03-01T09:00:00Z", shipment: s, step: collected, planned_s: 60, actual_s: 90}
expect: [{rule: late, level: red, at: "10:00", worst_step: %s}]"""
    assert tried(text % "collected").exit_code == 0
    answer = tried(text % "sorted")
    assert "with worst step sorted" in answer.stdout
    assert "threshold 1): worst step collected" in answer.stdout


def test_json_says_the_same_to_programs(tried: Callable[..., Result]) -> None:
    answer = tried(f'events:\n  - {BURST}\nexpect: [{{rule: surge, level: red, at: "09:00:50"}}]', "--output", "json")
    told = json.loads(answer.stdout)
    assert (answer.exit_code, told["ok"], told["passed"], told["failed"]) == (1, False, 0, 1)
    (failure,) = told["tests"][0]["failures"]
    assert failure["nearest"] == {
        "key": {"region": "长沙"},
        "level": "yellow",
        "was": "green",
        "time": "2026-03-01T01:00:50Z",
        "value": 10.0,
        "threshold": 5.0,
        "top": [{"field": "category", "value": "network", "share": 1.0}],
    }
    assert failure["line"] == 6


MISTAKES = {
    "rule": (
        "expect: [{rule: surgee}]",
        't.yaml:6:21: tests[0].expect[0].rule: there is no rule "surgee": did you mean "surge"?',
    ),
    "key": (
        "expect: [{rule: surge, key: {regin: x}}]",
        't.yaml:6:41: tests[0].expect[0].key.regin: rule surge is not judged by "regin": did you mean "region"?',
    ),
    "level": (
        "expect: [{rule: surge, level: orange}]",
        't.yaml:6:35: tests[0].expect[0].level: rule surge has no level "orange": there are green, yellow, red',
    ),
    "contributor": (
        "expect: [{rule: quiet-line, top: {outlet: o1}}]",
        't.yaml:6:47: tests[0].expect[0].top.outlet: rule quiet-line has no contributor "outlet": there are none',
    ),
    "worst step": (
        "expect: [{rule: surge, worst_step: sorted}]",
        "t.yaml:6:40: tests[0].expect[0].worst_step: rule surge does not name the worst step: name_worst: step",
    ),
    "shape": ("expect: [{level: red}]", 't.yaml:6:14: tests[0].expect[0]: "rule" is missing'),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_in_a_test_is_no_failure_but_wrong_usage(case: str, tried: Callable[..., Result]) -> None:
    expectation, message = MISTAKES[case]
    answer = tried(f"events:\n  - {BURST}\n{expectation}")
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert answer.stderr.splitlines() == [message, "tocsin test: nothing was run: mend these first"]


def test_an_event_that_the_service_would_refuse_fails_the_test(tried: Callable[..., Result]) -> None:
    burst = BURST.replace("region: 长沙", f"region: {'x' * 257}")
    answer = tried(f"events:\n  - {burst}\nexpect_none: [{{rule: surge}}]")
    assert answer.exit_code == 1
    assert "refused" in answer.stdout


def test_a_span_that_would_make_millions_of_events_is_refused(tried: Callable[..., Result]) -> None:
    burst = BURST.replace("every: 5s", "every: 1ms").replace("2026-03-01T09:01:00", "2026-03-02T09:01:00")
    answer = tried(f"events:\n  - {burst}\nexpect_none: [{{rule: surge}}]")
    assert answer.exit_code == 2
    assert 'gives more than 1000000 events: lengthen its "every"' in answer.stderr


def test_a_folder_is_searched_for_tests_and_one_without_any_is_wrong_usage(
    tmp_path: Path, tried: Callable[..., Result]
) -> None:
    tried(f"events:\n  - {BURST}\nexpect_none: [{{rule: surge, level: red}}]")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "more.yaml").write_text(
        Path("t.yaml").read_text(encoding="utf-8").replace("rules.yaml", "../rules.yaml"), encoding="utf-8"
    )
    answer = CliRunner().invoke(command, ["."])
    assert answer.stdout == "ok  deep/more.yaml: 1 test\nok  t.yaml: 1 test\n"
    answer = CliRunner().invoke(command, ["rules.yaml"])
    assert answer.exit_code == 2
    assert answer.stderr == "tocsin test: no tests in rules.yaml: they have `tests:` at their top\n"
