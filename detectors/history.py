"""Growth: the value now beside the value of the same window some time ago.

Kept is what the value was from when on, for as long as it will be asked for: a row of (boundary, series, value) for
each change of a value. Between changes it stands still (see `judge`), so that these say what it was at every boundary.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from detectors.batch import Float64, Int64
from detectors.columns import grown
from detectors.levels import FOREVER


class History:
    """The past values of all series of one rule, and the value `span_ms` ago of each.

    A series has a history from `span_ms` after its first whole window: before, the value then would be that of a
    window in which we were not yet looking.
    """

    def __init__(self, span_ms: int, window_ms: int) -> None:
        self._span_ms = span_ms
        self._window_ms = window_ms
        self._size = 0  # series that have begun
        self._last = np.zeros(0)  # the newest value of each, as it was noted
        self._then = np.zeros(0)  # the value a span ago
        self._since_ms = np.zeros(0, np.int64)  # from when on that counts
        self._noted: deque[tuple[int, Int64, Float64]] = deque()  # when it is asked for, series, values
        self._begin: deque[tuple[int, Int64]] = deque()  # when, and which series get a history

    def grow(self, size: int, time_ms: int) -> None:
        """Make room for `size` series; new ones begin at this boundary."""
        if size <= self._size:
            return
        new = np.arange(self._size, size)
        self._size = size
        self._last, self._then = grown(self._last, size, np.nan), grown(self._then, size, np.nan)
        self._since_ms = grown(self._since_ms, size, FOREVER)
        self._since_ms[new] = time_ms + self._window_ms + self._span_ms
        self._begin.append((time_ms + self._window_ms + self._span_ms, new))

    @property
    def next_ms(self) -> int:
        """The next boundary at which a value of the past changes."""
        noted = self._noted[0][0] if self._noted else FOREVER
        return min(noted, self._begin[0][0] if self._begin else FOREVER)

    def recall(self, time_ms: int) -> Int64:
        """Let the past come up to this boundary. Return the series whose value then is another now."""
        touched = [np.zeros(0, np.int64)]
        while self._noted and self._noted[0][0] <= time_ms:
            _, rows, values = self._noted.popleft()
            self._then[rows] = values
            touched.append(rows)
        while self._begin and self._begin[0][0] <= time_ms:
            touched.append(self._begin.popleft()[1])
        return np.unique(np.concatenate(touched))

    def compare(self, rows: Int64, values: Float64, time_ms: int) -> Float64:
        """Note the values at a boundary. Return each ÷ its value a span ago; NaN without one, or where that is 0."""
        fresh = ~((values == self._last[rows]) | (np.isnan(values) & np.isnan(self._last[rows])))
        if fresh.any():
            self._noted.append((time_ms + self._span_ms, rows[fresh], values[fresh]))
            self._last[rows] = values
        then = self._then[rows]
        known = (then > 0) & (self._since_ms[rows] <= time_ms)
        return np.where(known, values / np.where(known, then, 1.0), np.nan)

    def state(self) -> dict[str, Any]:
        """Write down as plain data: 16 bytes a noted value."""
        return {
            "size": self._size,
            "last": self._last[: self._size],
            "then": self._then[: self._size],
            "since_ms": self._since_ms[: self._size],
            "noted": _flat([(time_ms, rows) for time_ms, rows, _ in self._noted]),
            "values": np.concatenate([np.zeros(0), *(values for _, _, values in self._noted)]),
            "begin": _flat(list(self._begin)),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `state` wrote."""
        self._size = state["size"]
        self._last, self._then = state["last"].copy(), state["then"].copy()
        self._since_ms = state["since_ms"].copy()
        noted = _unflat(state["noted"])
        edges = np.cumsum([len(rows) for _, rows in noted])[:-1]
        values = np.split(state["values"], edges) if noted else []
        self._noted = deque((time_ms, rows, own) for (time_ms, rows), own in zip(noted, values, strict=True))
        self._begin = deque(_unflat(state["begin"]))


def _flat(runs: list[tuple[int, Int64]]) -> list[Int64]:
    """Write runs of rows as three arrays: their times, their lengths, all rows."""
    times = np.array([time_ms for time_ms, _ in runs], np.int64)
    lengths = np.array([len(rows) for _, rows in runs], np.int64)
    return [times, lengths, np.concatenate([np.zeros(0, np.int64), *(rows for _, rows in runs)])]


def _unflat(flat: list[Int64]) -> list[tuple[int, Int64]]:
    times, lengths, rows = flat
    if not len(times):
        return []
    return list(zip(times.tolist(), np.split(rows, np.cumsum(lengths)[:-1]), strict=True))
