"""What commands that talk to Kafka themselves have in common: where it is, and what lets them in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from streams.access import Access


class Brokers(click.ParamType):
    """Addresses of Kafka brokers."""

    name = "HOST:PORT[,…]"

    def convert(self, value: str | list[str], param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        """Read as a list of HOST:PORT."""
        from streams.sending import parse_brokers

        if isinstance(value, list):
            return value
        try:
            return parse_brokers(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def reached(
    context: click.Context, name: str, brokers: list[str] | None, path: Path | None
) -> tuple[list[str], Access]:
    """Say where Kafka is and what lets us in: as the command line says, else as settings and environment do.

    End the command with exit code 2 where neither names a broker, or the settings are wrong.
    """
    from streams.access import access_of
    from streams.settings import SettingsError
    from streams.settingsfile import read_settings

    try:
        settings = read_settings(path, {})
        access = access_of(settings.security)
    except SettingsError as error:
        click.echo("\n".join(f"{name}: {line}" for line in str(error).splitlines()), err=True)
        context.exit(2)
    if brokers is None and "broker" not in settings.model_fields_set:
        raise click.UsageError("Missing option '--broker' (or --settings that name one).", context)
    return brokers or list(settings.broker), access
