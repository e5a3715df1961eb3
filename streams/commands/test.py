"""`tocsin test`: rules tried on made-up events, through the same code as history and the live way."""

from __future__ import annotations

import json
import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.commands.siting import site_options, site_or_stop

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractContextManager

    from streams.testcases import CaseFile
    from streams.testrun import Outcome
    from streams.yamlfile import Located


@click.command()
@click.argument("tests", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@site_options
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="How the answer is written.")
@click.option("--quiet", is_flag=True, help="Write nothing to standard error but mistakes in the files.")
@click.pass_context
def command(
    context: click.Context,
    tests: tuple[Path, ...],
    settings_path: Path | None,
    topology: Path | None,
    output: str,
    *,
    quiet: bool,
) -> None:
    r"""Run tests of rules: files with a top-level `tests:`, and all of those in folders.

    Exit 1 if any fails, 2 if a file has a mistake. A test ends at the first boundary after its last event, or at the
    last time its expectations name.

    \b
    tocsin test rules/
    tocsin test rules/tests/network.yaml --output json
    """
    from streams.testcases import files_of, read_cases

    site = site_or_stop(context, "tocsin test", settings_path, topology)
    paths, problems = files_of(tests, site)
    _stop_at(context, problems)
    if not paths:
        click.echo(f"tocsin test: no tests in {', '.join(map(str, tests))}: they have `tests:` at their top", err=True)
        context.exit(2)
    files = [read_cases(path, site) for path in paths]
    _stop_at(context, dict.fromkeys(problem for file in files for problem in file.problems))
    try:
        outcomes = _run(files, quiet=quiet)
    except KeyboardInterrupt:
        context.exit(130)
    failed = [outcome for outcome in outcomes if not outcome.passed]
    if output == "json":
        click.echo(_as_json(outcomes))
    else:
        from streams.console import wants_colour

        ink = _Ink(colour=wants_colour(sys.stdout, os.environ))
        for file in files:
            _tell_file(file, outcomes, ink)
    if not quiet:
        click.echo(_verdict(outcomes, failed), err=True)
    context.exit(1 if failed else 0)


def _stop_at(context: click.Context, problems: Iterable[Located]) -> None:
    found = [str(problem) for problem in problems]
    if found:
        click.echo("\n".join(found), err=True)
        click.echo("tocsin test: nothing was run: mend these first", err=True)
        context.exit(2)


def _run(files: Sequence[CaseFile], *, quiet: bool) -> list[Outcome]:
    from streams.testrun import run

    todo = sum(len(case.events) for file in files for case in file.cases)
    done = 0

    def count(events: int) -> None:
        nonlocal done
        done += events

    with _progress(lambda: (done, todo, done), quiet=quiet):
        return [run(case, file.rules, count, file.site) for file in files for case in file.cases]


def _progress(state: Any, *, quiet: bool) -> AbstractContextManager[None]:
    if quiet or not sys.stderr.isatty():
        return nullcontext()
    from streams.progress import shown

    return shown(state)


class _Ink:
    """Colours, where the reader has them."""

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour

    def __call__(self, text: str, **style: Any) -> str:
        return click.style(text, **style) if self._colour else text


def _tell_file(file: CaseFile, outcomes: Sequence[Outcome], ink: _Ink) -> None:
    own = [outcome for outcome in outcomes if outcome.case.place.file == str(file.path)]
    failed = [outcome for outcome in own if not outcome.passed]
    word = ink("FAIL", fg="red", bold=True) if failed else ink("ok", fg="green")
    failing = f", {len(failed)} failed" if failed else ""
    click.echo(f"{word}  {file.path}: {_count(len(own), 'test')}{failing}", color=True)
    for outcome in failed:
        _tell(outcome, ink)


def _tell(outcome: Outcome, ink: _Ink) -> None:
    from detectors.places import printable
    from streams.testtell import lines_of

    click.echo(f"\n  {ink(printable(outcome.case.name), bold=True)}", color=True)
    for refused in outcome.refused:
        click.echo(f"    {ink('refused ', fg='red')}  {printable(refused)}", color=True)
    for failure in outcome.failures:
        place = failure.expectation.place
        expected, got, what_next = lines_of(failure, outcome)
        click.echo(f"    {place.file}:{place.line}:{place.column}:", color=True)
        click.echo(f"    {ink('expected', fg='green')}  {expected}", color=True)
        click.echo(f"    {ink('got     ', fg='red')}  {got}", color=True)
        click.echo(f"    {ink('next    ', fg='cyan')}  {what_next}\n", color=True)


def _as_json(outcomes: Sequence[Outcome]) -> str:
    from streams.testtell import as_data

    passed = sum(outcome.passed for outcome in outcomes)
    answer = {
        "ok": passed == len(outcomes),
        "passed": passed,
        "failed": len(outcomes) - passed,
        "tests": [as_data(outcome) for outcome in outcomes],
    }
    return json.dumps(answer, ensure_ascii=False, indent=2)


def _verdict(outcomes: Sequence[Outcome], failed: Sequence[Outcome]) -> str:
    tests = _count(len(outcomes), "test")
    return f"{len(failed)} of {tests} failed" if failed else f"ok: {tests} passed"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
