"""Snapshots as records: cut, found again, and never half believed."""

from __future__ import annotations

import json
import random

import pytest

from streams.publisher import RECORD_BYTES_MAX
from streams.snapshots import PART_BYTES_MAX, SLOTS, Place, Shelf, Snapshot, SnapshotError, pack
from streams.stage import Outgoing

PLACE = Place("tocsin.calls", 3)


def snapshot(sequence: int, *, next_offset: int | None = None, blob: bytes | None = None) -> Snapshot:
    state = b"state %d" % sequence if blob is None else blob
    return Snapshot(PLACE, 8, sequence * 10 if next_offset is None else next_offset, sequence, state)


def records(*snapshots: Snapshot) -> list[Outgoing]:
    return [record for each in snapshots for record in pack(each, app_id="app", topic="snaps", partition=0)]


def shelf(*written: list[Outgoing]) -> Shelf:
    found = Shelf("app")
    for record in (record for part in written for record in part):
        found.put(record.key, record.value)
    return found


def test_the_newest_snapshot_is_found() -> None:
    found = shelf(records(*[snapshot(number) for number in range(30)]))
    assert found.newest(PLACE, end_offset=10_000) == snapshot(29)
    assert found.last_sequence(PLACE) == 29


def test_a_large_state_is_cut_into_parts_any_broker_takes() -> None:
    blob = random.Random(1).randbytes(3 * PART_BYTES_MAX)  # noise does not compress
    written = records(snapshot(1, blob=blob))
    assert len(written) == 3 + 1 + 1
    assert max(len(record.value) for record in written) < RECORD_BYTES_MAX
    restored = shelf(written).newest(PLACE, end_offset=10_000)
    assert restored is not None
    assert restored.blob == blob


def test_the_keys_come_again_so_that_compaction_bounds_the_topic() -> None:
    keys = {record.key for number in range(100) for record in records(snapshot(number))}
    assert len(keys) == 2 * SLOTS


def test_nobody_has_written_yet() -> None:
    assert shelf().newest(PLACE, end_offset=0) is None
    assert shelf().last_sequence(PLACE) == -1


def test_a_damaged_manifest_still_says_that_something_was_written() -> None:
    found = shelf([Outgoing("snaps", b"rubbish", record.key, 0) for record in records(snapshot(0), snapshot(3))])
    assert found.newest(PLACE, end_offset=10_000) is None
    assert found.last_sequence(PLACE) == 3, "to begin anew in silence would be wrong"


def test_others_are_left_alone() -> None:
    found = shelf(
        pack(snapshot(5), app_id="application", topic="snaps", partition=0),
        pack(Snapshot(Place("tocsin.calls", 33), 8, 1, 1, b""), app_id="app", topic="snaps", partition=0),
        [Outgoing("snaps", b"noise", b"\xff\xfe"), Outgoing("snaps", b"noise", None)],
    )
    assert found.newest(PLACE, end_offset=10_000) is None


@pytest.mark.parametrize(
    ("part", "end"),
    [
        pytest.param(b"%s", "never", id="the manifest was not written any more"),
        pytest.param("never", b"%s", id="a part is gone"),
        pytest.param(None, b"%s", id="a part was deleted"),
        pytest.param(b"%s!", b"%s", id="a part is longer than it was"),
        pytest.param(b"!%s", b"%s", id="a part is another's"),
        pytest.param(b"%s", b"{", id="the manifest is no JSON"),
        pytest.param(b"%s", b"\xff", id="the manifest is no text"),
        pytest.param(b"%s", b"[1]", id="the manifest is something else"),
        pytest.param(b"%s", b'{"schema":1,"what":2}', id="the manifest lacks fields"),
    ],
)
def test_a_damaged_snapshot_gives_way_to_the_one_before(part: bytes | str | None, end: bytes | str | None) -> None:
    found = shelf(records(snapshot(1), snapshot(2)))
    for record, damaged in zip(records(snapshot(3)), (part, end), strict=True):
        if isinstance(damaged, bytes):
            found.put(record.key, damaged.replace(b"%s", record.value))
        elif damaged is None:
            found.put(record.key, None)
    assert found.newest(PLACE, end_offset=10_000) == snapshot(2)


def test_a_late_writer_cannot_push_the_state_back() -> None:
    ours, late = snapshot(20, next_offset=500), snapshot(20, next_offset=300, blob=b"late")
    found = shelf(records(snapshot(19, next_offset=490), ours, snapshot(21, next_offset=510)), records(late))
    assert found.newest(PLACE, end_offset=10_000) == snapshot(21, next_offset=510)


def test_two_writers_at_once_cannot_be_mixed_up() -> None:
    ours, theirs = records(snapshot(20, blob=b"ours")), records(snapshot(20, blob=b"theirs"))
    mixed = [theirs[0], ours[0], ours[1], theirs[1]]  # the part of one, the manifest of the other
    assert shelf(records(snapshot(19)), mixed).newest(PLACE, end_offset=10_000) == snapshot(19)


def test_a_snapshot_ahead_of_a_log_that_was_cut_gives_way() -> None:
    found = shelf(records(snapshot(1, next_offset=10), snapshot(2, next_offset=20)))
    assert found.newest(PLACE, end_offset=15) == snapshot(1, next_offset=10)
    assert found.newest(PLACE, end_offset=5) is None


def test_at_the_same_offset_the_later_state_counts() -> None:
    found = shelf(records(snapshot(8, next_offset=50), snapshot(9, next_offset=50)))
    assert found.newest(PLACE, end_offset=50) == snapshot(9, next_offset=50)


def test_another_schema_is_refused_in_words() -> None:
    part, end = records(snapshot(1))
    newer = json.dumps({**json.loads(end.value), "schema": 2}).encode()
    with pytest.raises(SnapshotError, match=r"written in schema 2, this program reads schema 1: run the program that"):
        shelf([part, Outgoing("snaps", newer, end.key)]).newest(PLACE, end_offset=10_000)
