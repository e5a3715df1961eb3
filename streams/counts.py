"""The books of one source partition: what became of every record since it was first read.

They are part of the state, so that they balance whatever happens to the workers, and can be checked against the log
from the snapshots alone: `end - start = accepted + duplicate + late + refused + heartbeats + skipped`, as long as a
record holds one event (`extra` is what lines and arrays hold beyond that).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

from streams.stage import Chunk


@dataclass(slots=True)
class Counts:
    """What became of the records from the offset `start` on, which is None before the first one."""

    start: int | None = None
    accepted: int = 0
    duplicate: int = 0
    late: int = 0
    refused: int = 0
    heartbeats: int = 0
    skipped: int = 0  # offsets without a record: markers, or deleted before we came to them
    extra: int = 0  # events beyond one a record

    def open(self, chunk: Chunk, next_offset: int) -> None:
        """Note that `chunk` is read where `next_offset` was to come."""
        if self.start is None:
            self.start = next_offset = chunk.offsets[0] if chunk.offsets else chunk.next_offset
        self.skipped += chunk.next_offset - next_offset - len(chunk.values)
        self.extra -= len(chunk.values)  # until `close`

    def admit(self, *, accepted: int, duplicate: int, late: int) -> None:
        """Note what became of events."""
        self.accepted += accepted
        self.duplicate += duplicate
        self.late += late

    def close(self, *, events: int, refused: int, heartbeats: int) -> None:
        """Note what the chunk held in all."""
        self.refused += refused
        self.heartbeats += heartbeats
        self.extra += events + refused + heartbeats

    @property
    def end(self) -> int:
        """The offset up to which the books account for everything."""
        found = self.accepted + self.duplicate + self.late + self.refused + self.heartbeats
        return (self.start or 0) + found + self.skipped - self.extra

    def state(self) -> Sequence[int | None]:
        """Write down as plain data."""
        return astuple(self)
