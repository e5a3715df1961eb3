"""The console: each notification as a line, through whatever writes lines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo

from alerts.notifications import Delivery, Notification, Result, one_line
from alerts.texts import Language

_COLOURS = {"red": "1;31", "orange": "38;5;208", "yellow": "33", "green": "32", "act": "1;35"}


class ConsoleSender:
    """Writes one line a notification and language; in the colour of its level where the terminal has colours."""

    def __init__(
        self,
        write: Callable[[str], object],
        zone: tzinfo,
        *,
        languages: tuple[Language, ...] = ("zh", "en"),
        colour: bool = False,
    ) -> None:
        self._write = write
        self._zone = zone
        self._languages = languages
        self._colour = colour

    async def send(self, notification: Notification) -> Delivery:
        """Write it."""
        for language in self._languages:
            line = " · ".join(filter(None, (one_line(notification, self._zone, language), notification.link)))
            if self._colour:
                line = f"\x1b[{_COLOURS[notification.record.level]}m{line}\x1b[0m"
            self._write(line)
        return Delivery(Result.DELIVERED)

    async def close(self) -> None:
        """Nothing is held open."""
