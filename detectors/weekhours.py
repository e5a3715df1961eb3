"""Which hour of the week it is by the clock of the site, summer time included; a holiday counts as a Sunday."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from detectors.durations import UNIT_MS
from detectors.hours import Almanac

HOURS = 168
_EPOCH = date(1970, 1, 1)  # a Thursday, and so is the first day of these weeks
_SUNDAY = 3 * 24


class WeekHours:
    """Local time as milliseconds on the wall, and what day and hour that is.

    >>> hours = WeekHours(Almanac("Europe/Berlin", frozenset([date(2026, 5, 1)])))
    >>> summer = hours.local_ms(1_774_746_000_000)  # 2026-03-29T01:00Z: the clocks have just been put forward
    >>> divmod(hours.slot(summer), 24), hours.is_holiday(summer)
    ((3, 3), False)
    >>> labour_day = hours.local_ms(1_777_622_400_000)  # 2026-05-01T08:00Z, a Friday
    >>> divmod(hours.slot(labour_day), 24), hours.is_holiday(labour_day)
    ((3, 10), True)
    """

    def __init__(self, almanac: Almanac) -> None:
        self._zone = ZoneInfo(almanac.zone)
        self._holidays = almanac.holidays

    def local_ms(self, time_ms: int) -> int:
        """Give what the clock on the wall shows."""
        offset = datetime.fromtimestamp(time_ms // 1000, self._zone).utcoffset() or timedelta()
        return time_ms + offset // timedelta(milliseconds=1)

    def is_holiday(self, local_ms: int) -> bool:
        """Say whether a day is one of the site's holidays."""
        return _EPOCH + timedelta(days=local_ms // UNIT_MS["d"]) in self._holidays

    def month_day(self, local_ms: int) -> tuple[int, int]:
        """Give the month, as a number that grows by one each, and the day of it."""
        day = _EPOCH + timedelta(days=local_ms // UNIT_MS["d"])
        return day.year * 12 + day.month, day.day

    def slot(self, local_ms: int) -> int:
        """Number the hour of the week, from 0; the hours of a holiday are those of a Sunday."""
        hour = local_ms // UNIT_MS["h"]
        return _SUNDAY + hour % 24 if self.is_holiday(local_ms) else hour % HOURS
