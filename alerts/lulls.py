"""Lulls: maintenance windows and silences that hold now, and what of them is news: begun, about to end, ended."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec.structs import replace

from alerts.matchers import Matchers
from alerts.notifications import Reason


class Lull(msgspec.Struct, frozen=True, kw_only=True):
    """A maintenance window or a silence that holds. `id` tells it from all others; times are milliseconds UTC.

    `reason` is what alerts say that it keeps quiet; `ends_ms` None: no end is known.
    """

    id: str
    kind: str  # maintenance or silence
    name: str
    reason: str
    matchers: Matchers
    begins_ms: int
    ends_ms: int | None
    by: str = ""
    including_red: bool = False
    is_reminded: bool = False

    def is_ending(self, now_ms: int, remind_ms: int) -> bool:
        """Whether its end is near. One that is shorter than twice `remind_ms` needs no reminder.

        >>> night = Lull(id="s", kind="silence", name="", reason="", matchers=Matchers(), begins_ms=0, ends_ms=30)
        >>> [night.is_ending(now_ms, 10) for now_ms in (19, 20)], night.is_ending(25, 15)
        ([False, True], False)
        """
        if self.ends_ms is None:
            return False
        return self.ends_ms - now_ms <= remind_ms < (self.ends_ms - self.begins_ms) // 2


class LullBook:
    """What was told of, so that each beginning and each end is told once, whoever keeps the desk."""

    def __init__(self) -> None:
        self._told: dict[str, Lull] = {}

    def news(self, lulls: Iterable[Lull], now_ms: int, remind_ms: int) -> list[tuple[Reason, Lull]]:
        """Say what has begun, is about to end, and has ended since this was last asked; it counts as told now."""
        by_id = {each.id: each for each in lulls}
        found: list[tuple[Reason, Lull]] = []
        for id_ in sorted(self._told.keys() - by_id.keys()):
            over = self._told.pop(id_)
            ends_ms = now_ms if over.ends_ms is None else min(over.ends_ms, now_ms)
            found.append((Reason.ENDED, replace(over, ends_ms=ends_ms)))
        for id_, each in sorted(by_id.items()):
            known = self._told.get(id_)
            if known is None:
                found.append((Reason.BEGAN, each))
                known = each
            is_same = known.ends_ms == each.ends_ms
            now = replace(each, begins_ms=known.begins_ms, is_reminded=known.is_reminded and is_same)
            if not now.is_reminded and now.is_ending(now_ms, remind_ms):
                found.append((Reason.ENDING, now))
                now = replace(now, is_reminded=True)
            self._told[id_] = now
        return found

    def dump(self) -> Any:
        """Give what was told as plain data."""
        return msgspec.to_builtins(list(self._told.values()))

    def load(self, data: Any) -> None:
        """Take up what `dump` gave. Raise ValueError if it is not that."""
        try:
            told = msgspec.convert(data, list[Lull])
        except msgspec.ValidationError as error:
            raise ValueError(f"not a book of what stands: {error}") from error
        self._told = {each.id: each for each in told}
