"""Measures made of others: a ratio of two, a share of all, a growth of one, and events without their counterpart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from detectors.calendars import Calendar
from detectors.conditions import read_field, read_where
from detectors.durations import format_duration
from detectors.grading import read_duration
from detectors.places import Place, describe, quoted
from detectors.rules import Kind, Measure, Part
from detectors.vocabulary import YOURS, Stream

UNMATCHED = {"count": Kind.UNMATCHED_COUNT, "share": Kind.UNMATCHED_SHARE, "total": Kind.UNMATCHED_TOTAL}
LOOKING_BACK = {"growth": Kind.GROWTH, "rise": Kind.RISE}
AGAINST_MS = {"1d": 86_400_000, "7d": 604_800_000}


@dataclass(frozen=True, slots=True)
class Scope:
    """What a measure may name: its rule's stream, all streams, calendars; and the hop, None where that is wrong."""

    stream: Stream
    streams: Mapping[str, Stream]
    hop_ms: int | None
    calendars: Mapping[str, Calendar]


Reader = Callable[[Place, Scope], Measure | None]


def read_ratio(place: Place, per: Place | None, scope: Scope, read: Reader) -> Measure | None:
    """Read `{ratio: {of: {stream, where, measure}, to: {…}}, per: 10000}`."""
    parts = place.keys(("of", "to"), required=("of", "to"), wanted="two sides, as in {of: {…}, to: {…}}")
    if parts is None:
        return None
    sides = {key: _read_side(part, scope, read) for key, part in parts.items()}
    scale = 1.0 if per is None else per.number("a number over 0")
    if per is not None and scale is not None and scale <= 0:
        per.refuse(f"must be a number over 0, not {describe(scale)}")
    of, to = sides.get("of"), sides.get("to")
    if to is not None and to.measure is not None and to.measure.kind.is_unmatched:
        parts["to"].refuse('"unmatched" may only be what is divided: write it under "of"')
    return None if of is None or to is None or scale is None else Measure(Kind.RATIO, of=of, to=to, per=scale)


def _read_side(place: Place, scope: Scope, read: Reader) -> Part | None:
    parts = place.keys(("stream", "where", "measure"), wanted="one side, as in {stream: calls, measure: count}")
    if parts is None:
        return None
    stream = _read_stream(parts, scope)
    if stream is None:
        return None
    where = read_where(parts["where"], stream) if "where" in parts else ()
    inner = replace(scope, stream=stream)
    measure = read(parts["measure"], inner) if "measure" in parts else Measure(Kind.COUNT)
    if measure is None:
        return None
    apart = measure.kind in (Kind.RATIO, Kind.SHARE_OF_ALL)
    if measure.kind.follows_states or apart or measure.base is not None:
        parts["measure"].refuse(f'"{measure.kind.value}" is no side of a ratio: a side is measured over the window')
        return None
    return Part(stream.name, where, measure)


def _read_stream(parts: Mapping[str, Place], scope: Scope) -> Stream | None:
    if "stream" not in parts:
        return scope.stream
    name = parts["stream"].choice(scope.streams, "stream", YOURS)
    return None if name is None else scope.streams[name]


def read_share_of_all(place: Place, scope: Scope) -> Measure | None:
    """Read `{share_of_all: count}`."""
    if place.value != "count":
        place.refuse(f'"share_of_all" is that of events: write {{share_of_all: count}}, not {describe(place.value)}')
        return None
    return Measure(Kind.SHARE_OF_ALL, of=Part(scope.stream.name, (), Measure(Kind.COUNT)))


def check_apart_from_all(place: Place, measure: Measure, parts: Mapping[str, Place]) -> None:
    """See that a share of all is one of several series; `place` is the measure's."""
    inner = measure.base or measure
    if inner.kind is Kind.SHARE_OF_ALL and not any(key in parts and parts[key].value for key in ("by", "at")):
        place.refuse(
            '"share_of_all" of one series is always 1: say by what series are told apart, as in by: [category]'
        )


def read_growth(name: str, place: Place, against: Place | None, scope: Scope, read: Reader) -> Measure | None:
    """Read `{growth: MEASURE, against: 1d|7d}`, or `{rise: …}`."""
    base = read(place, scope)
    span_ms = None
    if against is None:
        place.refuse(f'"{name}" needs to know against when: write {{{name}: …, against: 7d}}', at_key=True)
    elif not isinstance(against.value, str) or against.value not in AGAINST_MS:
        against.refuse(f"must be {' or '.join(AGAINST_MS)}, not {describe(against.value)}")
    else:
        span_ms = AGAINST_MS[against.value]
        _check_hop(against, "against", span_ms, scope)
    if base is not None and (base.base is not None or base.kind.moves):
        place.refuse(f'a "{name}" is that of a measure of events, not of "{base.kind.value}"')
        return None
    return None if base is None or span_ms is None else Measure(LOOKING_BACK[name], base=base, span_ms=span_ms)


