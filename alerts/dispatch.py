"""The dispatcher: hands notifications to the senders without anybody waiting, and tries again within bounds."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from alerts.notifications import Delivery, Notification, Result, Sender


class Outcome(StrEnum):
    """What is counted of a notification. The set is closed: it is a metric label."""

    DELIVERED = "delivered"
    RETRIED = "retried"  # one try did not do; another follows
    REFUSED = "refused"  # the receiver will never take it
    EXPIRED = "expired"  # we gave up after `give_up_ms`
    DROPPED = "dropped"  # the queue was full, or we had to stop


class DispatchMetrics(Protocol):
    """Who counts."""

    def notified(self, channel: str, outcome: Outcome) -> None:
        """Count one outcome of one channel."""


@runtime_checkable
class Refreshing(Protocol):
    """A sender whose receiver forgets what is not said again."""

    async def refresh(self, firing: Sequence[Notification]) -> Delivery:
        """Say again all that fires."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchPolicy:
    """The bounds of one channel. Times are milliseconds."""

    queue_len_max: int = 10_000
    sends_max: int = 4  # at a time
    first_wait_ms: int = 1_000
    wait_ms_max: int = 300_000
    give_up_ms: int = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Time and chance, as the dispatcher sees them; a test brings its own."""

    now_ms: Callable[[], int]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: random.Random


class Dispatcher:
    """All channels, by name. It must be made and used within one running event loop.

    The notifications of one alert reach a channel in order; different alerts do not wait for each other, so that one
    that a receiver chokes on holds up no other.
    """

    def __init__(
        self,
        senders: Mapping[str, Sender],
        metrics: DispatchMetrics,
        surroundings: Surroundings,
        policy: DispatchPolicy | None = None,
    ) -> None:
        chosen = policy or DispatchPolicy()
        self._channels = {
            name: _Channel(name, sender, metrics, surroundings, chosen) for name, sender in senders.items()
        }

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of the channels."""
        return tuple(self._channels)

    @property
    def waiting(self) -> int:
        """How many notifications are neither delivered nor given up."""
        return sum(channel.waiting for channel in self._channels.values())

    def offer(self, notification: Notification) -> bool:
        """Take a notification for its channel, at once. Return False, counted as dropped, if the queue is full."""
        return self._channels[notification.channel].offer(notification)

    async def refresh(self, firing: Callable[[str], Sequence[Notification]]) -> None:
        """Say again what fires, where the receiver would forget it. `firing` lists it for a channel."""
        await asyncio.gather(*(channel.refresh(firing) for channel in self._channels.values()))

    async def close(self, grace_s: float) -> None:
        """Wait up to `grace_s` for what is under way, count the rest as dropped, and close the senders."""
        await asyncio.gather(*(channel.close(grace_s) for channel in self._channels.values()))


_Line = deque[tuple[Notification, int]]
"""The notifications of one alert that wait for one channel, each with when it was offered; one task serves it."""


class _Channel:
    def __init__(
        self,
        name: str,
        sender: Sender,
        metrics: DispatchMetrics,
        surroundings: Surroundings,
        policy: DispatchPolicy,
    ) -> None:
        self._name = name
        self._sender = sender
        self._metrics = metrics
        self._around = surroundings
        self._policy = policy
        self._lines: dict[str, _Line] = {}  # by incident: its leading alert may change
        self._tasks: set[asyncio.Task[None]] = set()
        self._turnstile = asyncio.Semaphore(policy.sends_max)
        self.waiting = 0

    def offer(self, notification: Notification) -> bool:
        if self.waiting >= self._policy.queue_len_max:
            self._metrics.notified(self._name, Outcome.DROPPED)
            return False
        self.waiting += 1
        alert = notification.record.incident
        offered = (notification, self._around.now_ms())
        if alert in self._lines:
            self._lines[alert].append(offered)
        else:
            line = self._lines[alert] = deque([offered])
            task = asyncio.create_task(self._serve(alert, line), name=f"notify {self._name}")
            self._tasks.add(task)
            task.add_done_callback(lambda done: self._served(alert, line, done))
        return True

    async def refresh(self, firing: Callable[[str], Sequence[Notification]]) -> None:
        # What failed is not tried again: the next refresh is that.
        if isinstance(self._sender, Refreshing):
            await self._sender.refresh(firing(self._name))

    async def close(self, grace_s: float) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_s)
        left = tuple(self._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._sender.close()

    async def _serve(self, alert: str, line: _Line) -> None:
        while line:
            outcome = await self._deliver(*line[0])
            line.popleft()
            self.waiting -= 1
            self._metrics.notified(self._name, outcome)
        del self._lines[alert]  # at once, not when the task is seen to be done: the next offer starts a new line

    def _served(self, alert: str, line: _Line, task: asyncio.Task[None]) -> None:
        # A line that ended early, because we stop or because a sender has a bug, leaves nothing uncounted behind.
        self._tasks.discard(task)
        if self._lines.get(alert) is line:
            del self._lines[alert]
        for _ in line:
            self.waiting -= 1
            self._metrics.notified(self._name, Outcome.DROPPED)
        if not task.cancelled() and (error := task.exception()) is not None:
            told = {"message": f"the sender of channel {self._name} failed", "exception": error, "task": task}
            task.get_loop().call_exception_handler(told)

    async def _deliver(self, notification: Notification, offered_ms: int) -> Outcome:
        give_up_at_ms = offered_ms + self._policy.give_up_ms
        ceiling_ms = self._policy.first_wait_ms
        while True:
            async with self._turnstile:
                delivery = await self._sender.send(notification)
            if delivery.result is Result.DELIVERED:
                return Outcome.DELIVERED
            if not delivery.is_retryable:
                return Outcome.REFUSED
            # Full jitter: many that failed together do not come back together.
            wait_ms = max(self._around.chance.uniform(0, ceiling_ms), delivery.retry_after_ms or 0)
            if self._around.now_ms() + wait_ms >= give_up_at_ms:
                return Outcome.EXPIRED
            self._metrics.notified(self._name, Outcome.RETRIED)
            await self._around.sleep(wait_ms / 1000)
            ceiling_ms = min(ceiling_ms * 2, self._policy.wait_ms_max)
