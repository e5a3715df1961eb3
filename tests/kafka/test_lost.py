"""What gets lost between the log and the stage on a real Kafka: runs on the way, and the end of the log itself."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import TopicPartition as ConfluentPlace
from confluent_kafka.admin import AdminClient

from streams import lostruns, transport
from streams.fetches import ChunkRecords, Fetched
from streams.host import Host
from streams.hosting import DataLost, HostSettings, Wiring
from streams.stage import Outgoing
from tests.parts.kafka import Kafka
from tests.wire.counting import CountingStage

if TYPE_CHECKING:
    from aiokafka.structs import TopicPartition

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
PARTITIONS = 2


@dataclass
class Running:
    """A host at work in this process, on topics of its own, and its stages by partition."""

    host: Host
    run: asyncio.Task[None]
    topic: str
    stages: dict[int, CountingStage] = field(default_factory=dict)
    written: int = 0

    async def write(self, count: int) -> None:
        """Write the next `count` numbers, over both partitions."""
        numbers = range(self.written, self.written + count)
        await self.host.publish(*(Outgoing(self.topic, b"%d" % n, None, n % PARTITIONS) for n in numbers))
        self.written += count

    def counted(self) -> int:
        return sum(stage.count for stage in self.stages.values())


async def until(holds: Callable[[], bool], timeout_s: float = 60) -> None:
    async with asyncio.timeout(timeout_s):
        while not holds():  # noqa: ASYNC110  # what is waited for happens in other threads, and has no event
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def hosting(kafka: Kafka, name: str) -> AsyncIterator[Running]:
    """Run a host of the application `name`; whatever ended it before the block did is the block's to look at."""
    stages: dict[int, CountingStage] = {}

    def make(partition: int, partitions: int) -> CountingStage:
        return stages.setdefault(partition, CountingStage(f"{name}-said", partition, partitions, f"{name}-said"))

    ready = asyncio.Event()
    settings = HostSettings(
        [kafka.bootstrap], name, f"{name}-snapshots", snapshot_every_s=0.3, ask_ends_every_s=0.5, limits=None
    )
    host = Host(settings, [Wiring(f"{name}-numbers", make)], clock=lambda: 0, on_ready=ready.set)
    run = asyncio.create_task(host.run())
    try:
        async with asyncio.timeout(60):
            await ready.wait()
        yield Running(host, run, f"{name}-numbers", stages)
    finally:
        host.stop()
        await asyncio.wait([run])


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[Kafka]:
    with Kafka(tmp_path) as one:
        yield one


def topics(kafka: Kafka) -> str:
    name = f"lost-{uuid.uuid4().hex[:8]}"
    kafka.create_topic(f"{name}-numbers", PARTITIONS)
    kafka.create_topic(f"{name}-said")
    kafka.create_topic(f"{name}-snapshots", 1, {"cleanup.policy": "compact"})
    return name


