"""What commands that run the service have in common: settings and rules into a service, troubles into exit codes."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from streams.service import Service
    from streams.settings import Settings
    from streams.site import Site


def configured(
    path: Path | None,
    *,
    broker: str | None,
    rules: Sequence[Path] = (),
    web_port: int | None,
    topology: Path | None = None,
) -> Service:
    """Read settings, with what the command line says over them, and join a service."""
    from streams.settings import SettingsError, bootstrap_of
    from streams.settingsfile import read_settings

    given: dict[str, Any] = {}
    if broker is not None:
        try:
            given["broker"] = bootstrap_of(broker)
        except ValueError as error:
            raise SettingsError(f"--broker: {error}") from error
    if rules:
        given["rules"] = tuple(rules)
    if topology is not None:
        given["topology"] = topology
    settings = read_settings(path, given)
    if web_port is not None:
        settings = settings.model_copy(update={"web": settings.web.model_copy(update={"port": web_port})})
    return joined(settings, clock=lambda: time.time_ns() // 1_000_000)


def joined(settings: Settings, *, clock: Callable[[], int], site: Site | None = None) -> Service:
    """Read the rules that the settings name, and join a service. Raise SettingsError if any rule is wrong.

    `site` stands for the one that the settings declare.
    """
    from streams.rulefile import load
    from streams.service import Service
    from streams.settings import SettingsError
    from streams.site import site_from
    from streams.topologyfile import TopologyError

    try:
        site = site or site_from(settings)
    except TopologyError as error:
        raise SettingsError(str(error)) from error
    found = load(settings.rules, site.streams, site.almanac)
    if found.problems:
        raise SettingsError("\n".join(map(str, found.problems)))
    if not found.rules:
        raise SettingsError(f"{', '.join(map(str, settings.rules)) or 'rules'}: no rules")
    return Service(settings, found.rules, clock=clock, site=site)


@contextmanager
def ending(context: click.Context, name: str) -> Iterator[None]:
    """Turn what the user can mend into one clear line and its exit code."""
    from aiokafka.errors import KafkaError

    from streams.door import ExposedError
    from streams.hosting import DataLost
    from streams.report import ReportError
    from streams.settings import SettingsError
    from streams.snapshots import SnapshotError
    from streams.topics import BrokerUnreachable, TopicError

    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    try:
        yield
    except KeyboardInterrupt:  # before the service listens for signals itself
        from streams.running import INTERRUPTED

        context.exit(INTERRUPTED)
    except BrokenPipeError:  # whoever read us has seen enough, as in `tocsin demo | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the last flush would complain again
        context.exit(0)
    except (SettingsError, TopicError, ExposedError, DataLost, SnapshotError, ReportError) as error:
        click.echo("\n".join(f"{name}: {line}" for line in str(error).splitlines()), err=True)
        context.exit(2)
    except (BrokerUnreachable, KafkaError) as error:
        click.echo(f"{name}: {error}", err=True)
        context.exit(3)
    except OSError as error:
        click.echo(f"{name}: {error.strerror or str(error) or 'something needed did not answer in time'}", err=True)
        context.exit(3)
