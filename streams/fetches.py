"""Whole fetches: the records of one fetch as a few long runs, never made into objects one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.errors import CorruptRecordException

from streams.recordbatches import Batch, Records, read
from streams.stage import Chunk

CHUNK_RECORDS_MAX = 8_192


@dataclass(frozen=True, slots=True)
class Fetched:
    """A run of record batches of one partition, not yet parsed: the thread that fetches shall go on fetching.

    Runs are numbered without gaps: holes (compaction, control records) belong to the run that spans them, so after a
    run that ends at n the next one begins at n, or something between was thrown away.
    """

    topic: str
    partition: int
    first_offset: int
    next_offset: int
    batches: Sequence[Batch]
    check_crcs: bool = True

    def chunks(self, start: int) -> Iterator[Chunk]:
        """Parse the records from offset `start` on into chunks of at most `CHUNK_RECORDS_MAX`, at least one.

        Raises aiokafka's `CorruptRecordException` where a checksum is wrong.
        """
        start = max(start, self.first_offset)
        if self.check_crcs and not all(batch.is_intact for batch in self.batches):
            raise CorruptRecordException(f"invalid checksum in {self.topic}[{self.partition}] after offset {start}")
        records = read(self.batches)
        # The fetch may begin inside a batch, and what lies before `start` is known.
        first = int(np.searchsorted(records.offset, start))
        for at in range(first, len(records), CHUNK_RECORDS_MAX):
            behind = at + CHUNK_RECORDS_MAX
            end = int(records.offset[behind]) if behind < len(records) else self.next_offset
            yield self._chunk(records, at, behind, start, end)
            start = end
        if start < self.next_offset:
            yield Chunk(self.topic, self.partition, [], [], [], self.next_offset)

    def _chunk(self, records: Records, first: int, last: int, start: int, end: int) -> Chunk:
        values = records.values(first, last)
        whole = len(values) == end - start  # without holes, which is nearly always, offsets need not be kept
        return Chunk(
            topic=self.topic,
            partition=self.partition,
            values=values,
            offsets=range(start, end) if whole else records.offset[first:last].tolist(),
            timestamps_ms=records.time_ms[first:last],
            next_offset=end,
        )


class ChunkRecords(PartitionRecords):  # type: ignore[misc]  # aiokafka is not typed
    """The records of one fetch, as few long runs instead of many records."""

    next_fetch_offset: int

    def _unpack_records(self) -> Iterator[Fetched]:
        batches: list[Batch] = []
        first = end = self.next_fetch_offset
        while self._records.has_next():
            batch = self._records.take()
            end = max(end, batch.head.next_offset)
            if not self._is_hidden(batch.head):
                batches.append(batch)
            if end - first >= CHUNK_RECORDS_MAX:
                yield self._fetched(batches, first, end)
                batches, first = [], end
        if first < end:
            yield self._fetched(batches, first, end)

    def _is_hidden(self, batch: Any) -> bool:
        """Say whether readers do not see this batch: it is a marker, or belongs to an aborted transaction."""
        if self._isolation_level and batch.producer_id is not None:
            self._consume_aborted_up_to(batch.base_offset)
            if batch.is_control_batch and self._contains_abort_marker(batch):
                self._aborted_producers.discard(batch.producer_id)
            if batch.is_transactional and batch.producer_id in self._aborted_producers:
                return True
        return bool(batch.is_control_batch)

    def _fetched(self, batches: list[Batch], first: int, end: int) -> Fetched:
        self.next_fetch_offset = end  # aiokafka's position follows this when the run is handed out
        return Fetched(self._tp.topic, self._tp.partition, first, end, batches, self._check_crcs)
