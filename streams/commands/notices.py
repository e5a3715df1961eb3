"""`tocsin notices`: what customers are told: look at it, approve, publish, cancel."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from streams.commands.grouping import NearGroup
from streams.commands.incidents import OUTPUT, Ask, paged, send_command
from streams.commands.options import LANG, spoken

if TYPE_CHECKING:
    from alerts.texts import Language

OVER = ("all-clear", "withdrawn")


@click.group(cls=NearGroup)
def command() -> None:
    """List, show, approve, publish and cancel customer notices, over the page of a running worker."""


@command.command("list")
@paged
@click.option("--all", "every", is_flag=True, help="Those that are over, too.")
@LANG
@OUTPUT
def list_(*, ask: Ask, every: bool, lang: Language | None, output: str) -> None:
    r"""List notices, the next that is due first.

    \b
    tocsin notices list --page http://127.0.0.1:8010
    """
    rows = [row for row in ask("/api/v1/notices")[1]["notices"] if every or row["state"] not in OVER]
    for row in rows:
        click.echo(json.dumps(row, ensure_ascii=False) if output == "json" else _line(row, lang or spoken()))
    if not rows and output == "text":
        click.echo("no notices", err=True)


@command.command()
@click.argument("notice")
@paged
@LANG
@OUTPUT
def show(*, notice: str, ask: Ask, lang: Language | None, output: str) -> None:
    """Show one notice: its newest text, and every step that it took."""
    from streams.api.route import V1

    told = ask(f"{V1}/history/notices/{quote(notice, safe='')}")[1]["notice"]
    click.echo(json.dumps(told, ensure_ascii=False) if output == "json" else _whole(told, lang or spoken()))


def _verb(name: str, text: str) -> None:
    """Add a command that asks the desk for a step of a notice."""

    @click.argument("notice")
    @click.option("--by", envvar="TOCSIN_BY", default="", help="Who asks, where the token does not say.")
    @paged
    @OUTPUT
    def run(*, notice: str, by: str, ask: Ask, output: str) -> None:
        send_command(ask, {"what": f"notice-{name}", "on": notice, "by": by}, output)

    run.__doc__ = text
    command.command(name)(run)


_verb("approve", "Approve the draft as it stands; rewritten, it is a draft again.")
_verb("publish", "Tell customers the approved text.")
_verb("cancel", "Withdraw a notice that no customer has heard of.")


def _line(row: Mapping[str, Any], lang: str) -> str:
    due = f"  due {row['due']}" if row["due"] else ""
    return f"{row['id']}  {row['level']:<6}  {row['state']}{due}  {row['incident']}  {row['title'].get(lang, '')}"


def _whole(told: Mapping[str, Any], lang: str) -> str:
    text = told["text"][lang]
    steps = ("  ".join(filter(None, (s["time"], s["kind"], s["state"], s["by"]))) for s in told["steps"])
    head = f"{told['notice']}  {told['level']}  {told['state']}  incident {told['incident']}  due {told['deadline']}"
    return "\n".join((head, text["headline"], text["body"], *steps))
