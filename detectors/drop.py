"""`drop`: which part of its usual value a series has lost, as when a contract customer sends less and less.

The usual value is the median of the values that the same hour of the same weekday had in the weeks before: it knows
Sundays without a calendar, and one odd week in four does not move it. Windows are compared whole, so none of them
overlaps with the one that is judged.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from detectors.batch import Float64, Int64
from detectors.columns import grown
from detectors.durations import FOREVER, UNIT_MS
from detectors.outlook import next_step

WEEK_MS = 7 * UNIT_MS["d"]
WINDOW_MS_MIN = UNIT_MS["h"]
"""The shortest window: a series keeps `against` ÷ window values, of 8 bytes each (28 days by the hour: 5.4 kB)."""


class Drop:
    """The values of every series at each multiple of the window, in a ring as long as `against`."""

    def __init__(self, against_ms: int, window_ms: int) -> None:
        self._step_ms = window_ms
        self._week = WEEK_MS // window_ms
        self._weeks = against_ms // WEEK_MS
        self.next_ms = FOREVER
        self._past = np.zeros((0, self._week * self._weeks))
        self._usual = np.zeros(0)
        self._begun_ms = np.zeros(0, np.int64)

    def begin(self, size: int, time_ms: int) -> None:
        """Make room; new series have no past."""
        if self.next_ms == FOREVER:
            self.next_ms = next_step(time_ms, self._step_ms)
        self._past = grown(self._past, size, np.nan)
        self._usual = grown(self._usual, size, np.nan)
        self._begun_ms = grown(self._begun_ms, size, FOREVER)
        self._begun_ms[:size] = np.minimum(self._begun_ms[:size], time_ms)

    def learn(self, values: Float64, time_ms: int) -> None:
        """Find what is usual from now to the next step, then keep the values; a first, partial window is no value."""
        self.next_ms = time_ms + self._step_ms
        size = len(values)
        at = time_ms // self._step_ms
        length = self._past.shape[1]
        before = self._past[:size, [(at - self._week * week) % length for week in range(1, self._weeks + 1)]]
        self._usual[:size] = median(before, known_min=-(-self._weeks // 2))
        whole = self._begun_ms[:size] + self._step_ms <= time_ms
        self._past[:size, at % length] = np.where(whole, values, np.nan)

    def values(self, rows: Int64, values: Float64) -> Float64:
        """Give 1 − value ÷ usual: 0 is as usual, 1 is all gone, under 0 is more than usual."""
        usual = self._usual[rows]
        known = usual > 0.0
        return np.where(known, 1.0 - values / np.where(known, usual, 1.0), np.nan)

    def state(self, size: int) -> dict[str, Any]:
        """Write the first `size` series down."""
        columns = {"past": self._past, "usual": self._usual, "begun_ms": self._begun_ms}
        return {"next_ms": self.next_ms, **{name: column[:size].copy() for name, column in columns.items()}}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `state` wrote."""
        self.next_ms = state["next_ms"]
        self._past, self._usual = state["past"].copy(), state["usual"].copy()
        self._begun_ms = state["begun_ms"].copy()


def median(columns: Float64, *, known_min: int) -> Float64:
    """Give the median of what is known in each row of (n, k), NaN where fewer than `known_min` (at least 1) are.

    >>> median(np.array([[1.0, np.nan, 4.0], [np.nan, np.nan, 2.0]]), known_min=2).tolist()
    [2.5, nan]
    """
    known = (~np.isnan(columns)).sum(axis=1)
    ordered = np.sort(columns, axis=1)  # NaN last
    middle = np.maximum(known, 1)[:, None]
    low = np.take_along_axis(ordered, (middle - 1) // 2, axis=1)[:, 0]
    high = np.take_along_axis(ordered, middle // 2, axis=1)[:, 0]
    return np.where(known >= known_min, (low + high) / 2.0, np.nan)
