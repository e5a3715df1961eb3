"""The measures that run against the clock: `{overdue: …}` and `{silent: true}`, plain data → `Measure`."""

from __future__ import annotations

from collections.abc import Mapping

from detectors.calendars import ALWAYS, DAY_MS, Calendar
from detectors.conditions import read_field
from detectors.grading import read_duration
from detectors.places import Place, describe, quoted, suggest
from detectors.rules import Clock, Kind, Measure
from detectors.steps import ACTUAL, PLANNED, STEP, UNTIL
from detectors.vocabulary import Field, FieldType, Stream

OVERDUE = {"count": Kind.OVERDUE_COUNT, "longest": Kind.OVERDUE_LONGEST}
NEEDED = ("from", "until", "limit")
DOWN = ("to", "ahead", "until")
"""What stands beside an `overdue` that counts down to a moment."""
BESIDE_OVERDUE = (*NEEDED, "at", "calendar", "name_worst", "to", "ahead")
"""What stands beside any `overdue`."""

_FORM = "{overdue: count, from: opened, until: closed, limit: 24h}"


def read_silent(place: Place) -> Measure | None:
    """Read what follows `silent:`, which is `true`."""
    if place.value is not True:
        place.refuse(f"must be true, not {describe(place.value)}: write {{silent: true}}")
        return None
    return Measure(Kind.SILENT)


def read_overdue(
    place: Place, entries: Mapping[str, Place], stream: Stream, calendars: Mapping[str, Calendar]
) -> Measure | None:
    """Read what follows `overdue:` and what stands beside it; None if anything is wrong."""
    if "to" in entries:
        return _read_countdown(place, entries, stream)
    if "ahead" in entries:
        entries["ahead"].refuse('belongs to a moment that is named: give "to" too, as in to: starts', at_key=True)
    step = stream.fields.get(STEP)
    if stream.thing is None or step is None:
        lacking = f'stream {stream.name} has no things that go through steps (a thing, and a field "step")'
        place.refuse(f'{lacking}: no "overdue", unless it counts to a time field (to: FIELD)', at_key=True)
        return None
    before = len(place.problems)
    name = place.choice(OVERDUE, "overdue measure")
    if missing := [f'"{key}"' for key in NEEDED if key not in entries]:
        place.refuse(f'"overdue" needs {" and ".join(missing)} beside it: write {_FORM}', at_key=True)
    begins = _read_steps(entries["from"], stream, step) if "from" in entries else ()
    ends = _read_steps(entries["until"], stream, step) if "until" in entries else ()
    for both in set(begins) & set(ends):
        entries["until"].refuse(f"{quoted(both)} cannot both start and end a clock")
    calendar = _read_calendar(entries["calendar"], calendars) if "calendar" in entries else ALWAYS
    limit_ms = _read_limit(entries["limit"], stream, calendar) if "limit" in entries else None
    at = _read_at(entries["at"]) if "at" in entries else 1.0
    names = "name_worst" in entries and _read_name_worst(entries["name_worst"], stream)
    if len(place.problems) > before or name is None or calendar is None:
        return None
    return Measure(OVERDUE[name], clock=Clock(begins, ends, limit_ms, at, calendar, names))


def _read_countdown(place: Place, entries: Mapping[str, Place], stream: Stream) -> Measure | None:
    """Read `{overdue: …, to: FIELD, ahead: 24h}`, and `until` where the stream has steps."""
    before = len(place.problems)
    name = place.choice(OVERDUE, "overdue measure")
    for key, part in entries.items():
        if key in BESIDE_OVERDUE and key not in DOWN:
            part.refuse('does not stand beside "to": that names the moment itself', at_key=True)
    field = read_field(entries["to"], stream)
    moment = str(entries["to"].value)
    if field is not None and field.type is not FieldType.TIME:
        times = [name for name, one in stream.fields.items() if one.type is FieldType.TIME]
        hint = f"there are {', '.join(times)}" if times else f"stream {stream.name} has none"
        entries["to"].refuse(f"{quoted(moment)} is no time field: {hint}")
    ahead_ms = read_duration(entries["ahead"], zero=False) if "ahead" in entries else 0
    ends: tuple[str, ...] = ()
    if "until" in entries:
        step = stream.fields.get(STEP)
        if step is None:
            entries["until"].refuse(f'stream {stream.name} has no "step" that would end the clock', at_key=True)
        else:
            ends = _read_steps(entries["until"], stream, step)
    if "ahead" not in entries and (stream.thing is None or not stream.fields[stream.thing].required):
        lacking = f"stream {stream.name} has no things that would come again and end it"
        place.refuse(f'needs "ahead" beside "to", as in ahead: 24h: {lacking}', at_key=True)
    if len(place.problems) > before or name is None:
        return None
    return Measure(OVERDUE[name], clock=Clock((), ends, None, moment=moment, ahead_ms=ahead_ms or 0))


def _read_steps(place: Place, stream: Stream, field: Field) -> tuple[str, ...]:
    items = (place.items() or []) if isinstance(place.value, list) else [place]
    if not items:
        place.refuse("is an empty list: name at least one step")
    steps = []
    for item in items:
        step = item.text("the name of a step")
        if step is not None and field.one_of and step not in field.one_of:
            item.refuse(f"stream {stream.name} has no step {quoted(step)}: {suggest(step, field.one_of)}")
        elif step is not None:
            steps.append(step)
    return tuple(dict.fromkeys(steps))


def _read_calendar(place: Place, calendars: Mapping[str, Calendar]) -> Calendar | None:
    name = place.choice(calendars, "calendar")
    return None if name is None else calendars[name]


def _read_limit(place: Place, stream: Stream, calendar: Calendar | None) -> int | None:
    """Read a limit; in days (`3d`) it counts the calendar's working days, however many hours they have.

    `until` is none of its own (None): the step that starts the clock names the time.
    """
    if place.value == UNTIL:
        if UNTIL not in stream.fields:
            place.refuse(f'stream {stream.name} has no field "{UNTIL}" that would name the time')
        return None
    limit_ms = read_duration(place, zero=False)
    if limit_ms is not None and calendar is not None and str(place.value).endswith("d"):
        return -(-limit_ms * calendar.day_ms // DAY_MS)
    return limit_ms


def _read_at(place: Place) -> float:
    at = place.number("a number over 0")
    if at is not None and at <= 0:
        place.refuse(f"must be a number over 0, not {describe(at)}: 0.8 warns at 80 % of the limit")
    return at or 1.0


def _read_name_worst(place: Place, stream: Stream) -> bool:
    if missing := [quoted(field) for field in (PLANNED, ACTUAL) if field not in stream.fields]:
        place.refuse(
            f"stream {stream.name} has no {' and '.join(missing)} to compare: no step can be named", at_key=True
        )
        return False
    return place.choice((STEP,), "part to name") is not None
