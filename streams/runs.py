"""Records cut into the JSON objects they hold, some hundreds at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from detectors.batch import Int64
from streams.surface import MSGSPEC_ERRORS

_RUN_LEN: Final = 512  # long enough for numpy; joined, still within what malloc does not map and unmap
_WHITE: Final = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class Run:
    """Objects to decode, the value and the line each comes from, and all of them joined by spaces."""

    pieces: Sequence[bytes]
    origin: Int64
    part: Int64
    joined: bytes


def cut(values: Sequence[bytes | None]) -> Iterator[Run]:
    """Cut records into runs of objects. The common case, one object a record, costs one join."""
    for start in range(0, len(values), _RUN_LEN):
        group = values[start : start + _RUN_LEN]
        joined = _joined(group)
        if joined is not None:
            yield Run(group, np.arange(start, start + len(group)), np.zeros(len(group), np.int64), joined)  # type: ignore[arg-type]
            continue
        lines = [(piece, at, part) for at, value in enumerate(group, start) for part, piece in _objects(value)]
        for first in range(0, len(lines), _RUN_LEN):
            pieces, origin, part = zip(*lines[first : first + _RUN_LEN], strict=True)
            yield Run(pieces, np.array(origin), np.array(part), b" ".join(pieces))


def _joined(group: Sequence[bytes | None]) -> bytes | None:
    """Join records of one line each; None where there are tombstones or records of several lines."""
    try:
        joined = b" ".join(group)  # type: ignore[arg-type]
    except TypeError:
        return None
    return None if b"\n" in joined else joined


def _objects(value: bytes | None) -> Iterator[tuple[int, bytes]]:
    """Yield the objects of one record with their line: the whole if it is one JSON value, else the lines not blank."""
    body = (value or b"").strip(_WHITE)
    if b"\n" not in body or _is_one_value(body):
        yield 0, value or b""
        return
    for part, line in enumerate(value.split(b"\n") if value else ()):
        piece = line.strip(_WHITE)
        if piece:
            yield part, piece


def _is_one_value(body: bytes) -> bool:
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except MSGSPEC_ERRORS:
        return False
    return True
