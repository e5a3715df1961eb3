"""What decoding finds in records: events, refusals with their reasons, heartbeats."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeAlias, TypeVar

import numpy as np

from detectors.batch import Int64
from streams.event_types import Event
from streams.faults import Fault, Reason
from streams.runs import Run

_SOME_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that cannot be used: line `part` (from 0) of value `index`. `detail` may quote the event: it is data.

    `stream` is empty where a mixed file does not tell.
    """

    index: int
    part: int
    stream: str
    reason: Reason
    detail: str
    raw: bytes


Row: TypeAlias = tuple[Any, ...]
"""What is kept of an event among those of several streams: its stream, its id, and some fields (`MISSING` for none)."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Decoded(Generic[Item]):
    """What some records held, in order: events, or rows of them. `origin` says for each which value it came from.

    `heartbeats` are (index, time_ms) of the records that only say that their stream is alive.
    """

    events: list[Item]
    origin: Int64
    time_ms: Int64
    refused: list[Refused]
    heartbeats: list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Gathered:
    """The same, with only the ids and some fields of the events: lists parallel to each other, `MISSING` for none."""

    ids: list[str]
    columns: dict[str, list[Any]]
    origin: Int64
    time_ms: Int64
    refused: list[Refused]
    heartbeats: list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A record that only says that its stream is alive."""

    stream: str
    time: Any


@dataclass(frozen=True, slots=True)
class Refusal:
    """Stands in place of an event that cannot be used."""

    stream: str
    fault: Fault
    time: datetime = _SOME_TIME  # so that a run has times throughout


Outcome: TypeAlias = Event | Heartbeat | Refusal


@dataclass(slots=True)
class Verdict:
    """What is found out about records besides their events."""

    origin: list[Int64] = field(default_factory=list)
    time_ms: list[Int64] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    heartbeats: list[tuple[int, int]] = field(default_factory=list)

    def note(self, run: Run, at: int, outcome: Outcome, time_ms: int) -> None:
        """Note a piece that is no event."""
        if isinstance(outcome, Refusal):
            fault, place = outcome.fault, (int(run.origin[at]), int(run.part[at]))
            self.refused.append(Refused(*place, outcome.stream, fault.reason, fault.detail, run.pieces[at]))
        else:
            self.heartbeats.append((int(run.origin[at]), time_ms))

    def told(self) -> tuple[Int64, Int64, list[Refused], list[tuple[int, int]]]:
        """Give the origins and times of all events, and the rest."""
        none = np.empty(0, np.int64)
        return (
            np.concatenate(self.origin or [none]),
            np.concatenate(self.time_ms or [none]),
            self.refused,
            self.heartbeats,
        )
