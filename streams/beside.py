"""What a service does beside its stages, again and again: the gauges, what channels would forget, the heartbeat."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field

from alerts.heartbeat import HeartbeatSender
from alerts.outbox.outbox import Outbox
from streams.calendarfeeds import CalendarFeeds
from streams.host import Host
from streams.metrics import Metrics
from streams.overview import Overview
from streams.pulse import Pulse

REFRESH_S = 1.0
SAY_AGAIN_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """The work of one running service. `now_ms` is wall time; `reasons` say why it is not ready."""

    host: Host
    overview: Overview
    metrics: Metrics
    outbox: Outbox
    now_ms: Callable[[], int]
    reasons: Callable[[], list[str]]
    feeds: CalendarFeeds
    feeds_every_s: float
    heartbeat: HeartbeatSender | None = None
    heartbeat_every_s: float = 60.0
    _pulse: Pulse = field(default_factory=Pulse)

    @contextlib.asynccontextmanager
    async def at_work(self, *more: Coroutine[object, object, None]) -> AsyncIterator[None]:
        """Do all of it, and `more`, as long as the block runs. What fails ends the host, which raises it."""
        fail = self.host.fail
        beats = [
            every(self.feeds_every_s, self.feeds.refresh, fail, at_once=True),
            every(REFRESH_S, self.feeds.refresh_new, fail),
            every(REFRESH_S, self.refresh, fail),
            every(SAY_AGAIN_S, self._say_again, fail),
        ]
        if self.heartbeat is not None:
            beats.append(every(self.heartbeat_every_s, self._beat_heart, fail))
        async with _beside(*beats, *(_watched(one, fail) for one in more)):
            yield

    async def refresh(self) -> None:
        """Set the gauges that follow from what is there."""
        self.overview.refresh(self.metrics)
        now_ms = self.now_ms()
        for channel, waiting in self.outbox.waiting().items():
            oldest_ms = now_ms if waiting.oldest_ms is None else waiting.oldest_ms
            self.metrics.set_outbox(channel, waiting.count, max(now_ms - oldest_ms, 0) / 1000)

    async def _say_again(self) -> None:
        for stage in self.overview.desks:
            await self.outbox.refresh(stage.desk.firing)

    async def _beat_heart(self) -> None:
        assert self.heartbeat is not None
        if self._pulse.beats(self.host.progress(), self.reasons()):
            await self.heartbeat.send()


async def every(
    seconds: float,
    act: Callable[[], Awaitable[None]],
    fail: Callable[[BaseException], object],
    *,
    at_once: bool = False,
) -> None:
    """Act again and again; `fail` hears of what must not happen."""
    try:
        if at_once:
            await act()
        while True:
            await asyncio.sleep(seconds)
            await act()
    except Exception as reason:  # noqa: BLE001  not swallowed: whoever is told raises it
        fail(reason)


async def _watched(work: Coroutine[object, object, None], fail: Callable[[BaseException], object]) -> None:
    try:
        await work
    except Exception as reason:  # noqa: BLE001  the same
        fail(reason)


@contextlib.asynccontextmanager
async def _beside(*work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Do work as long as the block runs."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
