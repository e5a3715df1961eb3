"""`tocsin reload`: let running workers read their rules again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.commands.telling import pages, token_of

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.command()
@pages
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True,
              help="json: an object a worker, a line each.")  # fmt: skip
@click.pass_context
def command(context: click.Context, addresses: Sequence[str], token_file: Path | None, output: str) -> None:
    r"""Let running workers read their rule files again, without a restart. Tell all of them.

    Each takes its rules if every file is right; else it keeps the old ones and says what is wrong. A rule whose
    arithmetic changed begins anew; the others go on. Until all workers count a rule alike it is not judged. A table of
    places that changed is not taken, and said so: it takes a restart.

    Exit 1 if a worker refused its rules, 3 if one does not answer.

    \b
    tocsin reload
    tocsin reload --page http://127.0.0.1:8010 --page http://127.0.0.1:8011 --token-file web_token
    """
    from streams.api.table import RELOAD
    from streams.asking import NoAnswer, Refused, ask

    code = 0
    token = token_of(context, "tocsin reload", token_file)
    for page in addresses:
        try:
            _, told = ask(page, RELOAD.path, {}, token=token)
        except (NoAnswer, Refused) as error:
            click.echo(f"tocsin reload: {error}", err=True)
            code = 3
            continue
        if told.get("problems"):
            code = code or 1
        click.echo(json.dumps({"page": page, **told}) if output == "json" else _said(page, told))
    context.exit(code)


def _said(page: str, told: dict[str, Any]) -> str:
    notes = [f"  note: {note}" for note in told.get("notes", ())]
    if told.get("problems"):
        lines = [f"{page}: refused, the old rules stay", *(f"  {problem}" for problem in told["problems"])]
        return "\n".join([*lines, *notes])
    parts = [f"{what} {', '.join(told[what])}" for what in ("added", "changed", "removed") if told.get(what)]
    return "\n".join([f"{page}: {told['rules']} rules; {'; '.join(parts) or 'none began anew'}", *notes])
