"""The window of a share of all: what one series has of the events that all series of its rule have together."""

from __future__ import annotations

import numpy as np

from detectors.batch import Float64, Int64
from detectors.columns import grown
from detectors.partial import Partial


class Portions:
    """The events of a series ÷ those of all series: unknown where there are none, or fewer than `min_events`.

    An event counts in one series, or in one at each of `levels` levels: so all series of a level together have as
    many events as those of any other. A pane that enters or leaves moves the share of every series, also of those that
    it does not name.
    """

    def __init__(self, *, levels: int, min_events: int) -> None:
        self._levels = levels
        self._min_events = max(min_events, 1)
        self._count = np.zeros(0, np.int64)
        self._counted = 0  # in all series, at all levels

    def grow(self, size: int) -> None:
        """Make room for `size` series."""
        self._count = grown(self._count, size)

    def enter(self, rows: Int64, pane: Partial) -> None:
        """Take a pane in; `rows[i]` is the series of the pane's row i."""
        self._count[rows] += pane.columns["count"]
        self._counted += int(pane.columns["count"].sum())

    def leave(self, rows: Int64, pane: Partial) -> None:
        """Let a pane go that entered with these rows."""
        self._count[rows] -= pane.columns["count"]
        self._counted -= int(pane.columns["count"].sum())

    def values(self, rows: Int64) -> Float64:
        """Give the share of each series, 0 to 1."""
        whole = self._counted // self._levels
        if whole < self._min_events:
            return np.full(len(rows), np.nan)
        shares: Float64 = self._count[rows] / whole
        return shares
