"""Maintenance windows: planned work keeps quiet what it is known to break, once or again and again, by local time."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from alerts.matchers import Matchers, read_matchers

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_KEYS = ("name", "match", "days", "from", "to", "zone", "starts", "ends", "including_red", "author", "comment")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_DAY_MINUTES = 1_440
_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Planned work, from a file or from a plan (`alerts.plans`). Red is kept quiet only if it says so.

    `starts_ms` and `ends_ms` bound it as a whole. With `from_minute` and `to_minute` (minutes of the local day) it
    holds on `days` (0 is Monday) between these; one that passes midnight belongs to the day on which it begins.
    """

    name: str
    matchers: Matchers
    zone: tzinfo = UTC
    starts_ms: int | None = None
    ends_ms: int | None = None
    days: tuple[int, ...] = ()
    from_minute: int | None = None
    to_minute: int | None = None
    including_red: bool = False
    author: str = ""
    comment: str = ""

    def is_active(self, now_ms: int) -> bool:
        """Whether it holds at an instant. Where clocks are put back, an hour that comes twice is in it twice."""
        if self.starts_ms is not None and now_ms < self.starts_ms:
            return False
        if self.ends_ms is not None and now_ms >= self.ends_ms:
            return False
        if self.from_minute is None or self.to_minute is None:
            return not self.days or (_local(now_ms, self.zone).weekday() in self.days)
        local = _local(now_ms, self.zone)
        minute = local.hour * 60 + local.minute
        if self.from_minute < self.to_minute:
            return self._has(local.weekday()) and self.from_minute <= minute < self.to_minute
        before_midnight = self._has(local.weekday()) and minute >= self.from_minute
        after_midnight = self._has((local.weekday() - 1) % 7) and minute < self.to_minute
        return before_midnight or after_midnight

    def span_at(self, now_ms: int) -> tuple[int, int | None]:
        """Say since when it holds at an instant at which it does, and until when; None: no end is known.

        >>> day = Window(name="w", matchers=Matchers(), days=(3, 4))  # 1 January 1970 was a Thursday
        >>> day.span_at(90_000_000)
        (0, 172800000)
        """
        first, last = self._recurring(now_ms)
        first = max(each for each in (first, self.starts_ms, 0) if each is not None)
        ends = [each for each in (last, self.ends_ms) if each is not None]
        return first, min(ends, default=None)

    def _recurring(self, now_ms: int) -> tuple[int | None, int | None]:
        day = _local(now_ms, self.zone).date()
        if self.from_minute is None or self.to_minute is None:
            if not self.days or len(self.days) == len(DAYS):
                return None, None
            first, last = day, day + _DAY
            while (first - _DAY).weekday() in self.days:
                first -= _DAY
            while last.weekday() in self.days:
                last += _DAY
            return _instant(first, 0, self.zone), _instant(last, 0, self.zone)
        local = _local(now_ms, self.zone)
        if self.from_minute >= self.to_minute and local.hour * 60 + local.minute < self.to_minute:
            day -= _DAY  # it began yesterday
        ends = day if self.from_minute < self.to_minute else day + _DAY
        return _instant(day, self.from_minute, self.zone), _instant(ends, self.to_minute, self.zone)

    @property
    def reason(self) -> str:
        """Name it as the reason why something is not told."""
        return f"maintenance {self.name}"

    def _has(self, day: int) -> bool:
        return not self.days or day in self.days


def read_windows(data: object, zone: tzinfo) -> tuple[Window, ...]:
    """Read the windows of a settings file. Raise ValueError that names all that cannot be used, a line each."""
    if not isinstance(data, Sequence) or isinstance(data, str):
        raise ValueError("windows: must be a list of maintenance windows")  # noqa: TRY004  the file is wrong, not a type
    windows: list[Window] = []
    problems: list[str] = []
    for number, each in enumerate(data, 1):
        try:
            windows.append(_read(each, zone))
        except ValueError as error:
            problems.append(f"windows[{number}]: {error}")
    names = [window.name for window in windows]
    problems += [
        f'windows: the name "{name}" is used twice' for name in sorted({n for n in names if names.count(n) > 1})
    ]
    if problems:
        raise ValueError("\n".join(problems))
    return tuple(windows)


def _read(data: object, zone: tzinfo) -> Window:
    if not isinstance(data, Mapping):
        raise ValueError("must be a mapping")  # noqa: TRY004  what is wrong is the file, not our types
    unknown = [key for key in data if key not in _KEYS]
    if unknown:
        raise ValueError(f'unknown key "{unknown[0]}": there are {", ".join(_KEYS)}')
    name, match = data.get("name"), data.get("match")
    if not isinstance(name, str) or not name:
        raise ValueError('"name" is missing')
    if not isinstance(match, Mapping) or not match:
        raise ValueError('"match" is missing: what is kept quiet, as {region: 长沙}')
    if ("from" in data) != ("to" in data):
        raise ValueError('"from" and "to" go together')
    if not {"from", "days", "ends"} & data.keys():
        raise ValueError('needs "from" and "to", "days", or "ends": a window without an end hides for ever')
    if not isinstance(data.get("including_red", False), bool):
        raise ValueError('"including_red" must be true or false')  # noqa: TRY004  the same
    starts, ends = (_time(key, data.get(key)) for key in ("starts", "ends"))
    if starts is not None and ends is not None and ends <= starts:
        raise ValueError('"ends" must be after "starts"')
    return Window(
        name=name,
        matchers=read_matchers(match),
        zone=_zone(data["zone"]) if "zone" in data else zone,
        starts_ms=starts,
        ends_ms=ends,
        days=_days(data.get("days", [])),
        from_minute=_minute("from", data.get("from")),
        to_minute=_minute("to", data.get("to")),
        including_red=data.get("including_red", False),
        author=str(data.get("author", "")),
        comment=str(data.get("comment", "")),
    )


def _days(value: object) -> tuple[int, ...]:
    if not isinstance(value, list) or any(day not in DAYS for day in value):
        raise ValueError(f'"days" must be a list of {", ".join(DAYS)}')
    return tuple(sorted({DAYS.index(day) for day in value}))


def _minute(key: str, value: object) -> int | None:
    if value is None:
        return None
    if value == "24:00" and key == "to":
        return _DAY_MINUTES
    found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f'"{key}" must be a time of day in quotes, as "01:30"')
    return int(found[1]) * 60 + int(found[2])


def _time(key: str, value: object) -> int | None:
    if value is None:
        return None
    try:
        instant = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f'"{key}" must be a time with its offset, as 2026-03-01T01:00:00+08:00') from None
    if instant.tzinfo is None:
        raise ValueError(f'"{key}" must say its offset, as 2026-03-01T01:00:00+08:00')
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def _zone(name: object) -> tzinfo:
    try:
        return ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f'unknown time zone "{name}": a name as Asia/Shanghai is asked for') from error


def _instant(day: date, minute: int, zone: tzinfo) -> int:
    """Give a minute of a local day; 24:00 is the next day's first."""
    there = datetime.combine(day + _DAY * (minute // _DAY_MINUTES), time(), zone)
    return (there + timedelta(minutes=minute % _DAY_MINUTES) - _EPOCH) // timedelta(milliseconds=1)


def _local(now_ms: int, zone: tzinfo) -> datetime:
    return (_EPOCH + timedelta(milliseconds=now_ms)).astimezone(zone)
