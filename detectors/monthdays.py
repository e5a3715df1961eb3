"""Days of the month that are like no others, as those on which bills come: how busy each was beside its hours.

What the hours of the week expect is learned on all other days. Of a day that a rule names (`month_days`) nothing goes
there; kept is how many there were on it, and how many its hours alone expected, for the last two months or so. So the
second of a month is judged by the second of the months before, whatever weekday it falls on. In the first month that is
seen there is nothing to judge by.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from detectors.batch import Bool, Float64
from detectors.columns import grown
from detectors.durations import UNIT_MS
from detectors.weekhours import WeekHours

MEMORY_MS = 2 * UNIT_MS["d"]
"""What is remembered of a day of the month: two of its kind, about."""

START = 20.0  # events that a day must have before it is believed to be busier or calmer than its hours
RATIO_MAX = 10.0


class MonthDays:
    """The days of the month that a rule names, all series at once: 24 bytes a day and series."""

    def __init__(self, spans: Sequence[tuple[int, int]], hours: WeekHours, step_ms: int) -> None:
        named = sorted({day for first, last in spans for day in range(first, last + 1)})
        self._places = {day: place for place, day in enumerate(named)}
        self._hours = hours
        self._fade = max(0.0, 1.0 - step_ms / MEMORY_MS)
        self._days = np.zeros((0, len(named), 2))  # what was, and what the hours alone expected
        self._since = np.zeros((0, len(named)), np.int64)  # the month in which a day was first learned, 0 = never

    def __bool__(self) -> bool:
        return bool(self._places)

    def includes(self, local_ms: int) -> bool:
        """Say whether a moment, by the clock on the wall, lies on one of these days."""
        return bool(self) and self._hours.month_day(local_ms)[1] in self._places

    def begin(self, size: int) -> None:
        """Make room for `size` series."""
        self._days, self._since = grown(self._days, size), grown(self._since, size)

    def follow(self, local_ms: int, which: Bool, values: Float64, slots: Float64) -> None:
        """Note what there was at one step of such a day, and what its hour expected, of the series that are known."""
        size = len(values)
        month, day = self._hours.month_day(local_ms)
        place = self._places[day]
        pairs, since = self._days[:size, place], self._since[:size, place]
        both = np.stack((values, slots), axis=1)
        pairs[:] = np.where(which[:, None], self._fade * pairs + np.where(which[:, None], both, 0.0), pairs)
        since[:] = np.where(which & (since == 0), month, since)

    def busier(self, local_ms: int, size: int) -> tuple[Float64, Bool]:
        """Give how busy this day is beside its hours, and of which series that is known from a month before."""
        month, day = self._hours.month_day(local_ms)
        place = self._places[day]
        was, expected = self._days[:size, place, 0], self._days[:size, place, 1]
        since = self._since[:size, place]
        ratio = np.clip((was + START) / (expected + START), 1.0 / RATIO_MAX, RATIO_MAX)
        return ratio, (since > 0) & (since < month)

    def state(self, size: int) -> dict[str, Any]:
        """Write the first `size` series down."""
        return {"days": self._days[:size].copy(), "since": self._since[:size].copy()}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `state` wrote."""
        self._days, self._since = state["days"].copy(), state["since"].copy()
