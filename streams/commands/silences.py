"""`tocsin silences`: keep quiet what matches, for a time, with a reason; see first what that would hide."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import click

from streams.commands.grouping import NearGroup
from streams.commands.incidents import OUTPUT, Ask, from_now, paged, send_command
from streams.commands.options import Duration

_MATCH = click.argument("match", nargs=-1, required=True, metavar="FIELD=NAME...")
_LASTING = click.option("--for", "span_ms", type=Duration(), default="1h", show_default=True, help="How long.")
_RED = click.option("--including-red", is_flag=True, help="Red too; without it red is told all the same.")


@click.group(cls=NearGroup)
def command() -> None:
    """List, show, try, add and end silences, over the page of a running worker."""


@command.command("list")
@paged
@OUTPUT
def list_(*, ask: Ask, output: str) -> None:
    """List silences that hold or will, the next to end first."""
    rows = ask("/api/v1/silences")[1]["silences"]
    for row in rows:
        click.echo(json.dumps(row, ensure_ascii=False) if output == "json" else _line(row))
    if not rows and output == "text":
        click.echo("no silences", err=True)


@command.command()
@click.argument("silence")
@paged
@OUTPUT
def show(*, silence: str, ask: Ask, output: str) -> None:
    """Show one silence, also one that is over."""
    from streams.api.table import SILENCE

    row = ask(SILENCE.path.replace("{silence}", quote(silence, safe="")))[1]
    click.echo(json.dumps(row, ensure_ascii=False) if output == "json" else _line(row))


@command.command()
@_MATCH
@_LASTING
@_RED
@paged
@OUTPUT
def preview(*, match: Sequence[str], span_ms: int, including_red: bool, ask: Ask, output: str) -> None:
    r"""Show what a silence would hide of what fires now; nothing is changed.

    \b
    tocsin silences preview region=长沙 rule=complaint-surge
    """
    from streams.api.table import PREVIEW

    told = ask(PREVIEW.path, _body(ask, match, span_ms, including_red, "preview"))[1]
    if "error" in told:
        click.echo(f"tocsin silences: {told['error']}", err=True)
        click.get_current_context().exit(2)
    for row in told["incidents"]:
        text = f"{row['incident']}  {row['level']:<6}  {row['rule']}  {row['hidden']} alerts"
        click.echo(json.dumps(row, ensure_ascii=False) if output == "json" else text)
    if not told["incidents"] and output == "text":
        click.echo("it would hide nothing that fires now", err=True)


@command.command()
@_MATCH
@_LASTING
@_RED
@click.option("--comment", required=True, help="Why.")
@click.option("--by", envvar="TOCSIN_BY", default="", help="Who asks, where the token does not say.")
@paged
@OUTPUT
def add(
    *, match: Sequence[str], span_ms: int, including_red: bool, comment: str, by: str, ask: Ask, output: str
) -> None:
    r"""Keep quiet what matches: FIELD is rule, stream, level or a field of the key; one field twice is any of both.

    `labels` takes matchers as amtool does: labels=level!=red, 'labels=key_region=~"长.*"'; several must all hold.

    \b
    tocsin silences add region=长沙 stream=network --for 2h --comment 割接 --by 王工
    """
    from streams.api.table import PREVIEW

    body = _body(ask, match, span_ms, including_red, comment)
    if ask(PREVIEW.path, body)[1].get("incidents") == []:
        click.echo("note: it hides nothing that fires now; if it should, look at the names again", err=True)
    send_command(ask, {"what": "silence-add", "by": by, "body": body}, output, makes="silence")


@command.command()
@click.argument("silence")
@click.option("--by", envvar="TOCSIN_BY", default="", help="Who asks, where the token does not say.")
@paged
@OUTPUT
def expire(*, silence: str, by: str, ask: Ask, output: str) -> None:
    """End a silence now; what is still bad is told."""
    send_command(ask, {"what": "silence-expire", "on": silence, "by": by}, output)


def _body(ask: Ask, match: Sequence[str], span_ms: int, including_red: bool, comment: str) -> dict[str, Any]:
    named: dict[str, list[str]] = {}
    for each in match:
        field, is_said, name = each.partition("=")
        if not is_said or not field or not name:
            raise click.BadParameter(f"{each!r} is not FIELD=NAME, as in region=长沙")
        named.setdefault(field, []).append(name)
    body: dict[str, Any] = {"match": named, "comment": comment, "ends": from_now(span_ms, ask)}
    return {**body, "including_red": True} if including_red else body


def _line(row: Mapping[str, Any]) -> str:
    match = " ".join(f"{field}={'|'.join(names)}" for field, names in row["match"].items())
    red = "  including red" if row["including_red"] else ""
    return f"{row['id']}  {row['starts']} to {row['ends']}  {match}{red}  {row['author']}: {row['comment']}"
