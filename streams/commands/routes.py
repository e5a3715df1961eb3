"""`tocsin routes test`: who would be told, by what channel, when, rung by rung."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.commands.grouping import NearGroup

if TYPE_CHECKING:
    from alerts.routes import Stop
    from detectors.rules import Rule
    from streams.settings import Settings

NAME = "tocsin routes test"


@click.group(cls=NearGroup)
def command() -> None:
    """Ask who would be told."""


@command.command()
@click.argument("about", nargs=-1, metavar="NAME=VALUE…")
@click.option("--at", help="When it would happen, as in 2026-03-01T03:00+08:00.  [default: now]")
@click.option("--rules", type=click.Path(exists=True, path_type=Path),
              help="Rule file or folder.  [default: the settings', or those shipped]")  # fmt: skip
@click.option("--settings", "path", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              envvar="TOCSIN_SETTINGS", help="Settings file (YAML): channels, receivers, people.")  # fmt: skip
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True,
              help="json: an object a line.")  # fmt: skip
@click.pass_context
def test(
    context: click.Context, about: tuple[str, ...], at: str | None, rules: Path | None, path: Path | None, output: str
) -> None:
    r"""Print who would be told of a level of a rule, if nobody acted: when, who, by what channel, rung by rung.

    Needed are level= and rule= (or notify=, receivers with commas); all else is the key.

    \b
    tocsin routes test level=red rule=users-affected region=长沙 --at 2026-03-01T03:00+08:00
    tocsin routes test level=red notify=ladder:store outlet=S-017 --settings tocsin.yaml
    """
    from alerts.records import parse_time
    from alerts.routes import routes
    from alerts.routing import Routing
    from alerts.senders.poster import Reach
    from streams.calendarfeeds import CalendarFeeds
    from streams.peoplefile import read_crew
    from streams.settings import SettingsError
    from streams.settingsfile import read_settings
    from streams.state import state_folder

    given = dict(part.partition("=")[::2] for part in about if "=" in part)
    try:
        if wrong := [part for part in about if "=" not in part]:
            raise SettingsError(f"{wrong[0]!r} is not NAME=VALUE")
        settings = read_settings(path, {} if rules is None else {"rules": (rules,)})
        feeds = CalendarFeeds(state_folder(settings.state_dir), Reach(settings.calendars.private), lambda: 0)
        crew = read_crew(settings.people, settings.zone, settings.channels, feeds)  # as workers here fetched them last
        level, receivers = _receivers(given, settings)
        at_ms = time.time_ns() // 1_000_000 if at is None else parse_time(at)
    except ValueError as error:
        for line in str(error).splitlines():
            click.echo(f"{NAME}: {line}", err=True)
        context.exit(2)
    routing = Routing(channels=tuple(settings.channels), receivers=settings.receivers)
    stops = routes(receivers, given, level=level, at_ms=at_ms, crew=crew, routing=routing)
    for stop in stops:
        click.echo(json.dumps(stop.as_data(), ensure_ascii=False) if output == "json" else _said(stop, settings.zone))
    if not stops:
        click.echo(f"{NAME}: nobody is told of {level}", err=True)
        context.exit(1)


def _receivers(given: dict[str, Any], settings: Settings) -> tuple[str, tuple[str, ...]]:
    """Take `level`, `rule` and `notify` out of what was given; what is left is the key."""
    from detectors.rules import LEVEL_CODE
    from streams.settings import SettingsError

    level = given.pop("level", "")
    if level not in LEVEL_CODE or level == "green":
        raise SettingsError("name a level: level=yellow, orange, red or act")
    if "notify" in given:
        given.pop("rule", None)
        return level, tuple(name for name in given.pop("notify").split(",") if name)
    name, known = given.pop("rule", ""), _known(settings)
    if name not in known:
        from detectors.places import quoted, suggest

        raise SettingsError(f"unknown rule {quoted(name)}: {suggest(name, known)}" if name else "name a rule: rule=…")
    return level, known[name].notify.get(level, ("",))


def _known(settings: Settings) -> Mapping[str, Rule]:
    from streams.rulefile import load
    from streams.settings import SettingsError
    from streams.site import site_from

    site = site_from(settings)
    loaded = load(settings.rules, site.streams, site.almanac)
    if loaded.problems:
        raise SettingsError("\n".join(map(str, loaded.problems)))
    return {rule.id: rule for rule in loaded.rules}


def _said(stop: Stop, zone: str) -> str:
    from zoneinfo import ZoneInfo

    from alerts.records import parse_time
    from alerts.texts import moment

    def clock(time_: str) -> str:
        return moment(parse_time(time_), ZoneInfo(zone))

    who = stop.person or ("(nobody)" if stop.role else "")
    parts = [
        clock(stop.time),
        stop.receiver or "(everybody)",
        *([f"rung {stop.rung} {stop.role}"] if stop.rung else []),
        who,
        "by " + ", ".join(stop.channels) if stop.channels else "",
        f"held back until {clock(stop.held_until)}" if stop.held_until else "",
        f"({stop.note})" if stop.note else "",
    ]
    return "  ".join(part for part in parts if part)
