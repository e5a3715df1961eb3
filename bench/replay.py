"""`tocsin replay` of a file, against reading and decoding the same file; and what it costs when things grow."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from bench.backlog import Stretch, calls
from bench.job import SERIES, rule, thresholds
from bench.turns import Figures, run

Say = Callable[[str], None]

_TIMEOUT_S = 300.0
_MANY_SERIES, _FEW_SERIES, _MANY_RULES = 10_000, 10, 50
_MEASURES = ("count", "{mean: wait_s}", "{share: {outcome: abandoned}}", "{max: wait_s}", "{sum: talk_s}")
_BY = ("[outlet]", "[queue]", "[region]", "[]", "[region, purpose]", "[agent]", "[line]")
_WHERE = ("{}", "{purpose: complaint}", "{outcome: {not: blocked}}")


def replay(*, quick: bool, runs: int, say: Say) -> dict[str, Any]:
    """Measure both in turns. Give events a second and the median ratio."""
    events = 200_000 if quick else 1_000_000
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as name:
        folder = Path(name)
        file, rules = _write(folder, events, SERIES), _rule(folder, events)
        for turn in range(runs):
            figures.add("decode", _run("decode_file", folder, str(events), str(file)))
            figures.add("replay", _run("replay_file", folder, str(events), str(file), "--rules", str(rules)))
            say(f"round {turn + 1} of {runs}: replay {figures.rounds['replay'][-1]['events_per_s']:,.0f} events/s")
    return {
        "events": events,
        "read_and_decode_events_per_s": figures.middle("decode"),
        "replay_events_per_s": figures.middle("replay"),
        "ratio": figures.ratio("replay", "decode"),
    }


def growth(*, quick: bool, runs: int, say: Say) -> dict[str, Any]:
    """Measure time and memory of a replay as events, series and rules become more."""
    events = 100_000 if quick else 500_000
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as name:
        folder = Path(name)
        base, one_rule = _write(folder, events, SERIES), _rule(folder, events)
        twice = _write(folder, 2 * events, SERIES)
        few, many = _write(folder, events, _FEW_SERIES), _write(folder, events, _MANY_SERIES)
        many_rules = folder / "many.yaml"
        many_rules.write_text(_rules(_MANY_RULES), encoding="utf-8")
        for turn in range(runs):
            for case, file, rules, number in (
                ("base", base, one_rule, events),
                ("twice_the_events", twice, one_rule, 2 * events),
                ("few_series", few, one_rule, events),
                ("many_series", many, one_rule, events),
                ("many_rules", base, many_rules, events),
            ):
                figures.add(case, _run("replay_file", folder, str(number), str(file), "--rules", str(rules)))
            say(f"round {turn + 1} of {runs}")
    ids_mb = figures.middle("twice_the_events", "rss_mb") - figures.middle("base", "rss_mb")
    series_mb = figures.middle("many_series", "rss_mb") - figures.middle("few_series", "rss_mb")
    return {
        "events": events,
        "twice_the_events_time": figures.ratio("twice_the_events", "base", "seconds"),
        f"series_{_FEW_SERIES}_to_{_MANY_SERIES}_time": figures.ratio("many_series", "few_series", "seconds"),
        f"rules_1_to_{_MANY_RULES}_time": figures.ratio("many_rules", "base", "seconds"),
        "rss_mb": figures.middle("base", "rss_mb"),
        "bytes_a_series": series_mb * 2**20 / (_MANY_SERIES - _FEW_SERIES),
        "mb_a_million_ids": ids_mb * 1_000_000 / events,
    }


def _write(folder: Path, events: int, series: int) -> Path:
    """Write a file of calls, which all fit into the horizon of de-duplication."""
    file = folder / f"calls-{events}-{series}.jsonl"
    with file.open("wb") as out:
        out.writelines(event + b"\n" for _, event in calls(Stretch(events, series)))
    return file


def _rule(folder: Path, events: int) -> Path:
    file = folder / "rule.yaml"
    file.write_text(rule(thresholds(events)), encoding="utf-8")
    return file


def _rules(number: int) -> str:
    """Write rules that differ in what they measure, by what and of what."""
    ways = islice(zip(cycle(_MEASURES), cycle(_BY), cycle(_WHERE), strict=False), number)
    lines = (
        f"  - {{id: rule-{at}, title: {{en: a, zh: a}}, stream: calls, measure: {measure}, by: {by}, where: {where},\n"
        "     levels: {yellow: 1000000}}\n"
        for at, (measure, by, where) in enumerate(ways)
    )
    return "version: 1\nrules:\n" + "".join(lines)


def replay_file(folder: Path, events: int, file: Path, rules: Path) -> dict[str, Any]:
    """Replay a file of so many events once, in a process of its own."""
    return _run("replay_file", folder, str(events), str(file), "--rules", str(rules))


def _run(module: str, folder: Path, *arguments: str) -> dict[str, Any]:
    lateness = ["--lateness", "5s"] if module == "replay_file" else []
    command = [sys.executable, "-m", f"bench.participants.{module}", *arguments, *lateness]
    return run(command, folder / f"{module}.log", timeout_s=_TIMEOUT_S)
