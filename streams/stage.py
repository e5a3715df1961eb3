"""One shape for every step of the way: state of one partition, fed with records, giving records."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from detectors.batch import Int64


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of records of one partition as they lie in the log; `next_offset` is where the log goes on.

    `values` may hold None (a tombstone). `offsets` and `timestamps_ms` are parallel to `values`;
    holes (compaction, control records) are simply absent from them.
    """

    topic: str
    partition: int
    values: Sequence[bytes | None]
    offsets: Sequence[int]
    timestamps_ms: Sequence[int] | Int64
    next_offset: int

    def head(self, count: int) -> Chunk:
        """Give the first `count` records; the log goes on behind them."""
        if count >= len(self.values):
            return self
        return Chunk(
            topic=self.topic,
            partition=self.partition,
            values=self.values[:count],
            offsets=self.offsets[:count],
            timestamps_ms=self.timestamps_ms[:count],
            next_offset=self.offsets[count],
        )


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to be written. `partition` None lets the key decide."""

    topic: str
    value: bytes
    key: bytes | None = None
    partition: int | None = None


class Stage(Protocol):
    """The state of one partition of one topic, and what follows from its records.

    `feed` and `beat` are deterministic in their arguments: fed again from an older state they give the same records,
    so writing twice is harmless. The host keeps `dump()` and the next offset in one record of the snapshot topic.
    """

    def feed(self, chunk: Chunk, now_ms: int) -> list[Outgoing]:
        """Count a chunk in; return what is to be written."""

    def beat(self, now_ms: int) -> list[Outgoing]:
        """Let wall time pass (about once a second); return what is to be written."""

    def dump(self) -> bytes:
        """Write the whole state down."""

    def load(self, blob: bytes) -> None:
        """Take up a state that `dump` wrote; raise ValueError if it is not one of ours."""


@runtime_checkable
class Attentive(Protocol):
    """A stage to which silence means something: it must not take a broker that does not answer for silence."""

    def listen(self, *, is_sure: bool) -> None:
        """Hear, before each beat, whether it is sure that the log holds nothing that was not fed."""


@runtime_checkable
class Restless(Protocol):
    """A stage whose state may change by time alone, without a record that leaves it."""

    def moved(self) -> bool:
        """Say whether a beat has changed the state since this was last asked."""


@runtime_checkable
class Choosy(Protocol):
    """A stage that does not always take all there is: what it leaves stays in the log and is read again later."""

    def appetite(self, now_ms: int) -> int | None:
        """Say how many records it will take now: None is any number, 0 none."""


@runtime_checkable
class Entrusting(Protocol):
    """A stage that gives others what follows from its records: they must have it safe before its state is saved."""

    def entrusted(self) -> asyncio.Future[None] | None:
        """Give what is done once all that was given away so far is safe; None if it is."""
