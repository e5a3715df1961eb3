"""Why bytes are not an event: a strict, slow reading of what the fast decoder refused or did not trust."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import isfinite
from typing import Any, Final, NoReturn, TypeAlias

import msgspec

from detectors.vocabulary import Field, FieldType, Stream
from streams.event_types import LEVELS_MAX, NUMBER_LIMIT, OBJECT_BYTES_MAX, STRING_CHARS_MAX, YEAR_9999_S
from streams.instants import parse_instant


class Reason(StrEnum):
    """The closed set of reasons for which an event is refused."""

    NOT_JSON = "not-json"
    NOT_OBJECT = "not-object"
    WRONG_TYPE = "wrong-type"
    MISSING_FIELD = "missing-field"
    BAD_VALUE = "bad-value"
    NO_OFFSET = "no-offset"
    FUTURE = "future"
    TOO_LARGE = "too-large"
    TOO_DEEP = "too-deep"
    UNKNOWN_STREAM = "unknown-stream"


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing wrong with an event. `detail` may quote the event: it is data, of any length."""

    reason: Reason
    detail: str


class Pairs(tuple[tuple[str, Any], ...]):
    """A JSON object as it stands, with keys that come twice."""

    __slots__ = ()


Fields: TypeAlias = dict[str, Any]

