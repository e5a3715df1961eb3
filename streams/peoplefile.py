"""The file of people, read: our own ladders, and what a site adds in the file that `people` in the settings names."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from zoneinfo import ZoneInfo

from alerts.callout import Crew
from alerts.duty import Calendar
from alerts.icalendars import read_calendar
from alerts.rosters import People, read_people
from streams.calendarfeeds import CalendarFeeds, is_address
from streams.settings import SettingsError
from streams.yamlfile import read_yaml

SHIPPED = Path(__file__).resolve().parent.parent / "alerts" / "ladders.yaml"


def read_crew(path: Path | None, zone: str, channels: Collection[str], feeds: CalendarFeeds) -> Crew:
    """Read our ladders and a site's file over them. Raise SettingsError naming all that is wrong, a line each."""
    shipped = _read(SHIPPED, zone, channels, feeds)
    own = shipped if path is None else _read(path, zone, channels, feeds)
    return Crew(ladders={**shipped.ladders, **own.ladders}, roster=own.roster)


def ladder_names(path: Path | None) -> frozenset[str]:
    """Name our ladders and those of a site's file of people, whatever else may be wrong in it."""
    files = [read_yaml(file).data for file in (SHIPPED, path) if file is not None]
    named = [file.get("ladders") for file in files if isinstance(file, dict)]
    return frozenset(name for ladders in named if isinstance(ladders, dict) for name in ladders)


def _read(path: Path, zone: str, channels: Collection[str], feeds: CalendarFeeds) -> People:
    def open_calendar(name: str) -> Calendar:
        if is_address(name):
            return feeds.open(name)
        try:
            text = (path.parent / name).read_text(encoding="utf-8-sig")
        except (OSError, ValueError) as error:
            raise ValueError(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}") from error
        return read_calendar(text)

    file = read_yaml(path)
    if file.data is None:
        raise SettingsError("\n".join(map(str, file.problems)))
    people = read_people(file.data, ZoneInfo(zone), channels, open_calendar)
    problems = [*file.problems, *map(file.locate, people.problems)]
    if problems:
        raise SettingsError("\n".join(map(str, sorted(problems))))
    return people
