"""What commands that read rules and events have in common: what the site declares of itself in its settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.site import Site

_Command = TypeVar("_Command", bound="Callable[..., Any]")


def site_options(command: _Command) -> _Command:
    """Give a command the options `settings_path` and `topology`."""
    file = click.Path(exists=True, dir_okay=False, path_type=Path)
    topology = click.option("--topology", type=file, help="Table of places (CSV).  [default: the settings']")
    settings = click.option(
        "--settings",
        "settings_path",
        type=file,
        envvar="TOCSIN_SETTINGS",
        help="Settings file (YAML): streams and places of your own, time zone, holidays.",
    )
    return settings(topology(command))


def site_or_stop(context: click.Context, name: str, settings_path: Path | None, topology: Path | None) -> Site:
    """Make the site; end the command with exit code 2 and a line for every mistake in what declares it."""
    from streams.settings import SettingsError
    from streams.settingsfile import read_settings
    from streams.site import site_from
    from streams.topologyfile import TopologyError

    try:
        return site_from(read_settings(settings_path, {}), topology)
    except (SettingsError, TopologyError) as error:
        click.echo("\n".join(f"{name}: {line}" for line in str(error).splitlines()), err=True)
        context.exit(2)


def known_stream(site: Site, stream: str | None, hint: str) -> None:
    """Refuse a stream that is not declared; `hint` names the argument that said it."""
    from detectors.places import quoted, suggest

    if stream is not None and stream not in site.streams:
        message = f"unknown stream {quoted(stream)}: {suggest(stream, site.streams)}"
        raise click.BadParameter(message, param_hint=hint)
