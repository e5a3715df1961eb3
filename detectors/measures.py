"""The `measure` of a rule: plain data → `Measure`."""

from __future__ import annotations

from collections.abc import Mapping

from detectors.calendars import Calendar
from detectors.clockreading import BESIDE_OVERDUE, read_overdue, read_silent
from detectors.conditions import read_field, read_where
from detectors.places import Place, quoted, suggest
from detectors.rules import Kind, Measure
from detectors.vocabulary import FieldType, Stream

OF_A_FIELD = {"sum": Kind.SUM, "mean": Kind.MEAN, "max": Kind.MAX, "distinct": Kind.DISTINCT}
NOW = {"count": Kind.NOW_COUNT, "sum": Kind.NOW_SUM, "distinct": Kind.NOW_DISTINCT}
NEEDS_NUMBERS = {Kind.SUM, Kind.MEAN, Kind.MAX, Kind.NOW_SUM}
MEASURES = ("count", *OF_A_FIELD, "share", "now", "overdue", "silent")
BESIDE = {"now": ("field",), "overdue": BESIDE_OVERDUE}
"""What may stand beside the name of a measure."""
# Named in the contract, and computed by a later version: a rule that asks for one is refused, not misread.
NOT_YET = ("quantile", "ratio", "growth", "unusual", "forecast", "service_level_ahead")


def read_measure(place: Place, stream: Stream, calendars: Mapping[str, Calendar]) -> Measure | None:
    """Read `count`, `{sum: field}`, `{share: WHERE}`, `{now: count}` and their like."""
    if isinstance(place.value, str):
        return _read_word(place, place.value)
    entries = place.entries("the name of a measure or a mapping, as in {sum: users}")
    name = None if entries is None else _name_of(place, entries)
    if entries is None or name is None:
        return None
    operand = entries[name]
    if name in NOT_YET:
        operand.refuse(_not_yet(name), at_key=True)
    elif name == "now":
        return _read_now(operand, entries.get("field"), stream)
    elif name == "share":
        return _read_share(operand, stream)
    elif name == "overdue":
        return read_overdue(operand, entries, stream, calendars)
    elif name == "silent":
        return read_silent(operand)
    elif name in OF_A_FIELD:
        return _over_field(OF_A_FIELD[name], operand, stream)
    else:
        operand.refuse('"count" takes nothing: write measure: count', at_key=True)
    return None


def _name_of(place: Place, entries: Mapping[str, Place]) -> str | None:
    """Find the one measure that a mapping names, and refuse what stands beside it."""
    named = [key for key in entries if key in MEASURES or key in NOT_YET]
    if not named:
        if not entries:
            place.refuse(f"names no measure: there are {', '.join(MEASURES)}")
        for key, operand in entries.items():
            operand.refuse(f"unknown measure {quoted(key)}: {suggest(key, MEASURES)}", at_key=True)
        return None
    name = named[0]
    for other in named[1:]:
        entries[other].refuse(f'a rule has one measure, and "{name}" is there already', at_key=True)
    if name not in NOT_YET:  # what those take is not known here
        belongs = (name, *BESIDE.get(name, ()))
        for key, operand in entries.items():
            if key not in belongs and key not in named:
                operand.refuse(f'unknown key {quoted(key)} beside "{name}": {suggest(key, belongs)}', at_key=True)
    return name


_FORMS = {
    "share": "{share: {outcome: abandoned}}",
    "now": "{now: count}",
    "overdue": "{overdue: count, from: opened, until: closed, limit: 24h}",
    "silent": "{silent: true}",
}


def _not_yet(name: str) -> str:
    return f'measure "{name}" is not available in this version: there are {", ".join(MEASURES)}'


def _read_word(place: Place, name: str) -> Measure | None:
    if name == "count":
        return Measure(Kind.COUNT)
    if name in NOT_YET:
        place.refuse(_not_yet(name))
    elif name in MEASURES:
        form = _FORMS.get(name, f"{{{name}: FIELD}}")
        place.refuse(f'"{name}" needs to know of what: write {form}')
    else:
        place.refuse(f"unknown measure {quoted(name)}: {suggest(name, MEASURES)}")
    return None


def _read_share(place: Place, stream: Stream) -> Measure:
    matching = read_where(place, stream)
    if place.value == {}:
        place.refuse("the share of everything is 1: name at least one field")
    return Measure(Kind.SHARE, matching=matching)


def _read_now(place: Place, field: Place | None, stream: Stream) -> Measure | None:
    if stream.thing is None:
        place.refuse(f'stream {stream.name} has no things whose latest state could be followed: no "now"', at_key=True)
    name = place.choice(NOW, "now measure")
    if name is None:
        return None
    kind = NOW[name]
    if kind is Kind.NOW_COUNT:
        if field is not None:
            field.refuse('"now: count" counts things, it takes no field', at_key=True)
        return Measure(kind)
    if field is None:
        place.refuse(f'"now: {name}" needs a field: write {{now: {name}, field: FIELD}}')
        return None
    return _over_field(kind, field, stream)


def _over_field(kind: Kind, place: Place, stream: Stream) -> Measure | None:
    field = read_field(place, stream)
    if field is None:
        return None
    if kind in NEEDS_NUMBERS and field.type is not FieldType.NUMBER:
        word = kind.value.removeprefix("now ")
        place.refuse(f'"{word}" needs a number field, and "{place.value}" is a {field.type.value} field')
    return Measure(kind, field=str(place.value))
