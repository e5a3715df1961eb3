"""`tocsin bench`: the project's own benchmark, which lies in its repository beside the code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[2]
UNREACHABLE = 3


@click.command()
@click.option("--quick", is_flag=True, help="Small backlogs, one run, in about three minutes: shows that it works.")
@click.option("--runs", type=click.IntRange(1), help="Rounds of the comparison.  [default: 5; quick: 1]")
@click.option("--only", multiple=True, metavar="SECTION",
              help="Measure this alone: compare, replay, growth, delay, scale or rebalance.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of the report.")
@click.pass_context
def command(context: click.Context, quick: bool, runs: int | None, only: tuple[str, ...], as_json: bool) -> None:
    r"""Measure against raw clients, plain Faust, quixstreams and bytewax, on a Kafka started for it.

    A full run wants a machine to itself; it writes bench/results.json and bench/RESULTS.md.

    \b
    tocsin bench --quick
    tocsin bench --only replay --json
    """
    if not (ROOT / "bench" / "__main__.py").is_file():
        click.echo("tocsin bench: the benchmark lies in the repository; run it from a clone", err=True)
        context.exit(UNREACHABLE)
    arguments = [
        *(["--quick"] if quick else []),
        *(["--runs", str(runs)] if runs else []),
        *(part for section in only for part in ("--only", section)),
        *(["--json"] if as_json else []),
    ]
    try:
        done = subprocess.run([sys.executable, "-m", "bench", *arguments], cwd=ROOT, check=False)
    except KeyboardInterrupt:
        context.exit(130)
    context.exit(done.returncode)
