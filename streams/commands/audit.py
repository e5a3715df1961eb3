"""`tocsin audit verify`: whether the record of who did what is whole and unchanged."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import click

from streams.commands.grouping import NearGroup
from streams.commands.reaching import Brokers, reached

NAME = "tocsin audit verify"


@click.group(cls=NearGroup)
def command() -> None:
    """The record of who did what: each entry holds the hash of the one before."""


@command.command()
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--broker", "brokers", type=Brokers(), help="Where Kafka is.  [default: the settings']")
@click.option("--settings", "path", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              envvar="TOCSIN_SETTINGS", help="Settings file (YAML): broker and security.")  # fmt: skip
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_context
def verify(
    context: click.Context, file: Path | None, brokers: list[str] | None, path: Path | None, output: str
) -> None:
    r"""Look through the audit, in Kafka or in FILE (an exported copy, a record a line).

    Exit 1 if a record was changed, left out or put in later; the first such place is named. Keep the hash that is
    printed somewhere else: it shows, another day, that all up to it is still as it was.

    \b
    tocsin audit verify --broker localhost:9092
    """
    from alerts.audit import verify as look_through
    from streams.access import AccessRefused
    from streams.auditlog import read_audit
    from streams.sending import Unreachable

    lines: Iterable[bytes]
    if file is not None:
        lines = [line for line in file.read_bytes().splitlines() if line.strip()]
    else:
        where, access = reached(context, NAME, brokers, path)
        lines = read_audit(where, access)
    try:
        verdict = look_through(lines)
    except (Unreachable, AccessRefused) as error:
        click.echo(f"{NAME}: {error}", err=True)
        context.exit(3)
    good = f"{verdict.records} records, unbroken; the last hash is {verdict.last}"
    click.echo(json.dumps(asdict(verdict)) if output == "json" else verdict.wrong or good)
    context.exit(0 if verdict.wrong is None else 1)
