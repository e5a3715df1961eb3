"""Whole fetches: the records of one fetch as a few long runs, parsed in C and never made into objects one by one."""

from __future__ import annotations

from collections.abc import Iterator
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
    """A chunk and the offset at which its reading began.

    Runs are numbered without gaps: holes (compaction, control records) belong to the run that spans them, so after a
    run that ends at n the next one begins at n, or something between was thrown away.
    """

    first_offset: int
    chunk: Chunk


class ChunkRecords(PartitionRecords):  # type: ignore[misc]  # aiokafka is not typed
    """The records of one fetch, as few long runs instead of many records."""

    next_fetch_offset: int

    def _unpack_records(self) -> Iterator[Fetched]:
        rows: list[Any] = []
        first = end = self.next_fetch_offset
        while self._records.has_next():
            batch = self._records.next_batch()
            if self._check_crcs and not batch.validate_crc():
                raise CorruptRecordException(f"invalid checksum in {self._tp} at or after offset {end}")
            if not self._is_hidden(batch):
                found = list(batch)
                if found and found[0].offset < first:  # the fetch began inside this batch
                    found = [row for row in found if row.offset >= first]
                rows += found
            end = max(end, batch.next_offset)
            while len(rows) >= CHUNK_RECORDS_MAX:
                run, rows = rows[:CHUNK_RECORDS_MAX], rows[CHUNK_RECORDS_MAX:]
                yield self._fetched(first, run, run[-1].offset + 1 if rows else end)
                first = self.next_fetch_offset
        if first < end:
            yield self._fetched(first, rows, end)

    def _is_hidden(self, batch: Any) -> bool:
        """Say whether readers do not see this batch: it is a marker, or belongs to an aborted transaction."""
        if self._isolation_level and batch.producer_id is not None:
            self._consume_aborted_up_to(batch.base_offset)
            if batch.is_control_batch and self._contains_abort_marker(batch):
                self._aborted_producers.discard(batch.producer_id)
            if batch.is_transactional and batch.producer_id in self._aborted_producers:
                return True
        return bool(batch.is_control_batch)

    def _fetched(self, first: int, rows: list[Any], end: int) -> Fetched:
        self.next_fetch_offset = end  # aiokafka's position follows this when the run is handed out
        whole = len(rows) == end - first  # without holes, which is nearly always, offsets need not be kept one by one
        return Fetched(
            first,
            Chunk(
                topic=self._tp.topic,
                partition=self._tp.partition,
                values=list(map(_value, rows)),
                offsets=range(first, end) if whole else list(map(_offset, rows)),
                timestamps_ms=list(map(_timestamp, rows)),
                next_offset=end,
            ),
        )
