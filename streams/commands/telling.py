"""What commands that talk to running workers have in common: where their pages are, and the token."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def pages(command: F) -> F:
    """Add the options that say where workers are: `addresses` and `token_file`."""
    from streams.asking import PAGE

    page = click.option("--page", "addresses", multiple=True, default=[PAGE], show_default=True, metavar="URL",
                        help="Where a worker's page is; once for each worker.")  # fmt: skip
    token = click.option("--token-file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
                         envvar="TOCSIN_WEB__TOKEN_FILE",
                         help="File of the token, where the page asks for one.")  # fmt: skip
    return page(token(command))


def token_of(context: click.Context, name: str, path: Path | None) -> str:
    """Read the token; end the command with exit code 2 where it cannot be used."""
    from streams.settings import SettingsError, secret_of

    if path is None:
        return ""
    try:
        return secret_of(path)
    except SettingsError as error:
        click.echo(f"{name}: {error}", err=True)
        context.exit(2)
