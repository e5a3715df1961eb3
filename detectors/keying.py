"""By what a rule tells its series apart, and whom it names: `by`, `at`, `contributors`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from detectors.conditions import read_field
from detectors.places import Place, quoted
from detectors.rules import Condition, Kind, Measure, Op
from detectors.steps import STEP
from detectors.vocabulary import FieldType, Stream

CONTRIBUTORS_MAX = 3
PLACES = "; levels of places come with a table of places (--topology)"
"""What is said to somebody who names a level where no table of places is read."""
PERSONS = ("customer",)
"""Fields that name people: they are counted where a rule needs it, and never named beside a value."""


def spoken_of(settings: Mapping[str, Any]) -> list[str]:
    """Name what the texts of a rule may say beyond what every rule's may."""
    measure: Measure | None = settings.get("measure")
    names = [word for word, key in (("place", "at"), ("top", "contributors")) if settings.get(key)]
    if measure is not None and measure.clock is not None and measure.clock.name_worst:
        names.append("worst_step")
    return [*settings.get("by", ()), *names]


def read_by(place: Place, stream: Stream, others: str = PLACES) -> tuple[str, ...]:
    """Read a list of fields, each once; `others` says where more come from."""
    names: list[str] = []
    for item in place.items("a list of fields, as in [region]") or []:
        if read_field(item, stream, others=others) is None:
            continue
        name = str(item.value)
        if name in names:
            item.refuse(f"{quoted(name)} is in the list already")
        names.append(name)
    return tuple(names)


def read_at(place: Place, stream: Stream) -> tuple[str, ...]:
    """Read the levels at which a rule is judged: fields that name places, sent or filled in from the table."""
    levels = read_by(place, stream)
    if place.value == []:
        place.refuse("is an empty list: name at least one level, or leave it out")
    _refuse_other_types(place, stream, "names no place")
    return levels


def read_contributors(place: Place, stream: Stream, measure: Measure | None) -> tuple[str, ...]:
    """Read the fields whose greatest values an alert names; `stream` is that of the events which drive the measure."""
    inner = None if measure is None else measure.base or measure
    if inner is not None and not _is_driven(inner):
        place.refuse(f'"{inner.kind.value}" has no contributors: no single events add up to it', at_key=True)
    fields = read_drivers(place, stream)
    if len(fields) > CONTRIBUTORS_MAX:
        place.refuse(f"names {len(fields)} fields, {CONTRIBUTORS_MAX} at most")
    return fields


def read_drivers(place: Place, stream: Stream) -> tuple[str, ...]:
    """Read fields that may be named beside a value: texts, and no people."""
    fields = read_by(place, stream)
    _refuse_other_types(place, stream, "names nothing")
    for item in _items(place):
        if item.value in PERSONS:
            item.refuse(f'"{item.value}" names people: an alert does not')
    return fields


def usual_contributors(stream: Stream, settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the fields that an alert names where the rule does not say which; `stream` as for `read_contributors`.

    Those of the stream, but for what all events of a series have the same: the fields of `by`, those that `where` fixes
    to one value, the region, where an outlet or a level of places is given, and the step, where one is blamed.
    """
    measure: Measure | None = settings.get("measure")
    below: bool = settings["below"]
    if measure is None:
        return ()
    if measure.kind is Kind.NEW:
        return _new_ones(measure, stream, settings) if not below else ()
    if not _adds_up(measure, below=below):
        return ()
    inner = measure.base or measure
    part = None if inner.kind.is_unmatched else inner.to if below else inner.of
    conditions = (*settings.get("where", ()), *(part.where if part is not None else ()))
    by = settings.get("by", ())
    same = {*by, *(condition.field for condition in conditions if _fixes(condition))}
    if settings.get("at") or "outlet" in by:
        same.add("region")
    if inner.clock is not None and inner.clock.name_worst:
        same.add(STEP)  # the alert names the step to blame, which need not be where things stand
    return tuple(name for name in stream.drivers if name not in same)[:CONTRIBUTORS_MAX]


def _new_ones(measure: Measure, stream: Stream, settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the field whose new values are counted, if it may be named."""
    field = (measure.base or measure).field or ""
    known = stream.fields.get(field)
    is_text = known is not None and known.type is FieldType.STRING
    apart = (*settings.get("by", ()), *settings.get("at", ()), *PERSONS)
    return (field,) if is_text and field not in apart else ()


def _fixes(condition: Condition) -> bool:
    return condition.op is Op.IN and len(condition.values) == 1


_ADDED = (Kind.COUNT, Kind.SUM, Kind.SHARE, Kind.NOW_COUNT, Kind.NOW_SUM, Kind.NOW_SHARE, Kind.OVERDUE_COUNT,
          Kind.SHARE_OF_ALL, Kind.UNMATCHED_COUNT, Kind.UNMATCHED_SHARE)  # fmt: skip
_PARTS = (Kind.SHARE, Kind.NOW_SHARE, Kind.RATIO, Kind.UNMATCHED_SHARE)


def _adds_up(measure: Measure, *, below: bool) -> bool:
    """Say whether single events or things add up to the value, and those that are there make it bad.

    Too few of them are not explained by those that came; of a low share or ratio there are those that lower it.
    """
    inner = measure.base or measure
    if not _is_driven(inner) or measure.kind is Kind.DROP or measure.low or (below and inner.kind not in _PARTS):
        return False
    if inner.kind is Kind.RATIO:
        side = inner.to if below else inner.of
        return side is not None and side.measure is not None and side.measure.kind in _ADDED
    return inner.kind in (*_ADDED, Kind.MEAN)  # who brings the waiting; as a side of a ratio it only divides


def _is_driven(measure: Measure) -> bool:
    """Say whether a value is made of what single events or things bring to it."""
    if measure.kind is Kind.RATIO:
        sides = [part.measure for part in (measure.of, measure.to) if part is not None and part.measure is not None]
        return all(_is_driven(side) and side.kind not in (Kind.SHARE, Kind.UNMATCHED_SHARE) for side in sides)
    return measure.kind not in (Kind.SILENT, Kind.SERVICE_LEVEL_AHEAD, Kind.UNMATCHED_TOTAL)  # a total has two streams


def _refuse_other_types(place: Place, stream: Stream, why: str) -> None:
    for item in _items(place):
        field = stream.fields.get(item.value) if isinstance(item.value, str) else None
        if field is not None and field.type is not FieldType.STRING:
            item.refuse(f'"{item.value}" {why}: it is a {field.type.value} field')


def _items(place: Place) -> list[Place]:
    return (
        [place.within(index, value) for index, value in enumerate(place.value)] if isinstance(place.value, list) else []
    )


def check_apart(parts: Mapping[str, Place], levels: tuple[str, ...]) -> None:
    """Refuse what is said twice: within one series all events have the same value of its `by` fields."""
    by = [item.value for item in _items(parts["by"])] if "by" in parts else []
    for index, name in enumerate(by):
        if name in levels:
            parts["by"].within(index, name).refuse(f'"{name}" is in "at" already')
    for item in _items(parts["contributors"]) if "contributors" in parts else []:
        if item.value in by:
            item.refuse(f'"{item.value}" is in "by": all events of a series have the same')
