"""What the benchmarks of a running service share: workers with a trace, and someone who sends events of now."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from confluent_kafka import Producer

from bench.backlog import calls
from bench.job import SERIES, partition_of
from bench.participants.tocsin import EVENTS
from tests.parts.kafka import Kafka
from tests.parts.process import Process, wait_until

CALLS = "tocsin.calls"
_BEAT_S = 0.02

Moves = list[tuple[float, dict[str, int]]]
"""When partitions moved, in seconds of wall time, and the next offset of each that the worker held."""


class Worker:
    """A `tocsin worker` that writes down how its partitions move."""

    def __init__(self, kafka: Kafka, rules: Path, folder: Path, name: str, events: int = 0) -> None:
        self._trace = folder / f"{name}.trace"
        self._trace.touch()
        command = [sys.executable, "-m", "bench.participants.tocsin", kafka.bootstrap, str(rules), str(events)]
        self.process = Process([*command, str(self._trace)], folder / f"{name}.log", {"TOCSIN_GROUP": "bench"})

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
    """Sends calls of now, over all partitions; each series among them in waves, so that levels keep moving."""

    def __init__(self, kafka: Kafka) -> None:
        settings = {"bootstrap.servers": kafka.bootstrap, "linger.ms": 5, "queue.buffering.max.messages": 1_500_000}
        self._producer = Producer(settings)
        self.sent = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._producer.flush(60)

    def steadily(self, rate: int, seconds: float, wave_s: float) -> None:
        """Send so many a second; which outlets are busy changes every `wave_s`."""
        began_s = time.time()
        made = iter(self._made(rate, seconds, wave_s, began_s))
        number = 0
        while (passed_s := time.time() - began_s) < seconds:
            for outlet, event in islice_to(made, int(passed_s * rate) - number):
                self._send(outlet, event)
                number += 1
            self._producer.poll(0)
            time.sleep(_BEAT_S)

    def at_once(self, number: int) -> tuple[float, float]:
        """Send as fast as it goes, all stamped with now. Return when that began and ended."""
        began_s = time.time()
        sent = 0
        while sent < number:
            size = min(20_000, number - sent)
            now_ms = int(time.time() * 1000)
            for outlet, event in calls(size, begin_ms=now_ms, span_ms=1, first_id=self.sent):
                self._send(outlet, event)
            sent += size
            self._producer.poll(0)
        self._producer.flush(60)
        return began_s, time.time()

    def _made(self, rate: int, seconds: float, wave_s: float, began_s: float) -> Iterator[tuple[int, bytes]]:
        """Make the events beforehand in blocks of a wave."""
        waves = int(seconds / wave_s) + 1
        for wave in range(waves):
            begin_ms, span_ms = int((began_s + wave * wave_s) * 1000), int(wave_s * 1000)
            size = int(rate * wave_s)
            yield from calls(size, begin_ms=begin_ms, span_ms=span_ms, first_id=self.sent, wave=wave)

    def _send(self, outlet: int, event: bytes) -> None:
        self._producer.produce(CALLS, event, b"o%04d" % (outlet % SERIES), partition_of(outlet))
        self.sent += 1


def islice_to(made: Iterator[tuple[int, bytes]], number: int) -> Iterator[tuple[int, bytes]]:
    """Take up to `number`."""
    for _ in range(number):
        one = next(made, None)
        if one is None:
            return
        yield one
