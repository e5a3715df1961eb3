"""Merging and sorting: against the plain reading of the contract."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.merge import Run, TooManyEventsError, merge, sort_by_time

Event = tuple[int, int, int]  # time, source, place in it


def plain_merge(sources: list[list[Event]]) -> list[Event]:
    """Take, until all are empty, the earliest next event, of the first source that has it."""
    waiting = [list(source) for source in sources]
    merged = []
    while any(waiting):
        source = min((index for index, rest in enumerate(waiting) if rest), key=lambda index: waiting[index][0][0])
        merged.append(waiting[source].pop(0))
    return merged


def in_runs(events: list[Event], lengths: list[int]) -> Iterator[Run[Event]]:
    """Cut into runs, of which some are empty."""
    start = 0
    for length in [*lengths, len(events)]:
        run = events[start : start + length]
        yield np.array([event[0] for event in run], np.int64), run
        start += length


SOURCES = st.lists(
    st.tuples(st.lists(st.integers(0, 12), max_size=30), st.lists(st.integers(0, 6), max_size=8)), max_size=4
)


@given(SOURCES)
def test_merge_is_as_the_contract_says(cut: list[tuple[list[int], list[int]]]) -> None:
    sources = [[(time, index, place) for place, time in enumerate(times)] for index, (times, _) in enumerate(cut)]
    runs = list(merge([in_runs(events, lengths) for events, (_, lengths) in zip(sources, cut, strict=True)]))
    assert [event for _, items in runs for event in items] == plain_merge(sources)
    for times, items in runs:
        assert times.tolist() == [event[0] for event in items]


@given(SOURCES)
def test_sort_is_stable(cut: list[tuple[list[int], list[int]]]) -> None:
    events = [(time, index, place) for index, (times, _) in enumerate(cut) for place, time in enumerate(times)]
    runs = sort_by_time(in_runs(events, [3, 0, 5]), run_len=4)
    assert [event for _, items in runs for event in items] == sorted(events, key=lambda event: event[0])


def test_times_before_1970_and_far_ahead() -> None:
    sources = [[(-5, 0, 0), (2**62, 0, 1)], [(-(2**62), 1, 0)]]
    merged = [event for _, items in merge([in_runs(events, []) for events in sources]) for event in items]
    assert merged == plain_merge(sources)


def test_one_source_is_handed_through() -> None:
    run = (np.array([3, 1, 2]), ["c", "a", "b"])
    assert next(merge([iter([run])])) is run


def test_sorting_is_bounded() -> None:
    with pytest.raises(TooManyEventsError, match="cannot sort more than 2 events in memory"):
        list(sort_by_time([(np.arange(3), ["a", "b", "c"])], len_max=2))
