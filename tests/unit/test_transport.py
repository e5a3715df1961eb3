"""Whole fetches: every record once, in runs without gaps between them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from aiokafka.consumer.fetcher import READ_COMMITTED, READ_UNCOMMITTED
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import TopicPartition

from streams import transport
from streams.fetches import CHUNK_RECORDS_MAX, ChunkRecords, Fetched
from streams.recordbatches import KeptRecords
from streams.stage import Chunk
from streams.transport import MissingHook, assert_hooks

CONTROL = 0x20
TRANSACTIONAL = 0x10
COMMIT, ABORT = b"\x00\x00\x00\x01", b"\x00\x00\x00\x00"


def batch(base: int, offsets: Sequence[int], *, attributes: int = 0, producer: int = -1, key: bytes = b"k") -> bytes:
    """A record batch as a broker sends it: `offsets` count from `base`; the attributes are set by hand."""
    builder = DefaultRecordBatchBuilder(2, 0, bool(attributes & TRANSACTIONAL), producer, 0, 0, 1 << 24)
    for offset in offsets:
        builder.append(offset, 1_000 + base + offset, key, b"v%d" % (base + offset), [])
    built = bytearray(builder.build())
    built[:8] = base.to_bytes(8, "big")  # not part of the checksum
    if attributes & CONTROL:
        built[22] |= attributes
    return bytes(built)


def fetch(
    data: bytes,
    first: int = 0,
    *,
    aborted: Sequence[tuple[int, int]] = (),
    isolation: int = READ_UNCOMMITTED,
    crc: bool = False,
) -> list[Fetched]:
    records = ChunkRecords(TopicPartition("t", 0), KeptRecords(data), aborted, first, None, None, crc, isolation)
    return list(records)


def chunks(runs: Sequence[Fetched]) -> list[Chunk]:
    return [chunk for run in runs for chunk in run.chunks(0)]


def offsets(runs: Sequence[Fetched]) -> list[int]:
    return [offset for chunk in chunks(runs) for offset in chunk.offsets]


def spans(runs: Sequence[Fetched]) -> list[tuple[int, int]]:
    return [(run.first_offset, run.next_offset) for run in runs]


def test_small_batches_become_one_run() -> None:
    runs = fetch(b"".join(batch(base, [0]) for base in range(100)))
    assert spans(runs) == [(0, 100)]
    (chunk,) = chunks(runs)
    assert list(chunk.values) == [b"v%d" % offset for offset in range(100)]
    assert list(chunk.offsets) == list(range(100))
    assert list(chunk.timestamps_ms) == [1_000 + offset for offset in range(100)]
    assert chunk.next_offset == 100


def test_runs_are_bounded_and_have_no_gap_between_them() -> None:
    runs = fetch(b"".join(batch(base * 1_000, range(1_000)) for base in range(20)))
    assert spans(runs) == [(0, 9_000), (9_000, 18_000), (18_000, 20_000)]
    assert offsets(runs) == list(range(20_000))


@pytest.mark.parametrize("count", [CHUNK_RECORDS_MAX - 1, CHUNK_RECORDS_MAX, CHUNK_RECORDS_MAX + 1, 20_000])
def test_a_large_batch_is_parsed_into_bounded_chunks(count: int) -> None:
    runs = fetch(batch(0, range(count)))
    assert spans(runs) == [(0, count)]
    parsed = chunks(runs)
    assert all(1 <= len(chunk.values) <= CHUNK_RECORDS_MAX for chunk in parsed)
    assert [offset for chunk in parsed for offset in chunk.offsets] == list(range(count))
    assert parsed[-1].next_offset == count


@pytest.mark.parametrize("start", [0, 1, 99, 100, 150, 299])
def test_what_is_known_is_left_out(start: int) -> None:
    (run,) = fetch(batch(0, range(100)) + batch(100, range(200)))
    assert [offset for chunk in run.chunks(start) for offset in chunk.offsets] == list(range(start, 300))


def test_a_fetch_may_begin_inside_a_batch() -> None:
    runs = fetch(batch(10, range(5)) + batch(15, range(3)), first=12)
    assert spans(runs) == [(12, 18)]
    assert offsets(runs) == [12, 13, 14, 15, 16, 17]


def test_holes_belong_to_the_run_that_spans_them() -> None:
    runs = fetch(batch(0, [0, 3, 4]) + batch(9, [0]), first=0)
    assert spans(runs) == [(0, 10)]
    assert offsets(runs) == [0, 3, 4, 9]


@pytest.mark.parametrize("isolation", [READ_UNCOMMITTED, READ_COMMITTED])
def test_a_marker_is_no_record_but_moves_on(isolation: int) -> None:
    runs = fetch(batch(7, [0], attributes=CONTROL | TRANSACTIONAL, producer=5, key=COMMIT), 7, isolation=isolation)
    assert spans(runs) == [(7, 8)]
    assert offsets(runs) == []


@pytest.mark.parametrize(("isolation", "seen"), [(READ_UNCOMMITTED, [0, 1, 2, 4]), (READ_COMMITTED, [0, 4])])
def test_aborted_records_are_hidden_from_who_reads_committed(isolation: int, seen: list[int]) -> None:
    data = b"".join(
        [
            batch(0, [0], producer=6),
            batch(1, [0, 1], attributes=TRANSACTIONAL, producer=5),
            batch(3, [0], attributes=CONTROL | TRANSACTIONAL, producer=5, key=ABORT),
            batch(4, [0], attributes=TRANSACTIONAL, producer=5),
        ]
    )
    runs = fetch(data, aborted=[(5, 1)], isolation=isolation)
    assert spans(runs) == [(0, 5)]
    assert offsets(runs) == seen


def test_a_flipped_byte_is_not_believed() -> None:
    damaged = bytearray(batch(0, range(3)))
    damaged[-2] ^= 1
    runs = fetch(bytes(damaged), crc=True)
    with pytest.raises(CorruptRecordException, match=r"invalid checksum in t\[0\] after offset 0"):
        chunks(runs)
    assert offsets(fetch(batch(0, range(3)), crc=True)) == [0, 1, 2]


def test_the_installed_libraries_have_what_we_lean_on() -> None:
    assert_hooks()


def test_another_version_is_refused_naming_all_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_HOOKS", ((dict, "get"), (dict, "_gone"), (list, "_lost")))
    with pytest.raises(
        MissingHook, match=r"faust-streaming 0\.15 .* missing here: builtins\.dict\._gone, .*list\._lost"
    ):
        assert_hooks()
