"""Dead letters: what could not be used, kept with its bytes, its place in the log and the reason."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import Struct, field

from streams.decoded import Refused
from streams.event_types import OBJECT_BYTES_MAX

DETAIL_CHARS_MAX: Final = 300

# Control characters of both sets, line and paragraph separators, half surrogates, and the marks that turn text round.
_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]",
)


class DeadLetter(Struct, frozen=True, kw_only=True, gc=False):
    """One refused event.

    `raw` (in JSON `bytes`, base64) is its beginning, up to 64 KiB; `size` and `sha256` are those of the whole.
    """

    stream: str
    topic: str
    partition: int
    offset: int
    part: int
    reason: str
    detail: str
    raw: bytes = field(name="bytes")
    size: int
    sha256: str
    arrived_ms: int

    @property
    def key(self) -> str:
        """Name the place it came from: writing it twice makes one record of a compacted topic."""
        return f"{self.topic}:{self.partition}:{self.offset}:{self.part}"

    @property
    def whole(self) -> bool:
        """Whether `raw` is all there was, so that it can be tried again."""
        return self.size == len(self.raw)

    def to_json(self) -> bytes:
        """Write the record of the dead-letter topic; the bytes go as base64."""
        return _encode(self)


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(DeadLetter).decode


def build(refused: Refused, *, topic: str, partition: int, offset: int, arrived_ms: int) -> DeadLetter:
    """Make the dead letter of what was refused at one place of the log."""
    return DeadLetter(
        stream=refused.stream,
        topic=topic,
        partition=partition,
        offset=offset,
        part=refused.part,
        reason=refused.reason,
        detail=sanitise(refused.detail),
        raw=refused.raw[:OBJECT_BYTES_MAX],
        size=len(refused.raw),
        sha256=sha256(refused.raw).hexdigest(),
        arrived_ms=arrived_ms,
    )


def parse(record: bytes) -> DeadLetter:
    """Read what `to_json` wrote. Raises ValueError for anything else."""
    try:
        return _decode(record)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"not a dead letter: {sanitise(str(error))}") from None


def sanitise(text: str) -> str:
    r"""Make text from an event safe to print: bounded, on one line, nothing invisible.

    >>> sanitise("a\nb\u202ec")
    'a\\u000ab\\u202ec'
    """
    shown = _escape(text[:DETAIL_CHARS_MAX])
    return shown if len(text) <= DETAIL_CHARS_MAX else f"{shown}…"


def legible(raw: bytes) -> str:
    r"""Make bytes safe to print: text where they are text, all else escaped, on one line.

    >>> legible("长沙\n\x1b[2J".encode() + b"\xff")
    '长沙\\u000a\\u001b[2J\\xff'
    """
    return _escape(raw.decode("utf-8", "backslashreplace"))


def _escape(text: str) -> str:
    return _UNSAFE.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
