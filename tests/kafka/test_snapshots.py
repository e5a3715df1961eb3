"""Snapshots on a real Kafka: large ones in parts that any broker takes, and no more of them than the ring has slots."""

from __future__ import annotations

import random
import uuid
from collections import defaultdict
from contextlib import closing
from typing import TYPE_CHECKING

from kafka import KafkaConsumer, TopicPartition

from streams.publisher import Publisher
from streams.snapshots import PART_BYTES_MAX, SLOTS, Place, Snapshot, SnapshotStore

if TYPE_CHECKING:
    from tests.parts.kafka import Kafka

PLACE = Place("tocsin.calls", 3)
STATE_BYTES = 3_000_000
WRITTEN = 3 * SLOTS


async def test_large_states_come_back_whole_and_their_number_is_bounded(kafka: Kafka) -> None:
    topic = f"snapshots-{uuid.uuid4().hex[:8]}"
    kafka.create_topic(topic, 2, {"cleanup.policy": "compact"})
    publisher = Publisher([kafka.bootstrap])
    await publisher.start()
    try:
        store = SnapshotStore("app", topic, publisher, [kafka.bootstrap])
        blobs = [random.Random(number).randbytes(STATE_BYTES) for number in range(WRITTEN)]  # nothing to compress
        for number, blob in enumerate(blobs):
            await store.write(Snapshot(PLACE, 8, 100 * number, number, blob))
        shelf = await store.read([PLACE])
    finally:
        await publisher.stop()
    newest = shelf.newest(PLACE, end_offset=1 << 40)
    assert newest == Snapshot(PLACE, 8, 100 * (WRITTEN - 1), WRITTEN - 1, blobs[-1])
    older = shelf.newest(PLACE, end_offset=100 * (WRITTEN - SLOTS))
    assert older is not None, "as many as the ring has slots are whole"
    assert older.blob == blobs[-SLOTS]
    sizes, keys = read(kafka, topic)
    assert max(sizes) <= PART_BYTES_MAX + 8
    parts = -(-STATE_BYTES // PART_BYTES_MAX)
    assert sorted(keys.values()) == [3] * SLOTS * (parts + 1), "each key comes again, so compaction bounds the topic"


def read(kafka: Kafka, topic: str) -> tuple[list[int], dict[bytes, int]]:
    """Give the sizes of all records, and how often each key is there."""
    sizes: list[int] = []
    keys: defaultdict[bytes, int] = defaultdict(int)
    with closing(KafkaConsumer(bootstrap_servers=kafka.bootstrap)) as consumer:
        places = [TopicPartition(topic, number) for number in range(2)]
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        ends = consumer.end_offsets(places)
        while any(consumer.position(place) < ends[place] for place in places):
            for records in consumer.poll(timeout_ms=500).values():
                for record in records:
                    sizes.append(len(record.value))
                    keys[record.key] += 1
    return sizes, keys
