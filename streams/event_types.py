"""The shape of an event: a stream of the vocabulary as a msgspec Struct, and the bounds every event keeps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeAlias, cast

from msgspec import Meta, Struct, defstruct

from detectors import exact
from detectors.vocabulary import Field, FieldType, Stream

OBJECT_BYTES_MAX: Final = 64 * 1024
LEVELS_MAX: Final = 32
STRING_CHARS_MAX: Final = 256
NUMBER_LIMIT: Final = exact.LIMIT
"""Numbers from here on cannot be summed exactly, and count nothing there is."""

YEAR_9999_S: Final = 253_370_764_800
"""Unix seconds at which four digits no longer write the year: no time reaches it."""


class Missing:
    """What a field holds that the event does not have. There is one of it, `MISSING`."""

    def __repr__(self) -> str:
        """Show as a name."""
        return "MISSING"


MISSING: Final = Missing()

Text: TypeAlias = Annotated[str, Meta(max_length=STRING_CHARS_MAX)]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=STRING_CHARS_MAX)]
Number: TypeAlias = Annotated[float, Meta(ge=0, lt=NUMBER_LIMIT)]
Instant: TypeAlias = Annotated[datetime, Meta(tz=True)] | Annotated[float, Meta(ge=0, lt=YEAR_9999_S)]
"""RFC 3339 with offset, or Unix seconds."""


class Event(Struct, gc=False, kw_only=True):
    """What every event has. The types of the streams derive from it; a field an event lacks is `MISSING`."""

    id: Name
    time: Instant


def event_type(
    stream: Stream, *, tagged: bool = False, stream_is: Any = Text, others: Sequence[str] = ()
) -> type[Event]:
    """Build the Struct of a stream: its fields, strictly typed, and `stream`, which files may carry.

    `tagged` makes `stream` the tag that chooses the type in a union; else it is an optional field of type `stream_is`.
    `others` are fields nobody declared but senders are known to send; they are read and not looked at.

    >>> from detectors.vocabulary import STREAMS
    >>> event_type(STREAMS["surveys"]).__struct_fields__
    ('id', 'time', 'satisfied', 'region', 'outlet', 'score', 'stream')
    """
    fields: list[Any] = []
    for name, field in stream.fields.items():
        fields.append((name, _annotation(field)) if field.required else (name, _annotation(field), MISSING))
    if not tagged:
        fields.append(("stream", stream_is, MISSING))
    taken = {"id", "time", "stream", *stream.fields}
    renamed = {f"_other_{number}": name for number, name in enumerate(others) if name not in taken}
    fields.extend((place, Any, MISSING) for place in renamed)
    tag: dict[str, Any] = {"tag_field": "stream", "tag": stream.name} if tagged else {}
    name = f"{stream.name}_event"
    of_class = {"__stream__": stream.name}  # for those who are handed events of several streams; no field has this name
    made: Any = defstruct(
        name, fields, bases=(Event,), namespace=of_class, gc=False, kw_only=True, rename=renamed, **tag
    )
    return cast("type[Event]", made)


def _annotation(field: Field) -> Any:
    if field.one_of:
        return Literal[field.one_of]
    return {
        FieldType.STRING: Text,
        FieldType.NUMBER: Number,
        FieldType.BOOLEAN: bool,
        FieldType.TIME: Instant,
    }[field.type]
