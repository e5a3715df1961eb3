"""The benchmark: `python -m bench`, or `tocsin bench`, or `make bench`.

A full run writes bench/results.json and bench/RESULTS.md; it wants a machine to itself for about a quarter of an hour.
A quick one writes nothing and shows only that all of it works: its backlogs are too short for figures.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from bench import machine
from bench.compare import PARTICIPANTS, compare
from bench.delay import delay
from bench.mixed import mixed
from bench.pages import pages
from bench.replay import growth, replay
from bench.report import render
from bench.scale import rebalance, scale
from bench.steps import steps
from bench.turns import Failed, rounded
from scripts.parts import Missing
from tests.parts.process import NotReady

HERE = Path(__file__).resolve().parent
RESULTS, REPORT = HERE / "results.json", HERE / "RESULTS.md"
SECTIONS = ("compare", "steps", "replay", "mixed", "growth", "delay", "pages", "scale", "rebalance")
RUNS, RUNS_QUICK = 5, 1
_RUNS_FEW = 3  # of what is measured besides

Say = Callable[[str], None]


def measure(sections: Sequence[str], *, quick: bool, runs: int, say: Say) -> dict[str, Any]:
    """Measure the sections that are asked for. Raises Failed, Missing, NotReady."""
    few = min(runs, _RUNS_FEW)
    work: dict[str, Callable[[], dict[str, Any]]] = {
        "steps": lambda: steps(quick=quick, runs=few, say=say),
        "replay": lambda: replay(quick=quick, runs=runs, say=say),
        "mixed": lambda: mixed(quick=quick, runs=few, say=say),
        "growth": lambda: growth(quick=quick, runs=few, say=say),
        "delay": lambda: delay(quick=quick, say=say),
        "pages": lambda: pages(quick=quick, say=say),
        "scale": lambda: scale(quick=quick, runs=few, say=say),
        "rebalance": lambda: rebalance(quick=quick, say=say),
    }
    found: dict[str, Any] = {"runs": runs}
    if "compare" in sections:
        found.update(_compared(quick=quick, runs=runs, say=say))
    found.update({name: act() for name, act in work.items() if name in sections})
    found["date"] = datetime.now(UTC).date().isoformat()
    found["machine"], found["versions"] = machine.describe(), machine.versions()
    found["command"] = f"make bench ARGS='--runs {runs}'" + (" (quick)" if quick else "")
    return {name: _rounded(value) for name, value in found.items()}


def _compared(*, quick: bool, runs: int, say: Say) -> dict[str, Any]:
    figures, absent = compare(quick=quick, runs=runs, say=say)
    others = [name for name in figures.rounds if name != "tocsin"]
    return {
        "events_per_s": {name: figures.middle(name) for name in figures.rounds},
        "ratio_to_raw": {name: figures.ratio(name, "raw") for name in figures.rounds},
        "tocsin_to": {name: figures.ratio("tocsin", name) for name in others},
        "least": {name: figures.spread(name)[0] for name in figures.rounds},
        "greatest": {name: figures.spread(name)[1] for name in figures.rounds},
        "wall_s": {name: figures.middle(name, "wall_s") for name in figures.rounds},
        "cpu_s": {name: figures.middle(name, "cpu_s") for name in figures.rounds},
        "rss_mb": {name: figures.middle(name, "rss_mb") for name in figures.rounds},
        "events": {who.name: who.quick if quick else who.events for who in PARTICIPANTS if who.name in figures.rounds},
        "alert_records": {name: figures.middle(name, "alerts") for name in figures.rounds},
        "absent": absent,
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    return rounded(value) if isinstance(value, float) else value


def main(arguments: Sequence[str]) -> int:
    """Run it. Return the exit code: 1 if somebody did not do the job, 3 if something needed is not there."""
    parser = argparse.ArgumentParser(prog="tocsin bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small backlogs, one run; writes nothing")
    parser.add_argument("--runs", type=int, help=f"rounds of the comparison (default {RUNS}, quick {RUNS_QUICK})")
    parser.add_argument("--only", choices=SECTIONS, action="append", help="measure this section; writes nothing")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the report")
    options = parser.parse_args(arguments)
    began_s = monotonic()

    def say(text: str) -> None:
        sys.stderr.write(f"{monotonic() - began_s:6.0f} s  {text}\n")

    runs = options.runs or (RUNS_QUICK if options.quick else RUNS)
    try:
        found = measure(options.only or SECTIONS, quick=options.quick, runs=runs, say=say)
    except (Failed, TimeoutError) as failure:
        sys.stderr.write(f"tocsin bench: {failure}\n")
        return 1
    except (Missing, NotReady) as missing:
        sys.stderr.write(f"tocsin bench: {missing}\n")
        return 3
    text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    report = render(found)
    if not options.quick and not options.only:
        RESULTS.write_text(text, encoding="utf-8")
        REPORT.write_text(report, encoding="utf-8")
    sys.stdout.write(text if options.json else report)
    say("done")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
