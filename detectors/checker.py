"""A rule file's plain data → `Rule` objects, and everything that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from detectors.conditions import read_field, read_where
from detectors.grading import read_clear, read_direction, read_levels, read_min_events, read_times
from detectors.measures import read_measure
from detectors.places import Place, Problem, describe, quoted
from detectors.rules import Rule
from detectors.vocabulary import STREAMS, Stream
from detectors.wording import ROLES, SPOKEN, read_notify, read_texts

VERSION = 1
FILE_KEYS = ("version", "rules")
REQUIRED = ("id", "title", "stream", "measure", "levels")
RULE_KEYS = (
    *("id", "title", "stream", "where", "measure", "by", "window", "hop", "levels", "direction", "for", "clear"),
    *("clear_for", "unknown_after", "min_events", "summary", "action", "notify", "notice", "role"),
)

Reader = Callable[[Place], object]

_ID = re.compile(r"[a-z0-9-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Checked:
    """What one document came to: its good rules and its well-formed ids, by their place in `rules`."""

    rules: Mapping[int, Rule]
    ids: Mapping[int, str]
    problems: tuple[Problem, ...]


def check_rules(document: object, streams: Mapping[str, Stream] = STREAMS) -> Checked:
    """Check a whole rule file. That ids are unique is for the caller to see, who knows the other files too.

    >>> [problem.message for problem in check_rules({"version": 1, "rulez": []}).problems]
    ['unknown key "rulez": did you mean "rules"?', '"rules" is missing']
    """
    root = Place(document, (), [])
    entries = root.keys(FILE_KEYS, required=["rules"], wanted='a mapping with "version" and "rules"') or {}
    if "version" in entries:
        _check_version(entries["version"])
    good: dict[int, Rule] = {}
    ids: dict[int, str] = {}
    places = entries["rules"].items("a list of rules") if "rules" in entries else None
    for index, place in enumerate(places or []):
        rule = _read_rule(place, streams)
        if rule is not None:
            good[index] = rule
        if isinstance(place.value, dict) and _is_id(place.value.get("id")):
            ids[index] = place.value["id"]
    return Checked(good, ids, tuple(root.problems))


def _check_version(place: Place) -> None:
    if place.value != VERSION or isinstance(place.value, bool):
        place.refuse(f"this version reads rule files of version {VERSION}, not {describe(place.value)}")


def _is_id(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _read_rule(place: Place, streams: Mapping[str, Stream]) -> Rule | None:
    """Read one rule to its end, whatever is wrong on the way; give it only if nothing is."""
    before = len(place.problems)
    parts = place.keys(RULE_KEYS, required=REQUIRED, wanted="a rule, as a mapping")
    if parts is None:
        return None
    name = parts["stream"].choice(streams, "stream") if "stream" in parts else None
    below = "direction" in parts and read_direction(parts["direction"])
    settings: dict[str, Any] = {"stream": name, "below": below, **read_times(parts, place)}
    if name is not None:
        settings |= _read_each(parts, _readers_of_events(streams[name]))
    measure = settings.get("measure")
    spoken = None if name is None else (*SPOKEN, *settings.get("by", ()))
    settings |= _read_each(
        parts,
        {
            "id": _read_id,
            "levels": lambda part: read_levels(part, below=below),
            "clear": read_clear,
            "min_events": lambda part: read_min_events(part, measure.kind if measure else None),
            **dict.fromkeys(("title", "summary", "action"), lambda part: read_texts(part, spoken)),
            "notice": lambda part: part.text("the name of a notice template"),
            "role": lambda part: part.choice(ROLES, "role"),
        },
    )
    levels = [level for level, _ in settings.get("levels", ())]
    settings |= _read_each(parts, {"notify": lambda part: read_notify(part, levels)})
    return Rule(**settings) if len(place.problems) == before else None


def _read_each(parts: Mapping[str, Place], readers: Mapping[str, Reader]) -> dict[str, Any]:
    return {key: read(parts[key]) for key, read in readers.items() if key in parts}


def _readers_of_events(stream: Stream) -> Mapping[str, Reader]:
    """Give the readers of all that names fields, and so needs to know the stream."""
    return {
        "where": lambda part: read_where(part, stream),
        "measure": lambda part: read_measure(part, stream),
        "by": lambda part: _read_by(part, stream),
    }


def _read_id(place: Place) -> str | None:
    name = place.text("a name of a-z, 0-9 and -")
    if name is not None and not _is_id(name):
        place.refuse(f"must be a name of a-z, 0-9 and -, not {quoted(name)}")
        return None
    return name


def _read_by(place: Place, stream: Stream) -> tuple[str, ...]:
    names: list[str] = []
    for item in place.items("a list of fields, as in [region]") or []:
        if read_field(item, stream) is None:
            continue
        name = str(item.value)
        if name in names:
            item.refuse(f"{quoted(name)} is in the list already")
        names.append(name)
    return tuple(names)
