"""Workers on a real Kafka: killed, joined and asked to leave, they count every record once."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from tests.parts.process import Process, wait_until

if TYPE_CHECKING:
    from tests.parts.kafka import Kafka

PARTITIONS = 8


@dataclass
class Crew:
    """Workers that count `numbers` into `said`, and the one who writes the numbers."""

    kafka: Kafka
    folder: Path
    app_id: str
    workers: list[Process] = field(default_factory=list)
    written: int = 0

    @property
    def numbers(self) -> str:
        return f"{self.app_id}-numbers"

    @property
    def said(self) -> str:
        return f"{self.app_id}-said"

    def join(self) -> Process:
        """Start one more worker and wait until it is at work."""
        log = self.folder / f"worker-{len(self.workers)}.log"
        snapshots = f"{self.app_id}-snapshots"
        command = [sys.executable, "-m", "tests.wire.worker"]
        worker = Process([*command, self.kafka.bootstrap, self.app_id, self.numbers, self.said, snapshots], log)
        self.workers.append(worker)
        worker.wait_ready(lambda: "restored and running" in log.read_text(), timeout_s=30)
        return worker

    def write(self, count: int) -> None:
        """Write the next `count` numbers, over all partitions."""
        with closing(KafkaProducer(bootstrap_servers=self.kafka.bootstrap, linger_ms=20)) as producer:
            for number in range(self.written, self.written + count):
                producer.send(self.numbers, value=b"%d" % number, partition=number % PARTITIONS)
            producer.flush()
        self.written += count

    def last_said(self) -> list[dict[str, int]]:
        """Read what was said last about each partition."""
        with closing(KafkaConsumer(bootstrap_servers=self.kafka.bootstrap)) as consumer:
            topic = TopicPartition(self.said, 0)
            consumer.assign([topic])
            consumer.seek_to_beginning(topic)
            end = consumer.end_offsets([topic])[topic]
            last: dict[int, dict[str, int]] = {}
            while consumer.position(topic) < end:
                for record in consumer.poll(500).get(topic, []):
                    said = json.loads(record.value)
                    last[said["partition"]] = said
            return list(last.values())

    def counted(self) -> int:
        return sum(said["count"] for said in self.last_said())

    def assert_all_counted_once(self) -> None:
        wait_until(lambda: self.counted() >= self.written, what="all is counted")
        last = self.last_said()
        assert sum(said["count"] for said in last) == self.written
        assert sum(said["total"] for said in last) == sum(range(self.written))
        assert [said["gaps"] for said in last] == [0] * PARTITIONS


@pytest.fixture
def crew(kafka: Kafka, tmp_path: Path) -> Iterator[Crew]:
    hired = Crew(kafka, tmp_path, f"crew-{uuid.uuid4().hex[:8]}")
    kafka.create_topic(hired.numbers, PARTITIONS)
    kafka.create_topic(hired.said)
    kafka.create_topic(f"{hired.app_id}-beats")
    kafka.create_topic(f"{hired.app_id}-snapshots", 2, {"cleanup.policy": "compact"})
    yield hired
    for worker in hired.workers:
        worker.kill()


@pytest.mark.slow
def test_a_killed_worker_goes_on_where_its_state_was(crew: Crew) -> None:
    worker = crew.join()
    for _ in range(3):
        crew.write(20_000)
        wait_until(lambda: crew.counted() > crew.written - 20_000, what="the worker is in the middle of it")
        worker.kill()
        crew.write(5_000)
        worker = crew.join()
    crew.assert_all_counted_once()
    worker.stop()
    assert worker._popen.returncode == 0
    assert "left in order" in "".join(worker.log_tail())


@pytest.mark.slow
def test_workers_come_and_go(crew: Crew) -> None:
    first = crew.join()
    crew.write(30_000)
    second = crew.join()
    crew.write(30_000)
    first.stop()
    crew.write(30_000)
    third = crew.join()
    crew.write(30_000)
    second.kill()
    crew.write(30_000)
    crew.assert_all_counted_once()
    assert third.alive()


@pytest.mark.slow
def test_a_frozen_worker_gives_way_and_ends_itself(crew: Crew) -> None:
    frozen = crew.join()
    crew.write(20_000)
    frozen.pause()
    crew.write(20_000)
    crew.join()
    crew.assert_all_counted_once()
    frozen.resume()
    wait_until(lambda: not frozen.alive(), what="the frozen worker ended itself")
    assert "tocsin stops itself: the process was stopped for" in "".join(frozen.log_tail())
    crew.write(10_000)
    crew.assert_all_counted_once()
