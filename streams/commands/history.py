"""`tocsin history`: what happened: incidents, changes of level, notifications; and making it anew from the log."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any
from urllib.parse import quote, urlencode

import click

from streams.commands.grouping import NearGroup
from streams.commands.incidents import OUTPUT, Ask, from_now, paged
from streams.commands.options import LANG, Duration, spoken

_LIMIT = 100
_PAGE_LEN = 500


@click.group(cls=NearGroup)
def command() -> None:
    """Ask what happened, over the page of any worker."""


def _asked(run: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say what is asked for; the command is given `query` and `since_ms` in their place."""

    @click.option("--from", "from_", metavar="TIME", help="Not before, as in 2026-03-01T00:00:00+08:00.")
    @click.option("--to", metavar="TIME", help="Before.")
    @click.option("--since", "since_ms", type=Duration(), help="Of this long, such as 2d, and no older.")
    @click.option("--level", help="Of this level alone; of incidents, the worst they reached.")
    @click.option("--limit", type=click.IntRange(1), default=_LIMIT, show_default=True, help="The newest, at most.")
    @wraps(run)
    def asked(*, from_: str | None, to: str | None, since_ms: int | None, level: str | None, **given: Any) -> None:
        if since_ms is not None and from_ is not None:
            raise click.UsageError("--since and --from exclude each other.")
        query = {"from": from_, "to": to, "level": level}
        run(query={name: value for name, value in query.items() if value is not None}, since_ms=since_ms, **given)

    return asked


def _listing(name: str, text: str, line: Callable[[Mapping[str, Any], str], str], *options: Callable[..., Any]) -> None:
    """Add a command that lists rows, newest first."""

    @_asked
    @paged
    @LANG
    @OUTPUT
    def run(
        *,
        ask: Ask,
        query: dict[str, str],
        since_ms: int | None,
        limit: int,
        lang: str | None,
        output: str,
        **more: str | None,
    ) -> None:
        if since_ms is not None:
            query["from"] = from_now(-since_ms, ask)
        query |= {{"words": "q"}.get(each, each): value for each, value in more.items() if value is not None}
        for row in _rows(ask, name, query, limit):
            click.echo(json.dumps(row, ensure_ascii=False) if output == "json" else line(row, lang or spoken()))

    run.__doc__ = text
    for option in options:
        run = option(run)
    command.command(name)(run)


def _rows(ask: Ask, name: str, query: dict[str, str], limit: int) -> Any:
    """Give rows page by page."""
    from streams.api.route import V1

    context = click.get_current_context()
    left = limit
    while left > 0:
        asked = {**query, "limit": str(min(left, _PAGE_LEN))}
        status, told = ask(f"{V1}/history/{name}?{urlencode(asked)}")
        if name not in told:
            click.echo(f"tocsin history: {told.get('error', f'status {status}')}", err=True)
            context.exit(2)
        yield from told[name]
        left -= len(told[name])
        if told["next"] is None:
            return
        query = {**query, "after": told["next"]}


def _incident(row: Mapping[str, Any], lang: str) -> str:
    over = f" to {row['resolved']}" if row["resolved"] else ""
    return (
        f"{row['incident']}  {row['peak_level']:<6}  {row['state']}  {row['opened']}{over}  {row['rule']}  "
        f"{row['title'][lang]}  {_key(row['key'])}"
    )


def _alert(row: Mapping[str, Any], lang: str) -> str:
    value = "unknown" if row["value"] is None else f"{row['value']:g}"
    return (
        f"{row['time']}  {row['alert']}  {row['was']} to {row['level']}  {value} (threshold {row['threshold']:g})  "
        f"{row['rule']}  {row['title'][lang]}  {_key(row['key'])}"
    )


def _notification(row: Mapping[str, Any], lang: str) -> str:  # noqa: ARG001  a line of facts reads the same
    ends = row["deliveries"] if row["kind"] == "page" else [row]
    told = ", ".join(f"{end['channel']} {end['outcome']} {end['time']}" for end in ends) or "waits"
    to = f" to {row['to']}" if row.get("to") else ""
    key = row["id"] if row["kind"] == "page" else row["key"]
    return f"{row['time']}  {key}  {row['reason']} {row['level']} by {row['channel']}{to}  {row['incident']}  {told}"


def _key(key: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in key.items())


_RULE = click.option("--rule", help="Of this rule alone.")
_WORDS = click.option("--words", help="With all of these words in title, summary or key.")
_listing("incidents", "List incidents, the newest first.", _incident, _RULE, _WORDS)
_listing("alerts", "List changes of level, the newest first.", _alert, _RULE, _WORDS)
_listing(
    "notifications",
    "List who was told what, by what channel, and what came of it, the newest first.",
    _notification,
    click.option("--incident", help="Of this incident alone."),
    click.option("--channel", help="Of this channel alone."),
)


@command.command()
@click.argument("incident")
@paged
@LANG
@OUTPUT
def show(*, incident: str, ask: Ask, lang: str | None, output: str) -> None:
    """Show all that is known of one incident: in words, as `tocsin explain` does, or as records (json)."""
    from streams.api.history_table import INCIDENTS, STANDING

    name = quote(incident, safe="")
    told = ask(f"{INCIDENTS.path}/{name}")[1]
    if output == "json":
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    for one in ask(f"{STANDING.path}/{name}")[1]["statements"]:
        click.echo(one[lang or spoken()])


@command.command()
@paged
def rebuild(*, ask: Ask) -> None:
    """Make the history of this worker anew, from the log. Nothing else waits for it."""
    from streams.api.history_table import REBUILD

    ask(REBUILD.path, {})
    click.echo("it is made anew; tocsin_history_lag_records says how far it is", err=True)
