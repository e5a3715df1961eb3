"""Our one producer: acknowledged by every replica, idempotent, and awaited by whoever depends on the record.

Faust's own producer is not used for anything that matters: it returns before a record is written, and only warns when
one was not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from streams.access import OPEN, Access

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer

    from streams.stage import Outgoing

RECORD_BYTES_MAX = 900_000
"""Kafka's default limit for a record batch is 1 MiB; a larger record would be refused again after every restart."""

_LINGER_MS = 5
_REQUEST_TIMEOUT_MS = 30_000


class RecordTooLarge(ValueError):
    """A record over `RECORD_BYTES_MAX`: our bug, since whoever makes records bounds them."""


class Publisher:
    """Writes records and says when they are safe. Start and stop it on the loop that uses it."""

    def __init__(self, bootstrap: Sequence[str], access: Access = OPEN) -> None:
        self._bootstrap = list(bootstrap)
        self._access = access
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect; raise aiokafka's `KafkaConnectionError` if no broker answers."""
        from aiokafka import AIOKafkaProducer

        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            acks="all",
            enable_idempotence=True,
            linger_ms=_LINGER_MS,
            request_timeout_ms=_REQUEST_TIMEOUT_MS,
            max_request_size=RECORD_BYTES_MAX + 100_000,  # room for the headers of a batch of one
            **self._access.arguments(),
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        self._producer = producer

    async def stop(self) -> None:
        """Write what is buffered, then close."""
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None

    async def send(self, record: Outgoing) -> asyncio.Future[object]:
        """Buffer `record`, waiting for room if need be; the future is done when every replica has it.

        Raises `RecordTooLarge`, and `RuntimeError` before `start` or after `stop`.
        """
        size = len(record.value) + len(record.key or b"")
        if size > RECORD_BYTES_MAX:
            raise RecordTooLarge(f"a record of {size} bytes for {record.topic}: the limit is {RECORD_BYTES_MAX}")
        if self._producer is None:
            raise RuntimeError("the publisher is not running")
        future: asyncio.Future[object] = await self._producer.send(
            record.topic, record.value, key=record.key, partition=record.partition
        )
        return future

    async def publish(self, *records: Outgoing) -> None:
        """Write `records` in order and wait until every replica has them; raise aiokafka's `KafkaError` if not."""
        await asyncio.gather(*[await self.send(record) for record in records])

    async def partitions_of(self, topic: str) -> int:
        """Count the partitions of `topic`, waiting for the broker to know it."""
        if self._producer is None:
            raise RuntimeError("the publisher is not running")
        return len(await self._producer.partitions_for(topic))
