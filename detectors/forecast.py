"""`forecast`: the value a measure will have in a while, if it goes on as it does.

Damped trend exponential smoothing (Gardner and McKenzie, *Forecasting trends in time series*, 1985), which Gardner
calls hard to beat (*Exponential smoothing: the state of the art, part II*, 2006): a level and a trend follow the value
from step to step, and the trend fades as it is carried on. It has no season: 15 minutes ahead the trend knows more than
the hour does, and it works from the first hour on. How the constants were chosen: docs/decisions/0017.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from detectors.batch import Float64, Int64
from detectors.columns import grown
from detectors.durations import FOREVER
from detectors.outlook import next_step, step_of
from detectors.partial import Array

LEVEL, TREND, DAMPING = 0.5, 0.3, 0.95
"""Parts of each step's surprise that level and trend take on, and what a step leaves of the trend."""

STEPS_AHEAD = 3
"""A step is this part of the way ahead: short enough to see a turn, long enough not to take noise for a trend."""

STEPS_MIN = 4
"""Values a series must have shown before anything is foretold of it."""


class Forecast:
    """Level and trend of every series: 20 bytes each."""

    def __init__(self, ahead_ms: int, hop_ms: int) -> None:
        self._step_ms = step_of(math.ceil(ahead_ms / STEPS_AHEAD), hop_ms)
        self._reach = reach(ahead_ms / self._step_ms)
        self.next_ms = FOREVER
        self._level = np.zeros(0)
        self._trend = np.zeros(0)
        self._seen = np.zeros(0, np.int32)
        self._known = np.zeros(0, np.bool_)

    def begin(self, size: int, time_ms: int) -> None:
        """Make room; nothing is known of new series."""
        if self.next_ms == FOREVER:
            self.next_ms = next_step(time_ms, self._step_ms)
        self._level = grown(self._level, size, 0.0)
        self._trend = grown(self._trend, size, 0.0)
        self._seen = grown(self._seen, size, 0)
        self._known = grown(self._known, size, fill=False)

    def learn(self, values: Float64, time_ms: int) -> None:
        """Move level and trend by one step; where the value is unknown they wait."""
        self.next_ms = time_ms + self._step_ms
        size = len(values)
        known = ~np.isnan(values)
        level, trend = self._level[:size], self._trend[:size]
        first = known & (self._seen[:size] == 0)
        level[first] = values[first]
        later = known & ~first
        before = level[later]
        carried = DAMPING * trend[later]
        level[later] = LEVEL * values[later] + (1.0 - LEVEL) * (before + carried)
        trend[later] = TREND * (level[later] - before) + (1.0 - TREND) * carried
        self._seen[:size] += known
        self._known[:size] = known & (self._seen[:size] >= STEPS_MIN)

    def values(self, rows: Int64, values: Float64) -> Float64:  # noqa: ARG002  the shape of an outlook
        """Carry level and trend on; nothing that is measured falls under 0."""
        foretold = np.maximum(self._level[rows] + self._reach * self._trend[rows], 0.0)
        return np.where(self._known[rows], foretold, np.nan)

    def state(self, size: int) -> dict[str, Any]:
        """Write the first `size` series down."""
        columns: dict[str, Array] = {"level": self._level, "trend": self._trend}
        columns |= {"seen": self._seen, "known": self._known}
        return {"next_ms": self.next_ms, **{name: column[:size].copy() for name, column in columns.items()}}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `state` wrote."""
        self.next_ms = state["next_ms"]
        self._level, self._trend = state["level"].copy(), state["trend"].copy()
        self._seen, self._known = state["seen"].copy(), state["known"].copy()


def reach(steps: float) -> float:
    """Give what a trend comes to over so many steps while it fades.

    >>> round(reach(3.0), 3), round(reach(0.5), 3)
    (2.71, 0.475)
    """
    whole = math.floor(steps)
    return sum(DAMPING**step for step in range(1, whole + 1)) + (steps - whole) * DAMPING ** (whole + 1)
