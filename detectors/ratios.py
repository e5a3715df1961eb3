"""The window of a ratio: two windows, one of each side, and the quotient of their values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from detectors.batch import Float64, Int64
from detectors.columns import grown
from detectors.partial import Partial

if TYPE_CHECKING:
    from detectors.windows import Window


class Ratios:
    """`of` ÷ `to` × `per`: unknown where either is, where `to` is 0, or where too few events of `to` lie in it."""

    def __init__(self, of: Window, to: Window, *, per: float, min_events: int) -> None:
        self._of = of
        self._to = to
        self._per = per
        self._min_events = min_events
        self._count = np.zeros(0, np.int64)  # events of `to`

    def grow(self, size: int) -> None:
        """Make room for `size` series."""
        self._of.grow(size)
        self._to.grow(size)
        self._count = grown(self._count, size)

    def enter(self, rows: Int64, pane: Partial) -> None:
        """Take a pane of either side in: the first side is `of`."""
        if pane.side == 0:
            self._of.enter(rows, pane)
        else:
            self._to.enter(rows, pane)
            self._count[rows] += pane.columns["count"]

    def leave(self, rows: Int64, pane: Partial) -> None:
        """Let a pane of either side go."""
        if pane.side == 0:
            self._of.leave(rows, pane)
        else:
            self._to.leave(rows, pane)
            self._count[rows] -= pane.columns["count"]

    def values(self, rows: Int64) -> Float64:
        """Give the ratio of each series. Multiplied first: 23 of 10,000 are 23 per 10,000, to the last bit."""
        of, to = self._of.values(rows), self._to.values(rows)
        known = (to > 0) & (self._count[rows] >= self._min_events)
        return np.where(known, of * self._per / np.where(known, to, 1.0), np.nan)
