"""Saved state and logs that are not as they should be: an older state serves, or the worker says what is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions  # type: ignore[attr-defined]
from kafka import KafkaProducer

from streams.audit import Account, audit
from streams.topics import SNAPSHOTS, stream_topic
from tests.faults.crew import REFUSED, Crew
from tests.faults.findings import Findings, find
from tests.faults.ledger import Ledger
from tests.faults.oracle import expected_alerts, read_topic
from tests.faults.progress import STEPS, Progress
from tests.faults.settling import settle
from tests.faults.traffic import PARTITIONS, STREAMS, Traffic
from tests.parts.kafka import Kafka
from tests.parts.process import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
STEPS_LEN = 1_500  # events of one sitting
CALLS = stream_topic("calls")


class Site:
    """A Kafka without workers, except while one is asked to do what there is."""

    def __init__(self, kafka: Kafka, folder: Path) -> None:
        self.kafka = kafka
        self.crew = Crew(kafka.bootstrap, folder)
        self.traffic = Traffic(seed=5)
        self.ledger = Ledger(kafka.bootstrap, self.traffic, per_s=1)
        for stream in STREAMS:
            kafka.create_topic(stream_topic(stream), PARTITIONS)

    def work(self, expected: Iterable[bytes] = ()) -> str:
        """Let a worker count in what there is and give the alert records expected, and end in order; give its log."""
        worker = self.crew.start()
        with closing(Progress(self.kafka.bootstrap, self.crew.group)) as progress:
            self.crew.wait_until(self.crew.all_ready, what="ready", timeout_s=60)
            settle(self.crew, progress, set(expected), timeout_s=60)
        worker.stop()
        assert worker.exit_code == 0
        self.crew.workers.clear()
        return worker.log.read_text()

    def refusal(self) -> str:
        """Start a worker that will not do, and give what it says."""
        worker = self.crew.start()
        self.crew.workers.clear()  # it is expected to end: nobody is to start it again
        wait_until(lambda: not worker.alive(), what="the worker refuses", timeout_s=60)
        assert worker.exit_code == REFUSED
        return "".join(worker.log_tail())

    def finish(self) -> Findings:
        self.ledger.finish()
        expected = expected_alerts(self.crew.rules, self.traffic.accepted, self.traffic.end_ms)
        self.work(expected)
        return find(self.kafka.bootstrap, self.crew.rules, self.ledger, expected, self.crew.group)

    def overwrite(self, kind: str, value: bytes, *, newest_only: bool) -> None:
        """Write `value` over the parts or manifests of saved states of the streams: of every partition, one or all."""
        slots: dict[str, list[tuple[int, int, bytes]]] = {}
        for record in read_topic(self.kafka.bootstrap, SNAPSHOTS):
            _, topic, partition, _, what = record.key.decode().split("|")
            if what == "end" and topic in STEPS[0]:
                written = (record.offset, record.partition, record.key)
                slots.setdefault(f"{topic}|{partition}", []).append(written)
        with closing(KafkaProducer(bootstrap_servers=self.kafka.bootstrap)) as producer:
            for found in slots.values():
                for _, partition, key in sorted(found)[-1:] if newest_only else found:
                    producer.send(SNAPSHOTS, key=key[:-3] + kind.encode(), value=value, partition=partition)
            producer.flush()

    def accounts(self) -> dict[tuple[str, int], Account]:
        found = asyncio.run(audit([self.kafka.bootstrap], STREAMS, group=self.crew.group))
        return {(account.place.topic, account.place.partition): account for account in found}


@pytest.fixture(scope="module")
def own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    with Kafka(tmp_path_factory.mktemp("kafka")) as kafka:
        yield kafka


@pytest.fixture
def site(own_kafka: Kafka, tmp_path: Path) -> Iterator[Site]:
    one = Site(own_kafka, tmp_path)
    yield one
    one.crew.dismiss()
    with closing(own_kafka.admin()) as admin:
        ours = [topic for topic in admin.list_topics() if topic.startswith("tocsin.")]
        admin.delete_groups([one.crew.group])
    own_kafka.delete_topics(*ours)


def test_where_the_newest_state_is_damaged_an_older_one_serves(site: Site) -> None:
    for _ in range(2):
        site.ledger.write(STEPS_LEN)
        site.work()
    site.overwrite("end", b"rubbish", newest_only=True)
    found = site.finish()
    assert found.problems == []
    assert found.told_again > 0, "it was read again from the older state"


def test_no_sound_state_is_refused_and_another_group_rebuilds_it(site: Site) -> None:
    site.ledger.write(STEPS_LEN)
    site.work()
    site.overwrite("end", b'{"schema": 99}', newest_only=True)
    assert "the snapshots are written in schema 99, this program reads schema 1" in site.refusal()
    site.overwrite("end", b"rubbish", newest_only=False)
    assert "no snapshot fits the log" in site.refusal()
    site.crew.group = "another"
    assert site.finish().problems == []


def test_a_log_that_was_cut_is_told_and_a_partition_that_was_added_refused(site: Site) -> None:
    site.ledger.write(STEPS_LEN)
    site.work()
    read = site.accounts()[CALLS, 0].end_offset
    site.ledger.write(STEPS_LEN)
    admin = AdminClient({"bootstrap.servers": site.kafka.bootstrap})
    for done in admin.delete_records([TopicPartition(CALLS, 0, read + 7)]).values():
        done.result(30)
    assert f"{CALLS}[0]: 7 records were deleted before they were read: retention is too short" in site.work()
    account = site.accounts()[CALLS, 0]
    assert account.is_settled
    assert (account.first_offset, account.counts.start, account.counts.skipped) == (read + 7, 0, 7)
    for done in admin.create_partitions([NewPartitions(CALLS, PARTITIONS + 2)]).values():
        done.result(30)
    assert f"the state was made for {PARTITIONS} partitions and the topic has {PARTITIONS + 2} now" in site.refusal()
