"""The host on the embedded broker: what comes in is counted once, whatever happens to the worker."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError

from streams.broker import EmbeddedBroker
from streams.host import Host
from streams.hosting import HostSettings, Wiring
from streams.snapshots import SnapshotStore
from streams.stage import Outgoing
from tests.wire.counting import CountingStage

PARTITIONS = 4
TOPICS = {"numbers": PARTITIONS, "said": 1, "beats": 1, "tocsin.snapshots": 2}
pytestmark = pytest.mark.slow


@pytest.fixture
def broker() -> Iterator[str]:
    with EmbeddedBroker(TOPICS) as embedded:
        yield embedded.bootstrap


@dataclass
class Running:
    """A host at work in this process, and its stages by partition."""

    host: Host
    run: asyncio.Task[None]
    stages: dict[int, CountingStage] = field(default_factory=dict)

    async def counted(self, count: int) -> None:
        await until(lambda: sum(stage.count for stage in self.stages.values()) >= count)


async def until(holds: Callable[[], bool]) -> None:
    """Wait until `holds`; raise TimeoutError after 20 s."""
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110  # what is waited for happens in other threads, and has no event
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def hosting(bootstrap: str, *, group: str = "first") -> AsyncIterator[Running]:
    """Run a host until the block ends.

    The embedded broker lets nobody join a group that was left, so each run has a group of its own; the snapshots are
    the same application's.
    """
    stages: dict[int, CountingStage] = {}

    def make(partition: int, partitions: int) -> CountingStage:
        assert partitions == PARTITIONS
        stages[partition] = CountingStage("said", partition, partitions)
        return stages[partition]

    ready = asyncio.Event()
    host = Host(
        HostSettings([bootstrap], group, beat_every_s=0.2, snapshot_every_s=0.3, ask_ends_every_s=0.3, limits=None),
        [Wiring("numbers", make)],
        clock=lambda: 1_234,
        on_ready=ready.set,
    )
    keeper = host._custodian
    keeper._links = replace(
        keeper._links, store=SnapshotStore("counting", "tocsin.snapshots", keeper._links.publisher, [bootstrap])
    )
    run = asyncio.create_task(host.run())
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait([run, waiting], timeout=20, return_when=asyncio.FIRST_COMPLETED)
    try:
        assert ready.is_set(), run
        yield Running(host, run, stages)
    finally:
        host.stop()
        waiting.cancel()
        await run


def numbers(first: int, end: int) -> list[Outgoing]:
    return [Outgoing("numbers", b"%d" % number, None, number % PARTITIONS) for number in range(first, end)]


async def latest(bootstrap: str, topic: str) -> dict[int, dict[str, int]]:
    """Read a topic of one partition whole: the last record of each key."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=None)
    await consumer.start()
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        end = (await consumer.end_offsets([partition]))[partition]
        found: dict[int, dict[str, int]] = {}
        while await consumer.position(partition) < end:
            for record in (await consumer.getmany(timeout_ms=500)).get(partition, []):
                found[int(record.key)] = json.loads(record.value)
        return found
    finally:
        await consumer.stop()


async def test_every_record_is_counted_once(broker: str) -> None:
    async with hosting(broker) as running:
        await running.host.publish(*numbers(0, 1_000))
        await running.counted(1_000)
        assert running.host.ready
        assert sum(stage.total for stage in running.stages.values()) == sum(range(1_000))
        assert [stage.gaps for stage in running.stages.values()] == [0] * PARTITIONS
        assert [progress.next_offset for progress in running.host.progress()] == [250] * PARTITIONS
    assert running.host.progress() == []
    assert {said["count"] for said in (await latest(broker, "said")).values()} == {250}


async def test_time_passes_while_nothing_comes(broker: str) -> None:
    async with hosting(broker) as running:
        await until(lambda: min(stage.beats for stage in running.stages.values()) >= 4)
    assert set(await latest(broker, "beats")) == set(range(PARTITIONS))


async def test_a_restart_goes_on_where_the_state_was(broker: str) -> None:
    async with hosting(broker) as running:
        await running.host.publish(*numbers(0, 400))
        await running.counted(400)
    async with hosting(broker, group="second") as running:
        await running.host.publish(*numbers(400, 800))
        await running.counted(800)
        assert sum(stage.total for stage in running.stages.values()) == sum(range(800))
        assert running.host.tally.restores == PARTITIONS
        assert [stage.gaps for stage in running.stages.values()] == [0] * PARTITIONS


async def test_a_damaged_snapshot_gives_way_to_the_one_before(broker: str) -> None:
    async with hosting(broker) as running:
        await running.host.publish(*numbers(0, 400))
        await running.counted(400)
        await until(lambda: {progress.durable_offset for progress in running.host.progress()} == {100})
        await running.host.publish(*numbers(400, 800))
        await running.counted(800)
    await damage_the_newest(broker)
    async with hosting(broker, group="second") as running:
        await running.counted(800)
        assert sum(stage.total for stage in running.stages.values()) == sum(range(800))


async def damage_the_newest(bootstrap: str) -> None:
    """Write rubbish over the first part of each partition's newest snapshot."""
    newest: dict[str, tuple[int, int, int]] = {}
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=None)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await consumer.start()
    await producer.start()
    try:
        partitions = [TopicPartition("tocsin.snapshots", number) for number in range(2)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for partition, records in (await consumer.getmany(timeout_ms=500)).items():
                for record in records:
                    place, slot, part = record.key.decode().rsplit("|", 2)
                    if part == "end":
                        manifest = json.loads(record.value)
                        entry = (manifest["next_offset"], int(slot), partition.partition)
                        newest[place] = max(newest.get(place, entry), entry)
        for place, (_, slot, number) in newest.items():
            await producer.send_and_wait(
                "tocsin.snapshots", b"rubbish", key=f"{place}|{slot}|0".encode(), partition=number
            )
    finally:
        await producer.stop()
        await consumer.stop()
    assert len(newest) == PARTITIONS


async def test_a_stage_that_breaks_ends_the_run(broker: str) -> None:
    with pytest.raises(ValueError, match="not a number"):
        await feed_what_breaks(broker)


async def feed_what_breaks(broker: str) -> None:
    async with hosting(broker) as running:
        await running.host.publish(Outgoing("numbers", b"not a number", None, 0))
        await asyncio.wait([running.run], timeout=10)


async def test_an_error_parked_by_the_group_is_heard(broker: str) -> None:
    async with hosting(broker) as running:
        consumer = running.host._consumer
        coordinator = consumer._thread._ensure_consumer()._coordinator

        async def push() -> None:
            await coordinator._push_error_to_user(KafkaError("nobody asked"))

        parked = asyncio.run_coroutine_threadsafe(push(), consumer._thread.thread_loop)
        await asyncio.sleep(0.1)
        assert not parked.done()
        with pytest.raises(KafkaError, match="nobody asked"):
            await asyncio.to_thread(running.host.check_group, 5)
        await asyncio.wait_for(asyncio.wrap_future(parked), 5)
        await asyncio.to_thread(running.host.check_group, 5)


async def test_no_broker_is_said_at_once() -> None:
    host = Host(HostSettings(["127.0.0.1:1"], limits=None), [], clock=lambda: 0)
    with pytest.raises(KafkaConnectionError):
        await host.run()


async def test_asked_to_stop_before_it_began_it_does_not_begin() -> None:
    host = Host(HostSettings(["127.0.0.1:1"], limits=None), [], clock=lambda: 0)
    host.stop()
    await host.run()
