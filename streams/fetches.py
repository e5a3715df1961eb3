"""Whole fetches: the records of one fetch as a few long runs, parsed in C and never made into objects one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.errors import CorruptRecordException

from streams.stage import Chunk

CHUNK_RECORDS_MAX = 8_192

_value, _offset, _timestamp = attrgetter("value"), attrgetter("offset"), attrgetter("timestamp")


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
    batches: Sequence[Any]  # aiokafka's
    check_crcs: bool = True

    def chunks(self, start: int) -> Iterator[Chunk]:
        """Parse the records from offset `start` on into chunks of at most `CHUNK_RECORDS_MAX`, at least one.

        To be called once: aiokafka's batches are read as they are walked. Raises aiokafka's `CorruptRecordException`
        where a checksum is wrong.
        """
        rows: list[Any] = []
        start = max(start, self.first_offset)
        for batch in self.batches:
            if self.check_crcs and not batch.validate_crc():
                raise CorruptRecordException(f"invalid checksum in {self.topic}[{self.partition}] after offset {start}")
            found = list(batch)
            if found and found[0].offset < start:  # the fetch began inside this batch, or we know its beginning
                found = [row for row in found if row.offset >= start]
            rows += found
            while len(rows) > CHUNK_RECORDS_MAX:
                run, rows = rows[:CHUNK_RECORDS_MAX], rows[CHUNK_RECORDS_MAX:]
                end = rows[0].offset
                yield self._chunk(run, start, end)
                start = end
        yield self._chunk(rows, start, self.next_offset)

    def _chunk(self, rows: list[Any], start: int, end: int) -> Chunk:
        whole = len(rows) == end - start  # without holes, which is nearly always, offsets need not be kept one by one
        return Chunk(
            topic=self.topic,
            partition=self.partition,
            values=list(map(_value, rows)),
            offsets=range(start, end) if whole else list(map(_offset, rows)),
            timestamps_ms=list(map(_timestamp, rows)),
            next_offset=end,
        )


class ChunkRecords(PartitionRecords):  # type: ignore[misc]  # aiokafka is not typed
    """The records of one fetch, as few long runs instead of many records."""

    next_fetch_offset: int

    def _unpack_records(self) -> Iterator[Fetched]:
        batches: list[Any] = []
        first = end = self.next_fetch_offset
        while self._records.has_next():
            batch = self._records.next_batch()
            end = max(end, batch.next_offset)
            if not self._is_hidden(batch):
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

    def _fetched(self, batches: list[Any], first: int, end: int) -> Fetched:
        self.next_fetch_offset = end  # aiokafka's position follows this when the run is handed out
        return Fetched(self._tp.topic, self._tp.partition, first, end, batches, self._check_crcs)
