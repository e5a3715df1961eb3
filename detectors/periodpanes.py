"""The panes of a rule whose window begins with a period of the calendar: they enter, and all leave at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from detectors.batch import Int64
from detectors.durations import FOREVER
from detectors.panes import Panes
from detectors.partial import Partial, merge
from detectors.periods import end_of
from detectors.rules import Rule
from detectors.transition import Key


class PeriodPanes(Panes):
    """What lies in the window is kept as one pane a side, however long the period: nothing leaves before its end.

    At the boundary with which a period ends its window is whole; at the next one it is that of the new period.
    """

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule)
        self._rule = rule
        self._whole: dict[int, Partial] = {}  # side → all of the period, its end that of the last pane
        self._rows: dict[Key, int] = {}
        self._turn_ms = FOREVER

    @property
    def next_ms(self) -> int:
        """The next boundary at which a pane enters or a period has ended."""
        return min(super().next_ms, self._turn_ms)

    def turn(self, time_ms: int) -> bool:
        """Let all panes go if another period has begun before this boundary. Say whether it has."""
        if time_ms < self._turn_ms:
            return False
        self._whole, self._rows, self._turn_ms = {}, {}, FOREVER
        return True

    def keep(self, rows: Int64, pane: Partial) -> None:
        """Add a pane that has entered to those of its period."""
        before = self._whole.get(pane.side)
        self._whole[pane.side] = pane if before is None else replace(merge([before, pane]), end_ms=pane.end_ms)
        self._rows.update(zip(pane.keys, rows.tolist(), strict=True))
        self._turn_ms = end_of(self._rule.period, self._rule.almanac.zone, pane.end_ms - 1) + self._rule.hop_ms

    def inside(self) -> Iterator[tuple[Int64, Partial]]:
        """Go through the panes in the window: one a side."""
        for pane in self._whole.values():
            yield np.array([self._rows[key] for key in pane.keys], np.int64), pane


def panes_of(rule: Rule) -> Panes:
    """Make the panes of a rule."""
    return PeriodPanes(rule) if rule.period else Panes(rule)
