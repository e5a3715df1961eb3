"""The `when` and `quiet` of a rule: plain data → spans of time."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TypeVar

from detectors.grading import read_levels
from detectors.hours import DAYS, MINUTES_A_DAY, Span
from detectors.places import Place, describe, quoted, suggest
from detectors.rules import Block

SPAN_KEYS = ("hours", "days", "holiday", "dates")
BLOCK_KEYS = (*SPAN_KEYS, "levels")
HOURS = r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])"
DATES = r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:/([0-9]{4}-[0-9]{2}-[0-9]{2}))?"

T = TypeVar("T")


def read_when(place: Place, levels: Sequence[str], *, below: bool, limit: float | None) -> tuple[Block, ...]:
    """Read a list of blocks, each with spans of time and the thresholds that take the place of the rule's there."""
    blocks = []
    for item in place.items("a list of blocks, as in [{hours: 22:00-06:00, levels: {yellow: 10}}]") or []:
        parts = item.keys(BLOCK_KEYS, required=["levels"], wanted="a block, as in {hours: 22:00-06:00, levels: …}")
        if parts is None:
            continue
        span = _span(item, parts)
        if "levels" not in parts:
            continue
        found = read_levels(parts["levels"], below=below, limit=limit)
        given = parts["levels"].value
        if levels and isinstance(given, dict) and given.keys() != set(levels):
            parts["levels"].refuse(f"must have the levels of the rule, {', '.join(levels)}: no more, no fewer")
        blocks.append(Block(span, tuple(threshold for _, threshold in found)))
    return tuple(blocks)


def read_quiet(place: Place, levels: Sequence[str]) -> tuple[Span, ...]:
    """Read when nobody is told of a rule: one span, or a list of them."""
    if list(levels) == ["red"]:
        place.refuse("hides nothing: red is never hidden, and this rule has only red", at_key=True)
    spans = []
    for item in (place.items() or []) if isinstance(place.value, list) else [place]:
        parts = item.keys(SPAN_KEYS, wanted="a span of time, as in {hours: 22:00-07:00, days: mon-fri}")
        if parts is not None:
            spans.append(_span(item, parts))
    return tuple(spans)


def _span(place: Place, parts: Mapping[str, Place]) -> Span:
    if not any(key in parts for key in SPAN_KEYS):
        place.refuse(f"holds always: give at least one of {', '.join(SPAN_KEYS)}")
    holiday = parts["holiday"].value if "holiday" in parts else None
    if "holiday" in parts and not isinstance(holiday, bool):
        parts["holiday"].refuse(f"must be true or false, not {describe(holiday)}")
    days = _each(parts.get("days"), _read_days)
    return Span(
        hours=_each(parts.get("hours"), _read_hours),
        days=tuple(sorted({day for some in days for day in some})),
        holiday=holiday if isinstance(holiday, bool) else None,
        dates=_each(parts.get("dates"), _read_dates),
    )


def _each(place: Place | None, read: Callable[[Place], T | None]) -> tuple[T, ...]:
    """Read one, or each of a list."""
    if place is None:
        return ()
    if place.value == []:
        place.refuse("is an empty list: name at least one, or leave it out")
    items = (place.items() or []) if isinstance(place.value, list) else [place]
    return tuple(value for value in map(read, items) if value is not None)


def _read_hours(place: Place) -> tuple[int, int] | None:
    text = place.text("hours, as in 22:00-06:00", any_text=False)
    if text is None:
        return None
    parts = re.fullmatch(HOURS, text, re.ASCII)
    if parts is None:
        place.refuse(f"{quoted(text)} is no span of hours: write it as 22:00-06:00, up to 24:00")
        return None
    start, end = int(parts[1]) * 60 + int(parts[2]), int(parts[3]) * 60 + int(parts[4])
    if end > MINUTES_A_DAY:
        place.refuse(f"{quoted(text)} is no span of hours: a day ends at 24:00")
        return None
    if start == end:
        place.refuse(f"{quoted(text)} is empty: for the whole day leave it out")
        return None
    return start, end


def _read_days(place: Place) -> tuple[int, ...] | None:
    """Read one day, or several: sat-mon goes over Sunday."""
    text = place.text("a day of the week, as in sat or mon-fri", any_text=False)
    if text is None:
        return None
    first, dash, last = text.partition("-")
    for name in (first, last) if dash else (first,):
        if name not in DAYS:
            place.refuse(f"unknown day {quoted(name)}: {suggest(name, DAYS)}")
            return None
    start = DAYS.index(first)
    return tuple((start + n) % 7 for n in range((DAYS.index(last or first) - start) % 7 + 1))


def _read_dates(place: Place) -> tuple[date, date] | None:
    text = place.text("a date, as in 2026-02-16 or 2026-02-16/2026-02-22", any_text=False)
    if text is None:
        return None
    parts = re.fullmatch(DATES, text, re.ASCII)
    try:
        first, last = (date.fromisoformat(day) for day in ((parts[1], parts[2] or parts[1]) if parts else ("", "")))
    except ValueError:
        place.refuse(f"{quoted(text)} is no date: write 2026-02-16, or 2026-02-16/2026-02-22 for several days")
        return None
    if last < first:
        place.refuse(f"{quoted(text)} ends before it begins")
        return None
    return first, last
