"""The stage of `tocsin.alerts`: records in; incidents, notifications and notices out.

The topic has one partition, so there is one desk, and any worker can take it over with its state.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from alerts.desk import Desk
from alerts.incidents import IncidentChange
from alerts.notices import NoticeChange
from alerts.notifications import Notification
from alerts.records import AlertRecord, decode
from streams.pack import pack, unpack
from streams.stage import Chunk, Outgoing
from streams.topics import NOTICES


class Listener(Protocol):
    """Who hears at once what the desk decides. Called on the event loop; must not wait."""

    def alert(self, record: AlertRecord) -> None:
        """Hear of a change of level that is news."""

    def notice(self, change: NoticeChange) -> None:
        """Hear of a step of a notice."""


class Outlet(Protocol):
    """Who takes notifications, at once, and keeps them safe (`alerts.outbox`)."""

    @property
    def has_room(self) -> bool:
        """Whether more should be offered."""

    def offer(self, notification: Notification) -> None:
        """Take one; one that was taken before is known."""

    def safe(self) -> asyncio.Future[None] | None:
        """Give what is done once all that was offered so far is safe; None if it is."""


class DeskStage:
    """Keeps the desk, and hands what it decides to those who send it."""

    def __init__(self, desk: Desk, outlet: Outlet, listener: Listener) -> None:
        self.desk = desk
        self._outlet = outlet
        self._listener = listener

    def feed(self, chunk: Chunk, now_ms: int) -> list[Outgoing]:
        """Count alert records in. A record that is not one of ours ends the worker: nobody else writes there."""
        out: list[Outgoing] = []
        for value in chunk.values:
            if value is None:
                continue
            record = decode(value)
            for effect in self.desk.handle(record, now_ms):
                if isinstance(effect, IncidentChange):
                    self._listener.alert(record)
                elif isinstance(effect, NoticeChange):
                    self._listener.notice(effect)
                    out.append(Outgoing(NOTICES, effect.encode(), effect.notice.id.encode()))
                else:
                    self._outlet.offer(effect)
        return out

    def beat(self, now_ms: int) -> list[Outgoing]:
        """Tell what waited for the end of quiet hours."""
        for notification in self.desk.beat(now_ms):
            self._outlet.offer(notification)
        return []

    def take_desk(self, desk: Desk) -> None:
        """Decide by another desk, made for other rules, from now on; what is known stays known."""
        desk.load(self.desk.dump())
        self.desk = desk

    def appetite(self, now_ms: int) -> int | None:  # noqa: ARG002  the same
        """Leave records in the log while what follows from them could not be kept."""
        return None if self._outlet.has_room else 0

    def entrusted(self) -> asyncio.Future[None] | None:
        """Give what is done once the outbox has on disk what it was offered; None if it has."""
        return self._outlet.safe()

    def dump(self) -> bytes:
        """Write the desk down."""
        return pack(self.desk.dump())

    def load(self, blob: bytes) -> None:
        """Take up what `dump` wrote, and say what is red again.

        The outbox of whoever kept the desk before may be gone with its machine. Ours knows what it told itself.
        """
        self.desk.load(unpack(blob))
        for notification in self.desk.telling_red():
            self._outlet.offer(notification)
