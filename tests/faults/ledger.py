"""The ledger: sends traffic at a steady pace, and writes down what Kafka has acknowledged, and where."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, Message, Producer

from streams.topics import stream_topic
from tests.faults.traffic import RECORD_BYTES_MAX, Fate, Sent, Traffic

_TICK_S = 0.05


class Ledger:
    """Sends in a thread of its own, from `start` to `finish`. Only `more` may be called meanwhile."""

    def __init__(self, bootstrap: str, traffic: Traffic, *, per_s: int) -> None:
        self.acked: defaultdict[tuple[str, int], dict[int, Sent]] = defaultdict(dict)
        self.failed: list[str] = []
        self.sent = 0  # records handed over so far, acknowledged or not
        self._traffic = traffic
        self._per_tick = max(int(per_s * _TICK_S), 1)
        self._more: list[Iterable[Sent]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,  # in the order of sending, each once, whatever happens to the broker
                "linger.ms": 5,
                "queue.buffering.max.messages": 2_000_000,
                "message.max.bytes": RECORD_BYTES_MAX,
                "message.timeout.ms": 900_000,
                "reconnect.backoff.max.ms": 500,
                "log_level": 0,
                "error_cb": lambda _: None,  # a broker that is away is what this is about
            }
        )

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def more(self, sent: Iterable[Sent]) -> None:
        """Send this too, as soon as the thread comes round."""
        self._more.append(sent)

    def write(self, steps: int) -> None:
        """Send so many events at once, without `start`, and wait until all is acknowledged."""
        for _ in range(steps):
            self._send_all(self._traffic.step())
        self._flush()

    def finish(self) -> None:
        """Send the end of the traffic, and wait until all is acknowledged."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._send_all(self._traffic.end())
        self._flush()

    @property
    def events(self) -> int:
        """How many records lie in the log."""
        return sum(map(len, self.acked.values()))

    def heard_of(self, count: int) -> bool:
        """Say whether Kafka has answered for so many records, as it does for all that wait once a broker is back."""
        return self.events + len(self.failed) >= count

    def fates(self, place: tuple[str, int]) -> Counter[Fate]:
        """Count what must have become of the records of a partition."""
        return Counter(sent.fate for sent in self.acked[place].values())

    def keys(self, fate: Fate) -> set[str]:
        """Name the places of the log with this fate, as TOPIC:PARTITION:OFFSET."""
        return {
            f"{topic}:{partition}:{offset}"
            for (topic, partition), records in self.acked.items()
            for offset, sent in records.items()
            if sent.fate is fate
        }

    def ahead(self) -> set[str]:
        """Name the places of the log of sound events whose time is ahead of now."""
        return {
            f"{topic}:{partition}:{offset}"
            for (topic, partition), records in self.acked.items()
            for offset, sent in records.items()
            if sent.is_ahead
        }

    def _run(self) -> None:
        due_s = time.monotonic()
        while not self._over.is_set():
            for _ in range(self._per_tick):
                self._send_all(self._traffic.step())
            while self._more:
                self._send_all(self._more.pop())
            due_s += _TICK_S
            while (left_s := due_s - time.monotonic()) > 0:
                self._producer.poll(left_s)
            self._producer.poll(0)

    def _send_all(self, made: Iterable[Sent]) -> None:
        for sent in made:
            self.sent += 1
            heard = partial(self._heard, sent)
            topic = stream_topic(sent.stream)
            self._producer.produce(
                topic, sent.body, partition=sent.partition, on_delivery=heard, timestamp=sent.stamp_ms
            )

    def _flush(self) -> None:
        assert self._producer.flush(120) == 0

    def _heard(self, sent: Sent, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self.failed.append(str(error))
            return
        place: tuple[Any, Any] = (message.topic(), message.partition())
        self.acked[place][message.offset()] = sent  # type: ignore[index]
