"""A map, compiled: one row of a foreign CSV export becomes one or several events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from detectors.vocabulary import FieldType
from streams.faults import Reason
from streams.mapcells import Source, Text, TimeSpec, index_of, text_reader, time_reader, value_reader
from streams.tables import DELIMITER, ENCODING, Cells, RowError, ToEvents, columns_of, fit, number, to_json

REPEAT_MAX = 100_000
"""The greatest count one row may stand for: a wrong column must not become a billion events."""


@dataclass(frozen=True, slots=True)
class When:
    """A condition on one cell: it is `among` the values, or not. The empty cell is the empty text."""

    column: str
    values: frozenset[str]
    among: bool = True


@dataclass(frozen=True, slots=True)
class Repeat:
    """A count column: that many events, from the row's time on one every `every_ms`, or evenly over `over_ms`."""

    column: str
    every_ms: int = 0
    over_ms: int = 0


@dataclass(frozen=True, slots=True)
class Template:
    """One event made of each row that meets all of `when`. Without an `id` it is made of file, line and template."""

    stream: str
    time: TimeSpec
    fields: Mapping[str, tuple[FieldType, Source]]
    id: Text | None = None
    when: tuple[When, ...] = ()
    repeat: Repeat | None = None


@dataclass(frozen=True, slots=True)
class Map:
    """What a map file says: how the table is written, and the events of a row."""

    templates: tuple[Template, ...]
    encoding: str = ENCODING
    delimiter: str = DELIMITER
    sort: bool = False

    def bind(self, header: Sequence[str], label: str) -> ToEvents:
        """Prepare for rows under this header. Raises TableError where a column is not there."""
        columns = columns_of(header)
        makers = [_Maker(template, columns, label, place) for place, template in enumerate(self.templates, 1)]

        def to_events(line: int, cells: Cells) -> list[bytes]:
            cells = fit(cells, len(header))
            return [event for maker in makers for event in maker.events(line, cells)]

        return to_events

    def only(self, stream: str) -> Map:
        """Return the part of the map that makes events of one stream; it may be empty of templates."""
        mine = tuple(template for template in self.templates if template.stream == stream)
        return Map(mine, self.encoding, self.delimiter, self.sort)


class _Maker:
    """One template, bound to the columns of one table."""

    def __init__(self, template: Template, columns: Mapping[str, int], label: str, place: int) -> None:
        self._stream = template.stream
        self._label = label
        self._suffix = f":{place}" if place > 1 else ""
        self._id = text_reader(template.id, columns) if template.id else None
        self._time_ms = time_reader(template.time, columns)
        self._fields = [(name, value_reader(kind, source, columns)) for name, (kind, source) in template.fields.items()]
        self._when = [(index_of(test.column, columns), test.among, test.values) for test in template.when]
        self._repeat = template.repeat
        self._count_index = index_of(template.repeat.column, columns) if template.repeat else 0

    def events(self, line: int, cells: Cells) -> list[bytes]:
        """Make the events of one row. Raises RowError."""
        for index, among, values in self._when:
            if (cells[index] in values) is not among:
                return []
        times_ms = self._times_ms(cells)
        if not times_ms:
            return []
        row_id = f"{self._label}:{line}{self._suffix}" if self._id is None else self._id(cells)
        if row_id is None:
            raise RowError(Reason.MISSING_FIELD, "every column of the id is empty")
        event: dict[str, object] = {"stream": self._stream, "id": row_id, "time": times_ms[0] / 1_000}
        for name, read in self._fields:
            value = read(cells)
            if value is not None:
                event[name] = value
        if self._repeat is None:
            return [to_json(event)]
        return [
            to_json(event | {"id": f"{row_id}-{count}", "time": at_ms / 1_000})
            for count, at_ms in enumerate(times_ms, 1)
        ]

    def _times_ms(self, cells: Cells) -> list[int]:
        if self._repeat is None:
            return [self._time_ms(cells)]
        count = self._count(cells[self._count_index])
        if not count:
            return []
        first = self._time_ms(cells)
        if self._repeat.over_ms:
            return [first + self._repeat.over_ms * index // count for index in range(count)]
        return [first + self._repeat.every_ms * index for index in range(count)]

    def _count(self, cell: str) -> int:
        value = number(cell) if cell.strip() else 0
        column = self._repeat.column if self._repeat else ""
        if isinstance(value, str) or value != int(value) or value < 0:
            raise RowError(Reason.WRONG_TYPE, f"{column}: {cell!r} is not a count")
        if value > REPEAT_MAX:
            raise RowError(Reason.BAD_VALUE, f"{column}: {cell!r} is more than {REPEAT_MAX:,}, the most for one row")
        return int(value)
