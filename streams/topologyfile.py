"""The table of places as a site exports it: CSV in UTF-8, one row a place, every mistake told with its line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from detectors.places import printable, quoted, suggest
from detectors.topology import Fault, Row, Topology, read_places

COLUMNS = ("level", "name", "parent", "parent_level", "name_en")
REQUIRED = ("level", "name", "parent")
FILE_BYTES_MAX = 64 * 1024 * 1024
SHOWN_MAX = 100


class TopologyError(ValueError):
    """A table of places with mistakes in it; the text has a line for each, as FILE:LINE: COLUMN: MESSAGE."""


def read_topology(path: Path) -> Topology:
    """Read a table of places. Raise TopologyError with every mistake at once."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except (OSError, ValueError) as trouble:  # ValueError: a NUL in the name
        reason = (getattr(trouble, "strerror", None) or str(trouble)).lower()
        raise TopologyError(f"{printable(str(path))}: cannot be read: {reason}") from trouble
    return parse_topology(content, str(path))


def parse_topology(content: bytes, file: str) -> Topology:
    """Read the bytes of a table; `file` is the name it goes by in messages. Raise TopologyError."""
    faults: list[Fault] = []
    rows = list(_rows(content, faults))
    topology = None
    if not faults:
        topology, faults = read_places(rows)
    if topology is None:
        shown = [f"{printable(file)}:{fault.line}: {fault.column}: {fault.message}" for fault in faults[:SHOWN_MAX]]
        if len(faults) > SHOWN_MAX:
            shown.append(f"{printable(file)}: and {len(faults) - SHOWN_MAX:,} more")
        raise TopologyError("\n".join(shown))
    return topology


def _rows(content: bytes, faults: list[Fault]) -> Iterator[Row]:
    """Give the rows that can be read, and note what is wrong with the others."""
    text = _text(content, faults)
    if text is None:
        return
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    at: dict[str, int] | None = None
    width = 0
    while True:
        line = reader.line_num + 1
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            break
        except csv.Error as error:
            faults.append(Fault(line, "(row)", f"is not CSV: {error}"))
            return
        if not any(cells):
            continue
        if at is None:
            at, width = _header(cells, line, faults), len(cells)
            if at is None:
                return
        elif len(cells) != width:
            faults.append(Fault(line, "(row)", f"has {len(cells)} cells, and the header {width}"))
        else:
            yield Row(line, **{column: cells[index] for column, index in at.items()})
    if at is None:
        faults.append(Fault(1, "(file)", f"is empty: a header is asked for: {','.join(COLUMNS)}"))


def _text(content: bytes, faults: list[Fault]) -> str | None:
    if len(content) > FILE_BYTES_MAX:
        faults.append(Fault(1, "(file)", f"is larger than {FILE_BYTES_MAX // (1024 * 1024)} MiB"))
        return None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as trouble:
        line = trouble.object.count(b"\n", 0, trouble.start) + 1
        byte = trouble.object[trouble.start]
        faults.append(Fault(line, "(file)", f"is not UTF-8: byte 0x{byte:02x}: save it as UTF-8, not GBK"))
        return None
    if "\0" in text:
        faults.append(Fault(text.count("\n", 0, text.index("\0")) + 1, "(file)", "holds a NUL: it is no CSV"))
        return None
    return text


def _header(cells: list[str], line: int, faults: list[Fault]) -> dict[str, int] | None:
    """Find our columns among those of the header; others are the site's own."""
    names = [cell.lower() for cell in cells]
    before = len(faults)
    for name in REQUIRED:
        if name not in names:
            near = suggest(name, [cell for cell in names if cell and cell not in COLUMNS] or ["?"])
            hint = f": is it {quoted(near.split(chr(34))[1])}?" if near.startswith("did") else ""
            faults.append(Fault(line, "(header)", f'has no column "{name}"{hint}'))
    faults += [Fault(line, "(header)", f'has the column "{name}" twice') for name in COLUMNS if names.count(name) > 1]
    return {name: names.index(name) for name in COLUMNS if name in names} if len(faults) == before else None
