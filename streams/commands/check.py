"""`tocsin check`: every mistake in every rule file, each at its place."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.commands.siting import site_options, site_or_stop

if TYPE_CHECKING:
    from streams.rulefile import RuleSet
    from streams.site import Site
    from streams.yamlfile import Located

SOURCE_LEN_MAX = 160


@click.command()
@click.argument("rules", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@site_options
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="How the answer is written.")
@click.option("--effective", is_flag=True, help="Write every rule with its defaults filled in, if nothing is wrong.")
@click.option("--quiet", is_flag=True, help="Write nothing to standard error.")
@click.pass_context
def command(
    context: click.Context,
    rules: tuple[Path, ...],
    settings_path: Path | None,
    topology: Path | None,
    output: str,
    *,
    effective: bool,
    quiet: bool,
) -> None:
    r"""Check rule files, and folders of them; exit 1 if anything is wrong.

    Every mistake is a line FILE:LINE:COLUMN: PATH: MESSAGE on standard output.

    \b
    tocsin check rules/
    tocsin check rules/telecom/network.yaml mine.yaml --output json
    tocsin check --effective rules/telecom/network.yaml
    """
    from streams.rulefile import load
    from streams.testcases import with_cases

    site = site_or_stop(context, "tocsin check", settings_path, topology)
    found = with_cases(load(rules, site.streams, site.almanac), site)
    if effective and not found.problems:
        click.echo(_effective(found, site, output), nl=False)
    elif output == "json":
        click.echo(_as_json(found))
    else:
        for file, problems in groupby(found.problems, key=attrgetter("file")):
            lines = [] if quiet else _lines(Path(file))
            for problem in problems:
                click.echo(str(problem))
                click.echo(_pointer(problem, lines), err=True, nl=False)
    if not quiet:
        click.echo(_verdict(found), err=True)
        if (asking := [rule.id for rule in found.rules if rule.asks_for_holidays]) and not site.almanac.holidays:
            click.echo(
                f"note: no holidays are known (settings: holidays), and {', '.join(asking)} asks for them", err=True
            )
        for note in _ladder_notes(found, settings_path):
            click.echo(f"note: {note}", err=True)
    context.exit(1 if found.problems else 0)


def _ladder_notes(found: RuleSet, settings_path: Path | None) -> Iterator[str]:
    """Say which ladders nobody has described: only the settings know all, so it is no mistake of the file."""
    from alerts.ladders import PREFIX
    from detectors.places import quoted, suggest
    from streams.peoplefile import ladder_names
    from streams.settingsfile import read_settings

    known: frozenset[str] | None = None
    for rule in found.rules:
        for name in dict.fromkeys(name for names in rule.notify.values() for name in names if name.startswith(PREFIX)):
            known = ladder_names(read_settings(settings_path, {}).people) if known is None else known
            if name.removeprefix(PREFIX) not in known:
                hint = suggest(name.removeprefix(PREFIX), sorted(known), " and those of `people` in the settings")
                yield f"{rule.id} names the ladder {quoted(name.removeprefix(PREFIX))}: {hint} Else it is told to all."


def _effective(found: RuleSet, site: Site, output: str) -> str:
    from streams.effective import as_yaml, effective_rules

    rules = list(effective_rules(found.files, found.rules, site.streams))
    if output != "json":
        return as_yaml(rules, site.almanac.zone)
    told = [{"file": str(path), **rule} for path, rule in rules]
    return json.dumps({"zone": site.almanac.zone, "rules": told}, ensure_ascii=False, indent=2) + "\n"


def _as_json(found: RuleSet) -> str:
    answer = {
        "ok": not found.problems,
        "rules": len(found.rules),
        "files": len(found.files),
        "test_files": len(found.test_files),
        "problems": [asdict(problem) for problem in found.problems],
    }
    return json.dumps(answer, ensure_ascii=False, indent=2)


def _verdict(found: RuleSet) -> str:
    if found.problems:
        return f"{_count(len(found.problems), 'problem')} in {_count(len({p.file for p in found.problems}), 'file')}"
    tests = f" and {_count(len(found.test_files), 'test file')}" if found.test_files else ""
    return f"ok: {_count(len(found.rules), 'rule')} in {_count(len(found.files), 'file')}{tests}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _lines(file: Path) -> list[str]:
    """Read a file to show parts of it; what cannot be read is not shown."""
    try:
        return file.read_bytes().decode("utf-8-sig", "replace").split("\n")
    except OSError:
        return []


def _pointer(problem: Located, lines: Sequence[str]) -> str:
    """Show the source line with a caret under the mistake; nothing if the line cannot be shown."""
    from detectors.places import printable

    source = lines[problem.line - 1].rstrip("\r") if problem.line <= len(lines) else ""
    if not source.strip() or len(source) > SOURCE_LEN_MAX:
        return ""
    before = printable(source[: problem.column - 1].replace("\t", " "))
    return f"    {printable(source.replace(chr(9), ' '))}\n    {' ' * _width(before)}^\n"


def _width(text: str) -> int:
    """Count the columns of a terminal that a text takes: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
