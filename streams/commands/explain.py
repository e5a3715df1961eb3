"""`tocsin explain`: why this alert did, or did not, fire or page; and where a series stands now."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import click

from streams.commands.incidents import OUTPUT, Ask, paged
from streams.commands.options import LANG, spoken

if TYPE_CHECKING:
    from alerts.texts import Language


@click.command()
@click.argument("asked", nargs=-1, metavar="ID | FIELD=NAME…")
@click.option("--rule", help="Where the series of this rule stands now, by its key: region=长沙.")
@paged
@LANG
@OUTPUT
@click.pass_context
def command(
    context: click.Context, asked: Sequence[str], rule: str | None, ask: Ask, lang: Language | None, output: str
) -> None:
    r"""Say why, from what was recorded: ID is that of an alert, an incident, a page, a silence or a notice.

    With --rule: where one of its series stands now, and what is missing for the next level. Exit 1 if nothing is known.

    \b
    tocsin explain inc-4f1c2a9be071
    tocsin explain --rule complaint-surge region=长沙 category=network
    """
    from streams.api.history_table import STANDING

    if rule is None and len(asked) != 1:
        raise click.UsageError("Name one ID, or say --rule and the key of a series.", context)
    if rule is not None and (wrong := [part for part in asked if "=" not in part]):
        raise click.UsageError(f"{wrong[0]!r} is not FIELD=NAME, as in region=长沙: the key of a series.", context)
    if rule is None:
        path = f"{STANDING.path}/{quote(asked[0], safe='')}"
    else:
        path = f"{STANDING.path}?{urlencode([('rule', rule), *(('key', each) for each in asked)])}"
    status, told = ask(path)
    if "statements" not in told:
        click.echo(f"tocsin explain: {told.get('error', f'status {status}')}", err=True)
        context.exit(2)
    if output == "json":
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        for one in told["statements"]:
            click.echo(one[lang or spoken()])
    context.exit(1 if rule is not None and not told["here"] else 0)
