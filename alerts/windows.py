"""Maintenance windows: planned work keeps quiet what it is known to break, once or again and again, by local time."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from alerts.matchers import Matchers, read_matchers

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_KEYS = ("name", "match", "days", "from", "to", "zone", "starts", "ends", "including_red", "author", "comment")
PLAN_FIELDS = ("kind", "title", "region", "affects", "starts", "ends")
"""The fields of a `plans` event that matter here."""
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_DAY_MINUTES = 1_440
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Planned work, from a file or from an event of `plans`. Red is kept quiet only if it says so.

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


def planned(id_: str, plan: Mapping[str, Any]) -> Window | None:
    """Make the window of a `plans` event (times in milliseconds); None if it is no planned work, or without an end.

    It keeps quiet the network alerts of its region, or all where it names none; with `affects` only those of that
    element, outlet or rule. Complaints are not kept quiet: customers are to be heard of above all.
    """
    ends = plan.get("ends")
    if plan.get("kind") != "planned" or ends is None:
        return None
    key: dict[str, tuple[str, ...]] = {"region": (str(plan["region"]),)} if plan.get("region") else {}
    affects = plan.get("affects")
    return Window(
        name=str(plan.get("title") or id_),
        matchers=Matchers(key=key, streams=("network",), anything=(str(affects),) if affects else ()),
        starts_ms=int(plan["starts"]),
        ends_ms=int(ends),
        comment=f"plan {id_}",
    )


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
        time = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f'"{key}" must be a time with its offset, as 2026-03-01T01:00:00+08:00') from None
    if time.tzinfo is None:
        raise ValueError(f'"{key}" must say its offset, as 2026-03-01T01:00:00+08:00')
    return (time - _EPOCH) // timedelta(milliseconds=1)


def _zone(name: object) -> tzinfo:
    try:
        return ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f'unknown time zone "{name}": a name as Asia/Shanghai is asked for') from error


def _local(now_ms: int, zone: tzinfo) -> datetime:
    return (_EPOCH + timedelta(milliseconds=now_ms)).astimezone(zone)
