"""The calendars of a site: which days are worked, at what hours, in which zone. China's official one is built in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from detectors.calendars import Calendar
from detectors.hours import HERE, Almanac

CHINA = "china-workdays"
OFFICIAL = "china"
"""Names the official days off among the holidays of a site."""

DAY_MINUTES = 24 * 60
WHOLE_DAY = ((0, DAY_MINUTES),)

_YEARS = range(1970, 2100)
_MONDAY_TO_FRIDAY = frozenset(range(5))


@dataclass(frozen=True, slots=True)
class Plan:
    """What makes a calendar. `hours` are minutes after local midnight, from and to, in order.

    Official days go before `workdays` (0 is Monday) where `official`; `holidays` and `extra` days before both.
    """

    zone: str
    official: bool = False
    workdays: frozenset[int] = _MONDAY_TO_FRIDAY
    hours: tuple[tuple[int, int], ...] = WHOLE_DAY
    holidays: frozenset[date] = frozenset()
    extra: frozenset[date] = frozenset()


class Calendars(Mapping[str, Calendar]):
    """The calendars that rules may name, each made when it is first asked for."""

    def __init__(self, zone: str = HERE.zone, plans: Mapping[str, Plan] | None = None) -> None:
        """Know the official calendar in `zone`, and those that `plans` describe."""
        self._plans = {CHINA: Plan(zone, official=True), **(plans or {})}
        self._made: dict[str, Calendar] = {}

    def __getitem__(self, name: str) -> Calendar:
        """Give a calendar by its name."""
        if name not in self._made:
            self._made[name] = made(name, self._plans[name])
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        """Say whether there is one, without making it."""
        return name in self._plans

    def __iter__(self) -> Iterator[str]:
        """Name them all."""
        return iter(self._plans)

    def __len__(self) -> int:
        """Count them."""
        return len(self._plans)


def made(name: str, plan: Plan) -> Calendar:
    """Make a calendar of the working intervals of all years: whole days, or the hours of each working day.

    >>> shop = made("shop", Plan("Asia/Shanghai", hours=((9 * 60, 18 * 60),)))
    >>> shop.day_ms // 3_600_000, str(datetime.fromtimestamp(shop.starts[0] / 1000, ZoneInfo("Asia/Shanghai")))
    (9, '1970-01-01 09:00:00+08:00')
    """

    def intervals() -> tuple[list[int], list[int]]:
        zone = ZoneInfo(plan.zone)
        days = list(working_days(plan))
        starts = [_at(day, begin, zone) for day in days for begin, _ in plan.hours]
        return starts, [_at(day, end, zone) for day in days for _, end in plan.hours]

    return Calendar.later(name, sum(end - begin for begin, end in plan.hours) * 60_000, intervals)


def working_days(plan: Plan) -> Iterator[date]:
    """List the days on which work is done.

    Of years that are not published yet the official calendar has the statutory holidays alone: no swapped weekends,
    which nobody knows before.
    """
    off, on = _official() if plan.official else (frozenset(), frozenset())
    day = date(_YEARS.start, 1, 1)
    while day.year < _YEARS.stop:
        usual = day in on or (day.weekday() in plan.workdays and day not in off)
        if day in plan.extra or (usual and day not in plan.holidays):
            yield day
        day += timedelta(days=1)


class DaysOff(Collection[date]):
    """China's official days off and a site's own. The official ones are read when they are first asked for."""

    def __init__(self, own: Iterable[date] = ()) -> None:
        self._own = frozenset(own)

    def __contains__(self, day: object) -> bool:
        """Say whether a day is one.

        >>> holidays = DaysOff([date(2026, 7, 13)])
        >>> [day in holidays for day in (date(2026, 2, 17), date(2026, 2, 28), date(2026, 7, 13))]
        [True, False, True]
        """
        return day in self._own or day in _official()[0]

    def __iter__(self) -> Iterator[date]:
        """List them all."""
        return iter(self._own.union(_official()[0]))

    def __len__(self) -> int:
        """Count them."""
        return len(self._own.union(_official()[0]))


def almanac_of(zone: str = HERE.zone, holidays: Iterable[date | str] = (OFFICIAL,)) -> Almanac:
    """Give a site's clock and calendar; `OFFICIAL` among the holidays stands for the official days off."""
    own = frozenset(day for day in holidays if isinstance(day, date))
    return Almanac(zone, DaysOff(own) if OFFICIAL in holidays else own)


@lru_cache(maxsize=1)
def _official() -> tuple[Collection[date], Collection[date]]:
    """Give China's official days off, and the days of weekends on which work is done in their place (调休)."""
    from holidays.countries.china import China  # half a second, for those who ask

    official = China(years=_YEARS)  # type: ignore[no-untyped-call]
    return frozenset(official), frozenset(official.weekend_workdays)


def _at(day: date, minutes: int, zone: ZoneInfo) -> int:
    day += timedelta(days=minutes // DAY_MINUTES)
    hour, minute = divmod(minutes % DAY_MINUTES, 60)
    return round(datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).timestamp() * 1000)
