"""Kafka's record batches as arrays: where each record's value lies, its offset and its time, many batches at once.

Made into objects one by one, as every client does, records cost as much as decoding their JSON. Here all records of
a fetch are found with numpy. What is found is proved: the records must follow each other without a gap, in the
number the batches say, or the bytes are corrupt. The format is version 2 of Kafka's message format (KIP-98); older
ones are left to aiokafka.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, overload

import google_crc32c
import numpy as np
import numpy.typing as npt
from aiokafka import codec
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException

from detectors.batch import Bool, Int64

Bytes: TypeAlias = npt.NDArray[np.uint8]

MAGIC: Final = 2
HEAD_LEN: Final = 61
_CRC_FROM: Final = 21  # what the checksum is of
_CODEC_MASK: Final = 0x07
_APPEND_TIME: Final = 0x08
_VARINT_BITS: Final = 63
_BLOCK_LEN: Final = 1 << 15  # arrays of this size stay in the cache, and malloc keeps their memory
_DECOMPRESS: Final[Mapping[int, Callable[[bytes], bytes]]] = {
    1: codec.gzip_decode,
    2: codec.snappy_decode,
    3: codec.lz4_decode,
    4: codec.zstd_decode,
}


class KeptRecords(fetcher.MemoryRecords):  # type: ignore[misc]  # aiokafka is not typed
    """The record batches of one fetch of one partition, with the bytes they were read from."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._data = data
        self._at = 0

    def take(self) -> Batch:
        """Take the next batch."""
        start, self._at = self._at, self._at + 12 + int.from_bytes(self._data[self._at + 8 : self._at + 12], "big")
        return Batch(self.next_batch(), self._data[start : self._at])


@dataclass(frozen=True, slots=True)
class Batch:
    """One record batch: aiokafka's view of its head, and all of its bytes."""

    head: Any
    raw: bytes

    @property
    def is_modern(self) -> bool:
        """Whether this module can read it."""
        return self.raw[16] == MAGIC

    @property
    def count(self) -> int:
        """How many records it has."""
        return int.from_bytes(self.raw[57:HEAD_LEN], "big")

    @property
    def is_intact(self) -> bool:
        """Whether the checksum is right."""
        if not self.is_modern:
            return bool(self.head.validate_crc())
        # aiokafka reckons CRC-32C by table, at six times the cost of the processor's own instruction.
        return bool(google_crc32c.value(self.raw[_CRC_FROM:]) == self.head.crc)

    def body(self) -> bytes:
        """Give the records, decompressed."""
        name = self.raw[22] & _CODEC_MASK  # the low byte of the attributes
        return _DECOMPRESS[name](self.raw[HEAD_LEN:]) if name else self.raw[HEAD_LEN:]


@dataclass(frozen=True, slots=True)
class Records:
    """Records in the order of the log: (n,) offsets and times, and where in `body` the value of each lies.

    Where `is_null` there is no value: a tombstone.
    """

    body: bytes
    offset: Int64
    time_ms: Int64
    begin: Int64
    end: Int64
    is_null: Bool

    def __len__(self) -> int:
        return len(self.offset)

    def values(self, first: int, last: int) -> Values:
        """Give the values of some records."""
        rows = slice(first, last)
        return Values(self.body, self.begin[rows], self.end[rows], self.is_null[rows])


class Values(Sequence[bytes | None]):
    """Values of records, cut out of their batches only when they are asked for, and then not kept.

    So a run of them is decoded while it is in the processor's cache; None is a tombstone.
    """

    def __init__(self, body: bytes, begin: Int64, end: Int64, is_null: Bool) -> None:
        self._body = body
        self._begin, self._end, self._is_null = begin, end, is_null

    def __len__(self) -> int:
        return len(self._begin)

    @overload
    def __getitem__(self, which: int) -> bytes | None: ...
    @overload
    def __getitem__(self, which: slice) -> list[bytes | None]: ...
    def __getitem__(self, which: int | slice) -> bytes | list[bytes | None] | None:
        """Cut one value or some of them out."""
        if not isinstance(which, slice):
            return None if self._is_null[which] else self._body[self._begin[which] : self._end[which]]
        body, places = self._body, zip(self._begin[which].tolist(), self._end[which].tolist(), strict=True)
        values: list[bytes | None] = [body[begin:end] for begin, end in places]
        for row in np.flatnonzero(self._is_null[which]).tolist():
            values[row] = None
        return values

    def __iter__(self) -> Iterator[bytes | None]:
        return iter(self[:])


