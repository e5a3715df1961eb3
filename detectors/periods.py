"""Windows that begin with the day, week, month or quarter of the site's calendar, and grow until it is over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from detectors.durations import UNIT_MS

PERIODS: Mapping[str, int] = {"day": UNIT_MS["d"], "week": 7 * UNIT_MS["d"], "month": 31 * UNIT_MS["d"],
                              "quarter": 92 * UNIT_MS["d"]}  # fmt: skip
"""What a `window` may be called, and how long such a one is at most, in days of 24 hours."""

HOP_MS_MAX = 15 * UNIT_MS["m"]
"""What a hop must divide, so that every midnight is a boundary: all zones are so many quarters of an hour off."""


@lru_cache(maxsize=4096)  # asked for with every pane, and there is one answer a day
def _start(period: str, zone: str, today: date) -> int:
    first = today
    if period == "week":
        first -= timedelta(days=today.weekday())
    elif period == "month":
        first = today.replace(day=1)
    elif period == "quarter":
        first = today.replace(month=(today.month - 1) // 3 * 3 + 1, day=1)
    return round(datetime.combine(first, time(), ZoneInfo(zone)).timestamp()) * 1000


def start_of(period: str, zone: str, time_ms: int) -> int:
    """Give the midnight with which the period of a moment began, by the clock of a zone; a week begins on Monday.

    >>> march = 1_772_380_800_000  # 2026-03-02T00:00+08:00, a Monday
    >>> [(march - start_of(period, "Asia/Shanghai", march)) // 86_400_000 for period in PERIODS]
    [0, 0, 1, 60]
    """
    return _start(period, zone, datetime.fromtimestamp(time_ms // 1000, ZoneInfo(zone)).date())


def end_of(period: str, zone: str, time_ms: int) -> int:
    """Give the midnight with which the period of a moment ends, and the next one begins.

    >>> (end_of("month", "Asia/Shanghai", 1_772_380_800_000) - 1_772_380_800_000) // 86_400_000
    30
    """
    start = start_of(period, zone, time_ms)
    return start_of(period, zone, start + PERIODS[period] + UNIT_MS["d"] // 2)  # a day may have 25 hours
