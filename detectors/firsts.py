"""`new`: values of a field that were not seen for long, such as a reason nobody has complained of before.

Which values they are is remembered by their codes; what these say stands with the panes, for as long as they count.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from detectors.batch import Float64, Int64
from detectors.partial import Partial
from detectors.rules import Rule

VALUES_MAX = 4_096
"""Values a series remembers, some 150 bytes each. Beyond, those not seen for longest go: they may be new once more."""

_KEPT = VALUES_MAX * 7 // 8  # how many stay when the oldest go, so that this is done seldom


class Firsts:
    """The window of a `new` rule: the first sightings in it.

    A value is first seen in a pane if no pane of the `within` before has it. In the first `within` of a series
    everything would be new: nothing is counted until then.
    """

    def __init__(self, rule: Rule) -> None:
        self._within_ms = rule.measure.span_ms
        self._hop_ms = rule.hop_ms
        self._seen: list[dict[int, int]] = []  # value → end of the last pane that had it
        self._fresh: list[deque[tuple[int, Sequence[int]]]] = []  # panes with first sightings: end, codes that ascend
        self._begun_ms: list[int | None] = []

    def grow(self, size: int) -> None:
        """Make room for `size` series."""
        more = range(size - len(self._seen))
        self._seen.extend({} for _ in more)
        self._fresh.extend(deque() for _ in more)
        self._begun_ms.extend(None for _ in more)

    def enter(self, rows: Int64, pane: Partial) -> None:
        """Count what is first seen in a pane, and remember all of it."""
        assert pane.pairs is not None
        start_ms = pane.end_ms - self._hop_ms
        for row in rows.tolist():
            if self._begun_ms[row] is None:
                self._begun_ms[row] = start_ms
        places, codes = pane.pairs
        firsts: dict[int, list[int]] = {}
        for row, code in zip(rows[places].tolist(), codes.tolist(), strict=True):
            seen = self._seen[row]
            if seen.get(code, start_ms - self._within_ms) + self._within_ms <= start_ms:
                firsts.setdefault(row, []).append(code)
            seen[code] = pane.end_ms
        for row, fresh in firsts.items():
            begun_ms = self._begun_ms[row]
            if begun_ms is not None and begun_ms + self._within_ms <= start_ms:
                self._fresh[row].append((pane.end_ms, sorted(fresh)))
            if len(self._seen[row]) > VALUES_MAX:
                self._forget(row, start_ms - self._within_ms)

    def _forget(self, row: int, long_ago_ms: int) -> None:
        lately = [(end_ms, code) for code, end_ms in self._seen[row].items() if end_ms > long_ago_ms]
        self._seen[row] = {code: end_ms for end_ms, code in sorted(lately, reverse=True)[:_KEPT]}

    def leave(self, rows: Int64, pane: Partial) -> None:
        """Let a pane go, and with it its first sightings; what it had stays remembered."""
        for row in rows.tolist():
            fresh = self._fresh[row]
            if fresh and fresh[0][0] <= pane.end_ms:
                fresh.popleft()

    def values(self, rows: Int64) -> Float64:
        """Give the number of first sightings in the window; it is always known."""
        counts = (sum(len(codes) for _, codes in self._fresh[row]) for row in rows.tolist())
        return np.fromiter(counts, np.float64, len(rows))

    def codes_of(self, row: int) -> Iterator[tuple[int, Sequence[int]]]:
        """Give what is first seen in the window of a series: the ends of its panes, and the codes first seen there."""
        return iter(self._fresh[row])

    def state(self) -> list[Any]:
        """Write everything down as plain data: the panes in the window alone do not tell what was before them."""
        return [[dict(seen) for seen in self._seen], [list(fresh) for fresh in self._fresh], list(self._begun_ms)]

    def restore(self, state: list[Any]) -> None:
        """Take up what `state` wrote."""
        seen, fresh, begun = state
        self._seen = [dict(values) for values in seen]
        self._fresh = [deque((end_ms, codes) for end_ms, codes in panes) for panes in fresh]
        self._begun_ms = list(begun)