def read_unmatched(place: Place, beside: Mapping[str, Place], scope: Scope) -> Measure | None:
    """Read `{unmatched: count|share|total, in: {stream, where}, on: FIELD, within: 30m}`."""
    name = place.choice(UNMATCHED, "unmatched measure")
    for key in ("in", "on", "within"):
        if key not in beside:
            form = "{unmatched: share, in: {stream: complaints}, on: customer, within: 30m}"
            place.refuse(f'"unmatched" needs "{key}": write {form}', at_key=True)
    to = _read_counterparts(beside["in"], scope) if "in" in beside else None
    field = read_field(beside["on"], scope.stream) if "on" in beside else None
    if field is not None and to is not None:
        check_shared(beside["on"], str(beside["on"].value), scope.stream, scope.streams[to.stream])
    span_ms = read_duration(beside["within"], zero=False) if "within" in beside else None
    if span_ms is not None:
        _check_hop(beside["within"], "within", span_ms, scope)
    if name is None or to is None or field is None or span_ms is None:
        return None
    return Measure(UNMATCHED[name], str(beside["on"].value), to=to, span_ms=span_ms)


def _read_counterparts(place: Place, scope: Scope) -> Part | None:
    parts = place.keys(("stream", "where"), required=["stream"], wanted="where to look, as in {stream: complaints}")
    if parts is None or "stream" not in parts:
        return None
    stream = _read_stream(parts, scope)
    if stream is None:
        return None
    return Part(stream.name, read_where(parts["where"], stream) if "where" in parts else ())


def _check_hop(place: Place, key: str, span_ms: int, scope: Scope) -> None:
    if scope.hop_ms is not None and span_ms % scope.hop_ms:
        place.refuse(f'"{key}" {place.value} is not a multiple of "hop" {format_duration(scope.hop_ms)}')


def check_shared(place: Place, name: str, own: Stream, other: Stream, *, at_key: bool = False) -> None:
    """See that a field which both streams must have is there in the other, and of the same type."""
    mine, theirs = own.fields.get(name), other.fields.get(name)
    if mine is None:
        return  # told already
    if theirs is None:
        place.refuse(
            f"stream {other.name} has no field {quoted(name)}: this rule needs it in both streams", at_key=at_key
        )
    elif mine.type is not theirs.type:
        place.refuse(
            f"{quoted(name)} is a {mine.type.value} in stream {own.name} and a {theirs.type.value} in {other.name}",
            at_key=at_key,
        )


def _texts_of(place: Place) -> list[tuple[Place, str]]:
    items = enumerate(place.value) if isinstance(place.value, list) else ()
    return [(place.within(index, name), name) for index, name in items if isinstance(name, str)]


def _compared(test: Place) -> list[tuple[Place, str]]:
    """Give the fields that one condition compares with."""
    operands = (
        [test.within(word, operand) for word, operand in test.value.items()] if isinstance(test.value, dict) else []
    )
    named = [
        operand.within("field", operand.value.get("field")) for operand in operands if isinstance(operand.value, dict)
    ]
    return [(place, place.value) for place in named if isinstance(place.value, str)]


def driven_by(measure: Measure | None, own: Stream, streams: Mapping[str, Stream], *, below: bool) -> Stream:
    """Say of which stream the events are that drive a value: of a ratio, those of the side that may drive it so far."""
    inner = None if measure is None else measure.base or measure
    if inner is None or inner.of is None or inner.to is None:
        return own
    return streams[(inner.to if below else inner.of).stream]


def check_series(parts: Mapping[str, Place], measure: Measure, own: Stream, streams: Mapping[str, Stream]) -> None:
    """See that every stream has the fields asked of it: those of `by` and `at`, and those a ratio selects by."""
    inner = measure.base or measure
    of, to = inner.of, inner.to
    if inner.kind is Kind.RATIO and of is not None and to is not None:
        names = [of.stream, to.stream]
        if of.measure is not None and of.measure.kind is Kind.UNMATCHED_TOTAL and of.measure.to is not None:
            names.append(of.measure.to.stream)
        selected = [of.stream, to.stream]
    else:
        placed = inner.kind in (Kind.UNMATCHED_TOTAL, Kind.SERVICE_LEVEL_AHEAD)
        names = [to.stream] if placed and to is not None else []
        selected = []
    keys = [item for key in ("by", "at") if key in parts for item in _texts_of(parts[key])]
    for other in dict.fromkeys(names):
        for place, name in keys:
            check_shared(place, name, own, streams[other])
    for other in dict.fromkeys(selected):
        for place in (parts[key] for key in ("where", "except") if key in parts):
            for name, test in place.value.items() if isinstance(place.value, dict) else ():
                check_shared(place.within(name, test), name, own, streams[other], at_key=True)
                for named, field in _compared(place.within(name, test)):
                    check_shared(named, field, own, streams[other])
