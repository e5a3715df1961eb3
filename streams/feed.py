"""News for open pages: a bounded memory of what happened lately, and a bounded number of listeners."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LISTENERS_MAX = 64
WAITING_MAX = 256
REMEMBERED_MAX = 100


class FullError(Exception):
    """There are as many listeners as there may be."""


class Listener:
    """One open page. `over` once it read too slowly: it must connect again, and then sees what it missed."""

    def __init__(self) -> None:
        """Start with nothing waiting."""
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(WAITING_MAX)
        self.over = False

    def offer(self, frame: bytes) -> None:
        """Put a frame in line, or give the listener up."""
        try:
            self._waiting.put_nowait(frame)
        except asyncio.QueueFull:
            self.over = True

    async def next(self, patience_s: float) -> bytes | None:
        """Wait for the next frame; None when there was none for `patience_s` seconds."""
        try:
            return await asyncio.wait_for(self._waiting.get(), patience_s)
        except TimeoutError:
            return None


class Feed:
    """Takes news from the service and hands it to every open page as server-sent events."""

    def __init__(self, listeners_max: int = LISTENERS_MAX) -> None:
        """Allow `listeners_max` open pages."""
        self._listeners: set[Listener] = set()
        self._listeners_max = listeners_max
        self._lately: deque[tuple[int, bytes]] = deque(maxlen=REMEMBERED_MAX)
        self._number = 0

    def publish(self, kind: str, news: Mapping[str, object]) -> None:
        """Tell every open page; `kind` is `alert` or `notice`. Never waits."""
        self._number += 1
        frame = sse_frame(kind, self._number, news)
        self._lately.append((self._number, frame))
        for listener in self._listeners:
            listener.offer(frame)

    @contextmanager
    def listen(self, after: int = 0) -> Iterator[Listener]:
        """Listen from the news numbered `after` on, as far back as is remembered; raise FullError if full."""
        if len(self._listeners) >= self._listeners_max:
            raise FullError
        listener = Listener()
        for number, frame in self._lately:
            # A number from before a restart is greater than any of ours: then all that is remembered is new.
            if number > after or after > self._number:
                listener.offer(frame)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    def close(self) -> None:
        """Let every open page go."""
        for listener in self._listeners:
            listener.over = True
            listener.offer(b"")  # wakes the one that waits

    @property
    def listeners(self) -> int:
        """How many pages are open."""
        return len(self._listeners)


def sse_frame(kind: str, number: int, news: Mapping[str, object]) -> bytes:
    r"""Write one server-sent event. JSON in ASCII holds no line break and no lone surrogate.

    >>> sse_frame("alert", 7, {"level": "red"})
    b'id: 7\nevent: alert\ndata: {"level": "red"}\n\n'
    """
    return f"id: {number}\nevent: {kind}\ndata: {json.dumps(news)}\n\n".encode()
