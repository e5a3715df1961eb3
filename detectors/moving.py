"""The second half of a rule whose values move by themselves: they rise while nothing happens.

Such a rule is not judged at every boundary. A value that rises as time goes by changes a level only where it crosses a
threshold, or what is left of one by `clear`; the boundary after that is known in advance.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from detectors.batch import Float64, Int64
from detectors.clocks import Clocks
from detectors.crossings import boundary_after, marks_of
from detectors.partial import Partial
from detectors.rules import Kind, Rule


class Moving(Protocol):
    """All series of one rule; rows are numbered by the judge and only ever grow."""

    def grow(self, size: int) -> None:
        """Make room for `size` series."""

    def enter(self, rows: Int64, pane: Partial) -> Int64:
        """Take a pane in; `rows[i]` is the series of the pane's row i. Return the series that may have changed."""

    def values(self, rows: Int64, time_ms: int) -> Float64:
        """Give the value of each series at a boundary that is not before the last pane."""

    def wake(self, rows: Int64, time_ms: int) -> Int64:
        """Give for each series the next boundary at which its level can change though nothing happens."""

    def worst_step(self, row: int, time_ms: int) -> str | None:
        """Name the step to blame for what is overdue in a series, if the rule asks for it."""

    def state(self) -> Any:
        """Write everything down as plain data and arrays."""

    def restore(self, state: Any) -> None:
        """Take up what `state` gave; the series must have grown already."""


class Silences:
    """How long each series has been silent, in seconds."""

    def __init__(self, rule: Rule) -> None:
        self._last_ms = np.zeros(0, np.int64)
        self._marks = marks_of(rule)
        self._hop_ms = rule.hop_ms

    def grow(self, size: int) -> None:
        """Make room for `size` series."""
        more = size - len(self._last_ms)
        if more > 0:
            room = max(more, len(self._last_ms))
            self._last_ms = np.concatenate((self._last_ms, np.full(room, np.iinfo(np.int64).min)))

    def enter(self, rows: Int64, pane: Partial) -> Int64:
        """Note the latest event of each series of a pane."""
        self._last_ms[rows] = np.maximum(self._last_ms[rows], pane.columns["last_ms"])
        return rows

    def values(self, rows: Int64, time_ms: int) -> Float64:
        """Give the seconds since the last event of each series."""
        return (time_ms - self._last_ms[rows]) / 1000

    def wake(self, rows: Int64, time_ms: int) -> Int64:
        """Give the boundary after each series' next mark."""
        last_ms = self._last_ms[rows]
        next_mark = self._marks[np.searchsorted(self._marks, time_ms - last_ms, side="right")]
        return boundary_after(last_ms, next_mark, self._hop_ms)

    def worst_step(self, row: int, time_ms: int) -> None:
        """Name no step: silence has none."""

    def state(self) -> Int64:
        """Give the time of the last event of each series."""
        return self._last_ms.copy()

    def restore(self, state: Int64) -> None:
        """Take up what `state` gave."""
        self._last_ms = state.copy()


def moving_of(rule: Rule) -> Moving | None:
    """Make what a rule needs whose values move by themselves; None for all others."""
    if rule.measure.kind is Kind.SILENT:
        return Silences(rule)
    return Clocks(rule) if rule.measure.clock is not None else None
