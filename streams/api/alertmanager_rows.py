"""The desk in Alertmanager's words: alerts with their labels, silences with their matchers. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from alerts.desk import Desk
from alerts.incidents import Incident
from alerts.labelmatchers import LabelMatcher
from alerts.matchers import Matchers
from alerts.members import Member
from alerts.records import AlertRecord, format_time
from alerts.senders.labels import label_value, labels, reading
from alerts.silences import Silence
from alerts.texts import LANGUAGES
from streams.api import alertmanager_shapes as shapes

HOLD_MS = 5 * 60_000
"""An alert that fires has no end; the API wants one, and clients take one ahead of now for "goes on"."""

_STATE_ORDER = {"active": 0, "pending": 1, "expired": 2}

Receivers = Callable[[str, str], Sequence[str]]
"""Whom a rule's alerts are told to at a level."""

Action = Callable[[AlertRecord], Mapping[str, str]]
"""What to do about an alert, in each language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """One incident that fires, as it was at one moment: its alerts, and the fingerprints of what explains it."""

    incident: str
    members: tuple[Member, ...]
    inhibitors: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What fires at one moment, and the reason that each silence gives → its id. Nothing of it changes any more."""

    now_ms: int
    firing: Sequence[Firing]
    silences: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One alert as it is told, and by whose incident."""

    incident: str
    row: shapes.AlertTold


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which alerts are asked for."""

    active: bool = True
    silenced: bool = True
    inhibited: bool = True
    matchers: Sequence[LabelMatcher] = ()
    receiver: LabelMatcher | None = None

    def takes(self, row: shapes.AlertTold) -> bool:
        """Say whether an alert is."""
        status = row["status"]
        return (
            (self.active or status["state"] != "active")
            and (self.silenced or not status["silencedBy"])
            and (self.inhibited or not status["inhibitedBy"])
            and all(matcher.matches(row["labels"]) for matcher in self.matchers)
            and any(self.hears(each["name"]) for each in row["receivers"])
        )

    def hears(self, receiver: str) -> bool:
        """Say whether a receiver is asked for."""
        return self.receiver is None or self.receiver.matches({"receiver": receiver})


def moment(desk: Desk, now_ms: int) -> Moment:
    """Look at the desk: quickly, so that all the rest may be done in a thread."""
    firing = [
        Firing(
            incident=incident.id,
            members=tuple(desk.incidents.members(incident.id)),
            inhibitors=_inhibitors(desk, incident),
        )
        for incident in desk.incidents.firing()
    ]
    silences = {silence.reason: silence.id for silence in desk.silences.active(now_ms)}
    return Moment(now_ms=now_ms, firing=firing, silences=silences)


def alerts(at: Moment, action_of: Action, receivers: Receivers, wanted: Wanted) -> Iterator[Told]:
    """Tell the alerts that fire and are wanted. `receivers` says who hears of a rule's alerts at a level."""
    ends = format_time(at.now_ms + HOLD_MS)
    for firing in at.firing:
        for member in firing.members:
            record = replace(member.record, incident=firing.incident)
            row: shapes.AlertTold = {
                "labels": labels(record, member.level),
                "annotations": {},
                "startsAt": record.started,
                "updatedAt": record.time,
                "endsAt": ends,
                "fingerprint": _fingerprint(record.alert),
                "receivers": [{"name": name} for name in receivers(record.rule, member.level)],
                "status": _status(member, at.silences, firing.inhibitors),
            }
            if wanted.takes(row):
                row["annotations"] = reading(record, action_of(record)) | {"summary": _summary(record)}
                yield Told(incident=firing.incident, row=row)


def groups(told: Iterable[Told], wanted: Wanted) -> list[shapes.AlertGroup]:
    """Group alerts by incident and receiver."""
    found: dict[tuple[str, str], list[shapes.AlertTold]] = {}
    for each in told:
        for receiver in each.row["receivers"]:
            if wanted.hears(receiver["name"]):
                found.setdefault((each.incident, receiver["name"]), []).append(each.row)
    return [
        {"labels": _common([row["labels"] for row in rows]), "receiver": {"name": receiver}, "alerts": rows}
        for (_, receiver), rows in found.items()
    ]


