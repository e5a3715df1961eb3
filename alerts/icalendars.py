"""On-call calendars: who an iCalendar file (RFC 5545) puts on duty at a moment.

An event's title names the person. Recurrences count, with their exceptions and changed occurrences, so that somebody
standing in for one night is one edited occurrence. The libraries are an extra: `pip install tocsin[oncall]`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from alerts.duty import Calendar

_TEXT_CHARS_MAX = 4_000_000
_TOO_OFTEN = re.compile(r"FREQ=(SECONDLY|MINUTELY|HOURLY)", re.IGNORECASE)  # no shift, and years to go through
_FOLD = re.compile(r"\r?\n[ \t]")
_MOMENT = timedelta(milliseconds=1)


def nobody(at_ms: int) -> tuple[str, ...]:  # noqa: ARG001  the shape of a calendar
    """Put nobody on duty."""
    return ()


def read_calendar(text: str) -> Calendar:
    """Read a calendar. Raise ValueError, in one line, if it is none, or if the libraries are not there.

    Of events that overlap, the one that starts last comes first: who stands in for part of a shift.
    """
    try:
        import icalendar
        import recurring_ical_events
    except ImportError as error:
        raise ValueError("reading calendars needs two more libraries: pip install 'tocsin[oncall]'") from error
    if len(text) > _TEXT_CHARS_MAX:
        raise ValueError("is larger than 4 MB")
    if _TOO_OFTEN.search(_FOLD.sub("", text)):
        raise ValueError("has events that come again each second, minute or hour: no shift does")
    try:
        query = recurring_ical_events.of(icalendar.Calendar.from_ical(text))
        query.at(datetime(2026, 1, 1, tzinfo=UTC))  # what is wrong with a recurrence is told now
    except Exception as error:  # two libraries and a text of others: whatever they raise, it is no calendar
        raise ValueError(f"is no calendar: {' '.join(str(error).split()) or type(error).__name__}") from error

    @lru_cache(maxsize=256)
    def on(at_ms: int) -> tuple[str, ...]:
        at = datetime.fromtimestamp(at_ms / 1000, UTC)
        try:
            events = [event for event in query.between(at, at + _MOMENT) if _covers(event, at)]
            events.sort(key=lambda event: (_start(event), str(event.get("SUMMARY"))), reverse=True)
        except Exception:  # noqa: BLE001  the same: then nobody is known, and every channel is told
            return ()
        names = (str(event.get("SUMMARY", "")).strip() for event in events)
        return tuple(dict.fromkeys(name for name in names if name))[:1]

    return on


def _start(event: object) -> datetime:
    start = event.start  # type: ignore[attr-defined]  # recurring-ical-events gives icalendar's own events
    return _moment(start)


def _covers(event: object, at: datetime) -> bool:
    return _start(event) <= at < _moment(event.end)  # type: ignore[attr-defined]


def _moment(value: object) -> datetime:
    """Take a date for its first moment and a time without a zone for UTC."""
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)  # type: ignore[attr-defined]
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
