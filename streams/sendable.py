"""What of a file may be sent: the bytes of its events as they are, and when they happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec
import numpy as np

from detectors.batch import Bool, Int64
from detectors.vocabulary import STREAMS, Stream
from streams.events import MixedDecoder
from streams.faults import Reason
from streams.files import Input
from streams.history import Refusal
from streams.lines import LINE_MAX_BYTES, Lines
from streams.merge import Run

_NO_OBJECT = frozenset({Reason.NOT_JSON, Reason.NOT_OBJECT, Reason.TOO_LARGE, Reason.TOO_DEEP})


@dataclass(slots=True)
class Sendable:
    """Reads what may be sent: the bytes of JSON objects, as they are; with `raw` of anything.

    Whether an event is a good one is for the service to say. What names another stream is left out and counted.
    """

    stream: str
    on_refused: Callable[[Refusal], None]
    raw: bool = False
    streams: Mapping[str, Stream] = field(default_factory=lambda: STREAMS)
    refused: int = 0
    others: int = 0
    _decoder: MixedDecoder = field(init=False)

    def __post_init__(self) -> None:
        """Build the decoder."""
        self._decoder = MixedDecoder(list(self.streams.values()), default=self.streams[self.stream])

    def runs(self, source: Input) -> Iterator[Run[bytes]]:
        """Read an input as times and bytes. What has no time of its own goes with the line before it."""
        newest_ms = 0
        for lines in source.batches():
            for row in lines.unusable:
                self._refuse(Refusal(source.name, row.line, row.reason, row.detail, row.row))
            times_ms, keep = self._look(source.name, lines)
            known = np.maximum.accumulate(np.where(times_ms >= 0, np.arange(len(times_ms)), -1))
            times_ms = np.where(known >= 0, times_ms[known], newest_ms)
            newest_ms = int(times_ms[-1]) if len(times_ms) else newest_ms
            rows = np.flatnonzero(keep)
            yield times_ms[rows], [lines.values[row] for row in rows.tolist()]

    def _look(self, name: str, lines: Lines) -> tuple[Int64, Bool]:
        """Give each line's time (−1: none) and whether it is to be sent."""
        decoded = self._decoder.decode(lines.values)
        times_ms = np.full(len(lines.values), -1, np.int64)
        times_ms[decoded.origin] = decoded.time_ms
        keep = np.ones(len(lines.values), bool)
        others = [self._decoder.stream_of(event) != self.stream for event in decoded.events]
        keep[decoded.origin] = ~np.array(others, bool)
        self.others += sum(others)
        for index, time_ms in decoded.heartbeats:
            times_ms[index] = time_ms
        for fault in decoded.refused:
            value = lines.values[fault.index]
            if len(value) >= LINE_MAX_BYTES or (fault.reason in _NO_OBJECT and not self.raw):
                self._refuse(Refusal(name, lines.lines[fault.index], fault.reason, fault.detail, value))
                keep[fault.index] = False
            elif fault.stream not in ("", self.stream) and not self.raw:
                self.others += 1
                keep[fault.index] = False
        return times_ms, keep

    def _refuse(self, refusal: Refusal) -> None:
        self.refused += 1
        self.on_refused(refusal)


def key_of(value: bytes, name: str) -> bytes | None:
    """Return the partition key: a field's text or number as bytes, None where there is none.

    >>> key_of(b'{"region": "north"}', "region"), key_of(b'{"n": 5}', "n"), key_of(b"[]", "n")
    (b'north', b'5', None)
    """
    try:
        found = _fields(value).get(name)
        text = msgspec.json.decode(found) if found is not None else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if isinstance(text, str):
        return text.encode(errors="replace")
    return None if text is None or found is None else bytes(found)


_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
