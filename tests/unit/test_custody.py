"""Which runs of records are news, and when a partition counts as moving."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.custody import Custody, Refusal, refuse
from streams.fetches import Fetched
from streams.snapshots import Place


def run(first: int, end: int) -> Fetched:
    """A run from `first` up to `end`; what is in it does not matter here."""
    return Fetched("t", 0, first, end, [])


@pytest.mark.parametrize(
    ("fetched", "refusal"),
    [
        pytest.param(run(5, 8), None, id="what comes next"),
        pytest.param(run(3, 8), None, id="its beginning is known"),
        pytest.param(run(3, 5), Refusal.REPEAT, id="known from end to end"),
        pytest.param(run(1, 2), Refusal.REPEAT, id="long known"),
        pytest.param(run(6, 8), Refusal.JUMP, id="something is missing"),
    ],
)
def test_a_run_is_taken_if_it_goes_on_where_we_are(fetched: Fetched, refusal: Refusal | None) -> None:
    assert refuse(fetched, 5) is refusal


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10)), max_size=60))
def test_no_order_of_arrival_counts_an_offset_twice_or_skips_one(arrivals: list[tuple[int, int]]) -> None:
    taken: list[int] = []
    expected = 0
    for first, length in arrivals:
        if refuse(run(first, first + length), expected) is None:
            taken += range(expected, first + length)
            expected = first + length
    assert taken == list(range(expected))


def test_standing_still_is_progress_while_there_is_nothing_to_take() -> None:
    held = Custody(Place("t", 0), 1, stage=None, next_offset=5, sequence=0, end_offset=5, moved_s=0.0)  # type: ignore[arg-type]
    held.heard(5, now_s=10.0)
    assert held.moved_s == 10.0
    held.heard(9, now_s=20.0)  # records came only after the last look
    assert held.moved_s == 20.0
    held.heard(9, now_s=30.0)
    assert held.moved_s == 20.0
