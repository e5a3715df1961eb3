"""Weeks and calendar months of the site, each with the one before it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum

from alerts.texts import local

_DAY = timedelta(days=1)
_WEEK = re.compile(r"(\d{4})-W(\d{2})", re.ASCII)
_MONTH = re.compile(r"(\d{4})-(\d{2})", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_FIRST_YEAR = 1971  # the one before it is still one of our times
_LAST_YEAR = 9900


class PeriodError(ValueError):
    """There is no such period, or not yet. One line."""


class PeriodKind(StrEnum):
    """How long a period is."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True)
class Period:
    """From midnight of the site up to, not including, midnight; `last` is its last day."""

    kind: PeriodKind
    first: date
    after: date
    zone: tzinfo

    @property
    def name(self) -> str:
        """Name it as `--of` takes it: 2026-W10, 2026-03."""
        if self.kind is PeriodKind.MONTHLY:
            return f"{self.first:%Y-%m}"
        year, week, _ = self.first.isocalendar()
        return f"{year:04}-W{week:02}"

    @property
    def last(self) -> date:
        """Its last day."""
        return self.after - _DAY

    @property
    def from_ms(self) -> int:
        """When it begins."""
        return _midnight_ms(self.first, self.zone)

    @property
    def to_ms(self) -> int:
        """When it is over."""
        return _midnight_ms(self.after, self.zone)

    @property
    def before(self) -> Period:
        """The one before it."""
        return _holding(self.kind, self.first - _DAY, self.zone)


def read_period(kind: PeriodKind, of: str, now_ms: int, zone: tzinfo) -> Period:
    """Find the period that is asked for: by its name, or by a day in it; nothing: the last that is over.

    Raise PeriodError, in one line.

    >>> from zoneinfo import ZoneInfo
    >>> now_ms, zone = 1_772_356_680_000, ZoneInfo("Asia/Shanghai")  # Sunday, 2026-03-01
    >>> [read_period(kind, "", now_ms, zone).name for kind in PeriodKind]
    ['2026-W08', '2026-02']
    >>> read_period(PeriodKind.WEEKLY, "2026-02-28", now_ms, zone).name
    '2026-W09'
    """
    today = local(now_ms, zone).date()
    if not of:
        return _holding(kind, today, zone).before
    day = _read_day(kind, of)
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise PeriodError(f"{of}: give a year from {_FIRST_YEAR} to {_LAST_YEAR}")
    found = _holding(kind, day, zone)
    if found.first > today:
        raise PeriodError(f"{of} has not begun: today is {today}, at the site ({zone})")
    return found


def _read_day(kind: PeriodKind, of: str) -> date:
    """Read a name of a period, or a date."""
    week, month = _WEEK.fullmatch(of), _MONTH.fullmatch(of)
    try:
        if _DATE.fullmatch(of):
            return date.fromisoformat(of)
        if week is not None and kind is PeriodKind.WEEKLY:
            return date.fromisocalendar(int(week[1]), int(week[2]), 1)
        if month is not None and kind is PeriodKind.MONTHLY:
            return date(int(month[1]), int(month[2]), 1)
    except ValueError as error:
        raise PeriodError(f"{of} is not in the calendar: {error}") from None
    form = "a week as 2026-W10" if kind is PeriodKind.WEEKLY else "a month as 2026-03"
    raise PeriodError(f"{of[:40]!r} is no period: give {form}, or a day in it as 2026-03-04")


def _holding(kind: PeriodKind, day: date, zone: tzinfo) -> Period:
    """Give the period that holds a day."""
    if kind is PeriodKind.WEEKLY:
        first = day - day.weekday() * _DAY
        return Period(kind, first, first + 7 * _DAY, zone)
    first = day.replace(day=1)
    return Period(kind, first, (first + 31 * _DAY).replace(day=1), zone)


def _midnight_ms(day: date, zone: tzinfo) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * 1000
