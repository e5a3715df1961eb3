"""The `measure` of a rule: plain data → `Measure`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from detectors.clockreading import BESIDE_OVERDUE, read_overdue, read_silent
from detectors.compound import LOOKING_BACK, Scope, read_growth, read_ratio, read_share_of_all, read_unmatched
from detectors.conditions import read_field, read_where
from detectors.measures_ahead import KEYS as AHEAD
from detectors.measures_ahead import read_ahead
from detectors.places import Place, describe, of_hundred, quoted, suggest
from detectors.rules import Condition, Kind, Measure
from detectors.vocabulary import FieldType, Stream

OF_A_FIELD = {"sum": Kind.SUM, "mean": Kind.MEAN, "max": Kind.MAX, "distinct": Kind.DISTINCT}
NOW = {"count": Kind.NOW_COUNT, "sum": Kind.NOW_SUM, "distinct": Kind.NOW_DISTINCT, "share": Kind.NOW_SHARE}
NEEDS_NUMBERS = {Kind.SUM, Kind.MEAN, Kind.MAX, Kind.NOW_SUM, Kind.QUANTILE}
MEASURES = (
    "count",
    *OF_A_FIELD,
    "share",
    "now",
    "overdue",
    "silent",
    "quantile",
    "ratio",
    "share_of_all",
    *LOOKING_BACK,
    "unmatched",
    *AHEAD,
)
_BESIDE = {
    "now": ("field", "of"),
    "quantile": ("q",),
    "ratio": ("per",),
    **dict.fromkeys(LOOKING_BACK, ("against",)),
    "unmatched": ("in", "on", "within"),
    "overdue": BESIDE_OVERDUE,
    **AHEAD,
}


_FORMS = {
    "share": "{share: {outcome: abandoned}}",
    "now": "{now: count}",
    "overdue": "{overdue: count, from: opened, until: closed, limit: 24h}",
    "silent": "{silent: true}",
    "quantile": "{quantile: FIELD, q: 0.95}",
    "ratio": "{ratio: {of: {…}, to: {…}}}",
    "share_of_all": "{share_of_all: count}",
    "growth": "{growth: count, against: 7d}",
    "rise": "{rise: {share_of_all: count}, against: 7d}",
    "unmatched": "{unmatched: share, in: {stream: complaints}, on: customer, within: 30m}",
    "unusual": "{unusual: count}",
    "forecast": "{forecast: count, ahead: 15m}",
    "drop": "{drop: count, against: 28d}",
    "new": "{new: FIELD, within: 30d}",
    "service_level_ahead": "{service_level_ahead: 15m, within: 20s}",
}


def read_measure(place: Place, scope: Scope) -> Measure | None:
    """Read `count`, `{sum: field}`, `{share: WHERE}`, `{now: count}` and their like."""
    stream = scope.stream
    if isinstance(place.value, str):
        return _read_word(place, place.value)
    entries = place.entries("the name of a measure or a mapping, as in {sum: users}")
    name = None if entries is None else _name_of(place, entries)
    if entries is None or name is None:
        return None
    operand = entries[name]
    readers: Mapping[str, Callable[[], Measure | None]] = {
        "now": lambda: _read_now(operand, entries, stream),
        "share": lambda: _read_share(operand, stream),
        "quantile": lambda: _read_quantile(operand, entries.get("q"), stream),
        "overdue": lambda: read_overdue(operand, entries, stream, scope.calendars),
        "silent": lambda: read_silent(operand),
        "ratio": lambda: read_ratio(operand, entries.get("per"), scope, read_measure),
        "share_of_all": lambda: read_share_of_all(operand, scope),
        **dict.fromkeys(LOOKING_BACK, lambda: read_growth(name, operand, entries.get("against"), scope, read_measure)),
        "unmatched": lambda: read_unmatched(operand, entries, scope),
        **{ahead: lambda: read_ahead(name, entries, scope, read_measure) for ahead in AHEAD},
    }
    if name in readers:
        return readers[name]()
    if name in OF_A_FIELD:
        return _over_field(OF_A_FIELD[name], operand, stream)
    operand.refuse('"count" takes nothing: write measure: count', at_key=True)
    return None


def _name_of(place: Place, entries: Mapping[str, Place]) -> str | None:
    """Find the one measure that a mapping names, and refuse what stands beside it."""
    named = [key for key in entries if key in MEASURES]
    if not named:
        if not entries:
            place.refuse(f"names no measure: there are {', '.join(MEASURES)}")
        beside = {key for keys in _BESIDE.values() for key in keys}
        for key in [key for key in entries if key not in beside] or entries:  # `q` is right, once `quantle` is
            entries[key].refuse(f"unknown measure {quoted(key)}: {suggest(key, MEASURES)}", at_key=True)
        return None
    name = named[0]
    for other in named[1:]:
        entries[other].refuse(f'a rule has one measure, and "{name}" is there already', at_key=True)
    belongs = (name, *_BESIDE.get(name, ()))
    for key, operand in entries.items():
        if key not in belongs and key not in named:
            operand.refuse(f'unknown key {quoted(key)} beside "{name}": {suggest(key, belongs)}', at_key=True)
    return name


def _read_word(place: Place, name: str) -> Measure | None:
    if name == "count":
        return Measure(Kind.COUNT)
    if name in MEASURES:
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


def check_share(place: Place, measure: Measure, where: tuple[Condition, ...]) -> None:
    """See that a share is one of events that may also not match; `place` is the measure's."""
    inner = measure.base or measure
    if inner.matching and set(inner.matching) <= set(where):
        place.refuse('would always be 1: what it counts is in the rule\'s "where" already; take it away there')


def _read_quantile(place: Place, part: Place | None, stream: Stream) -> Measure | None:
    measure = _over_field(Kind.QUANTILE, place, stream)
    if part is None:
        place.refuse('"quantile" needs to know which: write {quantile: FIELD, q: 0.95}', at_key=True)
        return None
    q = part.number("a number over 0, up to 1")
    if q is not None and not 0 < q <= 1:
        part.refuse(f"must be a number over 0, up to 1, not {describe(q)}{of_hundred(q)}")
    return None if measure is None or q is None else replace(measure, q=q)


def _read_now(place: Place, entries: Mapping[str, Place], stream: Stream) -> Measure | None:
    if stream.thing is None:
        place.refuse(f'stream {stream.name} has no things whose latest state could be followed: no "now"', at_key=True)
    name = place.choice(NOW, "now measure")
    if name is None:
        return None
    kind, field, of = NOW[name], entries.get("field"), entries.get("of")
    if kind is Kind.NOW_SHARE:
        if field is not None:
            field.refuse('"now: share" takes no field: write {now: share, of: WHERE}', at_key=True)
        if of is None:
            place.refuse('"now: share" needs to know of what: write {now: share, of: WHERE}')
            return None
        return replace(_read_share(of, stream), kind=kind)
    if of is not None:
        of.refuse(f'"now: {name}" takes no "of": only "now: share" does', at_key=True)
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
