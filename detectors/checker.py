"""A rule file's plain data → `Rule` objects, and everything that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeGuard

from detectors.calendars import Calendar
from detectors.compound import Scope, check_apart_from_all, check_series, driven_by
from detectors.conditions import read_except, read_where
from detectors.grading import (
    check_period,
    check_reachable,
    read_clear,
    read_direction,
    read_levels,
    read_min_events,
    read_period,
    read_times,
)
from detectors.hours import HERE, Almanac
from detectors.keying import check_apart, read_at, read_by, read_contributors, spoken_of, usual_contributors
from detectors.measures import check_share, read_measure
from detectors.measures_ahead import check_window, select_agents
from detectors.occasions import read_quiet, read_when
from detectors.places import Place, Problem, describe, quoted
from detectors.rules import Rule
from detectors.targets import read_targets, words_of
from detectors.vocabulary import STREAMS, YOURS, Stream
from detectors.wording import ELSEWHERE, ROLES, SPOKEN, read_notify, read_texts

VERSION = 1
FILE_KEYS = ("version", "rules")
REQUIRED = ("id", "title", "stream", "measure", "levels")
RULE_KEYS = (
    *("id", "title", "stream", "where", "except", "measure", "by", "at", "contributors", "window", "hop", "levels"),
    *("direction", "for", "clear", "clear_for", "unknown_after", "min_events", "targets", "when", "quiet"),
    *("summary", "action", "notify", "notice", "role"),
)

OF_SETTINGS: Mapping[str, str] = dict.fromkeys(
    ("broker", "channels", "custom_streams", "holidays", "lateness", "people", "receivers", "topology", "web", "zone"),
    "it belongs to the settings (--settings): keep that file out of the folder of rules",
)

Reader = Callable[[Place], object]

NO_CALENDARS: Mapping[str, Calendar] = MappingProxyType({})

ID = "[a-z0-9-]+"
"""The pattern of an id."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What one document came to: its good rules and its well-formed ids, by their place in `rules`."""

    rules: Mapping[int, Rule]
    ids: Mapping[int, str]
    problems: tuple[Problem, ...]


def check_rules(
    document: object,
    streams: Mapping[str, Stream] = STREAMS,
    almanac: Almanac = HERE,
    calendars: Mapping[str, Calendar] = NO_CALENDARS,
) -> Checked:
    """Check a whole rule file. That ids are unique is for the caller to see, who knows the other files too.

    >>> [problem.message for problem in check_rules({"version": 1, "rulez": []}).problems]
    ['unknown key "rulez": did you mean "rules"?', '"rules" is missing']
    """
    root = Place(document, (), [])
    wanted = 'a mapping with "version" and "rules"'
    entries = root.keys(FILE_KEYS, required=["rules"], wanted=wanted, elsewhere=OF_SETTINGS) or {}
    if "version" in entries:
        _check_version(entries["version"])
    good: dict[int, Rule] = {}
    ids: dict[int, str] = {}
    places = entries["rules"].items("a list of rules") if "rules" in entries else None
    for index, place in enumerate(places or []):
        rule = _read_rule(place, streams, almanac, calendars)
        if rule is not None:
            good[index] = rule
        if isinstance(place.value, dict) and _is_id(place.value.get("id")):
            ids[index] = place.value["id"]
    return Checked(good, ids, tuple(root.problems))


def _check_version(place: Place) -> None:
    if place.value != VERSION or isinstance(place.value, bool):
        place.refuse(f"this version reads rule files of version {VERSION}, not {describe(place.value)}")


def _is_id(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and re.fullmatch(ID, value, re.ASCII) is not None


def _read_rule(
    place: Place, streams: Mapping[str, Stream], almanac: Almanac, calendars: Mapping[str, Calendar]
) -> Rule | None:
    """Read one rule to its end, whatever is wrong on the way; give it only if nothing is."""
    before = len(place.problems)
    parts = place.keys(RULE_KEYS, required=REQUIRED, wanted="a rule, as a mapping", elsewhere=ELSEWHERE)
    if parts is None:
        return None
    name = parts["stream"].choice(streams, "stream", YOURS) if "stream" in parts else None
    below = "direction" in parts and read_direction(parts["direction"])
    settings: dict[str, Any] = {"stream": name, "below": below, "almanac": almanac, **read_times(parts, place)}
    settings["period"] = read_period(parts)
    if name is not None:
        hop_is_wrong = "hop" in parts and any(problem.path == parts["hop"].path for problem in place.problems)
        scope = Scope(streams[name], streams, None if hop_is_wrong else settings["hop_ms"], calendars)
        settings |= _read_each(parts, _readers_of_events(scope))
    whole = measure = settings.get("measure")
    if measure is not None and name is not None:
        check_window(parts["measure"], measure, settings["window_ms"])
        check_share(parts["measure"], measure, settings.get("where", ()))
        check_period(parts, measure, below=below)
        check_apart_from_all(parts["measure"], measure, parts)
        check_series(parts, measure, streams[name], streams)
        settings["measure"] = measure = select_agents(measure, settings.get("where", ()), streams)
        measure = measure.base or measure
    if name is not None:
        driven = driven_by(measure, streams[name], streams, below=below)
        settings["contributors"] = usual_contributors(driven, settings)
        settings |= _read_each(parts, {"contributors": lambda part: read_contributors(part, driven, measure)})
    settings |= _read_each(parts, {"targets": read_targets})
    targets: Mapping[str, float] = settings.get("targets", {})
    limit = targets.get("limit")
    spoken = None if name is None else (*SPOKEN, *words_of(targets), *spoken_of(settings))
    fields = () if name is None else streams[name].fields
    settings |= _read_each(
        parts,
        {
            "id": _read_id,
            "levels": lambda part: read_levels(part, below=below, limit=limit),
            "clear": read_clear,
            "min_events": lambda part: read_min_events(part, whole),
            **dict.fromkeys(("title", "summary", "action"), lambda part: read_texts(part, spoken, fields)),
            "notice": lambda part: part.text("the name of a notice template"),
            "role": lambda part: part.choice(ROLES, "role"),
        },
    )
    check_apart(parts, settings.get("at", ()))
    if settings.get("measure") is not None:
        check_reachable(parts, settings["measure"])
    levels = [level for level, _ in settings.get("levels", ())]
    settings["excepted"] = settings.pop("except", ())
    settings |= _read_each(
        parts,
        {
            "notify": lambda part: read_notify(part, levels),
            "when": lambda part: read_when(part, parts.get("levels"), levels, targets, below=below),
            "quiet": lambda part: read_quiet(part, levels),
        },
    )
    return Rule(**settings) if len(place.problems) == before else None


def _read_each(parts: Mapping[str, Place], readers: Mapping[str, Reader]) -> dict[str, Any]:
    return {key: read(parts[key]) for key, read in readers.items() if key in parts}


def _readers_of_events(scope: Scope) -> Mapping[str, Reader]:
    """Give the readers of all that names fields, and so needs to know the stream."""
    stream = scope.stream
    return {
        "where": lambda part: read_where(part, stream),
        "except": lambda part: read_except(part, stream),
        "measure": lambda part: read_measure(part, scope),
        "by": lambda part: read_by(part, stream),
        "at": lambda part: read_at(part, stream),
    }


def _read_id(place: Place) -> str | None:
    name = place.text("a name of a-z, 0-9 and -")
    if name is not None and not _is_id(name):
        place.refuse(f"must be a name of a-z, 0-9 and -, not {quoted(name)}")
        return None
    return name
