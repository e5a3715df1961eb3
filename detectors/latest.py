"""The second half of a `now` rule: the latest state of every thing, counted where it stands."""

from __future__ import annotations

from collections import Counter

import numpy as np

from detectors import exact
from detectors.batch import Float64, Int64
from detectors.partial import Partial, Things
from detectors.rules import Kind
from detectors.windows import distinct_of

State = tuple[int, float, int]
"""Where a thing counts: series, number, code of the counted value (of a share: HIT, or not)."""

HIT, NO_HIT = 2, 1


class LatestStates:
    """The things whose latest event matches, and what they add up to in each series.

    A thing that no longer matches is forgotten: panes close in order, so nothing older can come after it.
    """

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._things: dict[int, State] = {}
        self._limbs = np.zeros((0, exact.LIMBS), np.int64)
        self._values: list[Counter[int]] = []

    def __len__(self) -> int:
        return len(self._things)

    def grow(self, size: int) -> None:
        """Make room for `size` series."""
        if size > len(self._limbs):
            longer = np.zeros((max(size, 2 * len(self._limbs)), exact.LIMBS), np.int64)
            longer[: len(self._limbs)] = self._limbs
            self._limbs = longer
        self._values.extend(Counter() for _ in range(size - len(self._values)))

    def enter(self, rows: Int64, pane: Partial) -> Int64:
        """Move every thing of a pane to its latest state. Return the series that may have changed."""
        assert pane.things is not None
        gone: list[State] = []
        come: list[State] = []
        for code, state, matched in _states(rows, pane.things):
            if code in self._things:
                gone.append(self._things.pop(code))
            if matched:
                self._things[code] = state
                come.append(state)
        self._add(gone, -1)
        self._add(come, +1)
        return np.array([state[0] for state in (*gone, *come)], np.int64)

    def _add(self, states: list[State], sign: int) -> None:
        if not states:
            return
        rows = np.array([state[0] for state in states], np.int64)
        if self._kind in (Kind.NOW_DISTINCT, Kind.NOW_SHARE):
            for row, _, code in states:
                if code:
                    self._values[row][code] += sign
                    if not self._values[row][code]:
                        del self._values[row][code]
            return
        numbers = np.ones(len(states)) if self._kind is Kind.NOW_COUNT else np.array([state[1] for state in states])
        np.add.at(self._limbs, rows, sign * exact.split(np.nan_to_num(numbers, nan=0.0)))

    def values(self, rows: Int64) -> Float64:
        """Give the value of each series: of a share of no things NaN, of all else always known."""
        if self._kind is Kind.NOW_SHARE:
            return np.array([_share(self._values[row]) for row in rows.tolist()])
        if self._kind is Kind.NOW_DISTINCT:
            return np.fromiter((distinct_of(self._values[row]) for row in rows.tolist()), np.float64, len(rows))
        return exact.to_float(self._limbs[rows])

    def state(self) -> dict[int, State]:
        """Give the things that count, with where they count."""
        return dict(self._things)

    def restore(self, things: dict[int, State]) -> None:
        """Take up what `state` gave; the series must have grown already."""
        self._things = dict(things)
        self._add(list(things.values()), +1)


def _share(things: Counter[int]) -> float:
    return things[HIT] / total if (total := things.total()) else np.nan


def _states(rows: Int64, things: Things) -> list[tuple[int, State, bool]]:
    return [
        (code, (row, number, value), matched)
        for code, row, number, value, matched in zip(
            things.code.tolist(),
            rows[things.row].tolist(),
            things.number.tolist(),
            things.value.tolist(),
            things.matched.tolist(),
            strict=True,
        )
    ]
