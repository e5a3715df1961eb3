"""The shape of a file of rule tests: events, and what is expected of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import TypeGuard
from zoneinfo import ZoneInfo

from detectors.conditions import read_field
from detectors.grading import read_duration
from detectors.places import Place, Problem, describe, quoted, suggest
from detectors.vocabulary import YOURS, FieldType, Stream
from detectors.wording import LEVELS

FILE_KEYS = ("rules", "zone", "holidays", "tests")
REQUIRED = ("rules", "tests")
TEST_KEYS = ("name", "events", "expect", "expect_none")
EXPECT_KEYS = ("rule", "key", "level", "at", "between", "value", "tolerance", "worst_step", "top")
REPEAT_KEYS = ("every", "from", "to")

_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
CLOCK = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?"
MOMENT = rf"{_DATE}[Tt ]{CLOCK}(?:[Zz]|[+-][0-9]{{2}}:[0-9]{{2}})"
_SOME_DAY = datetime.fromisoformat("2026-03-01T00:00:00Z")


def is_test_file(document: object) -> TypeGuard[dict[str, object]]:
    """Whether a document is a file of tests: it has `tests` at its top."""
    return isinstance(document, dict) and "tests" in document


def check_tests(document: object, streams: Mapping[str, Stream]) -> list[Problem]:
    """Check the shape of a file of tests; whether they pass is another matter."""
    root = Place(document, (), [])
    entries = root.keys(FILE_KEYS, required=REQUIRED) or {}
    if "rules" in entries:
        for item in entries["rules"].items("a list of rule files") or []:
            item.text("the name of a rule file")
    if "zone" in entries:
        _check_zone(entries["zone"])
    for item in (entries["holidays"].items("a list of dates") or []) if "holidays" in entries else []:
        _check_date(item)
    if "tests" in entries:
        items = entries["tests"].items("a list of tests")
        if items == []:
            entries["tests"].refuse("is empty: give at least one test, with events and what is expected of them")
        for item in items or []:
            _check_test(item, streams)
    return root.problems


def to_ms(value: object, first: datetime | None = None) -> int | None:
    """Read a time as milliseconds since the epoch; None if it is none.

    A time without a date takes date and offset of `first`.

    >>> to_ms("2026-03-01T09:00:00.5Z"), to_ms(1772355600), to_ms("09:00:00"), to_ms("2026-02-30T09:00:00Z")
    (1772355600500, 1772355600000, None, None)
    >>> to_ms("09:00", datetime.fromisoformat("2026-03-01T17:00:00+08:00"))
    1772326800000
    """
    if isinstance(value, (int, float)):
        return round(value * 1000)
    moment = moment_of(value, first)
    return None if moment is None else round(moment.timestamp() * 1000)


def moment_of(value: object, first: datetime | None = None) -> datetime | None:
    """Read a text as a moment with its offset; None if it is none."""
    if not isinstance(value, str):
        return None
    text = value.upper()
    if first is not None and re.fullmatch(CLOCK, text, re.ASCII):
        text = f"{first.date().isoformat()}T{text}"
    elif not re.fullmatch(MOMENT, text, re.ASCII):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:  # such as a 30th of February
        return None
    return moment if moment.tzinfo is not None or first is None else moment.replace(tzinfo=first.tzinfo)


def _check_zone(place: Place) -> None:
    name = place.text("the name of a time zone, as in Asia/Shanghai", any_text=False)
    try:
        if name is not None:
            ZoneInfo(name)
    except (LookupError, ValueError, OSError):  # OSError: the name of a folder of zones
        place.refuse(f"unknown time zone {quoted(str(name))}: a name as Asia/Shanghai is asked for")


def _check_date(place: Place) -> None:
    text = place.text("a date, as in 2026-10-01", any_text=False)
    try:
        if text is not None:
            date.fromisoformat(text)
    except ValueError:
        place.refuse(f"{quoted(str(text))} is no date, as in 2026-10-01")


def _check_test(place: Place, streams: Mapping[str, Stream]) -> None:
    parts = place.keys(TEST_KEYS, required=("name", "events"), wanted="a test, as a mapping") or {}
    if "name" in parts:
        parts["name"].text()
    if "events" in parts:
        for item in parts["events"].items("a list of events") or []:
            _check_event(item, streams)
    for key in ("expect", "expect_none"):
        for item in (parts[key].items("a list of expectations") or []) if key in parts else []:
            _check_expectation(item)
    if parts and "expect" not in parts and "expect_none" not in parts:
        place.refuse('expects nothing: give "expect" or "expect_none"')


def _check_event(place: Place, streams: Mapping[str, Stream]) -> None:
    entries = place.entries("one event, as {STREAM: {time: …}}")
    if entries is None:
        return
    if len(entries) != 1:
        place.refuse(f"must be one event, as {{STREAM: {{time: …}}}}, not a mapping of {len(entries)}")
    for name, event in entries.items():
        if name not in streams:
            event.refuse(f"unknown stream {quoted(name)}: {suggest(name, streams, YOURS)}", at_key=True)
        else:
            _check_fields(event, streams[name])


def _check_fields(place: Place, stream: Stream) -> None:
    entries = place.entries("the fields of an event")
    if entries is None:
        return
    _check_when(place, entries)
    for key, part in entries.items():
        if key == "id":
            part.text()
        elif key not in ("time", *REPEAT_KEYS):
            _check_field(part, stream)
    for key, field in stream.fields.items():
        if field.required and key not in entries:
            place.refuse(f'"{key}" is missing')


def _check_when(place: Place, entries: Mapping[str, Place]) -> None:
    """An event happens at one `time`, or `every` so often `from` one time `to` another."""
    if any(key in entries for key in REPEAT_KEYS):
        for key in [key for key in REPEAT_KEYS if key not in entries]:
            place.refuse(f'"{key}" is missing: an event that repeats has "every", "from" and "to"')
        if "time" in entries:
            entries["time"].refuse('an event that repeats has "from" and "to", no "time"', at_key=True)
    elif "time" not in entries:
        place.refuse('"time" is missing')
    if "every" in entries:
        read_duration(entries["every"], zero=False)
    for key in ("time", "from", "to"):
        if key in entries:
            _check_time(entries[key])


def _check_field(place: Place, stream: Stream) -> None:
    field = read_field(place, stream, at_key=True)
    if field is None:
        return
    if field.type is FieldType.STRING:
        if field.one_of:
            place.choice(field.one_of, str(place.path[-1]))
        elif not isinstance(place.value, str):
            place.text()
    elif field.type is FieldType.NUMBER:
        number = place.number()
        if number is not None and number < 0:
            place.refuse(f"must be 0 or more, not {describe(place.value)}")
    elif field.type is FieldType.BOOLEAN and not isinstance(place.value, bool):
        place.refuse(f"must be true or false, not {describe(place.value)}")
    elif field.type is FieldType.TIME:
        _check_time(place)


def _check_expectation(place: Place) -> None:
    parts = place.keys(EXPECT_KEYS, required=["rule"], wanted="an expectation, as {rule: …, level: …}") or {}
    if "rule" in parts:
        parts["rule"].text("the id of a rule")
    if "key" in parts:
        parts["key"].entries("a mapping of field to value")
    if "level" in parts:
        parts["level"].choice(("green", *LEVELS), "level")
    if "at" in parts:
        _check_time(parts["at"], short=True)
    if "between" in parts:
        match parts["between"].items("two times, as [from, to]"):
            case [start, end]:
                _check_time(start, short=True)
                _check_time(end, short=True)
                first, last = (to_ms(each.value, _SOME_DAY) for each in (start, end))
                if first is not None and last is not None and last < first and _same_kind(start.value, end.value):
                    parts["between"].refuse(f"ends before it begins: {start.value} is after {end.value}")
            case list() as times:
                parts["between"].refuse(f"must be two times, as [from, to], not {len(times)}")
    _check_what(parts)


def _same_kind(start: object, end: object) -> bool:
    """Whether two times both have a date, or neither: only then one can be after the other on its own.

    >>> _same_kind("09:10:00", "09:00:00"), _same_kind("09:10:00", "2026-03-01T09:00:00Z")
    (True, False)
    """
    return (to_ms(start) is None) == (to_ms(end) is None)


def _check_what(parts: Mapping[str, Place]) -> None:
    """Check what is expected of the record besides its level: value, step to blame, contributors."""
    if "value" in parts:
        parts["value"].number()
    if "tolerance" in parts:
        tolerance = parts["tolerance"].number("a number, 0 or more")
        if tolerance is not None and tolerance < 0:
            parts["tolerance"].refuse(f"must be a number, 0 or more, not {describe(tolerance)}")
        if "value" not in parts:
            parts["tolerance"].refuse('belongs to a "value"', at_key=True)
    if "worst_step" in parts:
        parts["worst_step"].text("the name of a step")
    for part in ((parts["top"].entries("a mapping, as in {outlet: o12}") or {}) if "top" in parts else {}).values():
        for one in (part.items() or []) if isinstance(part.value, list) else [part]:
            one.text("the value that brings most")


def _check_time(place: Place, *, short: bool = False) -> None:
    if isinstance(place.value, (int, float)) and not isinstance(place.value, bool):
        place.number()
        return
    text = place.text("a time, as in 2026-03-01T09:00:00Z", any_text=False)
    if text is not None and to_ms(text, _SOME_DAY if short else None) is None:
        place.refuse(f"{quoted(text)} is no time with an offset, as in 2026-03-01T09:00:00Z")
