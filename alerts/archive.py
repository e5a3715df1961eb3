"""What is over: the newest resolved incidents, which alerts ended, and where each series was last; all bounded."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from alerts.incidents import Incident
from alerts.records import AlertRecord, alert_id

RESOLVED_LEN_MAX = 1_000
ENDED_LEN_MAX = 20_000


class ArchiveDump(msgspec.Struct):
    """An archive as plain data."""

    resolved: list[Incident]
    ended: list[str]
    last: dict[str, tuple[str, int]]
    counts: dict[str, int]


class Archive:
    """Keeps the newest `resolved_len_max` incidents, and what is to be known of the newest `ended_len_max` alerts."""

    def __init__(self, *, resolved_len_max: int = RESOLVED_LEN_MAX, ended_len_max: int = ENDED_LEN_MAX) -> None:
        self._resolved_len_max = resolved_len_max
        self._ended_len_max = ended_len_max
        self.incidents: dict[str, Incident] = {}  # oldest first
        self.counts: Counter[str] = Counter()  # of all that ever resolved, by the worst level they reached
        self._ended: dict[str, None] = {}  # an ordered set of alerts, oldest first
        self._last: dict[str, tuple[str, int]] = {}  # series → incident of its newest alert that ended, and when

    def put(self, incident: Incident) -> str | None:
        """Keep an incident that is over; name the one for which there is no more room."""
        self.incidents[incident.id] = incident
        self.counts[incident.peak_level] += 1
        return next(iter(self.incidents)) if len(self.incidents) > self._resolved_len_max else None

    def drop(self, incident_id: str) -> None:
        """Let go of an incident for want of room."""
        del self.incidents[incident_id]

    def take(self, incident_id: str) -> Incident:
        """Give an incident back that is over no longer."""
        incident = self.incidents.pop(incident_id)
        self.counts[incident.peak_level] -= 1
        return incident

    def end(self, record: AlertRecord, incident_id: str) -> None:
        """Remember that an alert ended, for a repeat of it and for its series' return."""
        _bounded(self._ended, record.alert, None, self._ended_len_max)
        _bounded(self._last, _series(record), (incident_id, record.time_ms), self._ended_len_max)

    def has_ended(self, alert: str) -> bool:
        """Whether an alert is known to have ended."""
        return alert in self._ended

    def last_of(self, record: AlertRecord) -> tuple[str, int]:
        """Say in which incident the series of an alert was last, and when it ended."""
        return self._last.get(_series(record), ("", 0))

    def dump(self) -> ArchiveDump:
        """Give all of it."""
        return ArchiveDump(list(self.incidents.values()), list(self._ended), self._last, dict(self.counts))

    def load(self, dump: ArchiveDump) -> None:
        """Take up what `dump` gave."""
        self.incidents = {each.id: each for each in dump.resolved}
        self._ended = dict.fromkeys(dump.ended)
        self._last = dict(dump.last)
        self.counts = Counter(dump.counts)


def _series(record: AlertRecord) -> str:
    """Name the series of an alert: its rule and key, whenever it began."""
    return alert_id(record.rule, record.key, 0)


def _bounded(kept: dict[str, Any], name: str, value: Any, length_max: int) -> None:
    kept.pop(name, None)
    kept[name] = value
    if len(kept) > length_max:
        del kept[next(iter(kept))]
