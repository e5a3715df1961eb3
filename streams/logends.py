"""Where the logs begin and end: asked through a client of our own, so that a stuck consumer does not hide its lag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from streams.access import OPEN, Access

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer

    from streams.snapshots import Place


class LogEnds:
    """Asks the broker about offsets. Start and stop it on the loop that uses it."""

    def __init__(self, bootstrap: Sequence[str], access: Access = OPEN) -> None:
        self._bootstrap = list(bootstrap)
        self._access = access
        self._client: AIOKafkaConsumer | None = None

    async def start(self) -> None:
        """Connect; raise aiokafka's `KafkaConnectionError` if no broker answers."""
        from aiokafka import AIOKafkaConsumer

        client = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap, group_id=None, enable_auto_commit=False, **self._access.arguments()
        )
        try:
            await client.start()
        except BaseException:
            await client.stop()
            raise
        self._client = client

    async def stop(self) -> None:
        """Close the connection."""
        if self._client is not None:
            await self._client.stop()
            self._client = None

    async def first(self, partitions: Sequence[Place]) -> Mapping[Place, int]:
        """Say the first offset that is still there."""
        offsets: Mapping[Place, int] = await self._running().beginning_offsets(list(partitions))
        return offsets

    async def next(self, partitions: Sequence[Place]) -> Mapping[Place, int]:
        """Say the offset that will be written next."""
        offsets: Mapping[Place, int] = await self._running().end_offsets(list(partitions))
        return offsets

    def _running(self) -> AIOKafkaConsumer:
        if self._client is None:
            raise RuntimeError("the client for offsets is not running")
        return self._client
