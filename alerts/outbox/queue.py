"""What waits for one channel, and which of it is to be sent next. Pure: time and chance are arguments.

The notifications of one incident are told in order; different ones do not wait for each other. What is red comes first.
Where a channel may not be sent all of it, many are told in one message, in which each red has a line of its own.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from alerts.notifications import Delivery, Result
from alerts.outbox.circuit import Circuit
from alerts.outbox.item import NOTHING, ChannelPolicy, Ended, Item, Outcome, Waiting
from alerts.outbox.pace import Pace

DIGEST_LEN_MAX = 500
"""Notifications in one message: those that are not red are counted where there is no room to name them."""


@dataclass(slots=True, eq=False)
class Line:
    """The notifications of one incident that wait for this channel, in order."""

    incident: str
    items: deque[Item] = field(default_factory=deque)
    ceiling_ms: int = 0  # of the next wait after a failure; 0: none failed yet
    is_under_way: bool = False
    is_resting: bool = False  # it failed, and waits for its time
    ticket: int = 0  # an entry of a queue that holds an older one is void

    @property
    def is_red(self) -> bool:
        """Whether anything in it says that something is red."""
        return any(item.is_red for item in self.items)


@dataclass(frozen=True, slots=True)
class Parcel:
    """What goes out in one message: one item, or the items of several lines as a digest."""

    items: tuple[Item, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Came:
    """What came of a parcel: items that met their end, and how many are tried again."""

    ended: tuple[Ended, ...] = ()
    retried: int = 0


class ChannelQueue:
    """All that waits for one channel."""

    def __init__(self, policy: ChannelPolicy, chance: random.Random) -> None:
        self.policy = policy
        self._chance = chance
        self._pace = Pace(policy.per_minute)
        self._circuit = Circuit(chance)
        self._lines: dict[str, Line] = {}  # by incident, in the order in which they began
        self._reds: deque[tuple[int, Line]] = deque()  # ready to go, and so are the plain ones behind them
        self._plain: deque[tuple[int, Line]] = deque()
        self._resting: list[tuple[int, int, Line]] = []  # a heap by the time at which they are ready again
        self._tickets = 0
        self._under_way = 0
        self._count = 0

    @property
    def is_open(self) -> bool:
        """Whether the receiver is taken to be down."""
        return self._circuit.is_open

    def recall(self, time_ms: int) -> None:
        """Count in a message that was sent before the start."""
        self._pace.sent(time_ms)

    def waiting(self) -> Waiting:
        """Say how many wait, and since when the oldest."""
        oldest = min((line.items[0].offered_ms for line in self._lines.values()), default=None)
        return NOTHING if oldest is None else Waiting(self._count, oldest)

    def items(self) -> Iterator[Item]:
        """Give all that waits, and what is under way."""
        for line in self._lines.values():
            yield from line.items

    def add(self, item: Item) -> list[Ended]:
        """Take an item in; return what had to make room for it. What is about red never does."""
        incident = item.notification.record.incident
        line = self._lines.setdefault(incident, Line(incident))
        line.items.append(item)
        if not line.is_under_way and not line.is_resting:
            self._ready(line)
        self._count += 1
        if self._count <= self.policy.waiting_max:
            return []
        for line in self._lines.values():
            if not line.is_under_way and not any(each.is_about_red for each in line.items):
                return self._end(line, tuple(line.items), Outcome.DROPPED, item.offered_ms)
        return []

    def next(self, now_ms: int) -> Parcel | None:
        """Choose what to send now, and note it as under way; None if nothing may be sent."""
        if self._under_way >= (1 if self.is_open else self.policy.sends_max) or now_ms < self._circuit.free_ms():
            return None
        self._rouse(now_ms)
        room = self._pace.room(now_ms)
        if room == 0 or self._peek() is None:
            return None
        self._pace.sent(now_ms)
        self._under_way += 1
        parcel = self._parcel(room)
        for line in parcel.lines:
            line.is_under_way = True
        return parcel

    def _parcel(self, room: int | None) -> Parcel:
        digests = self.policy.digests and room is not None
        lines = self._gathered() if digests else [self._take()]
        items = tuple(item for line in lines for item in line.items)
        if digests and (self._peek() is not None or len(items) > max(room or 0, 1)):
            return Parcel(items, tuple(lines))
        for line in reversed(lines[1:]):
            self._ready(line, first=True)
        return Parcel((lines[0].items[0],), (lines[0],))

    def _gathered(self) -> list[Line]:
        """Take as many lines as fit into one message."""
        lines: list[Line] = []
        reds = count = 0
        while (line := self._peek()) is not None:
            reds += sum(item.is_red for item in line.items)
            count += len(line.items)
            if lines and (reds > self.policy.digest_reds_max or count > DIGEST_LEN_MAX):
                break
            lines.append(self._take())
        return lines

    def _ready(self, line: Line, *, first: bool = False) -> None:
        self._tickets += 1
        line.ticket, line.is_resting = self._tickets, False
        queue = self._reds if line.is_red else self._plain
        (queue.appendleft if first else queue.append)((line.ticket, line))

    def _rouse(self, now_ms: int) -> None:
        while self._resting and self._resting[0][0] <= now_ms:
            _, ticket, line = heapq.heappop(self._resting)
            if ticket == line.ticket:
                self._ready(line)

    def _peek(self) -> Line | None:
        for queue in (self._reds, self._plain):
            while queue and queue[0][0] != queue[0][1].ticket:
                queue.popleft()
            if queue:
                return queue[0][1]
        return None

    def _take(self) -> Line:
        line = self._peek()
        assert line is not None
        (self._reds if self._reds and self._reds[0][1] is line else self._plain).popleft()
        line.ticket = 0
        return line

    def came(self, parcel: Parcel, delivery: Delivery, now_ms: int) -> Came:
        """Count in what came of a parcel."""
        self._under_way -= 1
        for line in parcel.lines:
            line.is_under_way = False
        self._heard(delivery, now_ms)
        if delivery.is_retryable:
            for line in parcel.lines:
                self._rest(line, now_ms, delivery.retry_after_ms or 0)
            return Came(retried=len(parcel.items))
        outcome = Outcome.DELIVERED if delivery.result is Result.DELIVERED else Outcome.REFUSED
        sent = set(parcel.items)
        ended: list[Ended] = []
        for line in parcel.lines:
            ended += self._end(line, tuple(item for item in line.items if item in sent), outcome, now_ms)
        return Came(tuple(ended))

    def _rest(self, line: Line, now_ms: int, asked_ms: int) -> None:
        line.ceiling_ms = min(line.ceiling_ms * 2 or self.policy.first_wait_ms, self.policy.wait_ms_max)
        # Full jitter: many that failed together do not come back together.
        wait_ms = max(round(self._chance.uniform(0, line.ceiling_ms)), asked_ms)
        self._tickets += 1
        line.ticket, line.is_resting = self._tickets, True
        heapq.heappush(self._resting, (now_ms + wait_ms, line.ticket, line))

    def expire(self, now_ms: int) -> list[Ended]:
        """Give up what waited too long."""
        ended: list[Ended] = []
        for line in list(self._lines.values()):
            if not line.is_under_way:
                late = tuple(item for item in line.items if item.gives_up_ms(self.policy) <= now_ms)
                ended += self._end(line, late, Outcome.EXPIRED, now_ms)
        return ended

    def falling_back(self, now_ms: int) -> list[Item]:
        """Give what is about red and waited so long that the channel behind this one is to hear of it, each once."""
        if self.policy.fallback is None:
            return []
        since_ms = now_ms - self.policy.fallback_after_ms
        found = [
            item for item in self.items() if item.is_about_red and not item.fell_back and item.offered_ms <= since_ms
        ]
        for item in found:
            item.fell_back = True
        return found

    def wake_ms(self, now_ms: int) -> int | None:
        """Say when `next` may have something again, if nothing is added and nothing comes back; None: never."""
        if self._under_way >= (1 if self.is_open else self.policy.sends_max):
            return None
        self._rouse(now_ms)
        if self._peek() is not None:
            time_ms = self._pace.free_ms(now_ms)
        elif self._resting:
            time_ms = self._resting[0][0]
        else:
            return None
        return max(time_ms, self._circuit.free_ms())

    def _heard(self, delivery: Delivery, now_ms: int) -> None:
        if delivery.result is Result.THROTTLED:
            # Too much at once: not this notification is unwelcome, but all of them for a while.
            self._circuit.rest_until(now_ms + (delivery.retry_after_ms or self.policy.first_wait_ms))
        elif delivery.is_retryable:
            self._circuit.failed(now_ms)
        else:
            self._circuit.succeeded()

    def _end(self, line: Line, items: tuple[Item, ...], outcome: Outcome, now_ms: int) -> list[Ended]:
        for item in items:
            line.items.remove(item)
        self._count -= len(items)
        if not line.items:
            del self._lines[line.incident]
            line.ticket = 0
        elif items:
            line.ceiling_ms = 0
            self._ready(line)
        return [Ended(item, outcome, now_ms) for item in items]
