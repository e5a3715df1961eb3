"""Which runs of records are news: a log is read once from end to end, however it arrives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.custody import Custody, Refusal, admit
from streams.fetches import Fetched
from streams.snapshots import Place
from streams.stage import Chunk


def run(first: int, end: int, offsets: list[int] | None = None) -> Fetched:
    """A run from `first` up to `end`, with records at `offsets` (all of them if not said)."""
    held = list(range(first, end)) if offsets is None else offsets
    return Fetched(first, Chunk("t", 0, [b"%d" % offset for offset in held], held, [0] * len(held), end))


@pytest.mark.parametrize(
    ("fetched", "expected", "offsets"),
    [
        pytest.param(run(5, 8), 5, [5, 6, 7], id="what comes next"),
        pytest.param(run(3, 8), 5, [5, 6, 7], id="its beginning is known"),
        pytest.param(run(5, 8, [6]), 5, [6], id="holes are no jump"),
        pytest.param(run(3, 9, [3, 8]), 5, [8], id="known up to a hole"),
        pytest.param(run(5, 8, []), 5, [], id="only holes: the log goes on all the same"),
        pytest.param(run(3, 5), 5, Refusal.REPEAT, id="known from end to end"),
        pytest.param(run(1, 2), 5, Refusal.REPEAT, id="long known"),
        pytest.param(run(6, 8), 5, Refusal.JUMP, id="something is missing"),
    ],
)
def test_a_run_is_taken_as_far_as_it_is_news(fetched: Fetched, expected: int, offsets: list[int] | Refusal) -> None:
    admitted = admit(fetched, expected)
    if isinstance(offsets, Refusal):
        assert admitted is offsets
    else:
        assert isinstance(admitted, Chunk)
        assert list(admitted.offsets) == offsets
        assert admitted.values == [b"%d" % offset for offset in offsets]
        assert len(admitted.timestamps_ms) == len(offsets)
        assert admitted.next_offset == fetched.chunk.next_offset


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10)), max_size=60))
def test_no_order_of_arrival_counts_a_record_twice_or_skips_one(arrivals: list[tuple[int, int]]) -> None:
    taken: list[int] = []
    expected = 0
    for first, length in arrivals:
        admitted = admit(run(first, first + length), expected)
        if isinstance(admitted, Chunk):
            taken += admitted.offsets
            expected = admitted.next_offset
    assert taken == list(range(expected))


def test_standing_still_is_progress_while_there_is_nothing_to_take() -> None:
    held = Custody(Place("t", 0), 1, stage=None, next_offset=5, sequence=0, end_offset=5, moved_s=0.0)  # type: ignore[arg-type]
    held.heard(5, now_s=10.0)
    assert held.moved_s == 10.0
    held.heard(9, now_s=20.0)  # records came only after the last look
    assert held.moved_s == 20.0
    held.heard(9, now_s=30.0)
    assert held.moved_s == 20.0
