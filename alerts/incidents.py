"""Incidents: what people see of alerts, from the first yellow to the resolve. For now each alert is its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec
from msgspec.structs import replace

from alerts.records import AlertRecord, Scalar, format_time
from detectors.rules import LEVEL_CODE

TIMELINE_LEN_MAX = 200
RESOLVED_LEN_MAX = 1_000
FORGOTTEN_LEN_MAX = 20_000


class IncidentState(StrEnum):
    """How far people are with an incident. Only the alert itself resolves it."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class What(StrEnum):
    """What happened to an incident."""

    OPENED = "opened"
    RAISED = "raised"
    LOWERED = "lowered"
    RESOLVED = "resolved"
    ACKNOWLEDGED = "acknowledged"
    RELEASED = "released"  # nobody has it any more
    PROMISED = "promised"
    COMMENTED = "commented"
    ESCALATED = "escalated"  # the next rung was rung
    ACCEPTED = "accepted"  # the customer accepts
    REOPENED = "reopened"  # ended by hand, and worse since


class Entry(msgspec.Struct, frozen=True):
    """One line of an incident's timeline. `by` names the person (or rung), where there was one; `text` is theirs."""

    time_ms: int
    what: What
    level: str
    value: float | None = None
    by: str = ""
    text: str = ""


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """One trouble, from opening to resolve. `record` is the newest of its alert; times are milliseconds UTC.

    `seen` are the levels it has reached, in the order it reached them; `peak_value` is the value with which the
    worst of them was last entered. `revision` grows with each record. The timeline keeps its first line and the
    newest others; `timeline_dropped` counts the lines between.
    """

    id: str
    state: IncidentState
    record: AlertRecord
    opened_ms: int
    updated_ms: int
    resolved_ms: int | None = None
    peak_level: str
    peak_value: float | None
    seen: tuple[str, ...]
    revision: int = 1
    acknowledged_by: str = ""
    resolved_by: str = ""  # by whom, where it was ended by hand
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
        """The level it stands at."""
        return self.record.level

    @property
    def value(self) -> float | None:
        """The value with which it reached that level."""
        return self.record.value

    @property
    def is_firing(self) -> bool:
        """Whether it is not resolved."""
        return self.state is not IncidentState.RESOLVED

    def as_data(self) -> dict[str, Any]:
        """Give the incident as plain data for pages and programs: flat, times as RFC 3339."""
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
            "timeline": [
                {
                    "time": format_time(entry.time_ms),
                    "what": entry.what.value,
                    "level": entry.level,
                    "value": entry.value,
                    "by": entry.by,
                    "text": entry.text,
                }
                for entry in self.timeline
            ],
        }


@dataclass(frozen=True, slots=True)
class IncidentChange:
    """What a record or a person did to an incident, and the incident as it is now."""

    what: What
    incident: Incident


class _Dump(msgspec.Struct):
    firing: list[Incident]
    resolved: list[Incident]
    forgotten: list[str]
    resolved_counts: dict[str, int]


