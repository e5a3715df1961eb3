"""CSV rows, and cells read by the types of the stream's fields: a row becomes the JSON of its event."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TextIO

import msgspec

from detectors.vocabulary import STREAMS, FieldType, Stream
from streams.faults import Reason

ENCODING = "utf-8"
DELIMITER = ","

Cells = list[str]
ToEvents = Callable[[int, Cells], Sequence[bytes]]
"""Turns the row that starts on a line into the bytes of its events, none, one or several. Raises RowError."""


ROW_LINES_MAX = 100
"""Lines one row may span, for the line breaks inside its quotes."""


class TableError(ValueError):
    """The header of a table is of no use: its text says why."""


class RowError(ValueError):
    """A row that cannot become events, with a reason of the closed set of refusals."""

    def __init__(self, reason: Reason, detail: str) -> None:
        """Say why, as the decoder would: a reason and one sentence of detail."""
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Binder(Protocol):
    """What makes events of a table's rows, once it has seen the header."""

    @property
    def encoding(self) -> str:
        """How the table's text is written."""

    @property
    def delimiter(self) -> str:
        """The one character between its cells."""

    def bind(self, header: Sequence[str], label: str) -> ToEvents:
        """Prepare for rows under this header; ids made up start with the label. Raises TableError."""


@dataclass(slots=True)
class Row:
    """One row, the line it starts on, and what is wrong with it as CSV."""

    line: int
    cells: Cells
    error: RowError | None = None


def read_rows(text: TextIO, delimiter: str, line_max: int) -> Iterator[Row]:
    """Read rows; blank lines are left out, and of a line only the first `line_max` characters are kept."""
    lines = _Lines(_bounded(text, line_max))
    reader = csv.reader(lines, delimiter=delimiter)
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # A quote left open takes in everything after it: only its own line is given up, the others are read again.
            yield Row(
                line, lines.give_back(), RowError(Reason.TOO_LARGE, f"no CSV row: {error}; is a quote left open?")
            )
            reader = csv.reader(lines, delimiter=delimiter)
            line += 1
        else:
            if cells:
                yield Row(line, cells)
            line += lines.take()


class _Lines:
    """Lines for a CSV reader, of which those of the row being read can be read once more."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._again: deque[str] = deque()
        self._row: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self._row) >= ROW_LINES_MAX:
            raise csv.Error(f"it would span more than {ROW_LINES_MAX} lines")
        line = self._again.popleft() if self._again else next(self._lines, "")
        if not line:
            if self._row:  # the reader asks for more only within quotes
                raise csv.Error("the file ends within it")
            raise StopIteration
        self._row.append(line)
        return line

    def take(self) -> int:
        """Be done with the row; return how many lines it spans."""
        count = len(self._row)
        self._row.clear()
        return count

    def give_back(self) -> Cells:
        """Give up the first line of the row, and read the others again; return that line as one cell."""
        first, *others = self._row
        self._row.clear()
        self._again.extendleft(reversed(others))
        return [first.rstrip("\r\n")]


def _bounded(text: TextIO, line_max: int) -> Iterator[str]:
    while line := text.readline(line_max):
        yield line
        while line and line[-1] not in "\r\n":
            line = text.readline(line_max)


def columns_of(header: Sequence[str]) -> dict[str, int]:
    """Return where each column stands. Raises TableError where a name stands twice."""
    names = [name.strip() for name in header]
    twice = [name for name, times in Counter(names).items() if name and times > 1]
    if twice:
        raise TableError(f"column {twice[0]!r} is there twice")
    return {name: index for index, name in enumerate(names) if name}


def fit(cells: Cells, width: int) -> Cells:
    """Return exactly `width` cells: missing ones at the end are empty. Raises RowError where there are too many.

    >>> fit(["a"], 2), fit(["a", "b", ""], 2)
    (['a', ''], ['a', 'b'])
    """
    if len(cells) > width and any(cells[width:]):
        raise RowError(Reason.BAD_VALUE, f"the row has {len(cells)} cells, the header {width}")
    return cells[:width] if len(cells) >= width else cells + [""] * (width - len(cells))


def as_text(cells: Cells, delimiter: str, encoding: str) -> bytes:
    """Write a row as CSV again, for the dead letter."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="").writerow(cells)
    return out.getvalue().encode(encoding, "surrogateescape")


def number(cell: str) -> float | str:
    """Read a number; what is none stays text, so that the decoder refuses it by its type.

    >>> number("12"), number("0.5"), number("1_000"), number("nan"), number("twelve")
    (12, 0.5, '1_000', 'nan', 'twelve')
    """
    text = cell.strip()
    if not text.isascii() or "_" in text:  # which Python would read as numbers
        return cell
    if text.isdigit() and len(text) <= 15:  # beyond that a float is as exact as it gets
        return int(text)
    try:
        value = float(text)
    except ValueError:
        return cell
    return value if math.isfinite(value) else cell


def boolean(cell: str) -> bool | str:
    """Read a boolean; what is none stays text, so that the decoder refuses it by its type.

    >>> boolean("Yes"), boolean("0"), boolean("maybe")
    (True, False, 'maybe')
    """
    return _BOOLEANS.get(cell.strip().lower(), cell)


def time(cell: str) -> float | str:
    """Read a time: Unix seconds become a number, the rest is left to the decoder.

    >>> time("1772355600"), time("2026-03-01T09:00:00Z")
    (1772355600, '2026-03-01T09:00:00Z')
    """
    return number(cell)


_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

READ_CELL: dict[FieldType, Callable[[str], object]] = {
    FieldType.STRING: str,
    FieldType.NUMBER: number,
    FieldType.BOOLEAN: boolean,
    FieldType.TIME: time,
}

_encode = msgspec.json.Encoder().encode


def to_json(event: dict[str, object]) -> bytes:
    """Write an event as JSON. Raises RowError where its text came from bytes that were not of the encoding."""
    try:
        return _encode(event)
    except UnicodeEncodeError as error:
        raise RowError(Reason.NOT_JSON, "the row holds bytes that are not of the file's encoding") from error


class NamedCells:
    """A table whose column names are the field names of its stream; a column `stream` may name another one."""

    encoding = ENCODING
    delimiter = DELIMITER

    def __init__(self, stream: str | None, streams: Mapping[str, Stream] = STREAMS) -> None:
        """Take the stream of the rows that do not name one."""
        self._stream = stream
        self._streams = streams

    def bind(self, header: Sequence[str], label: str) -> ToEvents:  # noqa: ARG002  ids are in the table
        """Prepare for rows under this header. Raises TableError."""
        columns = columns_of(header)
        named = columns.get("stream")
        plans = {name: _plan(columns, stream) for name, stream in self._streams.items()}
        no_plan = _plan(columns, None)  # the decoder refuses such an event: its stream is unknown

        def to_events(_line: int, cells: Cells) -> Sequence[bytes]:
            cells = fit(cells, len(header))
            stream = (cells[named] if named is not None else "") or self._stream or ""
            plan = plans.get(stream, no_plan)
            return (to_json({name: read(cells[index]) for index, name, read in plan if cells[index]}),)

        return to_events


def _plan(columns: dict[str, int], stream: Stream | None) -> list[tuple[int, str, Callable[[str], object]]]:
    fields = stream.fields if stream else {}
    types = {name: field.type for name, field in fields.items()} | {"time": FieldType.TIME}
    return [(index, name, READ_CELL[types.get(name, FieldType.STRING)]) for name, index in columns.items()]
