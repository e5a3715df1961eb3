"""The parts of a map file, read one by one: columns, texts, translations, constants, zones and formats of times."""

from __future__ import annotations

import codecs
from datetime import UTC, datetime
from string import Formatter
from zoneinfo import ZoneInfo

from detectors.places import Place, describe, quoted, suggest
from detectors.vocabulary import Field, FieldType
from streams.mapcells import Cell, Const, Text

FORMATS = ("unix", "unix_ms", "relative")
CELL_KEYS = ("column", "values", "default", "scale")

_PROBE = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)  # written and read again, to try a format


def read_cell(place: Place, field: Field) -> Cell | None:
    """Read `{column: …}` with its `values`, `default` and `scale`."""
    parts = place.keys(CELL_KEYS, required=["column"], wanted="a column, or {column: …}, {const: …}")
    if parts is None:
        return None
    column = parts["column"].text("the name of a column") if "column" in parts else None
    values = _values(parts["values"], field) if "values" in parts else None
    default = _default(parts["default"], field) if "default" in parts else None
    scale = parts["scale"].number() if "scale" in parts else None
    if "scale" in parts and field.type is not FieldType.NUMBER:
        parts["scale"].refuse(f"scales numbers, and this field is a {field.type.value}", at_key=True)
    if "scale" in parts and "values" in parts:
        parts["scale"].refuse('stands beside "values": take one of them', at_key=True)
    return None if column is None else Cell(column, values, default, scale)


def _values(place: Place, field: Field) -> dict[str, str | float | bool]:
    entries = place.entries("a mapping of cell to value") or {}
    read = {cell: read_const(part, field) for cell, part in entries.items()}
    return {cell: const.value for cell, const in read.items() if const is not None}


def _default(place: Place, field: Field) -> Text | Const | None:
    if isinstance(place.value, str) and "{" in place.value:
        return read_text(place)
    return read_const(place, field)


def read_const(place: Place, field: Field) -> Const | None:
    """Read a value of the type, and of the vocabulary, of its field."""
    if field.type is FieldType.NUMBER:
        number = place.number()
        if number is not None and number < 0:
            place.refuse("must be 0 or more")
        return None if number is None else Const(number)
    if field.type is FieldType.BOOLEAN:
        boolean = read_boolean(place)
        return None if boolean is None else Const(boolean)
    text = place.text()
    if text is not None and field.one_of and text not in field.one_of:
        place.refuse(f"unknown value {quoted(text)}: {suggest(text, field.one_of)}")
    if text is not None and field.type is FieldType.TIME and _moment_ms(text) is None:
        place.refuse(f"{quoted(text)} is not a time with its offset, as in 2026-03-01T09:00:00Z")
    return None if text is None else Const(text)


def read_row_id(place: Place) -> Text | None:
    """Read an id; `auto` is the same as none."""
    text = read_text(place)
    if text is None or text.template == "auto":
        return None
    return text if "{" in text.template else Text(f"{{{text.template}}}")  # one column, as in `fields`


def read_text(place: Place) -> Text | None:
    """Read a text in which braces go round names of columns."""
    text = place.text("a column or a text with {column}")
    if text is None:
        return None
    try:
        is_good = all(
            name != "" and not spec and not conversion for _, name, spec, conversion in Formatter().parse(text)
        )
    except ValueError:  # braces that do not match
        is_good = False
    if not is_good:
        place.refuse(f"{quoted(text)}: braces go round the name of a column and hold nothing else")
        return None
    return Text(text)


def read_boolean(place: Place) -> bool | None:
    """Read `true` or `false`."""
    if isinstance(place.value, bool):
        return place.value
    place.refuse(f"must be true or false, not {describe(place.value)}")
    return None


def read_encoding(place: Place) -> str | None:
    """Read the name of an encoding of text that Python knows."""
    name = place.text("the name of an encoding")
    if name is None:
        return None
    try:
        "".encode(name)  # `lookup` alone would take codecs of bytes too, such as base64
        return codecs.lookup(name).name
    except (LookupError, ValueError):
        place.refuse(f"unknown encoding {quoted(name)}: use utf-8, gb18030, latin-1, …")
        return None


def read_delimiter(place: Place) -> str | None:
    """Read the one character between cells; a tab may be written as `tab`."""
    text = "\t" if place.value in ("tab", "\t") else place.text("one character, or tab")
    if text is not None and len(text) != 1:
        place.refuse(f"must be one character, or tab, not {quoted(text)}")
        return None
    return text


def read_zone(place: Place) -> str | None:
    """Read the name of a time zone of the tz database."""
    name = place.text("the name of a time zone")
    try:
        return None if name is None else ZoneInfo(name).key
    except (ValueError, OSError, KeyError):
        place.refuse(f"unknown time zone {quoted(name or '')}: use names such as Asia/Shanghai or UTC")
        return None


def read_format(place: Place) -> str | None:
    """Read one of our formats of times, or one of strptime's."""
    text = place.text("a time format")
    if text is None or text in FORMATS:
        return text
    try:
        datetime.strptime(_PROBE.strftime(text), text)  # noqa: DTZ007  tried, not used
    except ValueError:
        place.refuse(f"{quoted(text)} is no format of strptime, nor one of {', '.join(FORMATS)}")
        return None
    if "%" not in text:
        place.refuse(f"unknown format {quoted(text)}: {suggest(text, FORMATS)} Others are written as in %d/%m/%Y %H:%M")
        return None
    return text


def read_epoch_ms(place: Place) -> int | None:
    """Read a time with its offset, as milliseconds."""
    text = place.text("a time, as in 2026-01-01T00:00:00Z")
    at_ms = None if text is None else _moment_ms(text)
    if text is not None and at_ms is None:
        place.refuse(f"{quoted(text)} is not a time with its offset, as in 2026-01-01T00:00:00Z")
    return at_ms


def _moment_ms(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if moment.tzinfo is None else round(moment.timestamp() * 1_000)
