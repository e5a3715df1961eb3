"""The breaker of one partition: where nearly nothing can be used any more, it is read slowly instead of set aside.

A sender that changed its format turns a partition to poison. Drained at full speed into the dead letters, all of it
would be out of its place and late by the time somebody has mended the matter. So the rest stays where it lies, in the
log: a portion now and then shows whether it is still poison, and once it is not, reading goes on at full speed.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

PORTION_LEN = 1_000
"""Records that are tried at a time while the breaker is open."""

PAUSE_MS = 5_000
"""Time between two portions: with them it bounds the dead letters of a partition to 200 a second."""

WITHIN_MS = 60_000
"""How far back events are counted."""


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """It opens where at least `share` of at least `events` events within a minute cannot be used."""

    share: float = 0.9
    events: int = 1_000


class Breaker:
    """Counts what can be used and what cannot. `now_ms` is wall time, from any clock that does not go back."""

    def __init__(self, limits: BreakerLimits) -> None:
        self._limits = limits
        self._counts: deque[tuple[int, int, int]] = deque()  # when, events, refused ones of them
        self._events = self._refused = 0  # the sums of _counts
        self._opened_ms: int | None = None
        self._next_ms = 0  # when the next portion is due
        self._is_released = False

    @property
    def is_open(self) -> bool:
        """Whether the partition is read slowly, or would be if nobody had released it."""
        return self._opened_ms is not None

    def count(self, events: int, refused: int, now_ms: int) -> bool:
        """Count a run of events, `refused` of which could not be used. Return whether the breaker opened or closed."""
        self._next_ms = now_ms + PAUSE_MS
        if not events:
            return False
        self._counts.append((now_ms, events, refused))
        self._events += events
        self._refused += refused
        if self.is_open:
            return refused < self._limits.share * events and self._close()
        self._forget(now_ms)
        if self._events < self._limits.events or self._refused < self._limits.share * self._events:
            return False
        self._opened_ms = now_ms
        return True

    def pass_time(self, now_ms: int) -> bool:
        """Let time pass: with less than a flood in the last minute it closes. Return whether it did."""
        if self._opened_ms is None or now_ms - self._opened_ms < WITHIN_MS:
            return False
        self._forget(now_ms)
        return self._events < self._limits.events and self._close()

    def appetite(self, now_ms: int) -> int | None:
        """Say how many records shall be read now: None is as many as there are."""
        if not self.is_open or self._is_released:
            return None
        return PORTION_LEN if now_ms >= self._next_ms else 0

    def release(self) -> bool:
        """Read on at full speed, whatever comes, until it is usable again. Return whether it was open."""
        self._is_released = self.is_open
        return self.is_open

    def _forget(self, now_ms: int) -> None:
        while self._counts and self._counts[0][0] <= now_ms - WITHIN_MS:
            _, events, refused = self._counts.popleft()
            self._events -= events
            self._refused -= refused

    def _close(self) -> bool:
        self._opened_ms = None
        self._is_released = False
        self._counts.clear()
        self._events = self._refused = 0
        return True
