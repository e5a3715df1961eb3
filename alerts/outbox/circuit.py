"""The circuit of one channel: a receiver that is down is asked now and then by one notification, not by all."""

from __future__ import annotations

import random

FAILURES_MAX = 5
"""In a row, until the circuit opens."""

FIRST_REST_MS = 15_000
REST_MS_MAX = 300_000


class Circuit:
    """Opens after `FAILURES_MAX` tries in a row came to nothing; then lets one through, now and then.

    The rests between two of them double, with chance in each: many workers do not come back together.
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._failures = 0
        self._rest_ms = FIRST_REST_MS
        self._closed_until_ms = 0

    @property
    def is_open(self) -> bool:
        """Whether the receiver is taken to be down."""
        return self._failures >= FAILURES_MAX

    def free_ms(self) -> int:
        """Say when something may be tried again."""
        return self._closed_until_ms

    def succeeded(self) -> None:
        """Note that the receiver answered as it should."""
        self._failures = 0
        self._rest_ms = FIRST_REST_MS

    def failed(self, now_ms: int) -> None:
        """Note that a try came to nothing because of the receiver or the way to it."""
        self._failures += 1
        if self.is_open:
            self._closed_until_ms = now_ms + round(self._chance.uniform(self._rest_ms / 2, self._rest_ms))
            self._rest_ms = min(self._rest_ms * 2, REST_MS_MAX)

    def rest_until(self, time_ms: int) -> None:
        """Try nothing before `time_ms`: the receiver asked for it."""
        self._closed_until_ms = max(self._closed_until_ms, time_ms)
