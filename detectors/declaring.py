"""Streams that a site declares: plain data → `Stream`, and everything that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from detectors.keying import read_drivers
from detectors.places import Place, describe, quoted
from detectors.vocabulary import STREAMS, Field, FieldType, Stream

STREAM_KEYS = ("fields", "thing", "key", "contributors")
FIELD_KEYS = ("type", "required", "one_of")
FIELDS_MAX = 64
_PLACES = ("region", "outlet")
TYPES: Mapping[str, FieldType] = {type_.value: type_ for type_ in FieldType}

TAKEN = ("alerts", "deadletters", "late", "notices", "partials", "retries", "snapshots")
"""Names whose topics hold something else."""
EVERY_EVENT = ("id", "time", "stream", "heartbeat")
"""What every event may have; no stream can declare it anew."""

_STREAM_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}", re.ASCII)
_FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)


def read_streams(place: Place) -> dict[str, Stream]:
    """Read `{NAME: {fields: {FIELD: type or {type, required, one_of}}, thing: FIELD, key: FIELD, contributors: […]}}`.

    >>> fields = {"locker": {"required": True}, "doors": "number"}
    >>> stream = read_streams(Place({"lockers": {"fields": fields, "thing": "locker"}}, (), []))["lockers"]
    >>> stream.thing, stream.fields["locker"].required, stream.fields["doors"].type.value
    ('locker', True, 'number')
    """
    streams: dict[str, Stream] = {}
    for name, part in (place.entries("a mapping of streams, by name") or {}).items():
        if name in STREAMS:
            part.refuse(f"{quoted(name)} is a stream already: choose another name", at_key=True)
        elif name in TAKEN:
            part.refuse(f"{quoted(name)} is the name of a topic of ours: choose another", at_key=True)
        elif not _STREAM_NAME.fullmatch(name):
            part.refuse(f"must be a name of a-z, 0-9 and -, 40 at most, not {quoted(name)}", at_key=True)
        elif (stream := _read_stream(part, name)) is not None:
            streams[name] = stream
    return streams


def _read_stream(place: Place, name: str) -> Stream | None:
    before = len(place.problems)
    parts = place.keys(STREAM_KEYS, required=["fields"], wanted="a stream, as {fields: {…}}")
    if parts is None or "fields" not in parts:
        return None
    fields = _read_fields(parts["fields"])
    named: dict[str, Any] = {}
    for key in ("thing", "key"):
        if key in parts and fields:
            named[key] = parts[key].choice(fields, "field")
    thing = named.get("thing")
    if thing is not None and fields[thing] != Field(required=True):
        parts["thing"].refuse(
            f'every event names its thing: "{thing}" must be a required string, of any value: '
            f"write {thing}: {{required: true}}"
        )
    stream = Stream(name, fields, **named, drivers=_usual_drivers(fields))
    if "contributors" in parts:
        stream = replace(stream, drivers=read_drivers(parts["contributors"], stream))
    return stream if len(place.problems) == before else None


def _usual_drivers(fields: Mapping[str, Field]) -> tuple[str, ...]:
    """Name the fields that surely have few values: those of a closed vocabulary, and the places all streams know."""
    return tuple(name for name, field in fields.items() if field.one_of or (name in _PLACES and field == Field()))


def _read_fields(place: Place) -> dict[str, Field]:
    fields: dict[str, Field] = {}
    entries = place.entries("a mapping of fields, by name") or {}
    if place.value == {}:
        place.refuse("is empty: name at least one field")
    if len(entries) > FIELDS_MAX:
        place.refuse(f"has {len(entries)} fields, {FIELDS_MAX} at most")
    for name, part in entries.items():
        if name in EVERY_EVENT:
            part.refuse(f"{quoted(name)} belongs to every event: it is not declared", at_key=True)
        elif not _FIELD_NAME.fullmatch(name):
            part.refuse(f"must be a name of a-z, 0-9 and _, 40 at most, not {quoted(name)}", at_key=True)
        elif (field := _read_field(part)) is not None:
            fields[name] = field
    return fields


def _read_field(place: Place) -> Field | None:
    """Read a field: the name of its type, or a mapping where there is more to say."""
    if not isinstance(place.value, Mapping):
        type_ = place.choice(TYPES, "type")
        return None if type_ is None else Field(TYPES[type_])
    parts = place.keys(FIELD_KEYS) or {}
    type_ = parts["type"].choice(TYPES, "type") if "type" in parts else "string"
    required = parts["required"].value if "required" in parts else False
    if not isinstance(required, bool):
        parts["required"].refuse(f"must be true or false, not {describe(required)}")
    one_of = _read_one_of(parts["one_of"], type_) if "one_of" in parts else ()
    return None if type_ is None else Field(TYPES[type_], required is True, one_of)


def _read_one_of(place: Place, type_: str | None) -> tuple[str, ...]:
    if type_ not in (None, "string"):
        place.refuse(f'"one_of" is for strings, and this is a {type_}', at_key=True)
        return ()
    values: list[str] = []
    for item in place.items("a list of texts") or []:
        value = item.text()
        if value is not None and value in values:
            item.refuse(f"{quoted(value)} is in the list already")
        values += [] if value is None else [value]
    if place.value == []:
        place.refuse("is an empty list: no event could ever be right")
    return tuple(values)
