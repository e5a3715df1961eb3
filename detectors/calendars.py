"""Working time: how much of it lies between two instants, and when a given amount of it is up.

Working time is an axis of its own. `worked` gives the place of an instant on it: the milliseconds of working time that
lie before. Between two working intervals it stands still. So the working time from a to b is worked(b) − worked(a),
and the instant at which a limit is up is the first that lies far enough along this axis.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from detectors.batch import Int64
from detectors.durations import FOREVER, UNIT_MS

DAY_MS = UNIT_MS["d"]

_EVER = 1 << 60  # far beyond every event, and two of them still fit into 64 bits


class Calendar:
    """Working intervals `[starts[i], ends[i])`, in milliseconds since the epoch: sorted, apart, and never changed.

    `day_ms` is the working time of one whole working day: what a limit of `1d` asks for.

    >>> week = Calendar("two shifts", np.array([100, 300]), np.array([200, 400]), 100)
    >>> week.worked(np.array([50, 150, 250, 350, 999])).tolist()
    [0, 50, 100, 150, 200]
    >>> week.reached(np.array([50, 100, 101, 201])).tolist() == [150, 200, 301, FOREVER]
    True
    """

    __slots__ = ("_before", "_ends", "_make", "_starts", "_through", "day_ms", "name")

    def __init__(self, name: str, starts: npt.ArrayLike, ends: npt.ArrayLike, day_ms: int = DAY_MS) -> None:
        """Take (n,) starts and ends, raise ValueError if they are not in order. Intervals that touch become one."""
        self.name = name
        self.day_ms = day_ms
        self._make: Callable[[], tuple[npt.ArrayLike, npt.ArrayLike]] | None = None
        self._take(starts, ends)

    @classmethod
    def later(cls, name: str, day_ms: int, make: Callable[[], tuple[npt.ArrayLike, npt.ArrayLike]]) -> Calendar:
        """Give a calendar whose starts and ends are made when they are first asked for: decades take a while."""
        calendar = cls.__new__(cls)
        calendar.name, calendar.day_ms, calendar._make = name, day_ms, make
        return calendar

    def _made(self) -> None:
        if self._make is not None:
            make, self._make = self._make, None
            self._take(*make())

    @property
    def starts(self) -> Int64:
        """The (n,) times at which work begins."""
        self._made()
        return self._starts

    @property
    def ends(self) -> Int64:
        """The (n,) times at which it ends."""
        self._made()
        return self._ends

    def _take(self, starts: npt.ArrayLike, ends: npt.ArrayLike) -> None:
        first, last = np.asarray(starts, np.int64), np.asarray(ends, np.int64)
        if first.shape != last.shape or not len(first) or (last <= first).any() or (first[1:] < last[:-1]).any():
            raise ValueError("working intervals must follow each other, at least one, each with an end after its start")
        apart = first[1:] > last[:-1]
        self._starts: Int64 = first[np.concatenate(([True], apart))]
        self._ends: Int64 = last[np.concatenate((apart, [True]))]
        self._through: Int64 = np.cumsum(self._ends - self._starts)  # working time up to the end of each interval
        self._before: Int64 = self._through - (self._ends - self._starts)

    def worked(self, time_ms: Int64) -> Int64:
        """Give the working time before each of (n,) instants."""
        starts = self.starts
        at = np.searchsorted(starts, time_ms, side="right") - 1
        inside = np.minimum(time_ms, self._ends[at]) - starts[at] + self._before[at]
        return np.where(at < 0, 0, inside)

    def reached(self, worked_ms: Int64) -> Int64:
        """Give the first instant before which so much working time lies, for each of (n,); FOREVER if there is none."""
        self._made()
        at = np.searchsorted(self._through, worked_ms, side="left")
        known = np.minimum(at, len(self._through) - 1)
        return np.where(at > known, FOREVER, self._starts[known] + worked_ms - self._before[known])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Calendar):
            return NotImplemented
        if self is other:
            return True
        same = self.name == other.name and self.day_ms == other.day_ms
        return same and np.array_equal(self.starts, other.starts) and np.array_equal(self.ends, other.ends)

    def __hash__(self) -> int:
        return hash(self.name)

    def __deepcopy__(self, _memo: object) -> Calendar:
        """Stay the same: it never changes."""
        return self

    def __repr__(self) -> str:
        return f"Calendar({self.name!r})"


ALWAYS = Calendar("", [-_EVER], [_EVER])
"""Every hour of every day."""
