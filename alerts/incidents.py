"""Incidents: alerts of one cause, told as one, from the first that leaves green to the last that is green again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec
from msgspec.structs import replace

from alerts.records import AlertRecord, Scalar, format_time
from alerts.scopes import Role
from alerts.telling import Telling

TIMELINE_LEN_MAX = 200


class IncidentState(StrEnum):
    """How far people are with an incident. Its alerts resolve it, or a person does."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class What(StrEnum):
    """What happened to an incident."""

    OPENED = "opened"
    RAISED = "raised"
    LOWERED = "lowered"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    JOINED = "joined"  # an alert came to it, or moved, and the incident's level stayed
    LEFT = "left"  # an alert of it ended, and others go on
    ATTRIBUTED = "attributed"  # its cause was found
    ACKNOWLEDGED = "acknowledged"
    RELEASED = "released"  # nobody has it any more
    PROMISED = "promised"
    COMMENTED = "commented"
    ESCALATED = "escalated"  # the next rung was rung
    ACCEPTED = "accepted"  # the customer accepts
    FOUND = "found"  # a person says what it was
    MUTED = "muted"
    HEARD = "heard"  # muted no longer


class Entry(msgspec.Struct, frozen=True):
    """One line of an incident's timeline. `by` is the person or rung, if there was one; `rule` and `key` the alert."""

    time_ms: int
    what: What
    level: str
    value: float | None = None
    by: str = ""
    rule: str = ""
    key: dict[str, Scalar] = {}
    text: str = ""


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """One trouble, from opening to resolve. Times are milliseconds UTC.

    `record` is the newest of the alert that leads it, at the level of the whole incident and with its id: the cause
    where there is one, else the alert that opened it. `role` is the part of that alert. `seen` are the levels it has
    reached, in the order it reached them; `peak_value` is the value with which the worst of them was last entered.
    `firing` counts its alerts that are not over, `alerts` all that ever joined. `users` is the most users that one of
    its alerts counted. `cause` is the newest of the alert that was found to be the cause. `is_unexplained` says that it
    was raised one colour for want of a cause; `explained_by` names the incident that explains it. `resolved_by` says
    who ended it by hand. `finding` is the cause as people found it, also after the end; `is_false_alarm`: there was no
    trouble. `revision` grows with each record. The timeline keeps its first line and the newest others;
    `timeline_dropped` counts the lines between.
    """

    id: str
    state: IncidentState
    record: AlertRecord
    role: Role
    opened_ms: int
    updated_ms: int
    resolved_ms: int | None = None
    peak_level: str
    peak_value: float | None
    seen: tuple[str, ...]
    firing: int = 1
    alerts: int = 1
    users: float | None = None
    cause: AlertRecord | None = None
    is_unexplained: bool = False
    explained_by: str = ""
    revision: int = 1
    acknowledged_by: str = ""
    resolved_by: str = ""
    finding: str = ""
    is_false_alarm: bool = False
    telling: Telling = Telling()
    timeline: tuple[Entry, ...] = ()
    timeline_dropped: int = 0

    @property
    def rule(self) -> str:
        """The id of the rule that found it."""
        return self.record.rule

    @property
    def key(self) -> Mapping[str, Scalar]:
        """The key of the series it is about."""
        return self.record.key

    @property
    def title(self) -> Mapping[str, str]:
        """What it is called, in each language."""
        return self.record.title

    @property
    def level(self) -> str:
        """The level it stands at: the worst of its alerts, one colour more where it is unexplained."""
        return self.record.level

    @property
    def value(self) -> float | None:
        """The value of the alert that leads it."""
        return self.record.value

    @property
    def is_firing(self) -> bool:
        """Whether it is not resolved."""
        return self.state is not IncidentState.RESOLVED

    def as_data(self) -> dict[str, Any]:
        """Give the incident as plain data for pages and programs: flat, times as RFC 3339."""
        return {
            **self.head(),
            "timeline": [
                {
                    "time": format_time(entry.time_ms),
                    "what": entry.what.value,
                    "level": entry.level,
                    "value": entry.value,
                    "by": entry.by,
                    "rule": entry.rule,
                    "key": entry.key,
                    "text": entry.text,
                }
                for entry in self.timeline
            ],
        }

    def head(self) -> dict[str, Any]:
        """Give the same without the timeline."""
        return {
            "incident": self.id,
            "rule": self.rule,
            "key": dict(self.key),
            "title": dict(self.title),
            "summary": self.record.summary,
            "state": self.state.value,
            "level": self.level,
            "peak_level": self.peak_level,
            "value": self.value,
            "peak_value": self.peak_value,
            "threshold": self.record.threshold,
            "opened": format_time(self.opened_ms),
            "updated": format_time(self.updated_ms),
            "resolved": None if self.resolved_ms is None else format_time(self.resolved_ms),
            "acknowledged_by": self.acknowledged_by,
            "resolved_by": self.resolved_by,
            "finding": self.finding,
            "false_alarm": self.is_false_alarm,
            "role": self.role.value,
            "firing": self.firing,
            "alerts": self.alerts,
            "users": self.users,
            "unexplained": self.is_unexplained,
            "explained_by": self.explained_by,
            "muted": list(self.telling.muted),
            "flapping": self.telling.is_flapping,
            "told_level": self.telling.level,
            "told": list(self.telling.channels),
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """What an incident was, as a person says: its cause, or that there was no trouble. None leaves what is known."""

    cause: str | None = None
    is_false_alarm: bool | None = None


@dataclass(frozen=True, slots=True)
class IncidentChange:
    """What a record or a person did to an incident, and the incident as it is now."""

    what: What
    incident: Incident

    def takes(self, record: AlertRecord) -> bool:
        """Whether it is this record that did it."""
        newest = self.incident.timeline[-1]
        return newest.time_ms == record.time_ms and (newest.rule, newest.key) == (record.rule, record.key)


def noted(incident: Incident, entry: Entry) -> Incident:
    """Write a line into the timeline; when it is full, the oldest but the first makes room."""
    lines = (*incident.timeline, entry)
    if len(lines) <= TIMELINE_LEN_MAX:
        return replace(incident, timeline=lines)
    return replace(incident, timeline=(lines[0], *lines[2:]), timeline_dropped=incident.timeline_dropped + 1)
