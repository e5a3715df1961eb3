"""Kinds of option that several commands share."""

from __future__ import annotations

import click


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
