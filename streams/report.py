"""What a source partition tells the judges: the panes it has completed and how far its time has come."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from detectors.partial import Partial
from streams.pack import pack, unpack

VERSION = 1
SIZE_MAX = 512 * 1024
"""Bytes of one report, about: panes beyond it go into another, ahead of the one that carries the watermark."""


@dataclass(frozen=True, slots=True)
class Report:
    """One record of the topic `tocsin.partials`.

    `watermark_ms` None says nothing new about time: before the first event, and in all but the last of several
    reports of one moment. `next_offset` orders the reports of a partition, so that one from a worker that lost it
    does not undo what its successor said. `silent_ms` is how long nothing has come, by the wall clock.
    """

    stream: str
    partition: int
    partitions: int
    next_offset: int
    watermark_ms: int | None
    idle: bool
    silent_ms: int
    fingerprints: dict[str, str]
    partials: Sequence[Partial]

    def encode(self) -> bytes:
        """Write the report down."""
        return pack(
            [
                VERSION,
                self.stream,
                self.partition,
                self.partitions,
                self.next_offset,
                self.watermark_ms,
                self.idle,
                self.silent_ms,
                self.fingerprints,
                [partial.state() for partial in self.partials],
            ]
        )


def decode(data: bytes) -> Report:
    """Read a report. Raise ValueError if it is none, or of another version."""
    told = unpack(data)
    if not isinstance(told, list) or not told or told[0] != VERSION:
        msg = f"a report of another version than {VERSION}: all workers must run the same"
        raise ValueError(msg)
    stream, partition, partitions, next_offset, watermark_ms, idle, silent_ms, fingerprints, panes = told[1:]
    partials = [Partial.of(pane) for pane in panes]
    return Report(stream, partition, partitions, next_offset, watermark_ms, idle, silent_ms, fingerprints, partials)


def judge_of(rule: str, judges: int) -> int:
    """Say which partition of `tocsin.partials` judges a rule: all its series in one place, whatever their keys."""
    return zlib.crc32(rule.encode()) % judges


def size_of(partial: Partial) -> int:
    """Estimate the bytes of a partial, a little high."""
    size = 200 + sum(column.nbytes for column in partial.columns.values())
    size += sum(8 + sum(len(str(value)) * 3 + 4 for value in key) for key in partial.keys)
    if partial.pairs is not None:
        size += 16 * len(partial.pairs[0])
    if partial.things is not None:
        size += sum(60 + 3 * len(id_) for id_ in partial.things.ids)
    return size


def in_chunks(partials: Sequence[Partial]) -> list[list[Partial]]:
    """Cut partials into runs of about SIZE_MAX bytes, in their order; at least one run, maybe empty."""
    runs: list[list[Partial]] = [[]]
    size = 0
    for partial in partials:
        more = size_of(partial)
        if runs[-1] and size + more > SIZE_MAX:
            runs.append([])
            size = 0
        runs[-1].append(partial)
        size += more
    return runs
