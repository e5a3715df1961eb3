"""What the site's streams are made of: data, not code, so that a stream is added by declaring it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class FieldType(Enum):
    """How a field is written in JSON, and how a CSV cell is read."""

    STRING = "string"
    NUMBER = "number"  # finite, ≥ 0
    BOOLEAN = "boolean"
    TIME = "time"  # RFC 3339 with offset, or Unix seconds


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a stream. `one_of` closes its vocabulary: any other value refuses the event."""

    type: FieldType = FieldType.STRING
    required: bool = False
    one_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream: its fields besides `id` and `time`, and the field that names the *thing* a `now` measure follows.

    An event that does not name its thing, or of a stream that has none, is a thing of its own, by its `id`.
    `key` is the field by which `tocsin send` chooses the partition, unless it is told otherwise. `drivers` are the
    fields that alerts name where a rule does not say which (`detectors.keying`), what is read first in front.
    """

    name: str
    fields: Mapping[str, Field]
    thing: str | None = None
    key: str | None = None
    drivers: tuple[str, ...] = ()


YOURS = "; streams of your own are declared in the settings (--settings)"
"""What is said to somebody who names a stream that is not there."""

_NUMBERS = {"severity", "users", "asked", "paid", "premium", "days", "score", "cost"}
_BOOLEANS = {"repeat", "major", "satisfied", "told"}
_TIMES = {"eta", "starts", "ends", "until"}


def _type_of(name: str) -> FieldType:
    if name in _NUMBERS or name.endswith("_s"):
        return FieldType.NUMBER
    if name in _BOOLEANS:
        return FieldType.BOOLEAN
    return FieldType.TIME if name in _TIMES else FieldType.STRING


def declare(
    name: str, required: str, optional: str, *, drivers: str = "", thing: str | None = None, **one_of: str
) -> Stream:
    """Declare a stream from field names; a field's type follows from its name, as in the contract.

    >>> calls = declare("calls", "outcome", "region wait_s", outcome="answered abandoned")
    >>> calls.fields["wait_s"].type.value, calls.fields["outcome"].required, calls.fields["outcome"].one_of
    ('number', True, ('answered', 'abandoned'))
    """
    must = required.split()
    fields = {
        field: Field(_type_of(field), field in must, tuple(one_of.get(field, "").split()))
        for field in [*must, *optional.split()]
    }
    return Stream(name, fields, thing, drivers=tuple(drivers.split()))


_CASE_STEPS = "opened signed dispatched promised extended paused resumed replied resolved closed reopened"

STREAMS: Mapping[str, Stream] = {
    stream.name: stream
    for stream in (
        declare(
            "calls",
            "outcome",
            "line queue region outlet purpose wait_s talk_s wrap_s agent customer tier brand",
            drivers="queue region purpose outlet",
            outcome="answered abandoned blocked",
        ),
        declare(
            "complaints",
            "category",
            "reason region outlet channel brand provider customer tier severity repeat major call",
            drivers="category outlet provider reason",
        ),
        declare(
            "network",
            "element state",
            "kind region outlet users cause eta",
            drivers="region outlet kind cause",
            thing="element",
            state="down degraded up",
        ),
        declare(
            "cases",
            "case step",
            "class region department owner until",
            drivers="class department region",
            thing="case",
            step=_CASE_STEPS,
        ),
        declare(
            "shipments",
            "shipment step",
            "customer tier region outlet lane planned_s actual_s",
            drivers="lane outlet step region",
            thing="shipment",
        ),
        declare(
            "claims",
            "claim step",
            "region division kind channel asked paid premium days",
            drivers="kind region division channel",
            thing="claim",
            step="opened settled",
        ),
        declare("surveys", "satisfied", "region outlet score", drivers="region outlet"),
        declare(
            "agents",
            "agent state",
            "queue region score cost",
            drivers="queue region",
            thing="agent",
            state="ready talking wrap away out",
        ),
        declare(
            "plans",
            "kind starts",
            "ends region title affects plan told",
            drivers="kind region",
            thing="plan",
            kind="planned outside",
        ),
    )
}
