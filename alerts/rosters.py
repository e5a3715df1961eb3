"""The file of people: ladders, roles, rotas, who hears by what. Plain data in, a roster and its problems out."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from alerts.duty import Calendar, Override, Person, Post, Roster, Rota
from alerts.ladders import Ladder, read_ladders, span_ms
from alerts.records import parse_time
from detectors.places import Place, Problem, quoted, suggest

_KEYS = ("version", "ladders", "roles", "people")
_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", re.ASCII)


@dataclass(frozen=True, slots=True)
class People:
    """What a file of people says. `problems` empty: all of it is right."""

    ladders: Mapping[str, Ladder]
    roster: Roster
    problems: tuple[Problem, ...] = ()


def read_people(
    document: object, zone: tzinfo, channels: Collection[str], open_calendar: Callable[[str], Calendar]
) -> People:
    """Read the plain data of a file. `open_calendar` reads a calendar by name, or raises ValueError saying why not."""
    problems: list[Problem] = []
    keys = Place(document, (), problems).keys(_KEYS, required=("version",)) or {}
    if "version" in keys and keys["version"].value != 1:
        keys["version"].refuse("must be 1")
    ladders = read_ladders(keys["ladders"]) if "ladders" in keys else {}
    people = _people(keys["people"], channels) if "people" in keys else {}
    roles = _roles(keys["roles"], people, open_calendar) if "roles" in keys else {}
    return People(ladders, Roster(zone=zone, people=people, roles=roles), tuple(problems))


def _people(place: Place, channels: Collection[str]) -> dict[str, Person]:
    people: dict[str, Person] = {}
    for name, part in (place.entries("a mapping of names to people") or {}).items():
        keys = part.keys(("name", "channels", "quiet", "pages")) or {}
        given: dict[str, Any] = {}
        if "name" in keys:
            given["name"] = keys["name"].text() or ""
        if "channels" in keys:
            named = [each.choice(channels, "channel") for each in keys["channels"].items() or []]
            given["channels"] = tuple(each for each in named if each is not None)
        if "quiet" in keys:
            given["quiet"] = _quiet(keys["quiet"])
        if "pages" in keys:
            pages = keys["pages"].keys(("max", "within"), required=("max", "within")) or {}
            if "max" in pages and "within" in pages:
                most, within_ms = pages["max"].number(), span_ms(pages["within"])
                if most is not None and (most < 1 or most != int(most)):
                    pages["max"].refuse("must be a whole number, at least 1")
                elif most is not None and within_ms is not None:
                    given |= {"pages_max": int(most), "pages_within_ms": within_ms}
        people[name] = Person(id=name, **given)
    return people


def _quiet(place: Place) -> tuple[int, int] | None:
    text = place.text("hours of the day, as in 22:00-07:00", any_text=False)
    if text is None:
        return None
    ends = [_CLOCK.fullmatch(part.strip()) for part in text.split("-")]
    minutes = [int(end[1]) * 60 + int(end[2]) for end in ends if end is not None]
    if len(ends) != 2 or len(minutes) != 2 or minutes[0] == minutes[1]:
        place.refuse("must be two different hours of the day, as in 22:00-07:00")
        return None
    return minutes[0], minutes[1]


def _roles(
    place: Place, people: Collection[str], open_calendar: Callable[[str], Calendar]
) -> dict[str, tuple[Post, ...]]:
    roles: dict[str, tuple[Post, ...]] = {}
    for role, part in (place.entries("a mapping of roles to those who fill them") or {}).items():
        parts = part.items() or [] if isinstance(part.value, list) else [part]
        roles[role] = tuple(_post(each, people, open_calendar) for each in parts)
    return roles


def _post(place: Place, people: Collection[str], open_calendar: Callable[[str], Calendar]) -> Post:
    ways = ("people", "rota", "calendar")
    keys = place.keys(("where", *ways)) or {}
    given: dict[str, Any] = {}
    if isinstance(place.value, dict) and sum(way in keys for way in ways) != 1:
        place.refuse("needs one of people, rota and calendar")
    if "where" in keys:
        given["where"] = {name: each.value for name, each in (keys["where"].entries() or {}).items()}
    if "people" in keys:
        given["people"] = _names(keys["people"], people)
    if "rota" in keys:
        given["rota"] = _rota(keys["rota"], people)
    if "calendar" in keys and (name := keys["calendar"].text("the name of a file, or an address")) is not None:
        try:
            given["calendar"] = open_calendar(name)
        except ValueError as error:
            keys["calendar"].refuse(str(error))
    return Post(**given)


def _rota(place: Place, people: Collection[str]) -> Rota | None:
    known = ("people", "shift", "from", "overrides")
    keys = place.keys(known, required=known[:3]) or {}
    if not all(name in keys for name in known[:3]):
        return None
    names, shift_ms, start_ms = _names(keys["people"], people), span_ms(keys["shift"]), _moment(keys["from"])
    overrides = []
    for part in (keys["overrides"].items() or []) if "overrides" in keys else ():
        ends = part.keys(("from", "to", "person"), required=("from", "to", "person")) or {}
        if len(ends) == 3:
            first, last = _moment(ends["from"]), _moment(ends["to"])
            person = _name(ends["person"], people)
            if first is not None and last is not None and person is not None:
                if last <= first:
                    ends["to"].refuse("is not after its beginning")
                overrides.append(Override(first, last, person))
    if not names or shift_ms is None or start_ms is None:
        return None
    return Rota(people=names, start_ms=start_ms, shift_ms=shift_ms, overrides=tuple(overrides))


def _names(place: Place, people: Collection[str]) -> tuple[str, ...]:
    parts = place.items("a list of people") or []
    if place.value == []:
        place.refuse("is an empty list: name at least one")
    named = [_name(part, people) for part in parts]
    return tuple(name for name in named if name is not None)


def _name(place: Place, people: Collection[str]) -> str | None:
    name = place.text("the name of somebody")
    if name is not None and name not in people:
        hint = suggest(name, people) if people else "there are none under people"
        place.refuse(f"unknown person {quoted(name)}: {hint}")
        return None
    return name


def _moment(place: Place) -> int | None:
    text = place.text("a time with its offset, as in 2026-03-02T08:00:00+08:00")
    try:
        return None if text is None else parse_time(text)
    except ValueError:
        place.refuse("must be a time with its offset, as in 2026-03-02T08:00:00+08:00")
        return None
