"""How many messages a channel may be sent in a minute: half of them at once, the others evenly apart."""

from __future__ import annotations

from collections import deque

MINUTE_MS = 60_000


class Pace:
    """At most `per_minute` messages in any sixty seconds.

    The receivers count so: DingTalk mutes a bot for ten minutes after the 21st message of a minute. Half may go at
    once; while that many went within the minute, the next goes some seconds after the last, so that in a storm there
    is always a message about to go that takes along what is red.

    >>> pace = Pace(4)
    >>> pace.room(0)
    2
    >>> for time_ms in (0, 10): pace.sent(time_ms)
    >>> pace.room(20), pace.free_ms(20), pace.room(30_010)
    (0, 30010, 1)
    """

    def __init__(self, per_minute: int | None) -> None:
        self._limit = per_minute
        apart = 0 if per_minute is None else per_minute // 2
        self._at_once = 0 if per_minute is None else per_minute - apart
        self._gap_ms = MINUTE_MS // max(apart, 1)
        self._sent: deque[int] = deque(maxlen=per_minute)

    def room(self, now_ms: int) -> int | None:
        """Say how many messages may be sent now; None is any number."""
        if self._limit is None:
            return None
        while self._sent and self._sent[0] <= now_ms - MINUTE_MS:
            self._sent.popleft()
        if len(self._sent) < self._at_once:
            return self._at_once - len(self._sent)
        return int(len(self._sent) < self._limit and now_ms >= self._sent[-1] + self._gap_ms)

    def free_ms(self, now_ms: int) -> int:
        """Say when the next message may be sent."""
        if self.room(now_ms) != 0:
            return now_ms
        below_ms = self._sent[len(self._sent) - self._at_once] + MINUTE_MS  # fewer than `at_once` within the minute
        first_ms = self._sent[0] + MINUTE_MS if len(self._sent) == self._limit else now_ms
        return min(below_ms, max(self._sent[-1] + self._gap_ms, first_ms))

    def sent(self, now_ms: int) -> None:
        """Note a message: a try counts, whatever comes of it."""
        if self._limit is not None:
            self._sent.append(now_ms)
