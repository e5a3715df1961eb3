"""What one person may be paged: quiet hours and a budget hold back all but red, and a digest tells it later."""

from __future__ import annotations

from typing import Any

import msgspec

from alerts.duty import Roster


class _Pages(msgspec.Struct):
    """One person's: when they were paged within the budget's span, and the incidents that wait for a digest."""

    sent_ms: list[int]
    held: list[str]


class PageBook:
    """Pages of every person, and what is held back from them."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._pages: dict[str, _Pages] = {}

    def admit(self, person: str, incident: str, level: str, now_ms: int) -> bool:
        """Say whether somebody is paged now. What is held back is told by a digest; red is never held back."""
        pages = self._recent(person, now_ms)
        if level != "red" and not self._may(person, pages, now_ms):
            if incident not in pages.held:
                pages.held.append(incident)
            return False
        if incident in pages.held:
            pages.held.remove(incident)
        pages.sent_ms.append(now_ms)
        del pages.sent_ms[: -self._roster.person(person).pages_max]  # older ones decide nothing
        return True

    def digests(self, now_ms: int) -> list[tuple[str, tuple[str, ...]]]:
        """Give, for everybody who may be told again, the incidents held back from them; each is given once."""
        due = []
        for person in sorted(name for name, pages in self._pages.items() if pages.held):
            pages = self._recent(person, now_ms)
            if self._may(person, pages, now_ms):
                due.append((person, tuple(pages.held)))
                pages.held.clear()
                pages.sent_ms.append(now_ms)
        return due

    def forget(self, incident: str) -> None:
        """Hold an incident that is over back no longer."""
        for pages in self._pages.values():
            if incident in pages.held:
                pages.held.remove(incident)

    def is_held(self, person: str, incident: str) -> bool:
        """Say whether somebody has not heard of an incident yet because it is held back from them."""
        pages = self._pages.get(person)
        return pages is not None and incident in pages.held

    def dump(self) -> Any:
        """Give the whole book as plain data."""
        return msgspec.to_builtins(self._pages)

    def load(self, data: Any) -> None:
        """Take up what `dump` gave. Raise ValueError if it is not that."""
        try:
            self._pages = msgspec.convert(data, dict[str, _Pages])
        except msgspec.ValidationError as error:
            raise ValueError(f"not a book of pages: {error}") from error

    def _recent(self, person: str, now_ms: int) -> _Pages:
        pages = self._pages.setdefault(person, _Pages([], []))
        since_ms = now_ms - self._roster.person(person).pages_within_ms
        pages.sent_ms = [at_ms for at_ms in pages.sent_ms if at_ms > since_ms]
        return pages

    def _may(self, person: str, pages: _Pages, now_ms: int) -> bool:
        is_awake = self._roster.quiet_until(person, now_ms) is None
        return is_awake and len(pages.sent_ms) < self._roster.person(person).pages_max
