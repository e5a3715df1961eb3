"""The books against the log: what the newest snapshots say became of every record, read without any worker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from streams.access import OPEN, Access
from streams.counts import Counts
from streams.logends import LogEnds
from streams.publisher import Publisher
from streams.snapshots import Place, SnapshotStore
from streams.source_stage import counts_of
from streams.topics import SNAPSHOTS, stream_topic


@dataclass(frozen=True, slots=True)
class Account:
    """One partition: its log, where its newest snapshot goes on (None: there is none), and its books up to there."""

    place: Place
    first_offset: int
    end_offset: int
    next_offset: int | None
    counts: Counts

    @property
    def is_settled(self) -> bool:
        """Whether the books account for every record of the log, each once."""
        return self.next_offset == self.end_offset == self.counts.end


async def audit(
    bootstrap: Sequence[str], streams: Iterable[str], *, group: str = "tocsin", access: Access = OPEN
) -> list[Account]:
    """Read the books of every partition of `streams` that workers of `group` kept.

    Raise aiokafka's `KafkaError` if Kafka does not answer, `SnapshotError` for snapshots of another program.
    """
    publisher, ends = Publisher(bootstrap, access), LogEnds(bootstrap, access)
    store = SnapshotStore(group, SNAPSHOTS, publisher, bootstrap, access)
    await publisher.start()
    try:
        await ends.start()
        try:
            topics = [stream_topic(stream) for stream in streams]
            places = [Place(topic, n) for topic in topics for n in range(await publisher.partitions_of(topic))]
            first, last = await ends.first(places), await ends.next(places)
            shelf = await store.read(places)
        finally:
            await ends.stop()
    finally:
        await publisher.stop()
    found = {place: shelf.newest(place, end_offset=last[place]) for place in places}
    return [
        Account(
            place,
            first[place],
            last[place],
            snapshot.next_offset if snapshot else None,
            counts_of(snapshot.blob) if snapshot else Counts(),
        )
        for place, snapshot in found.items()
    ]
