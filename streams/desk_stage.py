"""The stage of `tocsin.commands`, the desk's log: alert records and people's commands in, all that follows out.

The topic has one partition, so there is one desk, and any worker can take it over with its state. What comes first
comes first for every desk: time, too, goes by the entries, and by the beat between them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Protocol

from msgspec.structs import replace

from alerts.audit import AuditRecord
from alerts.chronicle import Happening, encode, page_of
from alerts.commands import Command, decode_command
from alerts.desk import Desk, Effect
from alerts.incidents import IncidentChange
from alerts.notices import NoticeChange
from alerts.notifications import Notification
from alerts.records import AlertRecord
from streams.deadletters import DeadLetter
from streams.pack import pack, unpack
from streams.stage import Chunk, Outgoing
from streams.topics import AUDIT, DEADLETTERS, HISTORY, NOTICES

_RAW_BYTES_MAX = 65_536
_DETAIL_CHARS_MAX = 300
_REASON = "bad-value"


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

    def __init__(
        self, desk: Desk, outlet: Outlet, listener: Listener, refused: Callable[[str], None] = lambda _reason: None
    ) -> None:
        """`refused` counts entries that cannot be read, by reason."""
        self.desk = desk
        self._refused = refused
        self._outlet = outlet
        self._listener = listener
        self._moved = False

    def feed(self, chunk: Chunk, now_ms: int) -> list[Outgoing]:
        """Let the desk act on entries, in their order. What is no entry goes to the dead letters: anybody may write."""
        out: list[Outgoing] = []
        for offset, value in zip(chunk.offsets, chunk.values, strict=True):
            if value is None:
                continue
            try:
                command = decode_command(value)
            except ValueError as error:
                out.append(_dead_letter(chunk, offset, value, str(error), now_ms))
                self._refused(_REASON)
                continue
            at_ms = min(command.time_ms, now_ms)  # a clock that is ahead must not ring before its time
            out += self._send(self.desk.beat(at_ms), at_ms)
            out += self._send(self._act(command, at_ms), at_ms)
        return out

    def beat(self, now_ms: int) -> list[Outgoing]:
        """Ring who is to be rung by now, and tell what time alone brings."""
        before = self.desk.steps
        rings = self.desk.beat(now_ms)
        self._moved |= bool(rings) or self.desk.steps != before
        return self._send(rings, now_ms)

    def moved(self) -> bool:
        """Say whether somebody was rung, or lost an incident, since this was last asked: no record tells of it."""
        moved, self._moved = self._moved, False
        return moved

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

    def _act(self, command: Command, at_ms: int) -> Iterable[Effect]:
        record = command.record
        if record is None:
            return self.desk.order(command, at_ms)
        effects = self.desk.handle(record, at_ms)
        own = next((each for each in effects if isinstance(each, IncidentChange) and each.takes(record)), None)
        if own is not None:  # the alert may have joined an incident that another opened
            self._listener.alert(replace(record, incident=own.incident.id))
        return effects

    def _send(self, effects: Iterable[Effect], now_ms: int) -> list[Outgoing]:
        """Give notifications to the outbox; return what else is decided, and what happened, for the log."""
        out = [_noted(each) for each in self.desk.happened(now_ms)]
        for effect in effects:
            if isinstance(effect, NoticeChange):
                self._listener.notice(effect)
                out.append(Outgoing(NOTICES, effect.encode(), effect.notice.id.encode()))
            elif isinstance(effect, AuditRecord):
                out.append(Outgoing(AUDIT, effect.encode(), effect.command.encode()))
            elif isinstance(effect, Notification):
                self._outlet.offer(effect)
                out.append(_noted(page_of(effect, now_ms)))
        return out


def _noted(happening: Happening) -> Outgoing:
    return Outgoing(HISTORY, encode(happening), happening.incident.encode())


def _dead_letter(chunk: Chunk, offset: int, value: bytes, detail: str, now_ms: int) -> Outgoing:
    letter = DeadLetter(
        stream="commands",
        topic=chunk.topic,
        partition=chunk.partition,
        offset=offset,
        part=0,
        reason=_REASON,
        detail=detail[:_DETAIL_CHARS_MAX],
        raw=value[:_RAW_BYTES_MAX],
        size=len(value),
        sha256=sha256(value).hexdigest(),
        arrived_ms=now_ms,
    )
    return Outgoing(DEADLETTERS, letter.to_json(), letter.key.encode())
