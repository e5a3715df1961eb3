"""Publishing files with kafka-python: at a pace, acknowledged by every replica, and honestly counted."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING

from streams.access import OPEN, Access, knock

if TYPE_CHECKING:
    from kafka import KafkaProducer

PORT = 9092
IN_FLIGHT_MAX = 20_000
"""Records on their way at once: kafka-python itself would take a whole file into memory."""

_DELIVERY_TIMEOUT_MS = 30_000
_REQUEST_TIMEOUT_MS = 10_000
_LINGER_MS = 20
_BATCH_BYTES = 256 * 1024
_ADDRESS = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+)(?::([0-9]{1,5}))?")


class Unreachable(Exception):
    """The broker, or the topic on it, is not there. Its text is one line for the user."""


def parse_brokers(text: str) -> list[str]:
    """Read `kafka://HOST:PORT,…` (the prefix and the port may be left out). Raises ValueError.

    >>> parse_brokers("kafka://one:9093,two"), parse_brokers("kafka://one;kafka://[::1]:9092")
    (['one:9093', 'two:9092'], ['one:9092', '[::1]:9092'])
    """
    brokers = []
    for part in re.split("[,;]", text):
        if "@" in part:  # not quoted: what stands before it may be a password
            raise ValueError("a broker's address holds no user and password: they belong into --settings")
        address = _ADDRESS.fullmatch(part.strip().removeprefix("kafka://").rstrip("/"))
        if address is None or not 0 < int(address[2] or PORT) < 1 << 16:
            raise ValueError(f"{part.strip()!r} is not a broker: write HOST:PORT, or kafka://HOST:PORT")
        brokers.append(f"{address[1]}:{address[2] or PORT}")
    return brokers


@dataclass(slots=True)
class Pace:
    """Holds each event back until it is due: `rate` events a second, or the events' own pace times `speed`."""

    clock: Callable[[], float]
    sleep: Callable[[float], None]
    rate: float | None = None
    speed: float | None = None
    _first: tuple[float, int] | None = None  # now in seconds, time of the event in milliseconds
    _count: int = 0

    def wait(self, time_ms: int) -> None:
        """Wait until the next event, which happened at `time_ms`, is due; one that is overdue goes at once."""
        if self._first is None:
            self._first = self.clock(), time_ms
        begun_s, first_ms = self._first
        due_s = begun_s
        if self.rate is not None:
            due_s += self._count / self.rate
        elif self.speed is not None:
            due_s += (time_ms - first_ms) / 1_000 / self.speed
        self._count += 1
        left_s = due_s - self.clock()
        if left_s > 0:
            self.sleep(left_s)


class Sender:
    """Sends to one topic. A record counts as acknowledged once every replica in sync has it."""

    def __init__(self, brokers: Sequence[str], topic: str, *, timeout_ms: int, access: Access = OPEN) -> None:
        """Connect and look for the topic. Raises Unreachable, AccessRefused."""
        from kafka import KafkaProducer
        from kafka.errors import KafkaError

        where = ", ".join(brokers)
        if access is not OPEN:
            knock(access, brokers)
        try:
            self._producer: KafkaProducer = KafkaProducer(
                bootstrap_servers=list(brokers),
                bootstrap_timeout_ms=timeout_ms,
                max_block_ms=timeout_ms,
                acks="all",
                enable_idempotence=True,
                allow_auto_create_topics=False,  # a topic made by accident has the wrong number of partitions
                delivery_timeout_ms=_DELIVERY_TIMEOUT_MS,
                request_timeout_ms=_REQUEST_TIMEOUT_MS,
                linger_ms=_LINGER_MS,
                batch_size=_BATCH_BYTES,
                **access.arguments(),
            )
        except (KafkaError, OSError, ValueError) as error:
            knock(access, brokers)
            raise Unreachable(f"no Kafka broker answers at {where} within {timeout_ms / 1_000:g} s") from error
        try:
            self._partitions = cycle(sorted(self._producer.partitions_for(topic)))
        except KafkaError as error:
            self._producer.close(timeout=0)
            raise Unreachable(f"no topic {topic} at {where}: make it, or start `tocsin worker`, which does") from error
        self._topic = topic
        self._errors = KafkaError
        self._slots = threading.BoundedSemaphore(IN_FLIGHT_MAX)
        self._lock = threading.Lock()
        self.sent = 0
        self.acknowledged = 0
        self.failed: Counter[str] = Counter()

    def send(self, value: bytes, key: bytes | None) -> None:
        """Send one record: to the partition of its key, or without one to each partition in turn."""
        self._slots.acquire()
        self.sent += 1
        partition = next(self._partitions) if key is None else None
        try:
            future = self._producer.send(self._topic, value=value, key=key, partition=partition)
        except self._errors as error:
            self._on_failed(error)
            return
        future.add_callback(self._on_acknowledged)
        future.add_errback(self._on_failed)

    def finish(self, timeout_s: float) -> None:
        """Wait for what is on its way, then close; what has no answer by then counts as failed."""
        from kafka.errors import KafkaError

        with suppress(KafkaError):  # the records without an answer are counted below, each of them
            self._producer.flush(timeout=timeout_s)
        with suppress(KafkaError):
            self._producer.close(timeout=0)
        with self._lock:
            unanswered = self.sent - self.acknowledged - self.failed.total()
            if unanswered:
                self.failed["no answer in time"] += unanswered

    def _on_acknowledged(self, _metadata: object) -> None:
        with self._lock:
            self.acknowledged += 1
        self._slots.release()

    def _on_failed(self, error: BaseException) -> None:
        with self._lock:
            self.failed[type(error).__name__] += 1
        self._slots.release()
