"""How much happens in the simulated province, by month, weekday and hour.

Volumes follow a travel call centre's months; `DEMO_FACTOR` multiplies them so that a screen lives: a whole province
has more callers than one call centre. Complaints follow from calls in that call centre's own proportion. The shape of
the day and of the week is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

DEMO_FACTOR = 200
"""How many of those call centres the province is: some 20 calls a second on a working morning."""

SECONDS_PER_MONTH = 365 / 12 * 86_400
MONTH_CALLS = (202004, 138967, 170834, 139140, 129644, 127792, 146340, 155240, 155972, 126195, 129134)
MONTH_COMPLAINTS = (309, 262, 311, 246, 266, 202, 194, 288, 185, 180, 162)
"""January to November; December is taken as their mean."""

_HOUR_SHAPE = (18, 10, 7, 6, 8, 15, 40, 90, 160, 205, 215, 195, 150, 160, 190, 195, 185, 160, 130, 120, 110, 90, 60, 31)
_WEEKDAY_SHAPE = (112, 106, 104, 104, 106, 88, 80)
"""Relative weights of the hours of the day; percent of the mean, from Monday to Sunday."""

_OPENING_HOUR = 10
_SATURDAY = 5

SITE_ZONE = timezone(timedelta(hours=8), "Asia/Shanghai")
"""China has kept one offset, and no summer time, since 1991."""


def calls_per_second(time_ms: int) -> float:
    """Return the usual rate of calls in the whole province at a moment (milliseconds since the epoch)."""
    local = datetime.fromtimestamp(time_ms / 1000, SITE_ZONE)
    into_hour = local.minute / 60
    weight = _HOUR_SHAPE[local.hour] * (1 - into_hour) + _HOUR_SHAPE[(local.hour + 1) % 24] * into_hour
    shape = weight * 24 / sum(_HOUR_SHAPE) * _WEEKDAY_SHAPE[local.weekday()] / 100
    return _of_month(MONTH_CALLS, local.month) / SECONDS_PER_MONTH * DEMO_FACTOR * shape


def complaints_per_call(time_ms: int) -> float:
    """Return the usual share of calls that end in a complaint ticket, at a moment (milliseconds since the epoch)."""
    month = datetime.fromtimestamp(time_ms / 1000, SITE_ZONE).month
    return _of_month(MONTH_COMPLAINTS, month) / _of_month(MONTH_CALLS, month)


def _of_month(figures: Sequence[int], month: int) -> float:
    return figures[month - 1] if month <= len(figures) else sum(figures) / len(figures)


def working_morning_ms(now_ms: int) -> int:
    """Return the latest 10:00 of a working day at the site that is at least one day past.

    A demo that begins there finds the province awake at any hour, and its clock, though it runs fast, stays behind
    the real one for three quarters of an hour.

    >>> from datetime import UTC
    >>> monday_ms = 1_772_416_800_000
    >>> datetime.fromtimestamp(working_morning_ms(monday_ms) / 1000, UTC).isoformat()
    '2026-02-27T02:00:00+00:00'
    """
    morning = datetime.fromtimestamp(now_ms / 1000, SITE_ZONE) - timedelta(days=1)
    if morning.hour < _OPENING_HOUR:
        morning -= timedelta(days=1)
    while morning.weekday() >= _SATURDAY:
        morning -= timedelta(days=1)
    return int(morning.replace(hour=_OPENING_HOUR, minute=0, second=0, microsecond=0).timestamp()) * 1000
