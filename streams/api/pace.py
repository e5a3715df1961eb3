"""How fast one caller may ask: a bucket that holds so many requests and fills again at a steady rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

RATE_PER_S = 50.0
BURST = 200
"""An open page asks four times in a few seconds, a scraper four times a minute: what asks more has lost its way."""

CALLERS_MAX = 4_096


@dataclass(slots=True)
class Pace:
    """The buckets of all callers. `clock` gives seconds that never go back.

    >>> pace = Pace(clock=lambda: 0.0, rate_per_s=1.0, burst=2)
    >>> [pace.wait_s("wall") for _ in range(4)], pace.wait_s("another")
    ([0, 0, 1, 1], 0)
    """

    clock: Callable[[], float]
    rate_per_s: float = RATE_PER_S
    burst: int = BURST
    _filled: dict[str, tuple[float, float]] = field(
        default_factory=dict
    )  # caller → (requests left, as of), oldest first

    def wait_s(self, caller: str) -> int:
        """Count one request; return 0 if it may go on, else how many whole seconds to wait."""
        now_s = self.clock()
        left, as_of_s = self._filled.pop(caller, (float(self.burst), now_s))
        left = min(left + (now_s - as_of_s) * self.rate_per_s, float(self.burst))
        is_admitted = left >= 1
        if len(self._filled) >= CALLERS_MAX:  # who has not asked for longest has a full bucket by now
            del self._filled[next(iter(self._filled))]
        self._filled[caller] = (left - 1 if is_admitted else left, now_s)
        return 0 if is_admitted else max(math.ceil((1 - left) / self.rate_per_s), 1)