def silence_row(silence: Silence, now_ms: int) -> shapes.SilenceTold:
    """Tell a silence. When it was last changed is not known: it counts as changed when it began."""
    state: shapes.Phase = (
        "expired" if silence.ends_ms <= now_ms else "active" if silence.starts_ms <= now_ms else "pending"
    )
    return {
        "id": silence.id,
        "status": {"state": state},
        "updatedAt": format_time(min(silence.starts_ms, now_ms)),
        "matchers": [
            {"name": each.name, "value": each.value, "isRegex": each.is_regex, "isEqual": each.is_equal}
            for each in label_matchers(silence.matchers, including_red=silence.including_red)
        ],
        "startsAt": format_time(silence.starts_ms),
        "endsAt": format_time(silence.ends_ms),
        "createdBy": silence.author,
        "comment": silence.comment,
    }


def in_order(rows: Iterable[shapes.SilenceTold]) -> list[shapes.SilenceTold]:
    """Sort silences as Alertmanager does: the next to end, the next to begin, the last that ended."""

    def place(row: shapes.SilenceTold) -> tuple[int, str]:
        state = row["status"]["state"]
        return _STATE_ORDER[state], row["startsAt"] if state == "pending" else row["endsAt"]

    ordered = sorted(rows, key=place)
    over = [row for row in ordered if row["status"]["state"] == "expired"]
    return [*ordered[: len(ordered) - len(over)], *reversed(over)]


def label_matchers(matchers: Matchers, *, including_red: bool) -> list[LabelMatcher]:
    """Write what a silence matches as matchers of labels, and `stream`, which is none.

    >>> [each.text for each in label_matchers(Matchers(key={"region": ("长沙", "株洲")}), including_red=True)]
    ['key_region=~"长沙|株洲"', 'level=~"act|yellow|orange|red"']
    """
    levels = matchers.levels
    if including_red and not levels and not any(fits_red(each) for each in matchers.labels):
        levels = ("act", "yellow", "orange", "red")
    keys = {f"key_{field}": tuple(map(label_value, names)) for field, names in matchers.key.items()}
    named = {"rule": matchers.rules, "stream": matchers.streams, **keys, "level": levels}
    return [*(_any_of(name, values) for name, values in named.items() if values), *matchers.labels]


def fits_red(matcher: LabelMatcher) -> bool:
    """Whether a matcher of level or severity says that red is meant.

    >>> [fits_red(LabelMatcher(*given)) for given in (("level", "red"), ("severity", "critical"), ("rule", "red"))]
    [True, True, False]
    """
    named = {"level": "red", "severity": "critical"}
    return matcher.is_equal and matcher.name in named and matcher.matches(named)


def _any_of(name: str, values: Sequence[str]) -> LabelMatcher:
    if len(values) == 1:
        return LabelMatcher(name, values[0])
    return LabelMatcher(name, "|".join(map(re.escape, values)), is_regex=True)


def _summary(record: AlertRecord) -> str:
    """Write what happened in all languages: it is the annotation that clients show."""
    return " / ".join(dict.fromkeys(record.summary[language] for language in reversed(LANGUAGES)))


def _status(member: Member, silences: Mapping[str, str], inhibitors: Sequence[str]) -> shapes.AlertStatus:
    by = [silences[reason] for reason in member.muted if reason in silences]
    others = [reason for reason in member.muted if reason not in silences]
    state: shapes.State = "suppressed" if member.muted or inhibitors else "active"
    return {"state": state, "silencedBy": by, "inhibitedBy": inhibitors, "mutedBy": others}


def _inhibitors(desk: Desk, incident: Incident) -> Sequence[str]:
    """Name the alert that explains an incident, where nobody is told of it for that reason."""
    by = desk.incidents.get(incident.explained_by)
    if by is None or f"explained by {by.id}" not in incident.telling.muted:
        return ()
    return (_fingerprint(by.record.alert),)


def _fingerprint(alert: str) -> str:
    return alert[:16]  # as the webhook writes it


def _common(rows: Sequence[shapes.Labels]) -> dict[str, str]:
    first, *others = rows
    return {name: value for name, value in first.items() if all(row.get(name) == value for row in others)}
