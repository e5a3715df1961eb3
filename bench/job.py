"""The job that every participant does, and what those that count with numpy share.

Events are calls, keyed by outlet: 500 series over eight partitions. Of each series the calls of the last five minutes
are counted, in panes of ten seconds, by event time. When the watermark of all partitions passes a boundary, the count
gives a level of three thresholds, and a change of level gives an alert record.

Peers import this file in their own environment: it needs msgspec and numpy alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

PARTITIONS = 8
SERIES = 500
WINDOW_MS = 300_000
PANE_MS = 10_000
PANES = WINDOW_MS // PANE_MS
LATENESS_MS = 5_000
BEGIN_MS = 1_740_819_600_000  # 2025-03-01T09:00:00Z
SPAN_MS = 1_800_000  # however many events there are, they fill half an hour: windows are full and levels move
WAVES = 0.15  # this share of the calls comes in waves, which each hit a few outlets
LEVELS = ("green", "yellow", "orange", "red")
_RISE = (1.3, 1.7, 2.2)  # thresholds, as multiples of what an outlet has without a wave
_RING = 1_024  # panes: how far partitions may be apart in event time, nearly three hours

Int64 = npt.NDArray[np.int64]


class Call(msgspec.Struct, gc=False):
    """What the job needs of an event."""

    id: str
    time: float
    outlet: str


def thresholds(events: int, span_ms: int = SPAN_MS, window_ms: int = WINDOW_MS) -> tuple[int, int, int]:
    """Give the three thresholds for so many events in `span_ms`.

    >>> thresholds(1_800_000)
    (664, 868, 1122)
    """
    usual = events * (1 - WAVES) / SERIES * window_ms / span_ms
    yellow, orange, red = (max(round(rise * usual + 0.5), rank) for rank, rise in enumerate(_RISE, 1))
    return yellow, orange, red


def rule(limits: tuple[int, int, int], window_ms: int = WINDOW_MS, hop_ms: int = PANE_MS) -> str:
    """Write the job as a rule file. It names no contributors, as nobody else does."""
    yellow, orange, red = limits
    return (
        "version: 1\nrules:\n  - {id: busy-outlet, title: {en: Busy outlet, zh: 营业厅来电激增}, stream: calls,\n"
        f"     measure: count, by: [outlet], window: {window_ms // 1000}s, hop: {hop_ms // 1000}s,\n"
        f"     levels: {{yellow: {yellow}, orange: {orange}, red: {red}}}, contributors: []}}\n"
    )


def alert(outlet: str, level: int, was: int, time_ms: int, value: float) -> bytes:
    """Write an alert record."""
    fields = {"outlet": outlet, "level": LEVELS[level], "was": LEVELS[was], "time": time_ms, "value": value}
    return msgspec.json.encode(fields)


def partition_of(outlet: int) -> int:
    """Say where an outlet's events are."""
    return outlet % PARTITIONS


@dataclass(frozen=True, slots=True)
class Moved:
    """A series that changed its level."""

    outlet: str
    level: int
    was: int
    time_ms: int
    value: int

    def record(self) -> bytes:
        """Write it as an alert record."""
        return alert(self.outlet, self.level, self.was, self.time_ms, self.value)


class Window:
    """The counts of all series in a ring of panes: the whole job in numpy, for one reader of so many partitions.

    A series' partition is known by its outlet, so that the watermarks of the partitions cost nothing extra.
    """

    def __init__(self, limits: Sequence[int], partitions: int = PARTITIONS) -> None:
        self._limits = np.array(limits)
        self._rows: dict[str, int] = {}
        self._names: list[str] = []
        self._partition = np.zeros(SERIES, np.int64)
        self._newest_ms = np.full(partitions, -1, np.int64)
        self._panes = np.zeros((_RING, SERIES), np.int64)
        self._total = np.zeros(SERIES, np.int64)
        self._level = np.zeros(SERIES, np.int64)
        self._next: int | None = None  # the pane to be closed next

    def feed(self, calls: Sequence[Call]) -> Iterator[Moved]:
        """Count calls, and give what moved at the boundaries that they brought."""
        rows = self._find([call.outlet for call in calls])
        time_ms = (np.array([call.time for call in calls]) * 1000).astype(np.int64)
        pane = time_ms // PANE_MS
        if self._next is None:
            self._next = int(pane.min()) - PANES  # nothing is older, within the lateness
        on_time = pane >= self._next
        np.add.at(self._panes, (pane[on_time] % _RING, rows[on_time]), 1)
        np.maximum.at(self._newest_ms, self._partition[rows], time_ms)
        mark_ms = int(self._newest_ms.min()) - LATENESS_MS
        while (self._next + 1) * PANE_MS <= mark_ms:
            yield from self._close(self._next)
            self._next += 1

    def _find(self, outlets: Iterable[str]) -> Int64:
        known = self._rows
        try:
            return np.array([known[outlet] for outlet in outlets], np.int64)
        except KeyError:
            for outlet in outlets:
                if outlet not in known:
                    self._partition[len(known)] = partition_of(int(outlet[1:])) % len(self._newest_ms)
                    known[outlet] = len(known)
                    self._names.append(outlet)
            return self._find(outlets)

    def _close(self, pane: int) -> Iterator[Moved]:
        gone = (pane - PANES) % _RING
        self._total += self._panes[pane % _RING] - self._panes[gone]
        self._panes[gone] = 0
        level = np.searchsorted(self._limits, self._total, side="right")
        for row in np.flatnonzero(level != self._level).tolist():
            was, now = int(self._level[row]), int(level[row])
            yield Moved(self._names[row], now, was, (pane + 1) * PANE_MS, int(self._total[row]))
        self._level = level