def read(batches: Sequence[Batch]) -> Records:
    """Find the records of batches. Raises aiokafka's `CorruptRecordException` where they do not add up."""
    if not batches or not all(batch.is_modern for batch in batches):
        return _read_one_by_one([record for batch in batches for record in batch.head])
    bodies = [batch.body() for batch in batches]
    counts = np.array([batch.count for batch in batches], np.int64)
    body = bodies[0] if len(bodies) == 1 else b"".join(bodies)
    try:
        ends = _ends(body, int(counts.sum()))
        if not np.array_equal(np.concatenate(([0], ends))[np.cumsum(counts)], np.cumsum([len(one) for one in bodies])):
            raise CorruptRecordException("a record reaches over the end of its batch")
        return _fields(body, ends, [batch.head for batch in batches], counts)
    except IndexError:
        raise CorruptRecordException("a record is longer than its batch") from None


def _read_one_by_one(records: Sequence[Any]) -> Records:
    sizes = np.array([len(record.value or b"") for record in records], np.int64)
    end = np.cumsum(sizes)
    return Records(
        b"".join(record.value or b"" for record in records),
        np.array([record.offset for record in records], np.int64),
        np.array([record.timestamp or -1 for record in records], np.int64),  # the oldest format has none
        end - sizes,
        end,
        np.array([record.value is None for record in records], np.bool_),
    )


def _fields(body: bytes, ends: Int64, heads: Sequence[Any], counts: Int64) -> Records:
    byte = np.frombuffer(body, np.uint8)
    starts = np.concatenate(([0], ends[:-1])).astype(np.int64)
    _, at = _varints(byte, starts)
    time_delta, at = _varints(byte, at + 1)  # behind the attributes, which have no meaning yet
    offset_delta, at = _varints(byte, at)
    key_len, at = _varints(byte, at)
    value_len, begin = _varints(byte, at + np.maximum(key_len, 0))
    end = begin + np.maximum(value_len, 0)
    if (end > ends).any():
        raise CorruptRecordException("a value is longer than its record")
    base_offset = np.array([head.base_offset for head in heads], np.int64)
    first_ms = np.array([head.first_timestamp for head in heads], np.int64)
    # The broker's own time, where it was told to stamp records, is that of the whole batch.
    stamped = np.array([head.timestamp_type == 1 for head in heads])
    last_ms = np.array([head.max_timestamp for head in heads], np.int64)
    own = np.repeat(np.arange(len(heads)), counts)
    time_ms = np.where(stamped[own], last_ms[own], first_ms[own] + time_delta)
    return Records(body, base_offset[own] + offset_delta, time_ms, begin, end, value_len < 0)


def _ends(body: bytes, count: int) -> Int64:
    """Find where each record ends: (count,). Raises `CorruptRecordException` or IndexError."""
    guess = _guess(body)
    if len(guess) == count and _is_chain(body, guess):
        return guess
    ends, end = [], 0
    for _ in range(count):
        size, shift = body[end], 7
        end += 1
        if size > 127:
            size &= 127
            while True:
                more = body[end]
                end += 1
                size |= (more & 127) << shift
                shift += 7
                if more < 128:
                    break
        if size & 1:
            raise CorruptRecordException("a record has a negative length")
        end += size >> 1
        ends.append(end)
    if end != len(body):
        raise CorruptRecordException("the records do not fill their batch")
    return np.array(ends, np.int64)


def _guess(body: bytes) -> Int64:
    """Take every brace with a zero behind it for the end of a JSON object without headers: it nearly always is."""
    byte = np.frombuffer(body, np.uint8)
    found = []
    for start in range(0, len(byte), _BLOCK_LEN):
        block = byte[start : start + _BLOCK_LEN + 1]
        found.append(np.flatnonzero((block[:-1] == ord("}")) & (block[1:] == 0)) + (start + 2))
    return np.concatenate(found) if found else np.empty(0, np.int64)


def _is_chain(body: bytes, ends: Int64) -> bool:
    """Say whether records that end there follow each other without a gap, and fill the body."""
    if not len(ends) or ends[-1] != len(body):
        return False
    starts = np.concatenate(([0], ends[:-1]))
    size, at = _varints(np.frombuffer(body, np.uint8), starts)
    return np.array_equal(at + size, ends)


def _varints(byte: Bytes, at: Int64) -> tuple[Int64, Int64]:
    """Read a zigzag varint at each place. Return the numbers and the places behind them. IndexError past the end."""
    read = byte[at]
    at = at + 1
    number = (read & 127).astype(np.int64)
    more, shift = read > 127, 7
    while more.any():
        if shift > _VARINT_BITS:
            raise CorruptRecordException("a number has more than ten bytes")
        read = byte[np.where(more, at, 0)]
        number |= np.where(more, (read & 127).astype(np.int64) << shift, 0)
        at += more
        more &= read > 127
        shift += 7
    return (number >> 1) ^ -(number & 1), at
