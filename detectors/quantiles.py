"""The window of a quantile: how often each value stands in it, and each bucket of values."""

from __future__ import annotations

from collections import Counter

import numpy as np

from detectors import sketch
from detectors.batch import Float64, Int64
from detectors.columns import grown
from detectors.partial import Partial


class Quantiles:
    """The values of every series, counted as they are and by bucket; which is asked follows from how many there are."""

    def __init__(self, q: float, min_events: int) -> None:
        self._q = q
        self._min_events = min_events
        self._count = np.zeros(0, np.int64)
        self._coarse = np.zeros(0, np.int64)  # panes inside that told buckets alone
        self._values: list[Counter[float]] = []
        self._buckets: list[Counter[float]] = []

    def grow(self, size: int) -> None:
        """Make room for `size` series."""
        self._count, self._coarse = grown(self._count, size), grown(self._coarse, size)
        for counters in (self._values, self._buckets):
            counters.extend(Counter() for _ in range(size - len(counters)))

    def enter(self, rows: Int64, pane: Partial) -> None:
        """Count the values of a pane."""
        self._move(rows, pane, +1)

    def leave(self, rows: Int64, pane: Partial) -> None:
        """Take the values of a pane away again."""
        self._move(rows, pane, -1)

    def _move(self, rows: Int64, pane: Partial, sign: int) -> None:
        assert pane.weights is not None
        self._count[rows] += sign * pane.columns["count"]
        self._coarse[rows] += sign * pane.columns["coarse"]
        places, values, counts = pane.weights
        owners, signed = rows[places].tolist(), (sign * counts).tolist()
        for counters, column in ((self._values, values), (self._buckets, sketch.middles_of(values))):
            for row, value, count in zip(owners, column.tolist(), signed, strict=True):
                counter = counters[row]
                counter[value] += count
                if not counter[value]:
                    del counter[value]

    def values(self, rows: Int64) -> Float64:
        """Give the quantile of each series, NaN where there are no values or too few events."""
        found = np.array([self._value(row) for row in rows.tolist()], np.float64)
        return np.where(self._count[rows] >= self._min_events, found, np.nan)

    def _value(self, row: int) -> float:
        values = self._values[row]
        is_exact = not self._coarse[row] and len(values) <= sketch.EXACT_LEN
        return sketch.quantile(values if is_exact else self._buckets[row], self._q)
