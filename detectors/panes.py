"""The panes of one rule: those that wait for their boundary, and those that lie in its window."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from detectors.batch import Int64
from detectors.durations import FOREVER
from detectors.matching import Matcher
from detectors.partial import Partial, merge
from detectors.rules import Rule


class Panes:
    """Panes come in any order, enter at the boundary at which they are complete, and leave a window later."""

    def __init__(self, rule: Rule) -> None:
        measure = rule.measure.base or rule.measure
        first = measure.of.measure if measure.of is not None and measure.of.measure is not None else measure
        self._window_ms = rule.window_ms
        self._matcher = (
            Matcher(first.kind, first.span_ms, rule.hop_ms, below=rule.below) if first.kind.is_unmatched else None
        )
        self._waiting: dict[int, list[Partial]] = {}
        self._ends: list[int] = []  # heap of the keys of _waiting
        self._inside: deque[tuple[int, Int64, Partial]] = deque()  # leaving time, series, pane

    def wait(self, pane: Partial) -> None:
        """Keep a pane until its boundary."""
        due_ms = self._due_ms(pane)
        if due_ms not in self._waiting:
            heapq.heappush(self._ends, due_ms)
        self._waiting.setdefault(due_ms, []).append(pane)

    def _due_ms(self, pane: Partial) -> int:
        return pane.end_ms if self._matcher is None else self._matcher.due_ms(pane)

    @property
    def next_ms(self) -> int:
        """The next boundary at which a pane enters or leaves."""
        entering = self._ends[0] if self._ends else FOREVER
        return min(entering, self._inside[0][0]) if self._inside else entering

    def take_leaving(self, time_ms: int) -> Iterator[tuple[Int64, Partial]]:
        """Take out the panes that leave the window at a boundary, with their series."""
        while self._inside and self._inside[0][0] <= time_ms:
            _, rows, pane = self._inside.popleft()
            yield rows, pane

    def take_entering(self, time_ms: int) -> list[Partial] | None:
        """Take out what waits for a boundary, merged: one pane a side. None where nothing does."""
        if not self._ends or self._ends[0] > time_ms:
            return None
        heapq.heappop(self._ends)
        told: dict[int, list[Partial]] = {}
        for pane in self._waiting.pop(time_ms):
            told.setdefault(pane.side, []).append(pane)
        panes = [merge(told[side]) for side in sorted(told)]
        return panes if self._matcher is None else self._matcher.resolve(panes, time_ms)

    def turn(self, time_ms: int) -> bool:  # noqa: ARG002  a window of one length never does
        """Let all panes go at once. Say whether they went."""
        return False

    def keep(self, rows: Int64, pane: Partial) -> None:
        """Keep a pane that has entered a window; `rows` are the series of its rows."""
        self._inside.append((pane.end_ms + self._window_ms, rows, pane))

    def inside(self) -> Iterator[tuple[Int64, Partial]]:
        """Go through the panes in the window, the oldest first."""
        return ((rows, pane) for _, rows, pane in self._inside)

    def events_of(self, row: int) -> int:
        """Count the events of one series in the window; of two sides, those of the last, by which is divided."""
        last = max((pane.side for _, pane in self.inside()), default=0)
        panes = [(rows, pane.columns["count"]) for rows, pane in self.inside() if pane.side == last]
        return sum(int(counts[rows == row].sum()) for rows, counts in panes)

    def state(self) -> dict[str, Any]:
        """Write all panes down, and what may still be matched."""
        # Each is written again and again while it is inside.
        self._inside = deque((leaves_ms, rows, pane.settled()) for leaves_ms, rows, pane in self._inside)
        return {
            "waiting": [pane.state() for panes in self._waiting.values() for pane in panes],
            "inside": [pane.state() for _, pane in self.inside()],
            "matcher": self._matcher.state() if self._matcher is not None else None,
        }

    def restore_matcher(self, state: Any) -> None:
        """Take up what may still be matched; panes enter and wait again one by one."""
        if self._matcher is not None:
            self._matcher.restore(state)

    def restore_waiting(self, state: Sequence[Any]) -> None:
        """Take up the panes that wait."""
        for pane in map(Partial.of, state):
            self._waiting.setdefault(self._due_ms(pane), []).append(pane)
        self._ends = sorted(self._waiting)
