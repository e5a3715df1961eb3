"""When something holds: hours of the day, days of the week, holidays and dates, by the clocks of the site.

Times are milliseconds since the epoch; what hour and what day one is, the site's zone says, summer time included.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

MINUTES_A_DAY = 1440
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_DAY = timedelta(days=1)
_STEP_MINUTES = 30  # the clocks of every zone of today change at a full or a half hour


@dataclass(frozen=True, slots=True)
class Almanac:
    """What the clock and the days are like at the site: its time zone, and which days are holidays."""

    zone: str = "Asia/Shanghai"
    holidays: Collection[date] = frozenset()


HERE = Almanac()
"""The site, where nothing is said about it."""


@dataclass(frozen=True, slots=True)
class Span:
    """Parts of time: all that is given must hold; what is not given holds always.

    `hours` are minutes of the day, from the first (included) to the second (excluded). Where the second is smaller
    they go over midnight, and then the whole night belongs to the day on which it begins: Friday's 22:00 to 06:00
    ends on Saturday morning.
    """

    hours: tuple[tuple[int, int], ...] = ()
    days: tuple[int, ...] = ()  # 0 is Monday
    holiday: bool | None = None
    dates: tuple[tuple[date, date], ...] = ()  # first and last day, both included
    month_days: tuple[tuple[int, int], ...] = ()  # of the month, from 1; first and last, both included
    months: tuple[tuple[int, int], ...] = ()  # of the year, from 1; the same

    def holds(self, local: datetime, holidays: Collection[date]) -> bool:
        """Say whether a moment, told by the site's clock, lies within.

        >>> night = Span(hours=((22 * 60, 6 * 60),), days=(4,))
        >>> [night.holds(datetime(2026, 3, day, hour), frozenset()) for day, hour in ((6, 22), (7, 5), (7, 22), (6, 5))]
        [True, True, False, False]
        """
        today = local.date()
        if not self.hours:
            return self._includes(today, holidays)
        minute = local.hour * 60 + local.minute
        for start, end in self.hours:
            if start < end:
                if start <= minute < end and self._includes(today, holidays):
                    return True
            elif (minute >= start and self._includes(today, holidays)) or (
                minute < end and self._includes(today - _DAY, holidays)
            ):
                return True
        return False

    def _includes(self, day: date, holidays: Collection[date]) -> bool:
        return (
            (not self.days or day.weekday() in self.days)
            and (self.holiday is None or self.holiday == (day in holidays))
            and (not self.dates or any(first <= day <= last for first, last in self.dates))
            and (not self.month_days or any(first <= day.day <= last for first, last in self.month_days))
            and (not self.months or any(first <= day.month <= last for first, last in self.months))
        )


class Schedule:
    """Which of several spans holds at a time: the first that does, counted from 1; 0 where none does."""

    def __init__(self, spans: Sequence[Span], almanac: Almanac) -> None:
        self._spans = spans
        self._holidays = almanac.holidays
        self._zone = _zone(almanac.zone)
        edges = {minute % MINUTES_A_DAY for span in spans for hours in span.hours for minute in hours}
        self._edges = sorted(edges.union(range(0, MINUTES_A_DAY, _STEP_MINUTES)))

    def at(self, time_ms: int) -> int:
        """Give the number of the span that holds at a time."""
        local = self._local(time_ms)
        return next((n for n, span in enumerate(self._spans, 1) if span.holds(local, self._holidays)), 0)

    def until(self, time_ms: int) -> int:
        """Give a time up to which (itself excluded) the same span holds: the next change, or about a day on.

        >>> night = Schedule([Span(hours=((22 * 60, 6 * 60),))], Almanac("UTC"))
        >>> night.at(0), night.until(0) // 3_600_000, night.until(6 * 3_600_000) // 3_600_000
        (1, 6, 22)
        """
        here = self.at(time_ms)
        later = sorted(edge for edge in self._edges_near(time_ms) if edge > time_ms)
        return next((edge for edge in later if self.at(edge) != here), later[-1])

    def _edges_near(self, time_ms: int) -> Iterator[int]:
        """Give every moment of this day and the next at which a clock shows an edge; twice where it is put back."""
        today = self._local(time_ms).date()
        for day in (today, today + _DAY):
            for minute in self._edges:
                for fold in (0, 1):
                    shown = datetime.combine(day, time(minute // 60, minute % 60, fold=fold), self._zone)
                    yield round(shown.timestamp()) * 1000

    def _local(self, time_ms: int) -> datetime:
        return datetime.fromtimestamp(time_ms // 1000, self._zone)


def holds_at(spans: Sequence[Span], almanac: Almanac, time_ms: int) -> bool:
    """Say whether any of the spans holds at a time."""
    local = datetime.fromtimestamp(time_ms // 1000, _zone(almanac.zone))
    return any(span.holds(local, almanac.holidays) for span in spans)


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
