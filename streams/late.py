"""Late events kept: the records they came in, as they were.

Kafka takes larger records than we write: a record with many events may be too large to be written again whole. What is
too large goes in portions of whole lines, for a line is an event, and one that is too large itself is a dead letter.
"""

from __future__ import annotations

from streams.event_types import OBJECT_BYTES_MAX
from streams.publisher import RECORD_BYTES_MAX
from streams.stage import Outgoing
from streams.topics import LATE_EVENTS

_PORTION_BYTES_MAX = RECORD_BYTES_MAX - 1_024  # room for the key


def late_records(value: bytes, place: str) -> list[Outgoing]:
    """Give the record of a late event as it is kept, under its place (TOPIC:PARTITION:OFFSET).

    Portions are numbered: TOPIC:PARTITION:OFFSET:0 and so on.
    """
    if len(value) <= _PORTION_BYTES_MAX:
        return [Outgoing(LATE_EVENTS, value, place.encode())]
    portions: list[list[bytes]] = [[]]
    size = 0
    for line in value.split(b"\n"):
        if len(line) > OBJECT_BYTES_MAX:
            continue
        if size + len(line) >= _PORTION_BYTES_MAX:
            portions.append([])
            size = 0
        portions[-1].append(line)
        size += len(line) + 1
    return [
        Outgoing(LATE_EVENTS, b"\n".join(lines), f"{place}:{number}".encode()) for number, lines in enumerate(portions)
    ]
