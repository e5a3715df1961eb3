"""Events without their counterpart: calls of which no complaint of the same customer was registered near them.

An event at time c is *decided* at c + within: by then every counterpart in [c − within, c + within] is known. It is
counted as if it happened then, so that each is counted once, and none before it is certain.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from detectors.batch import Bool, Int64, UInt64
from detectors.partial import Moments, Partial, merge
from detectors.rules import Kind

EVENTS, COUNTERPARTS = 0, 1
"""The sides of an unmatched measure."""


class Matcher:
    """Turns the panes of the two sides into one pane that can enter a window: what was decided in it.

    Kept are the counterparts of the last 2 × `within` and a hop; the events wait with the judge.
    """

    def __init__(self, kind: Kind, within_ms: int, hop_ms: int, *, below: bool = False) -> None:
        """`below`: a low share is bad, and driven by the events that have their counterpart."""
        self._kind = kind
        self._below = below
        self._within_ms = within_ms
        self._kept_ms = 2 * within_ms + hop_ms
        self._found: deque[Partial] = deque()  # panes of counterparts

    def due_ms(self, pane: Partial) -> int:
        """Say at which boundary a pane can be dealt with: that of events once all in it are decided."""
        return pane.end_ms + self._within_ms if pane.side == EVENTS else pane.end_ms

    def resolve(self, panes: Sequence[Partial], time_ms: int) -> list[Partial]:
        """Take the panes that are due at a boundary, at most one of a side. Return those that enter the window."""
        while self._found and self._found[0].end_ms <= time_ms - self._kept_ms:
            self._found.popleft()
        decided, others = [], []
        for pane in panes:
            if pane.side == COUNTERPARTS:
                self._found.append(pane)
                if self._kind is Kind.UNMATCHED_TOTAL:  # what was registered counts too
                    columns = {name: column for name, column in pane.columns.items() if name in ("count", "first_ms")}
                    decided.append(replace(pane, columns=columns, moments=None, side=EVENTS))
            elif pane.side != EVENTS:
                others.append(pane)
        decided += [self._decide(pane, time_ms) for pane in panes if pane.side == EVENTS]
        return [merge(decided), *others] if decided else others

    def _decide(self, pane: Partial, time_ms: int) -> Partial:
        assert pane.moments is not None
        rows, codes, times = pane.moments
        hidden = ~self._matched(codes, times)
        size = len(pane.keys)
        count, hits = np.bincount(rows, minlength=size), np.bincount(rows[hidden], minlength=size)
        columns = {"count": count, "hits": hits} if self._kind is Kind.UNMATCHED_SHARE else {"count": hits}
        if "first_ms" in pane.columns:
            columns["first_ms"] = pane.columns["first_ms"] + self._within_ms
        driving = ~hidden if self._kind is Kind.UNMATCHED_SHARE and self._below else hidden
        parts = None if pane.whose is None else pane.whose.parts(driving, rows)
        return Partial(pane.rule, time_ms, pane.keys, columns, parts=parts)

    def _matched(self, codes: UInt64, times: Int64) -> Bool:
        """Say of each event whether a counterpart with its code lies within reach. Return (n,)."""
        found: list[Moments] = [pane.moments for pane in self._found if pane.moments is not None]
        theirs = np.concatenate([np.zeros(0, np.uint64), *(own for _, own, _ in found)])
        when = np.concatenate([np.zeros(0, np.int64), *(own for _, _, own in found)])
        if not len(theirs) or not len(codes):
            return np.zeros(len(codes), np.bool_)
        # One number a counterpart, ascending by code and then by time: the number of its code × span + its time.
        known, number = np.unique(theirs, return_inverse=True)
        first, span = int(when.min()), int(when.max() - when.min()) + 1
        places = np.sort(number * span + (when - first))
        at = np.minimum(np.searchsorted(known, codes), len(known) - 1)
        low = np.clip(times - self._within_ms - first, 0, span)
        high = np.clip(times + self._within_ms - first, -1, span - 1)
        begin = np.searchsorted(places, at * span + low, side="left")
        end = np.searchsorted(places, at * span + high, side="right")
        reached: Bool = (known[at] == codes) & (begin < end)
        return reached

    def state(self) -> list[Any]:
        """Write the counterparts down that are kept."""
        return [pane.state() for pane in self._found]

    def restore(self, state: Sequence[Any]) -> None:
        """Take up what `state` wrote."""
        self._found = deque(map(Partial.of, state))
