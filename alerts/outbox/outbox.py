"""The outbox as its users see it: offer, and it is told; by another channel, if the one it is meant for does not do."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec

from alerts.notifications import Delivery, Notification, Sender
from alerts.outbox.channel import Channel, Refreshing
from alerts.outbox.file import DeadLetter
from alerts.outbox.item import DEAD, ChannelPolicy, Ended, Item, Outcome, Waiting
from alerts.outbox.queue import ChannelQueue
from alerts.outbox.writer import Writer

LOOK_ROUND_S = 5.0
"""So often the old is given up and what is about red falls back."""

TIDY_S = 30.0

_log = logging.getLogger(__name__)


class OutboxError(OSError):
    """The file of the outbox does not do. One line."""


class OutboxMetrics(Protocol):
    """Who counts."""

    def notified(self, channel: str, outcome: Outcome) -> None:
        """Count one outcome of one channel."""


Witness = Callable[[Ended, Delivery | None, int], object]
"""Hears how a notification met its end: by which try, if by one, and how many were told in the same message."""


def _nobody(ended: Ended, delivery: Delivery | None, together: int) -> None:
    """Let ends go unheard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Time, chance, place and witness, as the outbox sees them; a test brings its own."""

    now_ms: Callable[[], int]
    folder: Path
    name: str = "tocsin"  # tells its files from those of another service in the same folder
    chance: random.Random = field(default_factory=random.Random)
    witness: Witness = _nobody


class Outbox:
    """All channels, by name. It must be made and used within one running event loop."""

    def __init__(
        self,
        senders: Mapping[str, Sender],
        policies: Mapping[str, ChannelPolicy],
        metrics: OutboxMetrics,
        surroundings: Surroundings,
    ) -> None:
        self._metrics = metrics
        self._around = surroundings
        self._channels = {
            name: Channel(
                name,
                sender,
                ChannelQueue(policies.get(name, ChannelPolicy()), surroundings.chance),
                self,
            )
            for name, sender in senders.items()
        }
        self._writer = Writer(
            surroundings.folder,
            surroundings.name,
            surroundings.now_ms,
            self._taken,
            self._sent_before,
            lambda one: surroundings.witness(one, None, 1),
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._moved = asyncio.Event()  # something met its end

    # What the desk and its host ask. None of it waits.

    @property
    def has_room(self) -> bool:
        """Whether more may be offered; what is offered all the same is taken."""
        return self._writer.has_room

    @property
    def trouble(self) -> str | None:
        """Why nothing can be kept; None if all is well."""
        return self._writer.trouble

    def offer(self, notification: Notification) -> None:
        """Take a notification for its channel, at once. One that was taken before is known and not told again."""
        self._writer.offer(Item(notification, self._around.now_ms()))

    def safe(self) -> asyncio.Future[None] | None:
        """Give what is done once all that was offered so far is on disk; None if it is."""
        return self._writer.safe()

    def waiting(self) -> dict[str, Waiting]:
        """Say what waits for each channel."""
        return {name: channel.queue.waiting() for name, channel in self._channels.items()}

    def broken(self) -> list[str]:
        """Name the channels whose receiver is taken to be down."""
        return [name for name, channel in self._channels.items() if channel.queue.is_open]

    async def undelivered(self) -> list[DeadLetter]:
        """Give what was given up in the last week, the oldest first. Raise OutboxError if the file cannot be read."""
        try:
            return await self._writer.dead_letters()
        except (sqlite3.Error, OSError) as error:
            raise OutboxError(f"the outbox cannot be read: {error}") from error

    async def retry(self, keys: Sequence[str]) -> int:
        """Try anew what was given up, by its keys; return how many there were. Raise OutboxError as `undelivered`."""
        try:
            return await self._writer.revive(keys)
        except (sqlite3.Error, OSError) as error:
            raise OutboxError(f"the outbox cannot be written: {error}") from error

    # Work.

    async def open(self, fail: Callable[[BaseException], object]) -> None:
        """Take up what waits on disk, and begin. A disk that does not do is `trouble`, and is tried again.

        `fail` hears of what must not happen: a bug of ours that ended some of the work.
        """
        await self._writer.tidy()
        work = [
            self._writer.run(),
            _every(TIDY_S, self._writer.tidy),
            _every(LOOK_ROUND_S, self.look_round),
            *(channel.run() for channel in self._channels.values()),
        ]
        self._tasks = [asyncio.create_task(one) for one in work]
        for task in self._tasks:
            task.add_done_callback(lambda done: _tell(done, fail))

    async def look_round(self) -> None:
        """Give up what waited too long; tell the channel behind of what is about red and does not get through."""
        now_ms = self._around.now_ms()
        for channel in self._channels.values():
            self.ended(channel, channel.queue.expire(now_ms))
            for item in channel.queue.falling_back(now_ms):
                self._fall_back(channel, item)

    async def refresh(self, firing: Callable[[str], Sequence[Notification]]) -> None:
        """Say again what fires, where the receiver would forget it. `firing` lists it for a channel."""
        # What failed is not tried again: the next refresh is that.
        await asyncio.gather(
            *(
                channel.sender.refresh(firing(name))
                for name, channel in self._channels.items()
                if isinstance(channel.sender, Refreshing)
            )
        )

    async def close(self, grace_s: float) -> None:
        """Wait up to `grace_s` for what is waiting; what is left stays on disk. Close the senders."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                while (safe := self.safe()) is not None or any(one.count for one in self.waiting().values()):
                    self._moved.clear()
                    await (safe or self._moved.wait())
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(channel.close() for channel in self._channels.values()))
        await self._writer.close()

    # What the channels ask.

    def now_ms(self) -> int:
        """Tell the time."""
        return self._around.now_ms()

    def ended(self, channel: Channel, ended: Sequence[Ended], delivery: Delivery | None = None) -> None:
        """Note what met its end, by a try or without one."""
        for one in ended:
            self._end(one, delivery, len(ended))
            if one.outcome in DEAD and not one.item.fell_back:
                self._fall_back(channel, one.item)

    def retried(self, channel: Channel, count: int) -> None:
        """Count what is tried again."""
        for _ in range(count):
            self._metrics.notified(channel.name, Outcome.RETRIED)

    def _sent_before(self, channel: str, time_ms: int) -> None:
        if channel in self._channels:
            self._channels[channel].queue.recall(time_ms)

    def _taken(self, item: Item) -> None:
        channel = self._channels.get(item.notification.channel)
        if channel is None:  # it waited on disk, and the settings no longer name its channel
            self._end(Ended(item, Outcome.REFUSED, self.now_ms()), None, 1)
            return
        self.ended(channel, channel.queue.add(item))
        channel.wake()

    def _end(self, ended: Ended, delivery: Delivery | None, together: int) -> None:
        told = ended.item.notification
        self._metrics.notified(told.channel, ended.outcome)
        if ended.outcome in DEAD:
            why = "" if delivery is None else f" ({delivery.result}{_code(delivery)})"
            _log.warning("channel %s: alert %s at %s was given up: %s%s", told.channel, told.record.alert,
                         told.record.level, ended.outcome, why)  # fmt: skip
        self._writer.end((ended,))
        self._around.witness(ended, delivery, 1 if delivery is None else together)
        self._moved.set()

    def _fall_back(self, channel: Channel, item: Item) -> None:
        behind = channel.queue.policy.fallback
        if behind is None:
            return
        item.fell_back = True
        self._metrics.notified(channel.name, Outcome.FALLBACK)
        self.offer(msgspec.structs.replace(item.notification, channel=behind, instead_of=channel.name))


def _tell(task: asyncio.Task[None], fail: Callable[[BaseException], object]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        fail(error)


def _code(delivery: Delivery) -> str:
    return "" if delivery.code is None else f", code {delivery.code}"


async def _every(interval_s: float, act: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(interval_s)
        await act()
