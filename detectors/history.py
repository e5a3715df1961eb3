"""Growth and rise: the value now beside the value of the same window some time ago.

Kept is what the value was from when on, for as long as it will be asked for: one row for each change of a value.
Between changes it stands still (see `judge`), so that these say what it was at every boundary.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from detectors.batch import Float64, Int64
from detectors.columns import grown
from detectors.durations import FOREVER
from detectors.rules import Kind, Rule


class _Noted:
    """Values in the order in which they will be asked for: parallel columns, taken from the front."""

    def __init__(self, due_ms: Int64, row: Int64, value: Float64) -> None:
        self.due_ms = due_ms
        self.row = row.astype(np.int32)
        self.value = value
        self._first, self._last = 0, len(due_ms)

    @property
    def next_ms(self) -> int:
        return int(self.due_ms[self._first]) if self._first < self._last else FOREVER

    def add(self, due_ms: int, rows: Int64, values: Float64) -> None:
        """Put values at the end; `due_ms` never falls."""
        size = self._last + len(rows)
        if size > len(self.due_ms):  # what was taken makes room; else it doubles
            for name, column in self.columns().items():
                setattr(self, name, grown(column, 2 * (len(column) + len(rows))))
            self._first, self._last = 0, self._last - self._first
            size = self._last + len(rows)
        self.due_ms[self._last : size] = due_ms
        self.row[self._last : size] = rows
        self.value[self._last : size] = values
        self._last = size

    def take(self, time_ms: int) -> tuple[Int64, Float64]:
        """Take out what is due."""
        begin = self._first
        self._first += int(np.searchsorted(self.due_ms[begin : self._last], time_ms, side="right"))
        return self.row[begin : self._first].astype(np.int64), self.value[begin : self._first]

    def columns(self) -> dict[str, Any]:
        """Give what waits, as columns."""
        return {name: getattr(self, name)[self._first : self._last] for name in ("due_ms", "row", "value")}


class History:
    """The past values of all series of one rule, and the value `span_ms` ago of each.

    A series has a history from `span_ms` after its first whole window: before, the value then would be that of a
    window in which we were not yet looking.
    """

    def __init__(self, span_ms: int, window_ms: int, *, rises: bool = False, least: float = 0.0) -> None:
        self._span_ms = span_ms
        self._rises = rises  # by how much, and not how many times
        self._least = least  # of the value now
        self._window_ms = window_ms
        self._size = 0  # series
        self._begun = 0  # of them, those that have a history: the first ones, for series begin in their order
        self._last = np.zeros(0)  # the newest value of each, as it was noted
        self._then = np.zeros(0)  # the value a span ago
        self._since_ms = np.zeros(0, np.int64)  # from when on that counts
        self._noted = _Noted(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))

    def grow(self, size: int, time_ms: int) -> None:
        """Make room for `size` series; new ones begin at this boundary."""
        if size <= self._size:
            return
        self._last, self._then = grown(self._last, size, np.nan), grown(self._then, size, np.nan)
        self._since_ms = grown(self._since_ms, size, FOREVER)
        self._since_ms[self._size : size] = time_ms + self._window_ms + self._span_ms
        self._size = size

    @property
    def next_ms(self) -> int:
        """The next boundary at which a value of the past changes."""
        begins = int(self._since_ms[self._begun]) if self._begun < self._size else FOREVER
        return min(self._noted.next_ms, begins)

    def recall(self, time_ms: int) -> Int64:
        """Let the past come up to this boundary. Return the series whose value then is another now."""
        rows, values = self._noted.take(time_ms)
        self._then[rows] = values
        before = self._begun
        self._begun = int(np.searchsorted(self._since_ms[: self._size], time_ms, side="right"))
        return np.unique(np.concatenate((rows, np.arange(before, self._begun))))

    def compare(self, rows: Int64, values: Float64, time_ms: int) -> Float64:
        """Note the values at a boundary. Return each beside its value a span ago; NaN where that says nothing.

        A growth says nothing of what was 0 then, and nothing of too few: under `least` the value now is noted alone.
        """
        last = self._last[rows]
        fresh = (values != last) & ~(np.isnan(values) & np.isnan(last))
        if fresh.any():
            self._noted.add(time_ms + self._span_ms, rows[fresh], values[fresh])
            self._last[rows] = values
        then = self._then[rows]
        begun = (self._since_ms[rows] <= time_ms) & (values >= self._least)
        if self._rises:
            return np.where(begun, values - then, np.nan)
        known = (then > 0) & begun
        return np.where(known, values / np.where(known, then, 1.0), np.nan)

    def state(self) -> dict[str, Any]:
        """Write down as plain data: 20 bytes a noted value, 24 a series."""
        series = {name: getattr(self, f"_{name}")[: self._size] for name in ("last", "then", "since_ms")}
        return {"begun": self._begun, **series, **self._noted.columns()}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `state` wrote."""
        self._begun, self._size = state["begun"], len(state["last"])
        self._last, self._then = state["last"].copy(), state["then"].copy()
        self._since_ms = state["since_ms"].copy()
        self._noted = _Noted(state["due_ms"].copy(), state["row"], state["value"].copy())


def history_of(rule: Rule) -> History | None:
    """Make the history of a rule that looks back; None for the others."""
    measure = rule.measure
    if measure.base is None or not measure.kind.looks_back:
        return None
    least = rule.min_events if measure.base.kind is Kind.COUNT else 0
    return History(measure.span_ms, rule.window_ms, rises=measure.kind is Kind.RISE, least=least)
