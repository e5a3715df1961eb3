"""A Faust transport that hands whole fetches on: a run of records of one partition is one message.

Faust spends about a hundred microseconds on every message, whatever the agent does with it; so the message is made
larger. Group membership, assignment, rebalance and flow control are Faust's aiokafka driver, unchanged. Where an owner
goes on reading is not Kafka's committed offset but the owner's own `position` (its state and its offset are one
record), and a partition without a position is held back.

Private hooks of Faust 0.15 and aiokafka 0.14 are used; `assert_hooks` looks for each of them at the start.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import faust
from aiokafka.consumer import fetcher as aiokafka_fetcher
from aiokafka.consumer.fetcher import Fetcher, FetchResult, PartitionRecords
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport import drivers
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from streams.fetches import ChunkRecords, Fetched
from streams.recordbatches import KeptRecords

SCHEME = "tocsin"
"""Broker URLs of this scheme choose this transport: `tocsin://HOST:PORT`."""

_COMMIT_TIMEOUT_S = 10.0

_FETCH_WAIT_MS = 50
"""How long a broker may hold a fetch that finds nothing. There is one fetch a broker at a time: while it waits for the
partitions that are quiet, those that are busy are not asked. Faust's driver would have it wait 1.5 s."""

_log = logging.getLogger(__name__)
# Faust's services log under the module of their class; what Faust says through our classes is Faust's all the same.
_faust_log = logging.getLogger("faust.tocsin")


class Owner(Protocol):
    """Who reads the partitions: it keeps state and says where each of its partitions goes on."""

    def position(self, partition: TP) -> int | None:
        """Say the next offset to be read, or None while the state is not restored."""

    def fail(self, reason: BaseException) -> None:
        """Hear that Faust gave up: the process cannot go on."""


class MissingHook(RuntimeError):
    """The installed Faust or aiokafka is not the one this transport was written for."""


_HOOKS: tuple[tuple[type, str], ...] = (
    (PartitionRecords, "_unpack_records"),
    (PartitionRecords, "_consume_aborted_up_to"),
    (PartitionRecords, "_contains_abort_marker"),
    (FetchResult, "check_assignment"),
    (Fetcher, "_proc_fetch_request"),
    (GroupCoordinator, "check_errors"),
    (driver.AIOKafkaConsumerThread, "_ensure_consumer"),
    (driver.Consumer, "_new_consumer_thread"),
    (driver.Consumer, "_to_message"),
    (driver.Consumer, "perform_seek"),
    (driver.Consumer, "seek_wait"),
    (driver.Consumer, "resume_partitions"),
    (driver.Consumer, "resume_flow"),
    (driver.Consumer, "verify_event_path"),
)


def assert_hooks() -> None:
    """Look for the private names this module leans on; raise `MissingHook` naming all that are not there."""
    missing = [f"{owner.__module__}.{owner.__name__}.{name}" for owner, name in _HOOKS if not hasattr(owner, name)]
    if missing:
        raise MissingHook(f"tocsin needs faust-streaming 0.15 and aiokafka 0.14; missing here: {', '.join(missing)}")


def _require(thing: object, *names: str) -> None:
    """Raise `MissingHook` unless `thing` has the attributes `names`, which exist on instances only."""
    missing = [name for name in names if not hasattr(thing, name)]
    if missing:
        raise MissingHook(f"tocsin needs aiokafka 0.14; {type(thing).__name__} has no {', '.join(missing)}")


def take_whole_fetches(fetcher: Fetcher) -> None:
    """Make an aiokafka fetcher yield `Fetched` runs instead of records, and never wait long for quiet partitions."""
    _require(aiokafka_fetcher, "MemoryRecords")
    _require(fetcher, "_records", "_proc_fetch_request", "_fetch_max_wait_ms")
    fetcher._fetch_max_wait_ms = _FETCH_WAIT_MS
    aiokafka_fetcher.MemoryRecords = KeptRecords  # the fetcher makes its records by this name
    fetch = fetcher._proc_fetch_request

    async def fetch_whole(assignment: object, node_id: int, request: object) -> bool:
        # Nothing else runs on this loop between the return of `fetch` and ours, so no plain record gets out.
        has_data: bool = await fetch(assignment, node_id, request)
        for result in fetcher._records.values():
            if type(result) is FetchResult and type(result._partition_records) is PartitionRecords:
                plain = result._partition_records
                result._partition_records = ChunkRecords(
                    plain._tp,
                    plain._records,
                    plain._aborted_transactions,
                    plain.next_fetch_offset,
                    None,
                    None,
                    plain._check_crcs,
                    plain._isolation_level,
                )
        return has_data

    fetcher._proc_fetch_request = fetch_whole


class _NoReadOffsets(dict[TP, int | None]):
    """Faust drops what lies before the offset it read last, so what we seek back to: it shall not know."""

    def __getitem__(self, partition: TP) -> None:
        return None

    def __setitem__(self, partition: TP, offset: int | None) -> None:
        """Forget it."""

    def update(self, *args: object, **kwargs: object) -> None:
        """Forget them."""


class ChunkConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's aiokafka thread, fetching whole runs."""

    logger = _faust_log

    async def on_start(self) -> None:
        """Start aiokafka's consumer, then make its fetcher yield runs (nothing is assigned yet)."""
        await super().on_start()
        consumer = self._ensure_consumer()
        _require(consumer, "_fetcher", "_coordinator")
        take_whole_fetches(consumer._fetcher)


class ChunkConsumer(driver.Consumer):
    """Faust's aiokafka consumer, which reads from where the owner's states go on."""

    logger = _faust_log

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _require(self, "_read_offset")
        self._read_offset = _NoReadOffsets()

    @property
    def _owner(self) -> Owner:
        owner: Owner = self.app.owner  # type: ignore[attr-defined]  # the app is a ChunkApp
        return owner

    def _new_consumer_thread(self) -> ChunkConsumerThread:
        return ChunkConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def _to_message(self, tp: TP, record: Fetched) -> ConsumerMessage:
        return ConsumerMessage(
            topic=record.topic,
            partition=record.partition,
            offset=record.next_offset - 1,
            timestamp=0.0,
            timestamp_type=0,
            headers=None,
            key=None,
            value=record,  # type: ignore[arg-type]  # passed through as it is by the codec below
            checksum=None,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )

    def _restored(self, partitions: Iterable[TP]) -> dict[TP, int]:
        positions = {partition: self._owner.position(partition) for partition in partitions}
        return {partition: offset for partition, offset in positions.items() if offset is not None}

    async def perform_seek(self) -> None:
        """Seek to where our states go on; hold back what has none yet. No state is read here: Faust's time is short."""
        assigned = self.assignment()
        restored = self._restored(assigned)
        self.pause_partitions(assigned - restored.keys())
        if restored:
            await self.seek_wait(restored)

    async def take_up(self, partition: TP, offset: int) -> None:
        """Read `partition` from `offset` on: after its state was restored, and to go back to what was thrown away."""
        await self.seek_wait({partition: offset})
        self.resume_partitions({partition})

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Resume what is restored; during a rebalance nothing, since what Faust fetches then is thrown away."""
        if not self.app.rebalancing:
            super().resume_partitions(self._restored(tps))

    def resume_flow(self) -> None:
        """Let messages through again: the end of a rebalance, so what was held back may go."""
        super().resume_flow()
        super().resume_partitions(self._restored(self.assignment()))

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Leave it to the watchdog: Faust's own detector compares the wrong clocks and can only warn."""

    async def report(self, offsets: Mapping[TP, int]) -> None:
        """Tell Kafka how far durable state reaches, for lag tools alone; what goes wrong here harms nothing."""
        consumer = self._thread._ensure_consumer()
        assigned = self.assignment()
        wanted = {
            TopicPartition(*tp): OffsetAndMetadata(offset, "") for tp, offset in offsets.items() if tp in assigned
        }
        if not wanted or self.app.rebalancing:
            return
        commit = asyncio.run_coroutine_threadsafe(consumer.commit(wanted), self._thread.thread_loop)
        try:
            await asyncio.wait_for(asyncio.wrap_future(commit), _COMMIT_TIMEOUT_S)
        except (KafkaError, TimeoutError) as reason:
            _log.info("offsets were not reported to the group: %r", reason)

    def check_group(self, timeout_s: float) -> None:
        """Raise the error that keeps aiokafka from rejoining its group, if any: hearing it lets aiokafka go on.

        Called from a thread of its own. Faust never asks, and a worker would stand still for ever.
        """

        async def check() -> None:
            self._thread._ensure_consumer()._coordinator.check_errors()

        asyncio.run_coroutine_threadsafe(check(), self._thread.thread_loop).result(timeout_s)


class ChunkTransport(driver.Transport):
    """The transport of `SCHEME`."""

    Consumer = ChunkConsumer


class AsItIs(faust.Codec):
    """A codec that leaves a value alone."""

    def _loads(self, s: Any) -> Any:
        return s

    def _dumps(self, s: Any) -> Any:
        return s


class ChunkApp(faust.App):
    """A Faust app whose partitions belong to `owner`, and which keeps nothing on disk."""

    logger = _faust_log

    def __init__(self, *args: Any, owner: Owner, **kwargs: Any) -> None:
        assert_hooks()
        drivers.TRANSPORTS.aliases[SCHEME] = f"{ChunkTransport.__module__}:{ChunkTransport.__name__}"
        self.owner = owner
        super().__init__(*args, **kwargs)

    async def on_first_start(self) -> None:
        """Create no folders: there are no tables."""

    async def crash(self, reason: BaseException) -> None:
        """Tell the owner, which ends the process."""
        self.owner.fail(reason)
        await super().crash(reason)
