"""An opened file as runs of event bytes and the lines they stand on, in constant memory: JSON Lines or CSV."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import BinaryIO

from streams.faults import Reason
from streams.tables import Binder, Cells, Row, RowError, TableError, ToEvents, as_text, read_rows

BLOCK_BYTES = 1 << 20
LINE_MAX_BYTES = 1 << 20  # more of a line is not kept; the decoder refuses it by its size long before
BATCH_LEN = 4_096
_BOM = b"\xef\xbb\xbf"
_NO_TEXT = re.compile("[\0\udc80-\udcff]")  # the zeros of UTF-16, and bytes that could not be decoded


@dataclass(frozen=True, slots=True)
class Unusable:
    """A CSV row that is no event: the line it starts on, a reason of the closed set, and what the file said."""

    line: int
    reason: Reason
    detail: str
    row: bytes


@dataclass(frozen=True, slots=True)
class Lines:
    """A run of one input: the bytes of its events and, for each, the line it stands on.

    `row` gives what the file said where that is not the event itself (CSV); a row can stand behind several events.
    """

    values: Sequence[bytes]
    lines: Sequence[int]
    row: Callable[[int], bytes] | None = None
    unusable: Sequence[Unusable] = ()

    def original(self, index: int) -> bytes:
        """Return what the file said at the event `index`."""
        return self.values[index] if self.row is None else self.row(index)


def read_lines(content: BinaryIO) -> Iterator[Lines]:
    """Read JSON Lines; blank lines are left out but counted."""
    line = 1
    for lines in _split(_reader(content)):
        for start in range(0, len(lines), BATCH_LEN):
            values = lines[start : start + BATCH_LEN]
            numbers: Sequence[int] = range(line, line + len(values))
            line += len(values)
            if b"" in values or any(map(bytes.isspace, values)):
                numbers = [number for number, value in zip(numbers, values, strict=True) if value.strip()]
                values = [value for value in values if value.strip()]
            yield Lines(values, numbers)


def _reader(content: BinaryIO) -> Callable[[int], bytes]:
    """Prefer one system call a block, so that lines typed or piped in are seen as they come."""
    return content.read1 if isinstance(content, io.BufferedReader) else content.read


def _split(read: Callable[[int], bytes]) -> Iterator[list[bytes]]:
    rest, is_start = b"", True
    while block := read(BLOCK_BYTES):
        if is_start:
            block, is_start = block.removeprefix(_BOM), False
        if block.endswith(b"\r"):
            block += read(1)  # the other half of \r\n, if it is one
        lines = (rest + block).splitlines()
        # A line without end in sight keeps its first LINE_MAX_BYTES: with each next block memory stays bounded.
        rest = lines.pop()[:LINE_MAX_BYTES] if lines and not block.endswith((b"\n", b"\r")) else b""
        yield lines
    if rest:
        yield [rest]


def read_table(content: BinaryIO, binder: Binder, label: str) -> Iterator[Lines]:
    """Read CSV; `label` goes into ids that are made up. Raises TableError."""
    encoding = "utf-8-sig" if codecs.lookup(binder.encoding).name == "utf-8" else binder.encoding
    # A byte that is not of the encoding refuses its own row, not the file.
    with io.TextIOWrapper(content, encoding=encoding, errors="surrogateescape", newline="") as text:
        rows = read_rows(text, binder.delimiter, LINE_MAX_BYTES)
        header = next(rows, None)
        if header is None:
            return
        if header.error:
            raise TableError(header.error.detail)
        if _NO_TEXT.search("".join(header.cells)):
            raise TableError(f"the header is not {binder.encoding} text; a map can name another `encoding`")
        to_events = binder.bind(header.cells, label)
        as_bytes = partial(as_text, delimiter=binder.delimiter, encoding=binder.encoding)
        while batch := list(islice(rows, BATCH_LEN)):
            yield from _to_lines(batch, to_events, as_bytes)


def _to_lines(rows: Sequence[Row], to_events: ToEvents, as_bytes: Callable[[Cells], bytes]) -> Iterator[Lines]:
    """Make events of rows; a row can stand for many, so what they come to is handed on in parts."""
    made = _Made()
    for row in rows:
        try:
            if row.error:
                raise row.error
            made.add(row, to_events(row.line, row.cells))
        except RowError as error:
            made.unusable.append(Unusable(row.line, error.reason, error.detail, as_bytes(row.cells)))
        if len(made.values) >= BATCH_LEN:
            yield made.lines_of(as_bytes)
            made = _Made()
    yield made.lines_of(as_bytes)


@dataclass(slots=True)
class _Made:
    """What some rows have come to."""

    values: list[bytes] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)  # parallel to `values`
    unusable: list[Unusable] = field(default_factory=list)

    def add(self, row: Row, events: Sequence[bytes]) -> None:
        self.values.extend(events)
        self.rows.extend([row] * len(events))

    def lines_of(self, as_bytes: Callable[[Cells], bytes]) -> Lines:
        return Lines(
            self.values,
            [row.line for row in self.rows],
            lambda index: as_bytes(self.rows[index].cells),
            self.unusable,
        )
