"""`tocsin notices`: what customers are told: look at it, approve, publish, cancel."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from streams.commands.grouping import NearGroup
from streams.commands.incidents import OUTPUT, Ask, paged, send_command
from streams.commands.options import LANG, spoken

if TYPE_CHECKING:
    from alerts.texts import Language

_HOW: Mapping[str, Mapping[str, str]] = {
    "told": {"en": "told", "zh": "已告知"},
    "next": {"en": "next at", "zh": "下一批"},
    "waits": {"en": "waits", "zh": "待告知"},
    "unheard": {"en": "hears nothing", "zh": "不通知"},
}
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


def _verb(name: str, text: str, *options: Callable[..., Any]) -> None:
    """Add a command that asks the desk for a step of a notice."""

    @click.argument("notice")
    @click.option("--by", envvar="TOCSIN_BY", default="", help="Who asks, where the token does not say.")
    @paged
    @OUTPUT
    def run(*, notice: str, by: str, ask: Ask, output: str, **body: Any) -> None:
        given = {key: value for key, value in body.items() if value}
        send_command(ask, {"what": f"notice-{name}", "on": notice, "by": by, "body": given}, output)

    run.__doc__ = text
    for option in options:
        run = option(run)
    command.command(name)(run)


_verb("approve", "Approve the draft as it stands; rewritten, it is a draft again.")
_verb(
    "publish",
    "Tell customers the approved text: the first audience now, each of the others after the head start before it.",
    click.option("--audience", metavar="TIER", help="Tell the one whose turn it is, and let nobody follow."),
    click.option("--all", "all", is_flag=True, help="Tell every one at once."),
)
_verb("cancel", "Withdraw a notice, from those who have not heard of it; who has hears how it goes on.")


def _line(row: Mapping[str, Any], lang: str) -> str:
    due = f"  due {row['due']}" if row["due"] else ""
    who = f"  {_audiences(row, lang)}" if row["audiences"] else ""
    return f"{row['id']}  {row['level']:<6}  {row['state']}{due}  {row['incident']}{who}  {row['title'].get(lang, '')}"


def _whole(told: Mapping[str, Any], lang: str) -> str:
    text = told["text"][lang]
    steps = (
        "  ".join(filter(None, (s["time"], s["kind"], s["state"], s.get("audience"), s["by"]))) for s in told["steps"]
    )
    head = f"{told['notice']}  {told['level']}  {told['state']}  incident {told['incident']}  due {told['deadline']}"
    short = [f"SMS: {text['short']}"] if text.get("short") else []
    who = [_audiences(told, lang)] if told.get("audiences") else []  # not there in what older programs wrote
    return "\n".join((head, *who, text["headline"], text["body"], *short, *steps))


def _audiences(told: Mapping[str, Any], lang: str) -> str:
    """Write who was told the newest text, who is next, and who will hear nothing of it."""
    said, next_time = [], told["next_audience"]
    for each in told["audiences"]:
        time = each["told"] or (next_time if each["waiting"] else None)
        how = "told" if each["told"] else "unheard" if not each["waiting"] else "next" if next_time else "waits"
        said.append(" ".join(filter(None, (each["audience"], _HOW[how][lang], time))))
        if each["waiting"]:
            next_time = None  # the others wait for that one
    return " → ".join(said)
