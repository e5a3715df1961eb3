"""Which runs of records are news, and when a partition counts as moving."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.custody import SURE_S, Custody, Refusal, refuse
from streams.fetches import Fetched
from streams.snapshots import Place
from streams.source_stage import Place as SourcePlace
from streams.source_stage import SourceStage, Ways
from tests.staging import Counts, rule


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
    held.heard(5, now_s=10.0, asked_at=5)
    assert held.moved_s == 10.0
    held.heard(9, now_s=20.0, asked_at=5)  # records came only after the last look
    assert held.moved_s == 20.0
    held.heard(9, now_s=30.0, asked_at=5)
    assert held.moved_s == 20.0


@pytest.mark.parametrize(
    ("end", "heard_s", "is_sure"),
    [
        pytest.param(5, 10.0, True, id="the broker says there is nothing more"),
        pytest.param(5, 10.0 - SURE_S - 1, False, id="it has not said so for a while"),
        pytest.param(6, 10.0, False, id="something waits"),
    ],
)
def test_a_stage_hears_whether_its_partition_is_silent(end: int, heard_s: float, *, is_sure: bool) -> None:
    stage = SourceStage(SourcePlace("calls", 0, 1), [rule()], Counts(), Ways(1, 0))
    held = Custody(Place("t", 0), 1, stage, next_offset=5, sequence=0, end_offset=end, moved_s=0.0)
    held.heard(end, heard_s, asked_at=5)
    held.listen(10.0)
    assert stage._is_sure is is_sure
