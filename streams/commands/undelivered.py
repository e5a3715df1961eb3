"""`tocsin notify failed` and `retry`: what the outbox of a worker gave up, and another try."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from streams.commands.incidents import OUTPUT, paged

Ask = Callable[..., tuple[int, dict[str, Any]]]

_CHANNEL = click.option("--channel", default="", help="Only this channel.")
_KEYS_AT_ONCE = 100


@click.command()
@_CHANNEL
@paged
@OUTPUT
def failed(*, channel: str, ask: Ask, output: str) -> None:
    r"""List the notifications that a worker gave up in the last week, the oldest first.

    \b
    tocsin notify failed --page http://127.0.0.1:8010
    """
    rows = _rows(ask, channel)
    for row in rows:
        click.echo(json.dumps(row, ensure_ascii=False) if output == "json" else _line(row))
    if not rows and output == "text":
        click.echo("nothing was given up", err=True)


@click.command()
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@click.option("--all", "every", is_flag=True, help="All that `failed` lists.")
@_CHANNEL
@paged
@OUTPUT
def retry(*, keys: Sequence[str], every: bool, channel: str, ask: Ask, output: str) -> None:
    r"""Have what was given up tried again, as if it had just been decided; by the same key, so that it is told once.

    \b
    tocsin notify retry 5f0c…
    tocsin notify retry --all --channel wecom
    """
    if bool(keys) == every or (channel and not every):
        raise click.UsageError("Name KEYs, or say --all, with or without --channel.")
    from streams.api.history_table import UNDELIVERED

    wanted = [row["key"] for row in _rows(ask, channel)] if every else list(keys)
    done = sum(
        ask(UNDELIVERED.path, {"keys": wanted[first : first + _KEYS_AT_ONCE]})[1].get("retried", 0)
        for first in range(0, len(wanted), _KEYS_AT_ONCE)
    )
    click.echo(json.dumps({"retried": done}) if output == "json" else f"{done} are tried again")
    if done < len(wanted):
        click.echo(f"tocsin notify retry: {len(wanted) - done} are none that this worker gave up", err=True)
        click.get_current_context().exit(1)


def _rows(ask: Ask, channel: str) -> list[dict[str, Any]]:
    from streams.api.history_table import UNDELIVERED

    rows: list[dict[str, Any]] = ask(UNDELIVERED.path)[1]["undelivered"]
    return [row for row in rows if not channel or row["channel"] == channel]


def _line(row: Mapping[str, Any]) -> str:
    where = " ".join(map(str, row["of"].values()))
    to = f" @{row['to']}" if row["to"] else ""
    return f"{row['key']}  {row['ended']}  {row['channel']}{to}  {row['outcome']}  {row['level']} {row['rule']} {where}"
