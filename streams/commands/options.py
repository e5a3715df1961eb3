"""Kinds of option that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from detectors.hours import Almanac

F = TypeVar("F", bound=Callable[..., Any])


def with_settings(command: F) -> F:
    """Add the option that says what site rules are read for: `settings`."""
    path = click.Path(exists=True, dir_okay=False, path_type=Path)
    said = "Settings file, for the time zone and the holidays."
    return click.option("--settings", type=path, envvar="TOCSIN_SETTINGS", help=said)(command)


def almanac_of(context: click.Context, settings: Path | None) -> Almanac:
    """Read the site's clock and calendar; end the command with exit code 2 where the settings are wrong."""
    from streams.calendars import almanac_of as almanac_of_site

    if settings is None and not {"TOCSIN_ZONE", "TOCSIN_HOLIDAYS"} & os.environ.keys():
        return almanac_of_site()
    from streams.settings import SettingsError
    from streams.settingsfile import read_settings

    try:
        return read_settings(settings, {}).almanac
    except SettingsError as error:
        click.echo("\n".join(f"{context.command_path}: {line}" for line in str(error).splitlines()), err=True)
        context.exit(2)


class Duration(click.ParamType):
    """A span of time as rule files write it: 30s, 5m."""

    name = "duration"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read as milliseconds."""
        from detectors.durations import parse_duration

        if isinstance(value, int):
            return value
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(f"{value!r} {error}", param, ctx)
