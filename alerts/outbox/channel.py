"""One channel at work: sends what its queue chooses, and hands back what met its end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from alerts.notifications import Delivery, Notification, Result, Sender
from alerts.outbox.item import Ended
from alerts.outbox.queue import ChannelQueue, Parcel

SEND_S_MAX = 60.0
"""Senders bound their time themselves; one that does not is not waited for."""


@runtime_checkable
class Digesting(Protocol):
    """A sender that can tell many notifications in one message."""

    async def send_digest(self, notifications: Sequence[Notification]) -> Delivery:
        """Try once, within a bounded time. Each red is named, whatever else is."""


@runtime_checkable
class Refreshing(Protocol):
    """A sender whose receiver forgets what is not said again."""

    async def refresh(self, firing: Sequence[Notification]) -> Delivery:
        """Say again all that fires."""


class Books(Protocol):
    """Who tells the time, and hears what came of what was sent."""

    def now_ms(self) -> int:
        """Tell the time."""

    def ended(self, channel: Channel, ended: Sequence[Ended], delivery: Delivery) -> None:
        """Hear of notifications that met their end by a try."""

    def retried(self, channel: Channel, count: int) -> None:
        """Hear of notifications that are tried again."""


class Channel:
    """A sender, its queue, and the tasks that send."""

    def __init__(self, name: str, sender: Sender, queue: ChannelQueue, books: Books) -> None:
        self.name = name
        self.sender = sender
        self.queue = queue
        self._books = books
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    def wake(self) -> None:
        """Look again: something was added."""
        self._changed.set()

    async def run(self) -> None:
        """Send for ever."""
        while True:
            now_ms = self._books.now_ms()
            parcel = self.queue.next(now_ms)
            if parcel is not None:
                task = asyncio.create_task(self._send(parcel), name=f"notify {self.name}")
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                continue
            wake_ms = self.queue.wake_ms(now_ms)
            try:
                async with asyncio.timeout(None if wake_ms is None else max(wake_ms - now_ms, 1) / 1000):
                    await self._changed.wait()
            except TimeoutError:
                continue
            self._changed.clear()

    async def close(self) -> None:
        """Break off what is under way, and close the sender."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.sender.close()

    async def _send(self, parcel: Parcel) -> None:
        delivery = await self._try(parcel)
        came = self.queue.came(parcel, delivery, self._books.now_ms())
        self._books.retried(self, came.retried)
        self._books.ended(self, came.ended, delivery)
        self._changed.set()

    async def _try(self, parcel: Parcel) -> Delivery:
        told = [item.notification for item in parcel.items]
        try:
            async with asyncio.timeout(SEND_S_MAX):
                if len(told) > 1 and isinstance(self.sender, Digesting):
                    return await self.sender.send_digest(told)
                return await self.sender.send(told[0])
        except TimeoutError:
            return Delivery(Result.TIMEOUT)
        except Exception as error:  # noqa: BLE001  # a bug of one sender is told, and costs no page: the fallback hears
            loop = asyncio.get_running_loop()
            loop.call_exception_handler({"message": f"the sender of channel {self.name} failed", "exception": error})
            return Delivery(Result.UNAVAILABLE)
