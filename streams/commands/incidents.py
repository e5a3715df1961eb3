"""`tocsin incidents`: what fires, who has it; take it on, promise, comment, end it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from streams.commands.grouping import NearGroup
from streams.commands.options import Duration
from streams.commands.telling import token_of

_WAIT_S = 5.0  # for what the desk makes of a command
_POLL_S = 0.2

Ask = Callable[..., tuple[int, dict[str, Any]]]
"""Asks the worker for a path, and gives status and answer."""

OUTPUT = click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True,
                       help="json: an object a line.")  # fmt: skip


def paged(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say where a worker is; the command is given `ask` in their place."""
    from streams.asking import PAGE

    @click.option("--page", default=PAGE, show_default=True, metavar="URL", help="Where a worker's page is.")
    @click.option("--token-file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
                  envvar="TOCSIN_TOKEN_FILE", help="File of your token, where the page asks for one.")  # fmt: skip
    @wraps(command)
    def run(*args: Any, page: str, token_file: Path | None, **given: Any) -> None:
        from streams.asking import NoAnswer, Refused, ask

        context = click.get_current_context()
        name = _group(context)
        token = token_of(context, name, token_file)

        def asked(path: str, body: Mapping[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
            try:
                return ask(page, path, body, token=token)
            except NoAnswer as error:
                click.echo(f"{name}: {error}", err=True)
                context.exit(3)
            except Refused as error:
                click.echo(f"{name}: {error}", err=True)
                context.exit(1)

        command(*args, ask=asked, **given)

    return run


@click.group(cls=NearGroup)
def command() -> None:
    """List, show, acknowledge, promise, comment and end incidents, say what they were, over the page of a worker."""


@command.command("list")
@paged
@OUTPUT
@click.option("--all", "every", is_flag=True, help="Those that are over, too.")
def list_(*, ask: Callable[..., tuple[int, dict[str, Any]]], output: str, every: bool) -> None:
    r"""List incidents, worst first.

    \b
    tocsin incidents list --page http://127.0.0.1:8010
    """
    rows = [row for row in ask("/api/v1/incidents")[1]["incidents"] if every or row["state"] != "resolved"]
    for row in rows:
        click.echo(json.dumps(row, ensure_ascii=False) if output == "json" else _line(row))
    if not rows and output == "text":
        click.echo("no incidents", err=True)


@command.command()
@click.argument("incident")
@paged
@OUTPUT
def show(*, incident: str, ask: Callable[..., tuple[int, dict[str, Any]]], output: str) -> None:
    """Show one incident, with its timeline and who is rung next."""
    told = ask(f"/api/v1/incidents/{quote(incident, safe='')}")[1]
    click.echo(json.dumps(told, ensure_ascii=False) if output == "json" else _whole(told))


def _verb(name: str, text: str, *options: Callable[..., Any]) -> None:
    """Add a command that asks the desk for something about one incident."""

    @click.argument("incident")
    @click.option("--by", envvar="TOCSIN_BY", default="", help="Who asks, where the token does not say.")
    @click.option("--comment", default="", help="A line for the timeline.")
    @paged
    @OUTPUT
    def run(*, incident: str, by: str, comment: str, ask: Any, output: str, **body: Any) -> None:
        given = {key: value for key, value in body.items() if value is not None}
        if "within_ms" in given:
            given = {"until": from_now(given["within_ms"], ask)}
        if comment:
            given["text"] = comment
        send_command(ask, {"what": name, "on": incident, "by": by, "body": given}, output)

    run.__doc__ = text
    for option in options:
        run = option(run)
    command.command(name)(run)


_verb("ack", "Take an incident on: nobody else is rung until it expires.")
_verb("takeover", "Take an incident on from whoever has it.")
_verb("unack", "Give an incident back: who was rung last is rung again at once.")
_verb("comment", "Add a line to the timeline (--comment).")
_CAUSE = click.option("--cause", help="What it was, in one line; for the history and the reports.")
_FALSE = click.option("--false-alarm/--real", "false_alarm", default=None, help="There was no trouble; or there was.")
_verb("resolve", "End an incident by hand; if it gets worse it opens again.", _CAUSE, _FALSE)
_verb("find", "Say what an incident was, also after its end: --cause, or --false-alarm.", _CAUSE, _FALSE)
_verb("accept", "Note that the customer accepts: a broken promise is no longer followed.")
_verb(
    "promise",
    "Promise a solution. If it is not kept, your superior is rung.",
    click.option("--within", "within_ms", type=Duration(), default="30m", show_default=True, help="By when."),
)


def send_command(ask: Ask, asked: dict[str, Any], output: str, *, makes: str = "") -> None:
    """Ask the desk for something, say what came of it, and end. What it `makes` is named by the command's id."""
    from streams.api.table import COMMAND

    context = click.get_current_context()
    status, told = ask(COMMAND.path, {key: value for key, value in asked.items() if value})
    if "command" not in told:
        click.echo(f"{_group(context)}: {told.get('error', f'status {status}')}", err=True)
        context.exit(2)
    outcome = None
    end_s = time.monotonic() + _WAIT_S
    while outcome is None and time.monotonic() < end_s:
        outcome = ask(f"{COMMAND.path}/{quote(told['command'], safe='')}")[1].get("outcome")
        if outcome is None:
            time.sleep(_POLL_S)
    said = outcome or "accepted; the desk is at another worker, which has not told yet"
    if makes and outcome in (None, "done"):
        said += f": {makes} {told['command']}"
    click.echo(json.dumps({**told, "outcome": outcome}, ensure_ascii=False) if output == "json" else said)
    context.exit(1 if outcome is not None and outcome != "done" else 0)


def _group(context: click.Context) -> str:
    group = context.parent
    if group is None or group.parent is None:  # a verb of its own, as `tocsin explain`
        return f"tocsin {context.info_name}"
    return f"tocsin {group.info_name}"


def from_now(span_ms: int, ask: Ask) -> str:
    """Write the time that comes after a span, RFC 3339, by the clock of the worker: that of the demo is its own."""
    from alerts.records import format_time, parse_time
    from streams.api.table import FLOW

    now = ask(FLOW.path)[1].get("now")
    return format_time((time.time_ns() // 1_000_000 if now is None else parse_time(now)) + span_ms)


def _line(row: Mapping[str, Any]) -> str:
    key = " ".join(f"{name}={value}" for name, value in row["key"].items())
    owner = f" · {row['owner']}" if row.get("owner") else ""
    return f"{row['id']}  {row['level']:<6}  {row['state']}{owner}  {row['rule']}  {key}  since {row['since']}"


def _whole(told: Mapping[str, Any]) -> str:
    lines = [
        f"{told['incident']}  {told['level']} (peak {told['peak_level']})  {told['state']}",
        f"{told['title']['en']} / {told['title']['zh']}",
        f"{told['summary']['en']} / {told['summary']['zh']}",
        f"since {told['opened']}",
    ]
    followed = told.get("escalation")
    if followed is not None:
        if followed["owner"]:
            lines.append(f"{followed['owner']} has it until {followed['owned_until'] or followed['promised_until']}")
        if followed["next"] is not None:
            lines.append(f"next: {followed['next']['time']} {followed['next']['reason']}")
    if told["false_alarm"] or told["finding"]:
        lines.append(": ".join(filter(None, ("false alarm" if told["false_alarm"] else "cause", told["finding"]))))
    lines += [
        "  ".join(filter(None, (entry["time"], entry["what"], entry["level"], entry["by"], entry["text"])))
        for entry in told["timeline"]
    ]
    return "\n".join(lines)
