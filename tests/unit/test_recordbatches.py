"""Record batches read with numpy, against aiokafka's own reading of the same bytes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given
from hypothesis import strategies as st

from streams.recordbatches import HEAD_LEN, Batch, KeptRecords, read

Row = tuple[int, int, bytes | None, bytes | None, list[tuple[str, bytes]]]

ROWS = st.lists(
    st.tuples(
        st.integers(1, 1 << 20),
        st.integers(-(1 << 40), 1 << 40),
        st.none() | st.binary(max_size=20),
        st.none() | st.binary(max_size=300) | st.sampled_from([b"{}", b'{"a":1}', b'{"a":"}\x00"}', b"}", b"\x00"]),
        st.lists(st.tuples(st.text(max_size=5), st.binary(max_size=5)), max_size=2),
    ),
    min_size=1,
    max_size=12,
)


def batch(rows: Sequence[Row], *, base: int = 0, codec: int = 0) -> bytes:
    builder = DefaultRecordBatchBuilder(2, codec, False, -1, 0, 0, 1 << 24)
    offset = 0
    for step, time_ms, key, value, headers in rows:
        builder.append(offset, (1 << 41) + time_ms, key, value, headers)
        offset += step
    built = bytearray(builder.build())
    built[:8] = base.to_bytes(8, "big")
    return bytes(built)


def taken(data: bytes) -> list[Batch]:
    records = KeptRecords(data)
    batches = []
    while records.has_next():
        batches.append(records.take())
    return batches


def by_aiokafka(data: bytes) -> list[tuple[int, int, bytes | None]]:
    records, rows = MemoryRecords(data), []
    while records.has_next():
        rows += [(record.offset, record.timestamp, record.value) for record in records.next_batch()]
    return rows


def by_us(data: bytes) -> list[tuple[int, int, bytes | None]]:
    found = read(taken(data))
    values = found.values(0, len(found))
    assert [values[row] for row in range(len(values))] == list(values) == values[:]
    return list(zip(found.offset.tolist(), found.time_ms.tolist(), values, strict=True))


@given(st.lists(st.tuples(ROWS, st.sampled_from([0, 0, 1, 2, 3, 4])), min_size=1, max_size=4))
def test_every_record_is_what_aiokafka_reads(batches: list[tuple[list[Row], int]]) -> None:
    data = b"".join(batch(rows, base=at << 30, codec=codec) for at, (rows, codec) in enumerate(batches))
    assert by_us(data) == by_aiokafka(data)
    assert all(one.is_intact for one in taken(data))


def test_time_is_the_brokers_where_the_broker_stamps() -> None:
    data = bytearray(batch([(1, 5, b"k", b"{}", []), (1, 9, b"k", b"{}", [])]))
    data[22] |= 0x08
    data[35:43] = (1 << 42).to_bytes(8, "big")
    assert by_us(bytes(data)) == by_aiokafka(bytes(data)) == [(0, 1 << 42, b"{}"), (1, 1 << 42, b"{}")]


@pytest.mark.parametrize("magic", [0, 1])
def test_older_formats_are_left_to_aiokafka(magic: int) -> None:
    builder = LegacyRecordBatchBuilder(magic, 0, 1 << 20)
    for offset in range(3):
        builder.append(offset, timestamp=1_000, key=None, value=b"{}")
    data = bytes(builder.build())
    found = read(taken(data))
    assert (found.offset.tolist(), list(found.values(0, 3))) == ([0, 1, 2], [b"{}"] * 3)
    assert all(one.is_intact for one in taken(data))


@given(ROWS, st.data())
def test_damage_is_refused_or_reads_as_aiokafka_reads_it(rows: list[Row], draw: st.DataObject) -> None:
    data = bytearray(batch(rows))
    at = draw.draw(st.integers(HEAD_LEN, len(data) - 1))
    data[at] ^= draw.draw(st.integers(1, 255))
    (one,) = taken(bytes(data))
    assert not one.is_intact
    try:
        found = read([one])
    except CorruptRecordException:
        return
    assert len(found) == one.count
    assert (found.begin >= 0).all()
    assert (found.end <= len(found.body)).all()


def test_a_number_of_records_that_is_not_there_is_refused() -> None:
    data = bytearray(batch([(1, 0, None, b"{}", [])] * 3))
    data[57:61] = (4).to_bytes(4, "big")
    with pytest.raises(CorruptRecordException):
        read(taken(bytes(data)))
