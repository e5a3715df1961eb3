"""The second half of a rule over a window: panes enter, panes leave, and at any boundary there is a value."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from detectors import exact
from detectors.batch import Float64, Int64
from detectors.columns import grown
from detectors.partial import DISTINCT_EXACT, Array, Partial
from detectors.quantiles import Quantiles
from detectors.ratios import Ratios
from detectors.rules import Kind, Measure


class Window(Protocol):
    """The window of one rule, all series at once; rows are numbered by the judge and only ever grow."""

    def grow(self, size: int) -> None:
        """Make room for `size` series."""

    def enter(self, rows: Int64, pane: Partial) -> None:
        """Take a pane in; `rows[i]` is the series of the pane's row i."""

    def leave(self, rows: Int64, pane: Partial) -> None:
        """Let a pane go that entered with these rows."""

    def values(self, rows: Int64) -> Float64:
        """Give the value of each series, NaN where it is unknown."""


class _Totals:
    """Running totals of what adds up: counts, exact sums and hits."""

    _NAMES: Mapping[Kind, tuple[str, ...]] = {
        Kind.COUNT: ("count",),
        Kind.SHARE: ("count", "hits"),
        Kind.SUM: ("count", "limbs"),
        Kind.MEAN: ("count", "filled", "limbs"),
    }

    def __init__(self, kind: Kind, min_events: int) -> None:
        self._kind = kind
        self._min_events = max(min_events, 1)
        self._totals: dict[str, Array] = {
            name: np.zeros((0, exact.LIMBS) if name == "limbs" else 0, np.int64) for name in self._NAMES[kind]
        }

    def grow(self, size: int) -> None:
        self._totals = {name: grown(column, size) for name, column in self._totals.items()}

    def enter(self, rows: Int64, pane: Partial) -> None:
        for name, column in self._totals.items():
            column[rows] += pane.columns[name]

    def leave(self, rows: Int64, pane: Partial) -> None:
        for name, column in self._totals.items():
            column[rows] -= pane.columns[name]

    def values(self, rows: Int64) -> Float64:
        count = self._totals["count"][rows]
        if self._kind is Kind.COUNT:
            return count.astype(np.float64)
        if self._kind is Kind.SUM:
            return exact.to_float(self._totals["limbs"][rows])
        if self._kind is Kind.SHARE:
            above, under = self._totals["hits"][rows].astype(np.float64), count
        else:
            above, under = exact.to_float(self._totals["limbs"][rows]), self._totals["filled"][rows]
        known = (under > 0) & (count >= self._min_events)
        return np.where(known, above / np.maximum(under, 1), np.nan)


class _Maxima:
    """Greatest values: per series the panes that can still become the greatest, falling from left to right."""

    def __init__(self, min_events: int) -> None:
        self._count = np.zeros(0, np.int64)
        self._min_events = max(min_events, 1)
        self._falling: list[deque[tuple[int, float]]] = []

    def grow(self, size: int) -> None:
        self._count = grown(self._count, size)
        self._falling.extend(deque() for _ in range(size - len(self._falling)))

    def enter(self, rows: Int64, pane: Partial) -> None:
        self._count[rows] += pane.columns["count"]
        for row, value in zip(rows.tolist(), pane.columns["max"].tolist(), strict=True):
            falling = self._falling[row]
            while falling and falling[-1][1] <= value:
                falling.pop()
            falling.append((pane.end_ms, value))

    def leave(self, rows: Int64, pane: Partial) -> None:
        self._count[rows] -= pane.columns["count"]
        for row in rows.tolist():
            if self._falling[row] and self._falling[row][0][0] <= pane.end_ms:
                self._falling[row].popleft()

    def values(self, rows: Int64) -> Float64:
        greatest = [self._falling[row][0][1] if self._falling[row] else -np.inf for row in rows.tolist()]
        known = np.isfinite(greatest) & (self._count[rows] >= self._min_events)
        return np.where(known, greatest, np.nan)


class _Distincts:
    """Distinct values: per series each value with the end of the last pane that held it."""

    def __init__(self) -> None:
        self._last: list[dict[int, int]] = []

    def grow(self, size: int) -> None:
        self._last.extend({} for _ in range(size - len(self._last)))

    def enter(self, rows: Int64, pane: Partial) -> None:
        assert pane.pairs is not None
        places, codes = pane.pairs
        for row, code in zip(rows[places].tolist(), codes.tolist(), strict=True):
            self._last[row][code] = pane.end_ms

    def leave(self, rows: Int64, pane: Partial) -> None:
        assert pane.pairs is not None
        places, codes = pane.pairs
        for row, code in zip(rows[places].tolist(), codes.tolist(), strict=True):
            if self._last[row][code] == pane.end_ms:
                del self._last[row][code]

    def values(self, rows: Int64) -> Float64:
        return np.fromiter((distinct_of(self._last[row]) for row in rows.tolist()), np.float64, len(rows))


def distinct_of(codes: Mapping[int, Any]) -> float:
    """Count distinct codes: exactly below DISTINCT_EXACT, beyond by the density of the k smallest (KMV)."""
    if len(codes) < DISTINCT_EXACT:
        return float(len(codes))
    smallest = np.partition(np.fromiter(codes, np.uint64, len(codes)), DISTINCT_EXACT - 1)[DISTINCT_EXACT - 1]
    return float(round((DISTINCT_EXACT - 1) / (float(smallest) / 2.0**64)))


_ADDED = {Kind.UNMATCHED_COUNT: Kind.COUNT, Kind.UNMATCHED_TOTAL: Kind.COUNT, Kind.UNMATCHED_SHARE: Kind.SHARE}


def window_of(measure: Measure, min_events: int) -> Window:
    """Make the window a measure needs."""
    if measure.kind is Kind.MAX:
        return _Maxima(min_events)
    if measure.kind is Kind.DISTINCT:
        return _Distincts()
    if measure.kind is Kind.QUANTILE and measure.q is not None:
        return Quantiles(measure.q, min_events)
    if measure.of is not None and measure.to is not None:
        of, to = (window_of(part.measure, 0) for part in (measure.of, measure.to) if part.measure is not None)
        return Ratios(of, to, per=measure.per, min_events=min_events)
    return _Totals(_ADDED.get(measure.kind, measure.kind), min_events)
