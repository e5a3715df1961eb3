"""`tocsin report`: how a week or a month was, and what one incident was; for people to read, print and pass on."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import click

from streams.commands.incidents import Ask, paged
from streams.commands.options import LANG, spoken

if TYPE_CHECKING:
    from alerts.reports.pages import Paper
    from alerts.texts import Language

_OUTPUT = click.option(
    "--output", type=click.Choice(["text", "json", "html"]), default="text", show_default=True,
    help="json: one object; html: one page, that prints well.",
)  # fmt: skip
_OF = click.option("--of", default="", metavar="PERIOD", help="2026-W10, 2026-03, or a day in it.  [default: the last]")


@click.group()
def command() -> None:
    """Report on a week, a month or an incident, over the page of any worker."""


def _period(kind: str, text: str) -> None:
    """Add a command that reports on a period."""

    @_OF
    @paged
    @LANG
    @_OUTPUT
    def run(*, of: str, ask: Ask, lang: Language | None, output: str) -> None:
        from alerts.reports.periodpaper import period_paper
        from streams.api.history_table import REPORT

        query = f"?{urlencode({'of': of})}" if of else ""
        path = REPORT.path.replace("{kind}", kind) + query
        _tell(ask, path, "period", output, lambda told: period_paper(told, lang or spoken()))

    run.__doc__ = text
    command.command(kind)(run)


_period("weekly", "Report on a week, Monday to Sunday, beside the one before: the last that is over.")
_period("monthly", "Report on a calendar month, beside the one before: the last that is over.")


@command.command()
@click.argument("incident")
@paged
@LANG
@_OUTPUT
def incident(*, incident: str, ask: Ask, lang: Language | None, output: str) -> None:
    """Look back on one incident: peak, who was affected, cause, how soon who was told, and all that happened."""
    from alerts.reports.incidentpaper import incident_paper
    from streams.api.history_table import POST_ANALYSIS

    path = POST_ANALYSIS.path.replace("{id}", quote(incident, safe=""))
    _tell(ask, path, "incident", output, lambda told: incident_paper(told, lang or spoken()))


def _tell(ask: Ask, path: str, part: str, output: str, write: Callable[[Mapping[str, Any]], Paper]) -> None:
    """Ask for a report and print it; where the answer has no such part, say what it says, and end."""
    from alerts.reports.pages import as_html, as_text

    status, told = ask(path)
    if part not in told:
        click.echo(f"tocsin report: {told.get('error', f'status {status}')}", err=True)
        click.get_current_context().exit(2)
    if output == "json":
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        click.echo((as_html if output == "html" else as_text)(write(told)))
