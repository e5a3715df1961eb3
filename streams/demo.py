"""The demo's own world: a clock that runs faster than ours, and a province whose events go to the embedded broker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from alerts.notices import NoticeChange
from alerts.records import AlertRecord
from streams.console import Console, Status
from streams.service import Service
from streams.simulator import Simulator
from streams.stage import Outgoing
from streams.topics import stream_topic

_STEP_S = 0.05
_RUBBISH = (b"%% link test %%", b'{"id": "x", "outcome": ', b"\xff\xfe\x00")
_RUBBISH_EVERY_S = 20.0


class DemoClock:
    """Event time that stands at `start_ms` until `start`, and then runs `speed` times as fast as ours."""

    def __init__(self, start_ms: int, speed: float) -> None:
        self.speed = speed
        self._start_ms = start_ms
        self._began_s: float | None = None

    def start(self) -> None:
        """Let time run."""
        self._began_s = time.monotonic()

    def __call__(self) -> int:
        """Tell the time, in milliseconds."""
        if self._began_s is None:
            return self._start_ms
        return self._start_ms + round((time.monotonic() - self._began_s) * self.speed * 1000)


@dataclass(slots=True)
class Voice:
    """Says on the terminal what the desk decides."""

    console: Console

    def alert(self, record: AlertRecord) -> None:
        """Say a change of level."""
        self.console.alert(record)

    def notice(self, change: NoticeChange) -> None:
        """Say a step of a notice."""
        self.console.notice(change.notice)


async def play(service: Service, simulator: Simulator, clock: DemoClock, console: Console, up: asyncio.Event) -> None:
    """Once the service is up, send what happens in the province as its time comes, and tell the story."""
    await up.wait()
    clock.start()
    told_ms = simulator.start_ms
    rubbish_s, serial = time.monotonic() + _RUBBISH_EVERY_S / 2, 0
    while True:
        now_ms = clock()
        for time_ms, scene in simulator.scenes(told_ms, now_ms):
            console.scene(time_ms, scene.text)
        told_ms = now_ms
        sent = [
            Outgoing(stream_topic(stream), msgspec.json.encode(event), str(event.get("region", "")).encode())
            for stream, event in simulator.advance(now_ms)
        ]
        if time.monotonic() >= rubbish_s:  # so that the dead letters are not empty either
            sent.append(Outgoing(stream_topic("calls"), _RUBBISH[serial % len(_RUBBISH)]))
            rubbish_s, serial = rubbish_s + _RUBBISH_EVERY_S, serial + 1
        try:
            await service.host.publish(*sent)
        except RuntimeError:  # Kafka is no longer connected: the service is ending, and so is the play
            return
        _sign_of_life(service, console, clock)
        await asyncio.sleep(_STEP_S)


def _sign_of_life(service: Service, console: Console, clock: DemoClock) -> None:
    lags = [seconds for seconds in service.overview.lag().values() if seconds is not None]
    status = Status(
        time_ms=clock(),
        events_per_second=sum(service.overview.rates().values()),
        incidents_open=sum(len(stage.desk.incidents.firing()) for stage in service.overview.desks),
        watermark_lag_ms=round(max(lags, default=0) * 1000 / clock.speed),  # as the spectator waits for it
    )
    console.heartbeat(status, time.monotonic_ns() // 1_000_000)


async def end_after(seconds: float, up: asyncio.Event, stop: Callable[[], None]) -> None:
    """Stop the service some time after it is up."""
    await up.wait()
    await asyncio.sleep(seconds)
    stop()
