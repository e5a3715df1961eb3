"""One value from a row of a foreign table: a cell, a text made of cells, a constant, a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from string import Formatter
from zoneinfo import ZoneInfo

from detectors.vocabulary import FieldType
from streams.faults import Reason
from streams.tables import READ_CELL, Cells, RowError, TableError, number

_MS_PER_UNIT = {"unix": 1_000.0, "unix_ms": 1.0, "relative": 1_000.0}
Read = Callable[[Cells], object]
"""Reads one value from a row; None where it is missing. Raises RowError."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text with `{column}` in it; missing where all of its columns are empty."""

    template: str


@dataclass(frozen=True, slots=True)
class Const:
    """The same value for every row."""

    value: str | float | bool


@dataclass(frozen=True, slots=True)
class TimeSpec:
    """A time: the first of `columns` that is not empty, in a format.

    `format` is ISO 8601 (None), `unix`, `unix_ms`, `relative` (seconds after `epoch_ms`) or strptime's. `zone` is that
    of times that have no offset. Where clocks go back, the first of the two equal times is meant; a time that clocks
    skip is shifted forward by the gap.
    """

    columns: tuple[str, ...]
    format: str | None = None
    zone: str | None = None
    epoch_ms: int = 0


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell, read by the type of its field, translated by `values` or multiplied by `scale`."""

    column: str
    values: Mapping[str, str | float | bool] | None = None
    default: Text | Const | None = None
    scale: float | None = None


Source = Cell | Text | Const | TimeSpec


def index_of(column: str, columns: Mapping[str, int]) -> int:
    """Return where a column stands. Raises TableError where it does not."""
    if column not in columns:
        raise TableError(f"the map asks for column {column!r}; the columns are {', '.join(columns)}")
    return columns[column]


def value_reader(kind: FieldType, source: Source, columns: Mapping[str, int]) -> Read:
    """Bind what fills a field of this type to the columns of a table. Raises TableError."""
    match source:
        case Const(value):
            return lambda _cells: value
        case Text():
            text = text_reader(source, columns)
            return _typed(kind, source.template, text)
        case TimeSpec():
            return _optional_time(source, columns)
        case Cell():
            return _cell(kind, source, columns)


def text_reader(source: Text, columns: Mapping[str, int]) -> Callable[[Cells], str | None]:
    """Bind a text to the columns of a table. Raises TableError."""
    # Filled in by joining: cells are data, and what looks like a brace in one stays as it is.
    parts: list[tuple[str, int | None]] = []
    for literal, name, _, _ in Formatter().parse(source.template):
        parts.append((literal, None if name is None else index_of(name, columns)))
    indexes = [index for _, index in parts if index is not None]

    def read(cells: Cells) -> str | None:
        if indexes and not any(cells[index] for index in indexes):
            return None
        return "".join([literal + (cells[index] if index is not None else "") for literal, index in parts])

    return read


def _typed(kind: FieldType, name: str, read: Callable[[Cells], str | None]) -> Read:
    """Read the text by the type of its field. Raises RowError where it is not of it."""
    if kind is FieldType.STRING:
        return read
    convert = READ_CELL[kind]

    def typed(cells: Cells) -> object:
        text = read(cells)
        if not text:
            return None
        value = convert(text)
        if isinstance(value, str) and kind is not FieldType.TIME:
            raise RowError(Reason.WRONG_TYPE, f"{name}: {text!r} is not a {kind.value}")
        return value

    return typed


def _cell(kind: FieldType, source: Cell, columns: Mapping[str, int]) -> Read:
    index = index_of(source.column, columns)
    default = value_reader(kind, source.default, columns) if source.default is not None else None
    plain = _typed(kind, source.column, lambda cells: cells[index] or None)
    values, scale = source.values, source.scale

    def read(cells: Cells) -> object:
        cell = cells[index]
        if values is not None:
            if cell in values:
                return values[cell]
            if not cell and default is None:
                return None
            if default is None:
                detail = f"{source.column}: {cell!r} is not among `values`, and there is no default"
                raise RowError(Reason.BAD_VALUE, detail)
            return default(cells)
        if not cell and default is not None:
            return default(cells)
        value = plain(cells)
        return value * scale if scale is not None and isinstance(value, int | float) else value

    return read


def _optional_time(source: TimeSpec, columns: Mapping[str, int]) -> Read:
    indexes = [index_of(column, columns) for column in source.columns]
    read_ms = time_reader(source, columns)
    return lambda cells: read_ms(cells) / 1_000 if any(cells[index] for index in indexes) else None


def time_reader(source: TimeSpec, columns: Mapping[str, int]) -> Callable[[Cells], int]:
    """Bind a time to the columns of a table; what is returned gives milliseconds. Raises TableError."""
    indexes = [index_of(column, columns) for column in source.columns]
    parse = _time_parser(source)

    def read(cells: Cells) -> int:
        for index, column in zip(indexes, source.columns, strict=True):
            cell = cells[index]
            if cell:
                try:
                    return parse(cell.strip())
                except RowError as error:
                    raise RowError(error.reason, f"{column}: {error.detail}") from None
                except (ValueError, OverflowError):
                    written = source.format or "an ISO 8601 time"
                    raise RowError(Reason.BAD_VALUE, f"{column}: {cell!r} is not {written}") from None
        raise RowError(Reason.MISSING_FIELD, f"no time: {' and '.join(source.columns)} empty")

    return read


def _time_parser(source: TimeSpec) -> Callable[[str], int]:
    form = source.format
    zone = ZoneInfo(source.zone) if source.zone else None
    if form in _MS_PER_UNIT:
        unit_ms = _MS_PER_UNIT[form]

        def count(text: str) -> int:
            units = number(text)
            if isinstance(units, str):
                raise ValueError(text)  # noqa: TRY004  it is the text that is wrong
            return source.epoch_ms + round(units * unit_ms)

        return count

    def parse(text: str) -> int:
        moment = datetime.fromisoformat(text) if form is None else datetime.strptime(text, form)  # noqa: DTZ007
        if moment.tzinfo is None:
            if zone is None:
                raise RowError(Reason.NO_OFFSET, f"{text!r} has no offset, and the map names no zone")
            moment = moment.replace(tzinfo=zone)
        # `timestamp` shifts a time that clocks skipped forward, as fold=0 asks.
        return round(moment.timestamp() * 1_000)

    return parse
