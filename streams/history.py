"""Files as one history: decoded, merged or sorted by time, with every refusal at its file and line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from detectors.vocabulary import STREAMS, Stream
from streams.decoded import Decoded, Row
from streams.events import MixedDecoder
from streams.files import Input
from streams.merge import Run, merge, sort_by_time


@dataclass(frozen=True, slots=True)
class Refusal:
    """One line that is no event, and why."""

    file: str
    line: int
    reason: str
    detail: str
    raw: bytes

    def __str__(self) -> str:
        """Write as `file:line: reason: detail`."""
        return f"{self.file}:{self.line}: {self.reason}: {self.detail}"


HEARTBEAT: Row = (None,)
"""Stands for a record that says nothing but that time has come so far. It belongs to no stream and has no id."""


@dataclass(slots=True)
class History:
    """The events of several inputs, in the order in which they arrived.

    Iterating gives runs of (times, rows), of each event its stream, its id and the `fields` of that stream; a heartbeat
    is a run of its own, with a `HEARTBEAT` in it. `on_refused` hears of every line that is no event; `refused` counts
    them.
    """

    inputs: Sequence[Input]
    fields: Mapping[str, Sequence[str]]
    on_refused: Callable[[Refusal], None]
    sort: bool = False
    streams: Mapping[str, Stream] = field(default_factory=lambda: STREAMS)
    refused: Counter[str] = field(default_factory=Counter)

    def __iter__(self) -> Iterator[Run[Row]]:
        """Read the inputs once. Raises UnreadableError, WrongInputError, TooManyEventsError."""
        runs = [self._decoded(source) for source in self.inputs]
        # Sorting is stable, so that ties go by the order of the files, as in merging.
        yield from sort_by_time(chain.from_iterable(runs)) if self.sort else merge(runs)

    @property
    def done_bytes(self) -> int:
        """How far reading has come, in bytes on disk."""
        return sum(source.done_bytes for source in self.inputs)

    @property
    def size_bytes(self) -> int | None:
        """How much there is to read, if every input knows."""
        sizes = [source.size_bytes for source in self.inputs]
        return None if None in sizes else sum(size or 0 for size in sizes)

    def _decoded(self, source: Input) -> Iterator[Run[Row]]:
        default = self.streams[source.stream] if source.stream else None
        decoder = MixedDecoder(list(self.streams.values()), default=default)
        for lines in source.batches():
            for row in lines.unusable:
                self._refuse(Refusal(source.name, row.line, row.reason, row.detail, row.row))
            decoded = decoder.rows(lines.values, self.fields)
            for refused in decoded.refused:
                line = lines.lines[refused.index]
                original = lines.original(refused.index)
                self._refuse(Refusal(source.name, line, refused.reason, refused.detail, original))
            yield from _in_order(decoded)

    def _refuse(self, refusal: Refusal) -> None:
        self.refused[refusal.reason] += 1
        self.on_refused(refusal)


def _in_order(decoded: Decoded[Row]) -> Iterator[Run[Row]]:
    """Give the events of a batch, cut where a heartbeat stands between them."""
    first = 0
    for index, time_ms in decoded.heartbeats:
        last = int(np.searchsorted(decoded.origin, index))
        yield decoded.time_ms[first:last], decoded.events[first:last]
        yield np.array([time_ms], np.int64), [HEARTBEAT]
        first = last
    yield decoded.time_ms[first:], decoded.events[first:]
