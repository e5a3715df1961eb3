"""Several inputs as one: merged by the time of each one's next event, or sorted by time on request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]
Item = TypeVar("Item")
Run = tuple[Int64, Sequence[Item]]
"""Events in their order: their times (milliseconds) and, parallel to them, the events."""

SORTED_LEN_MAX = 20_000_000


class TooManyEventsError(ValueError):
    """More events than `sort_by_time` will hold in memory."""


def merge(sources: Sequence[Iterator[Run[Item]]]) -> Iterator[Run[Item]]:
    """Merge sources by the time of each one's next event, ties by the order of `sources`; none is reordered.

    Taking always the earliest next event is the same as sorting, stably, by the greatest time a source has shown so
    far: an event behind such a time comes right after it. So whole runs are merged at once.

    >>> a = (np.array([1_000, 500, 3_000]), ["a1", "a0", "a3"])
    >>> b = (np.array([1_000, 2_000]), ["b1", "b2"])
    >>> [items for _, items in merge([iter([a]), iter([b])])]
    [['a1', 'a0', 'b1', 'b2'], ['a3']]
    """
    if len(sources) == 1:
        yield from sources[0]
        return
    heads = [_Head(source) for source in sources]
    while any([head.fill() for head in heads]):  # noqa: C419  every head must be filled, not the first alone
        # What lies up to the end of the run that ends first can be ordered; ties at its end go by source.
        end, last = min((int(head.keys[-1]), index) for index, head in enumerate(heads) if len(head.keys))
        taken = [head.take(end, inclusive=index <= last) for index, head in enumerate(heads)]
        order = np.argsort(np.concatenate([keys for keys, _, _ in taken]), kind="stable")
        times = np.concatenate([times for _, times, _ in taken])[order]
        items = list(chain.from_iterable(items for _, _, items in taken))
        yield times, [items[row] for row in order.tolist()]


def sort_by_time(
    runs: Iterable[Run[Item]], *, len_max: int = SORTED_LEN_MAX, run_len: int = 4_096
) -> Iterator[Run[Item]]:
    """Sort all events by time, those of one time in the order they came. Holds all in memory.

    Raises TooManyEventsError past `len_max`: it says so instead of filling the machine.
    """
    times: list[Int64] = []
    items: list[Item] = []
    for run_times, run_items in runs:
        times.append(run_times)
        items.extend(run_items)
        if len(items) > len_max:
            raise TooManyEventsError(f"cannot sort more than {len_max:,} events in memory; sort the files beforehand")
    if not items:
        return
    all_times = np.concatenate(times)
    order = np.argsort(all_times, kind="stable")
    for start in range(0, len(order), run_len):
        rows = order[start : start + run_len]
        yield all_times[rows], [items[row] for row in rows.tolist()]


class _Head(Generic[Item]):
    """What is not yet taken of the current run of one source."""

    def __init__(self, source: Iterator[Run[Item]]) -> None:
        self._source = source
        self._newest_ms = np.iinfo(np.int64).min
        self._times = np.empty(0, np.int64)
        self._items: Sequence[Item] = ()
        self.keys = np.empty(0, np.int64)

    def fill(self) -> bool:
        """Have a run at hand; return whether there is one."""
        while not len(self.keys):
            run = next(self._source, None)
            if run is None:
                return False
            self._times, self._items = np.asarray(run[0], np.int64), run[1]
            self.keys = np.maximum(np.maximum.accumulate(self._times), self._newest_ms) if len(run[1]) else self.keys
        self._newest_ms = int(self.keys[-1])
        return True

    def take(self, end: int, *, inclusive: bool) -> tuple[Int64, Int64, Sequence[Item]]:
        """Take what lies before `end`, and at it too where `inclusive`."""
        cut = int(np.searchsorted(self.keys, end, side="right" if inclusive else "left"))
        taken = self.keys[:cut], self._times[:cut], self._items[:cut]
        self.keys, self._times, self._items = self.keys[cut:], self._times[cut:], self._items[cut:]
        return taken