_BOM: Final = "\ufeff"
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"')
_NO_BRACKETS: Final = re.compile(rb"[^][{}]+")
_CONTROL: Final = re.compile("[\x00-\x1f]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_ID: Final = Field(required=True)
_TIME: Final = Field(FieldType.TIME, required=True)
_STREAM: Final = Field()
_WANTED: Final = {
    FieldType.STRING: "a string",
    FieldType.NUMBER: "a number",
    FieldType.BOOLEAN: "true or false",
    FieldType.TIME: "a time",
}
_PYTHON: Final[dict[FieldType, tuple[type, ...]]] = {
    FieldType.STRING: (str,),
    FieldType.NUMBER: (float,),
    FieldType.BOOLEAN: (bool,),
    FieldType.TIME: (str, float),
}


class _NotANumberError(ValueError):
    """NaN or an infinity, which Python's parser would take."""


def _refuse_constant(name: str) -> NoReturn:
    raise _NotANumberError(name)


# Numbers as floats: one type, infinite where out of range, and no limit on the digits of an integer.
_json: Final = json.JSONDecoder(object_pairs_hook=Pairs, parse_int=float, parse_constant=_refuse_constant)


def read_object(raw: bytes) -> Fields | Fault:
    """Read one JSON object strictly: bounded, UTF-8, no NaN, no key twice. All numbers come as floats.

    >>> read_object(b'{"id": "a", "wait_s": 3}')
    {'id': 'a', 'wait_s': 3.0}
    >>> read_object(b'{"id": "a", "id": "b"}').detail
    'duplicate key "id"'
    """
    if len(raw) > OBJECT_BYTES_MAX:
        return Fault(Reason.TOO_LARGE, f"{len(raw)} bytes, at most {OBJECT_BYTES_MAX}")
    if not raw.strip():
        return Fault(Reason.NOT_JSON, "empty")
    if _is_too_deep(raw):
        return Fault(Reason.TOO_DEEP, f"more than {LEVELS_MAX} levels")
    value = _parse(raw)
    if isinstance(value, Fault):
        return value
    if not isinstance(value, Pairs):
        return Fault(Reason.NOT_OBJECT, f"{_kind(value)}, not an object")
    fields: Fields = {}
    for key, item in value:
        if key in fields:
            return Fault(Reason.BAD_VALUE, f"duplicate key {quote(key)}")
        fields[key] = item
    return fields


def find_fault(fields: Fields, stream: Stream) -> Fault | None:
    """Name the first fault of an event of `stream`: `id`, `time`, then its fields as declared."""
    for name, field in {"id": _ID, "time": _TIME, **stream.fields, "stream": _STREAM}.items():
        fault = _field_fault(fields, name, field)
        if fault is not None:
            return fault
    return None


def find_time_fault(fields: Fields) -> Fault | None:
    """Name what is wrong with `time` (all that a heartbeat has)."""
    return _field_fault(fields, "time", _TIME)


def _parse(raw: bytes) -> Any | Fault:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        return Fault(Reason.NOT_JSON, f"not UTF-8: {error.reason} at byte {error.start}")
    if text.startswith(_BOM):
        return Fault(Reason.NOT_JSON, "begins with a byte order mark")
    try:
        return _json.decode(text)
    except json.JSONDecodeError as error:
        return Fault(Reason.NOT_JSON, f"{error.msg} at character {error.pos}")
    except _NotANumberError as error:
        return Fault(Reason.NOT_JSON, f"{error} is not JSON")


def _field_fault(fields: Fields, name: str, field: Field) -> Fault | None:
    if name not in fields:
        return Fault(Reason.MISSING_FIELD, f"{name} is missing") if field.required else None
    value = fields[name]
    if not isinstance(value, _PYTHON[field.type]):
        return Fault(Reason.WRONG_TYPE, f"{name} is {_kind(value)}, not {_WANTED[field.type]}")
    if field.type is FieldType.BOOLEAN:
        return None
    if isinstance(value, float):
        return _number_fault(name, value, YEAR_9999_S if field.type is FieldType.TIME else None)
    return _time_fault(name, str(value)) if field.type is FieldType.TIME else _string_fault(name, str(value), field)


def _number_fault(name: str, value: float, below: int | None) -> Fault | None:
    if not isfinite(value):
        return Fault(Reason.BAD_VALUE, f"{name} is out of range")
    if value < 0:
        return Fault(Reason.BAD_VALUE, f"{name} is negative")
    if below is None and value >= NUMBER_LIMIT:
        return Fault(Reason.BAD_VALUE, f"{name} is out of range")
    if below is not None and value >= below:
        return Fault(Reason.BAD_VALUE, f"{name} is after the year 9998 (are these milliseconds?)")
    return None


def _time_fault(name: str, value: str) -> Fault | None:
    try:
        time = parse_instant(value)
    except (msgspec.ValidationError, UnicodeEncodeError):  # the second: half a surrogate pair
        return Fault(Reason.BAD_VALUE, f"{name} is not a time: {quote(value)}")
    if isinstance(time, datetime) and time.tzinfo is None:
        return Fault(Reason.NO_OFFSET, f"{name} has no offset: {quote(value)}")
    return None


def _string_fault(name: str, value: str, field: Field) -> Fault | None:
    if name == "id" and not value:
        return Fault(Reason.BAD_VALUE, "id is empty")
    if len(value) > STRING_CHARS_MAX:
        return Fault(Reason.BAD_VALUE, f"{name} has {len(value)} characters, at most {STRING_CHARS_MAX}")
    if _SURROGATE.search(value):
        return Fault(Reason.BAD_VALUE, f"{name} holds half a surrogate pair")
    if control := _CONTROL.search(value):
        return Fault(Reason.BAD_VALUE, f"{name} holds the control character U+{ord(control.group()):04X}")
    if field.one_of and value not in field.one_of:
        return Fault(Reason.BAD_VALUE, f"{name} is {quote(value)}, not one of {', '.join(field.one_of)}")
    return None


def _is_too_deep(raw: bytes) -> bool:
    """Say whether brackets outside strings nest deeper than `LEVELS_MAX`.

    >>> _is_too_deep(b"[" * 33), _is_too_deep(b"[]" * 33), _is_too_deep(b'["' + b"[" * 33 + b'"]')
    (True, False, False)
    """
    if raw.count(b"[") + raw.count(b"{") <= LEVELS_MAX:
        return False
    level = 0
    for bracket in _NO_BRACKETS.sub(b"", _STRING.sub(b"", raw)):
        level += 1 if bracket in b"[{" else -1
        if level > LEVELS_MAX:
            return True
    return False


def _kind(value: object) -> str:
    if value is None:
        return "null"
    names = {bool: "true or false", float: "a number", str: "a string", Pairs: "an object", list: "an array"}
    return names[type(value)]


def quote(value: Any) -> str:
    """Show a value of an event in a detail: text in quotes, cut to 40 characters; of anything else only the kind."""
    if not isinstance(value, str):
        return _kind(value)
    return json.dumps(value if len(value) <= 40 else f"{value[:40]}…", ensure_ascii=False)