class IncidentBook:
    """All incidents that fire, and the newest that are over.

    The same record again, in any repetition of a run that was already told, changes nothing: the changes of one alert
    are at growing times, so what is not newer is known. That holds for the incidents kept and for the ids of
    `forgotten_len_max` older ones; a repeat of a record older still would open its incident anew.
    """

    def __init__(self, *, resolved_len_max: int = RESOLVED_LEN_MAX, forgotten_len_max: int = FORGOTTEN_LEN_MAX) -> None:
        self._resolved_len_max = resolved_len_max
        self._forgotten_len_max = forgotten_len_max
        self._firing: dict[str, Incident] = {}
        self._resolved: dict[str, Incident] = {}  # oldest first
        self._forgotten: dict[str, None] = {}  # an ordered set, oldest first
        self._resolved_counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._firing) + len(self._resolved)

    def __iter__(self) -> Iterator[Incident]:
        """Go through the incidents worst first: level, then the longest open; after them the newest resolved."""
        yield from self.firing()
        yield from reversed(self._resolved.values())

    def firing(self) -> list[Incident]:
        """List those not resolved, worst first, the longest open first among equals."""
        return sorted(self._firing.values(), key=lambda each: (-LEVEL_CODE[each.level], each.opened_ms, each.id))

    def get(self, incident_id: str) -> Incident | None:
        """Find an incident that is still kept."""
        return self._firing.get(incident_id) or self._resolved.get(incident_id)

    def counts(self) -> dict[tuple[str, IncidentState], int]:
        """Count incidents by level and state; all that ever resolved count under the worst level they reached."""
        counts = Counter((each.level, each.state) for each in self._firing.values())
        counts.update({(level, IncidentState.RESOLVED): count for level, count in self._resolved_counts.items()})
        return dict(counts)

    def apply(self, record: AlertRecord) -> IncidentChange | None:
        """Count a record in. Return what changed, or None if it was known or has nothing to end."""
        over = self._resolved.get(record.incident)
        if over is not None and _is_worse_than_ended(record, over):
            return self._reopen(over, record)
        if over is not None or record.incident in self._forgotten:
            return None
        known = self._firing.get(record.incident)
        if known is None:
            return None if record.level == "green" else self._keep(What.OPENED, _opened(record))
        if record.time_ms <= known.updated_ms:
            return None
        if record.level == "green":
            return self._resolve(_moved(known, record, What.RESOLVED))
        worse = LEVEL_CODE[record.level] > LEVEL_CODE[known.level]
        what = What.RAISED if worse else What.LOWERED
        return self._keep(what, _moved(known, record, what))

    def acknowledge(self, incident_id: str, *, by: str, at_ms: int) -> IncidentChange | None:
        """Note that `by` has taken an incident on. Return None if it is not firing or was taken on by them before."""
        known = self._firing.get(incident_id)
        if known is None or known.acknowledged_by == by:
            return None
        entry = Entry(at_ms, What.ACKNOWLEDGED, known.level, known.value, by)
        taken = replace(_noted(known, entry), state=IncidentState.ACKNOWLEDGED, acknowledged_by=by)
        return self._keep(What.ACKNOWLEDGED, taken)

    def release(self, incident_id: str, *, by: str, at_ms: int) -> Incident | None:
        """Note that nobody has an incident any more; `by` is who had it."""
        known = self._firing.get(incident_id)
        if known is None or not known.acknowledged_by:
            return None
        entry = Entry(at_ms, What.RELEASED, known.level, known.value, by)
        free = replace(_noted(known, entry), state=IncidentState.OPEN, acknowledged_by="")
        self._firing[incident_id] = free
        return free

    def note(self, incident_id: str, what: What, *, by: str, at_ms: int, text: str = "") -> Incident | None:
        """Add a line to an incident's timeline. Return None if it is not kept any more."""
        known = self.get(incident_id)
        if known is None:
            return None
        noted = _noted(known, Entry(at_ms, what, known.level, known.value, by, text))
        (self._firing if known.is_firing else self._resolved)[incident_id] = noted
        return noted

    def end(self, incident_id: str, *, by: str, at_ms: int, text: str = "") -> IncidentChange | None:
        """Resolve an incident by hand. If its alert gets worse than it was then, it opens again."""
        known = self._firing.get(incident_id)
        if known is None:
            return None
        ended = _noted(known, Entry(at_ms, What.RESOLVED, known.level, known.value, by, text))
        state = IncidentState.RESOLVED
        return self._resolve(
            replace(ended, state=state, resolved_by=by, resolved_ms=at_ms, revision=known.revision + 1)
        )

    def dump(self) -> Any:
        """Give the whole book as plain data."""
        return msgspec.to_builtins(
            _Dump(
                firing=list(self._firing.values()),
                resolved=list(self._resolved.values()),
                forgotten=list(self._forgotten),
                resolved_counts=dict(self._resolved_counts),
            )
        )

    def load(self, data: Any) -> None:
        """Take up what `dump` gave. Raise ValueError if it is not that."""
        try:
            dump = msgspec.convert(data, _Dump)
        except msgspec.ValidationError as error:
            raise ValueError(f"not a book of incidents: {error}") from error
        self._firing = {each.id: each for each in dump.firing}
        self._resolved = {each.id: each for each in dump.resolved}
        self._forgotten = dict.fromkeys(dump.forgotten)
        self._resolved_counts = Counter(dump.resolved_counts)

    def _keep(self, what: What, incident: Incident) -> IncidentChange:
        self._firing[incident.id] = incident
        return IncidentChange(what, incident)

    def _reopen(self, over: Incident, record: AlertRecord) -> IncidentChange:
        del self._resolved[over.id]
        self._resolved_counts[over.peak_level] -= 1
        open_again = replace(over, state=IncidentState.OPEN, resolved_by="", resolved_ms=None, acknowledged_by="")
        noted = _noted(open_again, Entry(record.time_ms, What.REOPENED, record.level, record.value))
        return self._keep(What.RAISED, _moved(noted, record, What.RAISED))

    def _resolve(self, incident: Incident) -> IncidentChange:
        del self._firing[incident.id]
        self._resolved[incident.id] = incident
        self._resolved_counts[incident.peak_level] += 1
        if len(self._resolved) > self._resolved_len_max:
            oldest = next(iter(self._resolved))
            del self._resolved[oldest]
            self._forgotten[oldest] = None
        if len(self._forgotten) > self._forgotten_len_max:
            del self._forgotten[next(iter(self._forgotten))]
        return IncidentChange(What.RESOLVED, incident)


def _is_worse_than_ended(record: AlertRecord, over: Incident) -> bool:
    """Say whether what was ended by hand has got worse since: a red is not hidden by an end that never saw it."""
    is_news = over.resolved_by != "" and record.time_ms > over.updated_ms
    return is_news and LEVEL_CODE[record.level] > LEVEL_CODE[over.level]


def _opened(record: AlertRecord) -> Incident:
    return Incident(
        id=record.incident,
        state=IncidentState.OPEN,
        record=record,
        opened_ms=record.started_ms,
        updated_ms=record.time_ms,
        peak_level=record.level,
        peak_value=record.value,
        seen=(record.level,),
        timeline=(Entry(record.time_ms, What.OPENED, record.level, record.value),),
    )


def _moved(incident: Incident, record: AlertRecord, what: What) -> Incident:
    noted = _noted(incident, Entry(record.time_ms, what, record.level, record.value))
    peaks = LEVEL_CODE[record.level] >= LEVEL_CODE[incident.peak_level]
    resolved = what is What.RESOLVED
    return replace(
        noted,
        state=IncidentState.RESOLVED if resolved else incident.state,
        record=record,
        updated_ms=record.time_ms,
        resolved_ms=record.time_ms if resolved else None,
        peak_level=record.level if peaks else incident.peak_level,
        peak_value=record.value if peaks else incident.peak_value,
        seen=incident.seen if resolved or record.level in incident.seen else (*incident.seen, record.level),
        revision=incident.revision + 1,
    )


def _noted(incident: Incident, entry: Entry) -> Incident:
    lines = (*incident.timeline, entry)
    if len(lines) <= TIMELINE_LEN_MAX:
        return replace(incident, timeline=lines)
    return replace(incident, timeline=(lines[0], *lines[2:]), timeline_dropped=incident.timeline_dropped + 1)
