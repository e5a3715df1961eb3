"""The `when` and `quiet` of a rule: plain data → spans of time."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import TypeVar

from detectors.grading import read_levels
from detectors.hours import DAYS, MINUTES_A_DAY, Span
from detectors.places import Place, describe, quoted, suggest
from detectors.rules import Block
from detectors.targets import read_targets

SPAN_KEYS = ("hours", "days", "holiday", "dates", "month_days", "months")
BLOCK_KEYS = (*SPAN_KEYS, "levels", "targets")
MONTH_DAYS = r"([1-9]|[12][0-9]|3[01])(?:-([1-9]|[12][0-9]|3[01]))?"
MONTHS = r"([1-9]|1[0-2])(?:-([1-9]|1[0-2]))?"
HOURS = r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])"
DATES = r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:/([0-9]{4}-[0-9]{2}-[0-9]{2}))?"

T = TypeVar("T")


def read_when(
    place: Place, own: Place | None, levels: Sequence[str], targets: Mapping[str, float], *, below: bool
) -> tuple[Block, ...]:
    """Read a list of blocks: spans of time, and the thresholds and targets that take the place of the rule's there.

    `own` are the rule's own levels: they stand where a block has targets alone, parts of a limit by the block's limit.
    """
    blocks = []
    for item in place.items("a list of blocks, as in [{hours: 22:00-06:00, levels: {yellow: 10}}]") or []:
        parts = item.keys(BLOCK_KEYS, wanted="a block, as in {hours: 22:00-06:00, levels: …}")
        if parts is None:
            continue
        span = _span(item, parts)
        moved = _read_moved(parts["targets"], targets) if "targets" in parts else {}
        limit = moved.get("limit", targets.get("limit"))
        if "levels" in parts:
            found = read_levels(parts["levels"], below=below, limit=limit)
            given = parts["levels"].value
            if levels and isinstance(given, dict) and given.keys() != set(levels):
                parts["levels"].refuse(f"must have the levels of the rule, {', '.join(levels)}: no more, no fewer")
        elif "targets" in parts and own is not None:
            found = read_levels(replace(own, problems=[]), below=below, limit=limit)  # told already what is wrong
        else:
            if "targets" not in parts:
                item.refuse('changes nothing: give "levels", "targets" or both')
            continue
        blocks.append(Block(span, tuple(threshold for _, threshold in found), {**targets, **moved}))
    return tuple(blocks)


def _read_moved(place: Place, targets: Mapping[str, float]) -> Mapping[str, float]:
    """Read the targets of a block: some of those that the rule has."""
    moved = read_targets(place)
    for name in moved.keys() - targets.keys():
        there = f"there are {', '.join(targets)}" if targets else "there are none"
        place.within(name, moved[name]).refuse(f'this rule has no target "{name}": {there}', at_key=True)
    return moved


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
        month_days=_each(parts.get("month_days"), _read_month_days),
        months=_each(parts.get("months"), _read_months),
    )


def read_month_days(place: Place) -> tuple[tuple[int, int], ...]:
    """Read days of the month: a number, `1-5`, or a list of them."""
    return _each(place, _read_month_days)


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


def _read_month_days(place: Place) -> tuple[int, int] | None:
    """Read one day of the month, a number, or several, as text."""
    return _read_numbers(place, MONTH_DAYS, "days of the month, as in 1-5 or 28", "day of a month", (28, "1-5", 31))


def _read_months(place: Place) -> tuple[int, int] | None:
    """Read one month of the year, a number, or several, as text: 7-9 is the third quarter."""
    return _read_numbers(place, MONTHS, "months, as in 7-9 or 12", "month", (12, "7-9", 12))


def _read_numbers(
    place: Place, pattern: str, wanted: str, one: str, examples: tuple[int, str, int]
) -> tuple[int, int] | None:
    """Read a number, or the first and the last of several. `examples` are of one, of several, and the greatest."""
    if isinstance(place.value, int) and not isinstance(place.value, bool):
        text: str | None = str(place.value)
    else:
        text = place.text(wanted, any_text=False)
    if text is None:
        return None
    parts = re.fullmatch(pattern, text, re.ASCII)
    single, several, greatest = examples
    if parts is None:
        plural = one.split(maxsplit=1)[0]
        place.refuse(
            f"{quoted(text)} is no {one}: write {single}, or {several} for several {plural}s, up to {greatest}"
        )
        return None
    first, last = int(parts[1]), int(parts[2] or parts[1])
    if last < first:
        place.refuse(f"{quoted(text)} ends before it begins: write [{first}-{greatest}, 1-{last}]")
        return None
    return first, last
