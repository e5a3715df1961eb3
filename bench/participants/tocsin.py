"""Tocsin itself: what `tocsin worker` runs, with de-duplication, lateness, dead letters, snapshots and the desk.

With a number of events it tells its figures once all of them are judged; with 0 it runs until it is ended. Into TRACE,
if it is given, goes a line whenever partitions moved: wall time in seconds, and the next offset of each.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from bench.meter import tell
from streams.commands.joining import configured
from streams.running import run
from streams.topics import ensure

if TYPE_CHECKING:
    from streams.service import Service

_LOOK_EVERY_S = 0.02
_QUIET_S = 2.0  # what follows from the last event is judged sooner than that; this wait is not counted in
EVENTS = "tocsin.calls:"
ALERTS = "tocsin.alerts:"


class Watch:
    """Looks at a service's progress from within, until nothing moves any more."""

    def __init__(self, service: Service, events: int, trace: Path | None) -> None:
        self._service = service
        self._events = events
        self._trace = trace
        self._moved_s = 0.0
        self._places: dict[str, int] = {}

    async def look(self) -> None:
        """Look until all is judged, then tell."""
        handled, began, before = 0, None, 0
        while not self._events or handled < self._events or perf_counter() - self._moved_s < _QUIET_S:
            await asyncio.sleep(_LOOK_EVERY_S)
            if not self._has_moved():
                continue
            handled = sum(offset for place, offset in self._places.items() if place.startswith(EVENTS))
            if began is None and handled:
                began, before = self._moved_s, handled
        assert began is not None
        seconds = self._moved_s - began
        sample = self._service.metrics.registry.get_sample_value
        accepted = sample("tocsin_events_total", {"stream": "calls", "result": "accepted"}) or 0
        tell(events=int(accepted), seconds=seconds, events_per_s=(handled - before) / seconds)

    def _has_moved(self) -> bool:
        # Reports between sources and judges go on for ever; what tells the end is events taken and alerts told.
        all_places = {f"{one.topic}:{one.partition}": one.next_offset for one in self._service.host.progress()}
        places = {place: offset for place, offset in all_places.items() if place.startswith((EVENTS, ALERTS))}
        if places == self._places:
            return False
        self._places, self._moved_s = places, perf_counter()
        if self._trace is not None:
            with self._trace.open("a") as lines:
                lines.write(json.dumps([time.time(), places]) + "\n")
        return True


def main(broker: str, rules: Path, events: int, trace: Path | None) -> int:
    """Run a worker on the topics of this broker."""
    service = configured(None, broker=broker, rules=[rules], web_port=0)
    ensure(service.settings.broker, service.topics, replicas=service.settings.replicas)
    return run(service, lambda: None, Watch(service, events, trace).look())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]) if sys.argv[4:] else None))
