"""What a source partition tells the judges: the panes it has completed and how far its time has come."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from detectors.partial import Partial
from streams.fragments import size_of, split
from streams.pack import pack, unpack

VERSION = 3
SIZE_MAX = 512 * 1024
"""Bytes of one report, about: panes beyond it go into another, ahead of the one that carries the watermark."""

Run = tuple[list[Partial], bool]
"""The partials of one report, and whether the next goes on with the pane of the last one."""


class ReportError(ValueError):
    """A record of `tocsin.partials` that this program cannot read."""


@dataclass(frozen=True, slots=True)
class Report:
    """One record of the topic `tocsin.partials`.

    `watermark_ms` None says nothing new about time: before the first event, and in all but the last of several
    reports of one moment. `next_offset` orders the reports of a partition, so that one from a worker that lost it
    does not undo what its successor said. `silent_ms` is how long nothing has come, by the wall clock. `goes_on` says
    that the last partial is not a whole pane: the next report has more of it.
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
    goes_on: bool = False

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
                self.goes_on,
            ]
        )


def decode(data: bytes) -> Report:
    """Read a report. Raise ReportError, with advice, for one of another version; ValueError if it is none."""
    told = unpack(data)
    if not isinstance(told, list) or not told or told[0] != VERSION:
        raise ReportError(
            f"tocsin.partials holds a report of another version than {VERSION}, which this program reads: all workers "
            "must run the same version; let the one that wrote it count in what waits there, and then change all"
        )
    stream, partition, partitions, next_offset, watermark_ms, idle, silent_ms, fingerprints, panes, goes_on = told[1:]
    partials = [Partial.of(pane) for pane in panes]
    return Report(
        stream, partition, partitions, next_offset, watermark_ms, idle, silent_ms, fingerprints, partials, goes_on
    )


def judge_of(rule: str, judges: int) -> int:
    """Say which partition of `tocsin.partials` judges a rule: all its series in one place, whatever their keys."""
    return zlib.crc32(rule.encode()) % judges


def in_chunks(partials: Sequence[Partial]) -> list[Run]:
    """Cut partials into runs of about SIZE_MAX bytes, in their order; at least one run, maybe empty."""
    runs: list[Run] = []
    open_run: list[Partial] = []
    size = 0
    for partial in partials:
        parts = split(partial, SIZE_MAX)
        for part in parts:
            more = size_of(part)
            if open_run and size + more > SIZE_MAX:
                runs.append((open_run, part is not parts[0]))
                open_run, size = [], 0
            open_run.append(part)
            size += more
    return [*runs, (open_run, False)]
