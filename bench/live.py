"""What the benchmarks of a running service share: workers with a trace, and someone who sends events of now."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from confluent_kafka import Producer

from bench.backlog import Stretch, calls
from bench.job import partition_of
from bench.participants.tocsin import EVENTS
from tests.parts.kafka import Kafka
from tests.parts.process import Process, wait_until

CALLS = "tocsin.calls"
_BEAT_S = 0.02
_STORM_BLOCK = 10_000

Moves = list[tuple[float, dict[str, int]]]
"""When partitions moved, in seconds of wall time, and the next offset of each that the worker held."""


class Worker:
    """A `tocsin worker` that writes down how its partitions move."""

    def __init__(self, kafka: Kafka, rules: Path, folder: Path, name: str, *, group: str = "bench") -> None:
        self._trace = folder / f"{name}.trace"
        self._trace.touch()
        command = [sys.executable, "-m", "bench.participants.tocsin", kafka.bootstrap, str(rules), "0"]
        self.process = Process([*command, str(self._trace)], folder / f"{name}.log", {"TOCSIN_GROUP": group})

    def moves(self) -> Moves:
        """Read what was written down so far: of the partitions with events."""
        lines = self._trace.read_text(encoding="ascii").split("\n")[:-1]
        return [
            (at, {place: offset for place, offset in places.items() if place.startswith(EVENTS)})
            for at, places in map(json.loads, lines)
        ]

    def wait_holding(self, partitions: int, *, timeout_s: float = 60.0) -> None:
        """Wait until it holds so many partitions with events. Raises TimeoutError."""
        wait_until(
            lambda: bool(moves := self.moves()) and len(moves[-1][1]) == partitions,
            what=f"a worker with {partitions} partitions",
            timeout_s=timeout_s,
        )


def handled(workers: Sequence[Worker]) -> int:
    """Say how many events the workers have come through together."""
    furthest: dict[str, int] = {}
    for worker in workers:
        for place, offset in (worker.moves() or [(0.0, dict[str, int]())])[-1][1].items():
            furthest[place] = max(furthest.get(place, 0), offset)
    return sum(furthest.values())


class Sender:
    """Sends calls of now over all partitions, in waves, so that levels keep moving."""

    def __init__(self, kafka: Kafka, wave_ms: int) -> None:
        self._wave_ms = wave_ms
        self._producer = Producer(
            {
                "bootstrap.servers": kafka.bootstrap,
                "linger.ms": 5,
                "queue.buffering.max.messages": 1_500_000,
                "log_level": 0,  # it outlives the broker, and would say so
            }
        )
        self.sent = 0

    def steadily(self, rate: int, seconds: float, over: threading.Event | None = None) -> None:
        """Send so many a second, for so long or until it is `over`."""
        began_s = time.time()
        made = calls(self._stretch(int(rate * seconds), began_s, seconds))
        number = 0
        while (passed_s := time.time() - began_s) < seconds and not (over and over.is_set()):
            for outlet, event in islice(made, int(passed_s * rate) - number):
                self._send(outlet, event)
                number += 1
            self._producer.poll(0)
            time.sleep(_BEAT_S)
        self._producer.flush(60)

    def at_once(self, number: int) -> None:
        """Send as fast as it goes, all stamped with now."""
        for first in range(0, number, _STORM_BLOCK):
            for outlet, event in calls(self._stretch(min(_STORM_BLOCK, number - first), time.time(), 0.001)):
                self._send(outlet, event)
            self._producer.poll(0)
        self._producer.flush(60)

    def _stretch(self, events: int, began_s: float, seconds: float) -> Stretch:
        return Stretch(
            events,
            begin_ms=int(began_s * 1000),
            span_ms=int(seconds * 1000),
            wave_ms=self._wave_ms,
            first_id=self.sent,
        )

    def _send(self, outlet: int, event: bytes) -> None:
        self._producer.produce(CALLS, event, b"o%04d" % outlet, partition_of(outlet))
        self.sent += 1
