"""`tocsin dashboards`: builds, checks and pushes the Grafana dashboards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from streams.commands.grouping import NearGroup

PROBLEMS, WRONG_USAGE, UNREACHABLE = 1, 2, 3


@click.group(cls=NearGroup)
def command() -> None:
    """Grafana dashboards as code: write the JSON, verify it, push it."""


@command.command()
def build() -> None:
    """Write the JSON of every dashboard into the source tree."""
    from dashboards import boards

    with _dev_extra():
        rendered = boards.render()
    boards.FOLDER.mkdir(exist_ok=True)
    for name, text in rendered.items():
        path = boards.FOLDER / name
        path.write_text(text, encoding="utf-8", newline="\n")
        click.echo(str(path))


@command.command()
@click.pass_context
def check(context: click.Context) -> None:
    """Verify the committed JSON; every problem at once, exit 1 if there is any.

    It is what the code builds; every query is PromQL, over metrics and labels that the service has; titles and
    descriptions are in both languages.
    """
    from dashboards.boards import committed, render
    from dashboards.lint import check_all

    with _dev_extra():
        found = check_all(committed(), render())
    for line in found:
        click.echo(line)
    click.echo(f"{len(found)} problems" if found else "dashboards are good", err=True)
    context.exit(PROBLEMS if found else 0)


@command.command()
@click.option("--url", envvar="TOCSIN_GRAFANA_URL", required=True, help="Where Grafana is, as http://127.0.0.1:3000.")
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with a service-account token; else the environment variable TOCSIN_GRAFANA_TOKEN has it.",
)
@click.option("--message", default="tocsin dashboards push", show_default=True, help="What the version history says.")
@click.pass_context
def push(context: click.Context, url: str, token_file: Path | None, message: str) -> None:
    """Push the committed JSON to a Grafana, over dashboards with the same uid."""
    from dashboards.boards import committed
    from dashboards.grafana import RefusedError, UnreachableError
    from dashboards.grafana import push as push_all

    try:
        places = push_all(url, _token(token_file), committed(), message)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    except RefusedError as error:
        click.echo(f"Grafana refused: {error}", err=True)
        context.exit(PROBLEMS)
    except UnreachableError as error:
        click.echo(str(error), err=True)
        context.exit(UNREACHABLE)
    for place in places:
        click.echo(place)


def _token(path: Path | None) -> str:
    """Read the token; never from an argument, which other users of the machine could see."""
    import os

    token = path.read_text(encoding="utf-8") if path else os.environ.get("TOCSIN_GRAFANA_TOKEN", "")
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable():
        raise click.UsageError("no token: name a --token-file, or set TOCSIN_GRAFANA_TOKEN")
    return token


@contextmanager
def _dev_extra() -> Iterator[None]:
    """Say in one line what is missing: who only runs the service need not have it."""
    try:
        yield
    except ModuleNotFoundError as missing:
        raise click.UsageError(f"{missing.name} is not installed: pip install 'tocsin[dev]'") from missing
