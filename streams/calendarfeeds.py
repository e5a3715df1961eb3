"""On-call calendars by address: fetched beside the desk, kept on disk, and asked from memory.

A page at three must not hang on another's web server: whoever is on duty is answered by the copy that is there, of the
last time it was fetched, and of before the last restart. A new copy counts from the moment it was read whole, between
two records: all that the desk decides by then is decided.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from alerts.duty import Calendar
from alerts.icalendars import nobody, read_calendar
from alerts.records import format_time
from alerts.senders.poster import Reach, check_address, session_of

BYTES_MAX: Final = 4_000_000
_OK: Final = 200

_log = logging.getLogger(__name__)


class FeedError(ValueError):
    """A feed that cannot be used. One line, without the address: that may let others in."""


@dataclass(slots=True)
class _Feed:
    """One address: what it says, of when that is, and since when it fails and why."""

    calendar: Calendar = nobody
    read_ms: int | None = None
    text: str = ""
    failed_ms: int | None = None
    reason: str = ""
    was_asked: bool = False


class CalendarFeeds:
    """The calendars that a file of people names by address. `count` hears of each fetch: taken, same or failed."""

    def __init__(
        self,
        folder: Path,
        reach: Reach,
        now_ms: Callable[[], int],
        count: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._folder = folder / "calendars"
        self._reach = reach
        self._now_ms = now_ms
        self._count = count
        self._feeds: dict[str, _Feed] = {}
        self._opened: set[str] = set()

    def open(self, url: str) -> Calendar:
        """Give the calendar at an address; until it is fetched, as the copy on disk says, or nobody.

        Raise ValueError for an address that is not to be asked.
        """
        parts = urlsplit(url)
        if parts.username is not None or parts.password is not None:
            raise ValueError("the address of a calendar holds no user and password")
        check_address(url, self._reach)
        read_calendar("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-\r\nEND:VCALENDAR\r\n")  # the libraries are there
        self._opened.add(url)
        feed = self._feeds.get(url)
        if feed is None:
            feed = self._feeds[url] = self._kept(url)

        def on(at_ms: int) -> tuple[str, ...]:
            return feed.calendar(at_ms)  # whichever is the newest by then

        return on

    async def refresh(self) -> None:
        """Fetch all of them once. What fails is counted and said, and changes nothing."""
        await self._refresh(self._feeds)

    async def refresh_new(self) -> None:
        """Fetch those that a reload has brought."""
        await self._refresh({url: feed for url, feed in self._feeds.items() if not feed.was_asked})

    def take_opened(self) -> frozenset[str]:
        """Give the addresses that were opened since this was last asked."""
        opened = frozenset(self._opened)
        self._opened.clear()
        return opened

    def keep_only(self, addresses: Collection[str]) -> None:
        """Ask only these from now on: what nobody names any more, or a refused file named, is fetched no longer."""
        self._feeds = {url: feed for url, feed in self._feeds.items() if url in addresses}

    async def _refresh(self, feeds: Mapping[str, _Feed]) -> None:
        if not feeds:
            return
        async with session_of(self._reach) as session:
            for url, feed in list(feeds.items()):
                feed.was_asked = True
                try:
                    text = await _fetched(session, url)
                    result = "same" if text == feed.text else "taken"
                    if result == "taken":
                        calendar = await asyncio.to_thread(read_calendar, text)
                        await asyncio.to_thread(self._keep, url, text)
                        feed.calendar, feed.text = calendar, text
                    feed.read_ms, feed.failed_ms, feed.reason = self._now_ms(), None, ""
                except (ValueError, OSError, aiohttp.ClientError, TimeoutError) as error:
                    result = "failed"
                    self._fail(url, feed, error)
                self._count(result)

    def warnings(self) -> list[str]:
        """Say which cannot be fetched, since when, and what is used in their place."""
        return [_warning(url, feed) for url, feed in self._feeds.items() if feed.failed_ms is not None]

    def _fail(self, url: str, feed: _Feed, error: Exception) -> None:
        reason = str(error) if isinstance(error, ValueError) else type(error).__name__  # others may quote the address
        if feed.failed_ms is None:
            _log.error("the calendar at %s cannot be fetched: %s", urlsplit(url).hostname, reason)
            feed.failed_ms = self._now_ms()
        feed.reason = reason

    def _kept(self, url: str) -> _Feed:
        path = self._path(url)
        try:
            text = path.read_text(encoding="utf-8")
            return _Feed(read_calendar(text), round(path.stat().st_mtime * 1000), text)
        except FileNotFoundError:
            return _Feed()
        except (OSError, ValueError) as error:
            _log.warning("%s is no copy of a calendar any more: %s", path, error)
            return _Feed()

    def _keep(self, url: str, text: str) -> None:
        path = self._path(url)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            part.write_text(text, encoding="utf-8")
            part.chmod(0o600)
            part.replace(path)
        except OSError as error:  # a full disk keeps nobody off duty
            _log.warning("%s cannot be kept: %s", path, error.strerror)

    def _path(self, url: str) -> Path:
        return self._folder / f"{sha256(url.encode()).hexdigest()[:24]}.ics"


def _warning(url: str, feed: _Feed) -> str:
    since = "" if feed.failed_ms is None else format_time(feed.failed_ms)
    kept = "nobody is known, so every channel is told"
    if feed.read_ms is not None:
        kept = f"the copy of {format_time(feed.read_ms)} is used"
    return f"the calendar at {urlsplit(url).hostname} cannot be fetched since {since}: {feed.reason}; {kept}"


async def _fetched(session: aiohttp.ClientSession, url: str) -> str:
    async with session.get(url, allow_redirects=False, headers={"Accept": "text/calendar"}) as response:
        if response.status != _OK:
            raise FeedError(f"status {response.status}")
        raw = bytearray()
        async for piece in response.content.iter_chunked(65_536):
            raw += piece
            if len(raw) > BYTES_MAX:
                raise FeedError("is larger than 4 MB")
    with contextlib.suppress(UnicodeDecodeError):
        return raw.decode("utf-8-sig")
    raise FeedError("is not UTF-8")


def is_address(name: str) -> bool:
    """Say whether a file of people names a calendar by address.

    >>> is_address("https://example.com/duty.ics"), is_address("duty.ics")
    (True, False)
    """
    return name.startswith(("http://", "https://"))