async def test_runs_that_get_lost_on_the_way_are_read_again(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thrown away behind the fetch, where Faust throws away what it fetched before a rebalance or a pause."""
    lost: list[tuple[TopicPartition, int, int]] = []
    handed: list[Fetched] = []

    class Lossy(ChunkRecords):
        def _unpack_records(self) -> Iterator[Fetched]:
            for run in super()._unpack_records():
                handed.append(run)
                if len(handed) in {3, 7}:
                    lost.append((self._tp, run.first_offset, run.next_offset))
                else:
                    yield run

    monkeypatch.setattr(transport, "ChunkRecords", Lossy)
    monkeypatch.setattr(lostruns, "_SEEK_AGAIN_S", 0.5)
    async with hosting(kafka, await asyncio.to_thread(topics, kafka)) as running:
        for _ in range(40):
            await running.write(200)
            await asyncio.sleep(0.02)
        await until(lambda: len(lost) == 2)
        await running.write(200)  # a run behind the lost one is what shows that it is lost
        await until(lambda: running.counted() == running.written)
        tally = running.host.tally
        assert 1 <= tally.jumps <= 4
        for place, first, end in lost:
            again = [run for run in handed if run.partition == place.partition and run.first_offset == first]
            assert len(again) >= 2, f"{place} from {first} to {end} was fetched once more"
        stages = list(running.stages.values())
        assert sum(stage.total for stage in stages) == sum(range(running.written)), "each number once"
        assert [stage.gaps for stage in stages] == [0] * PARTITIONS
        assert running.host.ready
        assert tally.missing == 0


async def test_the_last_run_of_all_is_read_again(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing comes behind it that would show a gap."""
    losing = True

    class Lossy(ChunkRecords):
        def _unpack_records(self) -> Iterator[Fetched]:
            yield from (run for run in super()._unpack_records() if not losing)

    monkeypatch.setattr(transport, "ChunkRecords", Lossy)
    monkeypatch.setattr(lostruns, "_STANDSTILL_S", 1.5)
    async with hosting(kafka, await asyncio.to_thread(topics, kafka)) as running:
        await running.write(100)
        await asyncio.sleep(1)
        losing = False
        await until(lambda: running.counted() == 100, timeout_s=10)
        assert running.host.tally.jumps >= PARTITIONS


async def test_records_deleted_before_they_were_read_are_counted_and_passed_over(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Retention overtakes a worker that has to go back: what it lost on the way is no longer in the log."""
    losing = False

    class Lossy(ChunkRecords):
        def _unpack_records(self) -> Iterator[Fetched]:
            yield from (run for run in super()._unpack_records() if not losing)

    monkeypatch.setattr(transport, "ChunkRecords", Lossy)
    monkeypatch.setattr(lostruns, "_SEEK_AGAIN_S", 0.5)
    name = await asyncio.to_thread(topics, kafka)
    async with hosting(kafka, name) as running:
        await running.write(100)
        await until(lambda: running.counted() == 100)
        losing = True
        await running.write(60)
        await asyncio.sleep(1)
        await asyncio.to_thread(delete_before, kafka, f"{name}-numbers", 80)  # of 50 to 80, all are lost
        losing = False
        await running.write(100)
        await until(lambda: running.counted() == running.written - 60)
        assert running.host.tally.missing == 60
        numbers = sum(range(running.written)) - sum(range(100, 160))
        assert sum(stage.total for stage in running.stages.values()) == numbers


def delete_before(kafka: Kafka, topic: str, offset: int) -> None:
    """Delete the records of both partitions before an offset, as retention does."""
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    wanted = [ConfluentPlace(topic, number, offset) for number in range(PARTITIONS)]
    for done in admin.delete_records(wanted).values():
        done.result(30)


async def test_a_log_that_lost_its_end_while_it_was_read_ends_the_worker(own_kafka: Kafka, tmp_path: Path) -> None:
    """The broker comes back without the segments of a partition, as from a disk that was replaced."""
    name = await asyncio.to_thread(topics, own_kafka)
    async with hosting(own_kafka, name) as running:
        await running.write(1_000)
        await until(lambda: running.counted() == 1_000)
        await asyncio.to_thread(own_kafka.kill)
        for path in (tmp_path / "log" / f"{name}-numbers-0").iterdir():
            if path.name != "partition.metadata":
                path.unlink()
        for checkpoint in (tmp_path / "log").glob("*checkpoint*"):
            checkpoint.unlink()
        shutil.rmtree(tmp_path / "log" / f"{name}-numbers-0" / "snapshots", ignore_errors=True)
        await asyncio.to_thread(own_kafka.restart)
        await asyncio.wait([running.run], timeout=60)
        assert running.run.done()
        reason = running.run.exception()
        assert isinstance(reason, DataLost), reason
        assert f"{name}-numbers[0]: the log ends at 0, and it was read up to 500" in str(reason)
