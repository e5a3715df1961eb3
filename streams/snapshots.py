"""Snapshots: the state of a partition and the offset where it goes on, as one logical record in a topic of our own.

A snapshot is compressed, cut into parts that any broker takes, and ended by a manifest with a checksum over the whole.
Each partition writes into a ring of slots, so that the keys repeat and compaction keeps the newest ones; a snapshot
that was cut short or overwritten by a worker that should be dead is seen by its checksum, and an older slot serves.
The highest next offset wins, whoever wrote it, and so late writers harm nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from streams.access import OPEN, Access
from streams.stage import Outgoing

if TYPE_CHECKING:
    from streams.publisher import Publisher

SCHEMA = 1
"""To be counted up whenever a state is written in another shape: `tests/unit/test_state_shape.py` notices."""

SLOTS = 8
PART_BYTES_MAX = 512 * 1024

_COMPRESSION = 1  # the fastest: a snapshot is written every few seconds and read once
_TAG_BYTES = 8  # each part begins with the tag of its snapshot
_READ_TIMEOUT_MS = 1_000


class SnapshotError(RuntimeError):
    """A snapshot that must not be used: written by a newer program, or for another number of partitions."""


class Place(NamedTuple):
    """Whose state it is: one partition of one topic."""

    topic: str
    partition: int

    def __str__(self) -> str:
        """Write it as people do: `tocsin.calls[3]`."""
        return f"{self.topic}[{self.partition}]"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state (`blob`) that has counted in all records before `next_offset`, out of `partitions` partitions.

    `sequence` grows by one with each snapshot of a place and chooses its slot.
    """

    place: Place
    partitions: int
    next_offset: int
    sequence: int
    blob: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The last record of a snapshot: what its parts must add up to."""

    schema: int = SCHEMA
    partitions: int
    next_offset: int
    sequence: int
    parts: int
    sha256: str  # of the compressed state

    @property
    def tag(self) -> bytes:
        """Name this very snapshot: each of its parts begins with it, so that two writers cannot be mixed up."""
        return hashlib.blake2b(f"{self.sequence}:{self.sha256}".encode(), digest_size=_TAG_BYTES).digest()

    @classmethod
    def read(cls, value: bytes) -> Manifest:
        """Read a manifest; raise `SnapshotError` if another program wrote it, ValueError if it is none."""
        fields = json.loads(value)
        if not isinstance(fields, dict) or "schema" not in fields:
            raise ValueError("not a snapshot manifest")
        if fields["schema"] != SCHEMA:
            raise SnapshotError(
                f"the snapshots are written in schema {fields['schema']}, this program reads schema {SCHEMA}: run the "
                "program that wrote them, or another group (which rebuilds its state from the log)"
            )
        try:
            return cls(**fields)
        except TypeError as reason:
            raise ValueError("not a snapshot manifest") from reason


def _slot(app_id: str, place: Place, number: int) -> str:
    return f"{app_id}|{place.topic}|{place.partition}|{number}"


def pack(snapshot: Snapshot, *, app_id: str, topic: str, partition: int) -> list[Outgoing]:
    """Cut a snapshot into the records of `topic` that write it down: its parts, then the manifest."""
    packed = zlib.compress(snapshot.blob, _COMPRESSION)
    parts = [packed[start : start + PART_BYTES_MAX] for start in range(0, len(packed), PART_BYTES_MAX)]
    manifest = Manifest(
        partitions=snapshot.partitions,
        next_offset=snapshot.next_offset,
        sequence=snapshot.sequence,
        parts=len(parts),
        sha256=hashlib.sha256(packed).hexdigest(),
    )
    slot = _slot(app_id, snapshot.place, snapshot.sequence % SLOTS)
    named = [(f"{slot}|{number}", manifest.tag + part) for number, part in enumerate(parts)]
    named.append((f"{slot}|end", json.dumps(asdict(manifest)).encode()))
    return [Outgoing(topic, value, key.encode(), partition) for key, value in named]


class Shelf:
    """The snapshots found in the topic, as compaction leaves them: the newest record of each key."""

    def __init__(self, app_id: str) -> None:
        self._app_id = app_id
        self._records: dict[str, bytes | None] = {}

    def put(self, key: bytes | None, value: bytes | None) -> None:
        """Take one record of the topic in, in the order of the log."""
        name = (key or b"").decode(errors="replace")
        if name.startswith(f"{self._app_id}|"):
            self._records[name] = value

    def newest(self, place: Place, *, end_offset: int) -> Snapshot | None:
        """Give the sound snapshot of `place` that reaches furthest, but not past the end of its log.

        A snapshot that is damaged, or ahead of a log that was cut, gives way to an older one. Raises `SnapshotError`
        for a schema that is not ours.
        """
        found: list[tuple[int, int, int, Manifest]] = []
        for number in range(SLOTS):
            value = self._records.get(f"{_slot(self._app_id, place, number)}|end")
            if value is None:
                continue
            try:
                manifest = Manifest.read(value)
            except ValueError:
                continue  # damaged: as good as not written
            if manifest.next_offset <= end_offset:
                found.append((manifest.next_offset, manifest.sequence, number, manifest))
        for *_, number, manifest in sorted(found, key=lambda entry: entry[:2], reverse=True):
            blob = self._blob(_slot(self._app_id, place, number), manifest)
            if blob is not None:
                return Snapshot(place, manifest.partitions, manifest.next_offset, manifest.sequence, blob)
        return None

    def last_sequence(self, place: Place) -> int:
        """Say the greatest sequence written for `place`, sound or not; -1 if there is none."""
        sequences = [-1]
        for number in range(SLOTS):
            value = self._records.get(f"{_slot(self._app_id, place, number)}|end")
            if value is not None:
                try:
                    sequences.append(Manifest.read(value).sequence)
                except ValueError:
                    sequences.append(number)  # damaged, but written: it was at least the first of its slot
        return max(sequences)

    def _blob(self, slot: str, manifest: Manifest) -> bytes | None:
        parts: list[bytes] = []
        for number in range(manifest.parts):
            value = self._records.get(f"{slot}|{number}")
            if value is None or not value.startswith(manifest.tag):
                return None
            parts.append(value[_TAG_BYTES:])
        packed = b"".join(parts)
        return zlib.decompress(packed) if hashlib.sha256(packed).hexdigest() == manifest.sha256 else None


class SnapshotStore:
    """The snapshot topic of one application: writes awaited, reads by place."""

    def __init__(
        self, app_id: str, topic: str, publisher: Publisher, bootstrap: Sequence[str], access: Access = OPEN
    ) -> None:
        self._app_id = app_id
        self._topic = topic
        self._publisher = publisher
        self._bootstrap = list(bootstrap)
        self._access = access

    async def write(self, snapshot: Snapshot) -> None:
        """Write a snapshot and wait until every replica has it; raise aiokafka's `KafkaError` if not."""
        partition = self._partition(snapshot.place, await self._publisher.partitions_of(self._topic))
        records = await asyncio.to_thread(pack, snapshot, app_id=self._app_id, topic=self._topic, partition=partition)
        await self._publisher.publish(*records)

    async def read(self, places: Iterable[Place]) -> Shelf:
        """Read what was written about `places`, from the beginning of the topic to its present end."""
        from aiokafka import AIOKafkaConsumer, TopicPartition

        shelf = Shelf(self._app_id)
        partitions = await self._publisher.partitions_of(self._topic)
        wanted = {TopicPartition(self._topic, self._partition(place, partitions)) for place in places}
        if not wanted:
            return shelf
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            **self._access.arguments(),
        )
        await consumer.start()
        try:
            consumer.assign(wanted)
            await consumer.seek_to_beginning(*wanted)
            ends: Mapping[TopicPartition, int] = await consumer.end_offsets(list(wanted))
            while [tp for tp in wanted if await consumer.position(tp) < ends[tp]]:
                batches = await consumer.getmany(timeout_ms=_READ_TIMEOUT_MS)
                for record in chain.from_iterable(batches.values()):
                    shelf.put(record.key, record.value)
        finally:
            await consumer.stop()
        return shelf

    def _partition(self, place: Place, partitions: int) -> int:
        return zlib.crc32(f"{place.topic}|{place.partition}".encode()) % partitions
