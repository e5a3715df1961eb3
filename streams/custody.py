"""One partition in our hands: its stage, where it goes on, and which runs of records are news to it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from streams.hosting import DataLost
from streams.stage import Attentive, Choosy, Chunk, Entrusting, Restless

if TYPE_CHECKING:
    from streams.fetches import Fetched
    from streams.snapshots import Place
    from streams.stage import Stage


SURE_S = 8.0
"""For so long what the broker said about the end of a log is taken as true: it is asked every five seconds."""

_CUT_ANSWERS = 2  # in a row: one may come from a broker that has just become the leader and does not know its end yet


class Refusal(Enum):
    """Why a run of records is not taken."""

    REPEAT = "repeat"  # all of it was counted in before
    JUMP = "jump"  # something before it was thrown away on the way to us: it has to be read again


def refuse(fetched: Fetched, next_offset: int) -> Refusal | None:
    """Say why a run is not taken where `next_offset` is expected; None if all of it, or its end, is news."""
    if fetched.first_offset > next_offset:
        return Refusal.JUMP
    if fetched.next_offset <= next_offset:
        return Refusal.REPEAT
    return None


@dataclass(slots=True, eq=False)
class Custody:
    """A restored partition.

    `lock` is held from feeding the stage until all that follows is in the producer's hands, so that a snapshot never
    covers a record whose consequences were not even sent. Times ending in `_s` are of the monotonic clock.
    """

    place: Place
    partitions: int  # of the topic
    stage: Stage
    next_offset: int
    sequence: int  # of the next snapshot
    end_offset: int  # as last heard
    moved_s: float  # when records were last taken, or there were none to take
    durable_offset: int | None = None  # where the last snapshot goes on
    changed: bool = False  # since the last snapshot
    due_s: float = 0.0  # when the next snapshot may be written
    sought_s: float | None = None  # when a jump made us seek back; None while all is contiguous
    heard_s: float = 0.0  # when the broker last said where the log ends
    cut_answers: int = 0  # in a row, that the log ends before what we read
    saved_s: float = field(default_factory=time.monotonic)  # when all there was to save was saved
    is_saving: bool = False
    seeks: int = 0  # in a row, for the same offset
    resting: bool = False  # the stage left something in the log, to be read again when it takes more
    spoilt: bool = False  # the state says more than was sent: it must not be written down
    pending: set[asyncio.Future[object]] = field(default_factory=set)  # sent, not acknowledged
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def appetite(self, now_ms: int) -> int | None:
        """Say how many records the stage will take now; None is any number."""
        return self.stage.appetite(now_ms) if isinstance(self.stage, Choosy) else None

    def entrusted(self) -> asyncio.Future[None] | None:
        """Give what is done once what the stage gave away is safe; None if it is."""
        return self.stage.entrusted() if isinstance(self.stage, Entrusting) else None

    def listen(self, now_s: float) -> None:
        """Tell the stage whether the partition is silent, or merely not to be heard."""
        if isinstance(self.stage, Attentive):
            self.stage.listen(is_sure=self.end_offset <= self.next_offset and now_s - self.heard_s <= SURE_S)

    def beaten(self) -> None:
        """Note, after a beat, whether the state is to be written down though nothing was sent."""
        if isinstance(self.stage, Restless) and self.stage.moved():
            self.changed = True

    def taken(self, chunk: Chunk, now_s: float) -> None:
        """Note that `chunk` is being counted in."""
        self.next_offset = chunk.next_offset
        self.end_offset = max(self.end_offset, chunk.next_offset)
        self.moved_s = now_s
        self.changed = True
        self.sought_s = None
        self.seeks = 0

    def unsaved_s(self, now_s: float) -> float:
        """Say for how long there has been something that is not durable."""
        return now_s - self.saved_s if self.changed or self.is_saving else 0.0

    def heard(self, end_offset: int, now_s: float, *, asked_at: int) -> None:
        """Note where the log ends; with nothing to take, standing still is no standstill.

        `asked_at` is where we stood when the question went out. Raise `DataLost` for a log that ends before that: it
        lost its end, and what is written next would be taken for what was counted in already.
        """
        self.heard_s = now_s
        self.cut_answers = self.cut_answers + 1 if end_offset < asked_at else 0
        if self.cut_answers >= _CUT_ANSWERS:
            raise DataLost(
                f"{self.place}: the log ends at {end_offset}, and it was read up to {asked_at}: it lost its end, or "
                "was made anew; started again, an older state that fits it is taken up if there is one"
            )
        if self.end_offset <= self.next_offset:
            self.moved_s = now_s
        self.end_offset = max(end_offset, self.next_offset)
