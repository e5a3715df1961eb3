"""What the benchmark rests on: the job in numpy is the job that Tocsin does, and the page says what was measured."""

from __future__ import annotations

import doctest
import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from bench import delay, job, report, targets, turns
from bench.backlog import Stretch, calls
from bench.job import LATENESS_MS, LEVELS, Call, Moved, Window
from streams.commands.bench import command
from streams.commands.replay import command as replay

ROOT = Path(__file__).parents[2]
EVENTS = 30_000


@pytest.mark.parametrize("module", [job, turns, delay, report], ids=lambda module: module.__name__)
def test_the_examples_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("batch", [997, EVENTS])
def test_the_window_of_the_raw_client_moves_as_replay_says(tmp_path: Path, batch: int) -> None:
    made = [event for _, event in calls(Stretch(EVENTS))]
    (tmp_path / "calls.jsonl").write_bytes(b"\n".join(made))
    (tmp_path / "rule.yaml").write_text(job.rule(job.thresholds(EVENTS)), encoding="utf-8")
    arguments = [str(tmp_path / "calls.jsonl"), "--rules", str(tmp_path / "rule.yaml"), "--quiet"]
    result = CliRunner().invoke(replay, [*arguments, "--lateness", f"{LATENESS_MS // 1000}s"])
    told = {
        (record["key"]["outlet"], record["level"], record["was"], record["value"])
        for record in map(json.loads, result.stdout.splitlines())
    }
    decode, window, moved = msgspec.json.Decoder(Call).decode, Window(job.thresholds(EVENTS)), list[Moved]()
    for first in range(0, EVENTS, batch):
        moved += window.feed([decode(event) for event in made[first : first + batch]])
    assert moved
    assert {(one.outlet, LEVELS[one.level], LEVELS[one.was], one.value) for one in moved} <= told
    assert len(moved) > 0.98 * len(result.stdout.splitlines())  # replay also judges the boundary after the last event


def test_an_event_is_as_long_as_the_page_says() -> None:
    made = [event for _, event in calls(Stretch(1_000))]
    assert 240 <= sum(map(len, made)) / len(made) <= 260
    assert len({json.loads(event)["id"] for event in made}) == len(made)


def test_ratios_are_of_neighbours_in_time() -> None:
    figures = turns.Figures()
    for mine, other in ((10.0, 5.0), (30.0, 10.0), (8.0, 8.0)):
        figures.add("mine", {"events_per_s": mine})
        figures.add("other", {"events_per_s": other})
    assert figures.ratio("mine", "other") == 2.0
    assert figures.middle("mine") == 10.0
    assert figures.spread("other") == (5.0, 10.0)


def test_whoever_tells_nothing_has_failed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; print('talk'); sys.exit('no broker')"]
    with pytest.raises(turns.Failed, match="no broker"):
        turns.run(command, tmp_path / "mute.log", timeout_s=20)


def test_the_page_is_the_one_that_the_results_give() -> None:
    results, page = ROOT / "bench" / "results.json", ROOT / "bench" / "RESULTS.md"
    assert results.exists() == page.exists()
    if results.exists():
        assert page.read_text("utf-8") == report.render(json.loads(results.read_bytes()))


def test_a_target_is_met_or_not_by_its_figure_and_left_out_where_nothing_was_measured() -> None:
    told = {what: verdict for what, _, _, verdict in targets.verdicts({"replay": {"ratio": 0.7}})}
    assert told == {"`tocsin replay` ÷ reading and decoding": "met"}
    [(_, bound, figure, verdict)] = targets.verdicts({"growth": {"rules_1_to_50_time": 4.0}})
    assert (bound, figure, verdict) == ("< 4", "4", "**not met**")


def test_away_from_the_repository_the_command_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("streams.commands.bench.ROOT", tmp_path)
    result = CliRunner().invoke(command, ["--quick"])
    assert result.exit_code == 3
    assert "run it from a clone" in result.stderr


def test_a_section_nobody_knows_is_wrong_usage() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--only", "nothing"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "invalid choice" in done.stderr
