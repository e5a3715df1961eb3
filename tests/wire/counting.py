"""A stage that counts what it is fed, and says so in a topic: what the tests of the host look at."""

from __future__ import annotations

import json
from dataclasses import dataclass

from streams.stage import Chunk, Outgoing


@dataclass
class CountingStage:
    """Counts records and sums their numbers; after each run it publishes both, keyed by its partition."""

    topic_out: str
    partition: int
    partitions: int
    topic_beats: str = "beats"
    count: int = 0
    total: int = 0
    beats: int = 0
    next_offset: int = 0
    gaps: int = 0
    heard_ms: int = 0

    def feed(self, chunk: Chunk, now_ms: int) -> list[Outgoing]:
        self.heard_ms = now_ms
        if chunk.offsets and chunk.offsets[0] != self.next_offset:
            self.gaps += 1
        self.next_offset = chunk.next_offset
        self.count += len(chunk.values)
        self.total += sum(int(value) for value in chunk.values if value is not None)
        return [self._said()]

    def beat(self, now_ms: int) -> list[Outgoing]:
        self.beats += 1
        return [Outgoing(self.topic_beats, str(now_ms).encode(), b"%d" % self.partition)] if self.beats % 2 else []

    def dump(self) -> bytes:
        return json.dumps([self.count, self.total, self.next_offset, self.gaps]).encode()

    def load(self, blob: bytes) -> None:
        self.count, self.total, self.next_offset, self.gaps = json.loads(blob)

    def _said(self) -> Outgoing:
        said = {"partition": self.partition, "count": self.count, "total": self.total, "gaps": self.gaps}
        return Outgoing(self.topic_out, json.dumps(said).encode(), b"%d" % self.partition)
