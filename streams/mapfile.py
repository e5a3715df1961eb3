"""A map file (YAML) → `Map`, and everything that is wrong with it, at line and column."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from detectors.grading import read_duration
from detectors.places import Place, quoted, suggest
from detectors.vocabulary import STREAMS, Field, FieldType, Stream
from streams.mapcells import Cell, Source, TimeSpec
from streams.mapparts import (
    read_boolean,
    read_cell,
    read_const,
    read_delimiter,
    read_encoding,
    read_epoch_ms,
    read_format,
    read_row_id,
    read_text,
    read_zone,
)
from streams.mapping import Map, Repeat, Template, When
from streams.tables import DELIMITER, ENCODING
from streams.yamlfile import Located, read_yaml

MAP_KEYS = ("encoding", "delimiter", "zone", "format", "epoch", "sort", "events")
EVENT_KEYS = ("stream", "id", "time", "when", "fields", "repeat")
TIME_KEYS = ("column", "format", "zone", "epoch")

_Part = TypeVar("_Part")


class MapError(ValueError):
    """A map file with mistakes in it: all of them, in the order of the file."""

    def __init__(self, problems: list[Located]) -> None:
        """Take what is wrong; the error's text has one line for each."""
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


def load_map(path: Path, streams: Mapping[str, Stream] = STREAMS) -> Map:
    """Read a map file. Raises MapError with every mistake at once."""
    file = read_yaml(path)
    root = Place(file.data, (), [])
    made = None if file.problems else _Reader(root, streams).map()
    problems = [file.locate(problem) for problem in root.problems]
    if made is None or problems or file.problems:
        raise MapError(sorted([*file.problems, *problems]))
    return made


class _Reader:
    """Reads one map; what its top level says about times holds for every event."""

    def __init__(self, root: Place, streams: Mapping[str, Stream]) -> None:
        self._root = root
        self._streams = streams
        self._zone: str | None = None
        self._format: str | None = None
        self._epoch_ms: int | None = None

    def map(self) -> Map | None:
        parts = self._root.keys(MAP_KEYS, required=["events"], wanted='a mapping with "events"')
        if parts is None:
            return None
        encoding = _read(parts, "encoding", read_encoding) or ENCODING
        delimiter = _read(parts, "delimiter", read_delimiter) or DELIMITER
        sort = _read(parts, "sort", read_boolean) or False
        self._zone = _read(parts, "zone", read_zone)
        self._format = _read(parts, "format", read_format)
        self._epoch_ms = _read(parts, "epoch", read_epoch_ms)
        events = parts["events"].items("a list of events") if "events" in parts else None
        if events == []:
            parts["events"].refuse("is an empty list: a row would make no event")
        templates = [self._template(event) for event in events or []]
        return Map(tuple(template for template in templates if template), encoding, delimiter, sort)

    def _template(self, place: Place) -> Template | None:
        parts = place.keys(EVENT_KEYS, required=["stream", "time", "fields"], wanted="an event, as a mapping")
        if parts is None:
            return None
        stream = parts["stream"].choice(self._streams, "stream") if "stream" in parts else None
        time = _read(parts, "time", self._time)
        when = _read(parts, "when", _when) or ()
        repeat = _read(parts, "repeat", _repeat)
        row_id = _read(parts, "id", read_row_id)
        declared = self._streams[stream].fields if stream else None
        fields = self._fields(parts["fields"], declared) if "fields" in parts else {}
        if stream is None or time is None:
            return None
        return Template(stream, time, fields, row_id, when, repeat)

    def _fields(self, place: Place, declared: Mapping[str, Field] | None) -> dict[str, tuple[FieldType, Source]]:
        entries = place.entries("a mapping of field to column") or {}
        fields: dict[str, tuple[FieldType, Source]] = {}
        for name, part in entries.items():
            if declared is not None and name not in declared:
                known = "`id` and `time` stand beside `fields`" if name in ("id", "time") else suggest(name, declared)
                part.refuse(f"unknown field {quoted(name)}: {known}", at_key=True)
                continue
            field = declared[name] if declared else Field()
            source = self._source(part, field)
            if source is not None:
                fields[name] = (field.type, source)
        for name, field in (declared or {}).items():
            if field.required and name not in entries:
                place.refuse(f'the field "{name}" is missing: every such event needs it')
        return fields

    def _source(self, place: Place, field: Field) -> Source | None:
        value = place.value
        if isinstance(value, dict) and "const" in value:
            parts = place.keys(["const"]) or {}
            return read_const(parts["const"], field)
        is_template = isinstance(value, str) and "{" in value
        if field.type is FieldType.TIME and not is_template:
            return self._time(place)
        if isinstance(value, dict):
            return read_cell(place, field)
        text = read_text(place)
        return text if text is None or is_template else Cell(text.template)

    def _time(self, place: Place) -> TimeSpec | None:
        form, zone, epoch_ms = self._format, self._zone, self._epoch_ms
        column = place
        if isinstance(place.value, dict):
            parts = place.keys(TIME_KEYS, required=["column"]) or {}
            form = _read(parts, "format", read_format) or form
            zone = _read(parts, "zone", read_zone) or zone
            epoch_ms = _read(parts, "epoch", read_epoch_ms) if "epoch" in parts else epoch_ms
            if "column" not in parts:
                return None
            column = parts["column"]
        listed = column.items() if isinstance(column.value, list) else [column]
        if listed == []:
            column.refuse("is an empty list: name a column")
        columns = [name for part in listed or [] if (name := part.text("the name of a column"))]
        if form == "relative" and epoch_ms is None:
            place.refuse('the format "relative" needs an "epoch": the time its seconds count from')
        return TimeSpec(tuple(columns), form, zone, epoch_ms or 0 if form == "relative" else 0)


def _read(parts: Mapping[str, Place], key: str, reader: Callable[[Place], _Part | None]) -> _Part | None:
    return reader(parts[key]) if key in parts else None


def _when(place: Place) -> tuple[When, ...]:
    tests: list[When] = []
    for column, part in (place.entries("a mapping of column to what its cell must be") or {}).items():
        among, wanted = True, part
        if isinstance(part.value, dict):
            inner = part.keys(["not"], required=["not"], wanted="a text, a list of texts, or {not: …}") or {}
            if "not" not in inner:
                continue
            among, wanted = False, inner["not"]
        listed = wanted.items() if isinstance(wanted.value, list) else [wanted]
        if listed == []:
            wanted.refuse("is an empty list: nothing is in it")
        cells = [_cell_text(value) for value in listed or []]
        tests.append(When(column, frozenset(cell for cell in cells if cell is not None), among))
    return tuple(tests)


def _cell_text(place: Place) -> str | None:
    """Read a text that may be empty, as cells are."""
    return "" if place.value == "" else place.text()


def _repeat(place: Place) -> Repeat | None:
    if not isinstance(place.value, dict):
        column = place.text("the name of a count column")
        return None if column is None else Repeat(column)
    parts = place.keys(("column", "every", "over"), required=["column"]) or {}
    column = _read(parts, "column", lambda part: part.text("the name of a count column"))
    every_ms = _read(parts, "every", read_duration) or 0
    over_ms = _read(parts, "over", read_duration) or 0
    if "every" in parts and "over" in parts:
        parts["over"].refuse('stands beside "every": take one of them', at_key=True)
    return None if column is None else Repeat(column, every_ms, over_ms)
