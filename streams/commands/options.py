"""Kinds of option that several commands share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from alerts.texts import Language

LANG = click.option(
    "--lang", type=click.Choice(["zh", "en"]), help="Language of the terminal.  [default: the locale's]"
)


def spoken() -> Language:
    """Say which language the terminal's user reads, by the environment."""
    said = os.environ.get("TOCSIN_LANG") or os.environ.get("LC_ALL") or os.environ.get("LANG") or "zh"
    return "en" if said.lower().startswith("en") else "zh"


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
