"""How notifications ended, on its way from the outbox to the log: nobody waits for Kafka to take it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from aiokafka.errors import KafkaError

from alerts.chronicle import delivery_of, encode
from alerts.notifications import Delivery
from alerts.outbox.item import Ended
from streams.stage import Outgoing
from streams.topics import HISTORY

WAITING_MAX = 20_000
"""Ends that wait for Kafka. What passes it is counted; a start tells the ends of the last day anew."""

_BATCH_LEN = 500
_RETRY_S = 1.0

Publish = Callable[..., Awaitable[None]]


class Tellings:
    """Ends that are not in the log yet, in their order."""

    def __init__(self, publish: Publish, lost: Callable[[str, int], None]) -> None:
        self._publish = publish
        self._lost = lost
        self._waiting: deque[Outgoing] = deque()
        self._changed = asyncio.Event()

    def witness(self, ended: Ended, delivery: Delivery | None, together: int) -> None:
        """Take one end."""
        told = delivery_of(ended, delivery, together)
        if len(self._waiting) >= WAITING_MAX:
            self._waiting.popleft()
            self._lost("untold", 1)
        self._waiting.append(Outgoing(HISTORY, encode(told), told.incident.encode()))
        self._changed.set()

    async def run(self) -> None:
        """Write for ever."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            while self._waiting:
                if not await self._write():
                    await asyncio.sleep(_RETRY_S)

    async def _write(self) -> bool:
        batch = [self._waiting[number] for number in range(min(len(self._waiting), _BATCH_LEN))]
        try:
            await self._publish(*batch)
        except (KafkaError, RuntimeError):  # RuntimeError: Kafka is not, or no longer, connected
            return False
        done = {id(each) for each in batch}  # those that gave way meanwhile are gone from the front
        while self._waiting and id(self._waiting[0]) in done:
            self._waiting.popleft()
        return True
