"""The stage of `tocsin.alerts`: records in; incidents, notifications and notices out.

The topic has one partition, so there is one desk, and any worker can take it over with its state.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from msgspec.structs import replace

from alerts.desk import Desk, Effect
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


class DeskStage:
    """Keeps the desk, and hands what it decides to those who send it."""

    def __init__(self, desk: Desk, offer: Callable[[Notification], object], listener: Listener) -> None:
        self.desk = desk
        self._offer = offer
        self._listener = listener

    def feed(self, chunk: Chunk, now_ms: int) -> list[Outgoing]:
        """Count alert records in. A record that is not one of ours ends the worker: nobody else writes there."""
        out: list[Outgoing] = []
        for value in chunk.values:
            if value is None:
                continue
            record = decode(value)
            effects = self.desk.handle(record, now_ms)
            own = next((each for each in effects if isinstance(each, IncidentChange) and each.takes(record)), None)
            if own is not None:  # the alert may have joined an incident that another opened
                self._listener.alert(replace(record, incident=own.incident.id))
            out += self._hand_on(effects)
        return out

    def beat(self, now_ms: int) -> list[Outgoing]:
        """Hand on what time alone brings."""
        return self._hand_on(self.desk.beat(now_ms))

    def _hand_on(self, effects: list[Effect]) -> list[Outgoing]:
        out: list[Outgoing] = []
        for effect in effects:
            if isinstance(effect, NoticeChange):
                self._listener.notice(effect)
                out.append(Outgoing(NOTICES, effect.encode(), effect.notice.id.encode()))
            elif isinstance(effect, Notification):
                self._offer(effect)
        return out

    def take_desk(self, desk: Desk) -> None:
        """Decide by another desk, made for other rules, from now on; what is known stays known."""
        desk.load(self.desk.dump())
        self.desk = desk

    def dump(self) -> bytes:
        """Write the desk down."""
        return pack(self.desk.dump())

    def load(self, blob: bytes) -> None:
        """Take up what `dump` wrote."""
        self.desk.load(unpack(blob))
