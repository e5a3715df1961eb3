"""Calendars that a site writes itself: a YAML file with a top-level `calendars:`, checked like rule files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from detectors.places import Place, Problem, quoted
from streams.calendars import CHINA, DAY_MINUTES, Plan
from streams.mapparts import read_zone

FILE_KEYS = ("version", "calendars")
CALENDAR_KEYS = ("like", "workdays", "hours", "holidays", "extra_workdays", "zone")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_NAME = re.compile(r"[a-z0-9-]+", re.ASCII)
_HOURS = re.compile(r"([0-9]{2}):([0-5][0-9])-([0-9]{2}):([0-5][0-9])", re.ASCII)


def is_calendar_file(data: object) -> bool:
    """Say whether a file describes calendars, and is no rule file."""
    return isinstance(data, Mapping) and "calendars" in data and "rules" not in data


def read_calendars(data: object, zone: str) -> tuple[dict[str, Plan], list[Problem]]:
    """Read the plans of a file, by name, and everything that is wrong with it. `zone` is that of the site.

    A plan with a mistake in it is the usual week instead, so that rules which name it are not wrong as well.

    >>> plans, _ = read_calendars({"calendars": {"shop": {"workdays": ["sat"], "hours": ["09:00-12:30"]}}}, "UTC")
    >>> plans["shop"].workdays, plans["shop"].hours
    (frozenset({5}), ((540, 750),))
    """
    root = Place(data, (), [])
    entries = root.keys(FILE_KEYS, required=["calendars"]) or {}
    plans: dict[str, Plan] = {}
    named = entries["calendars"].entries("a mapping of name to calendar") if "calendars" in entries else None
    for name, place in (named or {}).items():
        if not _NAME.fullmatch(name):
            place.refuse(f"a calendar's name is of a-z, 0-9 and -, not {quoted(name)}", at_key=True)
        elif name == CHINA:
            place.refuse(
                f'"{CHINA}" is built in: give yours another name, and start it with like: {CHINA}', at_key=True
            )
        before = len(root.problems)
        plan = _read_plan(place, zone)
        plans[name] = plan if len(root.problems) == before else Plan(zone)
    return plans, root.problems


def _read_plan(place: Place, zone: str) -> Plan:
    parts = place.keys(CALENDAR_KEYS, wanted="a calendar, as a mapping") or {}
    settings: dict[str, Any] = {"zone": zone}
    if "zone" in parts:
        settings["zone"] = read_zone(parts["zone"]) or zone
    if "like" in parts:
        settings["official"] = parts["like"].choice((CHINA,), "calendar") is not None
        if "workdays" in parts:
            parts["workdays"].refuse('"like" says already which days are worked', at_key=True)
    if "workdays" in parts:
        settings["workdays"] = _read_workdays(parts["workdays"])
    if "hours" in parts:
        settings["hours"] = _read_hours(parts["hours"])
    for key, name in (("holidays", "holidays"), ("extra_workdays", "extra")):
        if key in parts:
            settings[name] = _read_dates(parts[key])
    for both in sorted(settings.get("holidays", frozenset()) & settings.get("extra", frozenset())):
        parts["extra_workdays"].refuse(f"{both} is among the holidays too")
    return Plan(**settings)


def _read_workdays(place: Place) -> frozenset[int]:
    days = set()
    for item in place.items(f"a list of {', '.join(DAYS)}") or []:
        name = item.choice(DAYS, "day")
        if name is not None:
            days.add(DAYS.index(name))
    if place.value == []:
        place.refuse("is an empty list: a calendar has at least one working day")
    return frozenset(days)


def _read_hours(place: Place) -> tuple[tuple[int, int], ...]:
    """Read `["09:00-12:00", "13:30-18:00"]` as minutes of the day."""
    hours: list[tuple[int, int]] = []
    for item in place.items('a list of hours, as in ["09:00-18:00"]') or []:
        text = item.text("hours, as in 09:00-18:00")
        if text is None:
            continue
        found = _HOURS.fullmatch(text)
        begin, end = (int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])) if found else (0, 0)
        if found is None or end > DAY_MINUTES:
            item.refuse(f"{quoted(text)} are no hours: write them as 09:00-18:00, up to 24:00")
        elif end <= begin:
            item.refuse(
                f"{quoted(text)} end before they begin: what goes over midnight is two, up to 24:00 and from 00:00"
            )
        elif hours and begin < hours[-1][1]:
            item.refuse(f"{quoted(text)} begin before the hours above end")
        else:
            hours.append((begin, end))
    if place.value == []:
        place.refuse("is an empty list: leave it out, and days are worked whole")
    return tuple(hours)


def _read_dates(place: Place) -> frozenset[date]:
    dates = set()
    for item in place.items("a list of dates, as in [2026-05-01]") or []:
        text = item.text("a date, as in 2026-05-01", any_text=False)
        if text is None:
            continue
        try:
            dates.add(date.fromisoformat(text))
        except ValueError:
            item.refuse(f"{quoted(text)} is no date: write it as 2026-05-01")
    return frozenset(dates)
