"""The book of incidents: those that fire with their alerts, those that are over, and what people do to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from alerts.archive import Archive, ArchiveDump
from alerts.homes import Homes
from alerts.incidents import Entry, Finding, Incident, IncidentChange, IncidentState, What, noted
from alerts.journal import Journal
from alerts.members import Member, Members, Mutes
from alerts.records import AlertRecord
from alerts.scopes import Scope, Scopes
from alerts.telling import Telling
from alerts.tuning import DEFAULT, Tuning
from detectors.rules import LEVEL_CODE


class _Dump(msgspec.Struct):
    firing: list[tuple[Incident, list[Member]]]
    left: dict[str, list[Member]]  # alerts that fire though their incident was ended by hand
    over: ArchiveDump


class IncidentBook:
    """All incidents that fire, and the newest that are over.

    Alerts come to them by `alerts.joining`, which alone writes `open`, `alerts` and `homes`.
    """

    def __init__(
        self,
        scopes: Scopes | None = None,
        tuning: Tuning = DEFAULT,
        over: Archive | None = None,
    ) -> None:
        self.scopes = scopes or Scopes({})
        self.tuning = tuning
        self.over = over or Archive()
        self.open: dict[str, Incident] = {}  # those that fire
        self._members: dict[str, Members] = {}
        self.alerts: dict[str, str] = {}  # firing alert → incident
        self.homes = Homes(self.open, tuning)
        self.journal = Journal()

    def __len__(self) -> int:
        return len(self.open) + len(self.over.incidents)

    def __iter__(self) -> Iterator[Incident]:
        """Go through the incidents worst first: level, then the longest open; after them the newest resolved."""
        yield from self.firing()
        yield from reversed(self.over.incidents.values())

    def firing(self) -> list[Incident]:
        """List those not resolved, worst first, the longest open first among equals."""
        return sorted(self.open.values(), key=lambda each: (-LEVEL_CODE[each.level], each.opened_ms, each.id))

    def get(self, incident_id: str) -> Incident | None:
        """Find an incident that is still kept."""
        return self.open.get(incident_id) or self.over.incidents.get(incident_id)

    def enter(self, incident: Incident, record: AlertRecord, scope: Scope) -> None:
        """Note that an alert has come to an incident that fires; it is not one of its members yet."""
        self.open[incident.id] = incident
        self.alerts[record.alert] = incident.id
        self.homes.put(scope, incident.id)
        self._members.setdefault(incident.id, Members())

    def let_go(self, incident_id: str) -> None:
        """Note that no alert of an incident fires any more."""
        self.open.pop(incident_id, None)
        self._members.pop(incident_id, None)

    def members(self, incident_id: str) -> Members:
        """Give the firing alerts of an incident; none if it is over."""
        known = self._members.get(incident_id)
        return Members() if known is None else known  # one without members yet is false

    def has_ended(self, alert: str) -> bool:
        """Whether an alert was in an incident and is over, as far back as alerts are remembered."""
        return self.over.has_ended(alert)

    def is_firing(self, incident_id: str) -> bool:
        """Whether there is such an incident, not resolved."""
        return incident_id in self.open

    def counts(self) -> dict[tuple[str, IncidentState], int]:
        """Count incidents by level and state; all that ever resolved count under the worst level they reached."""
        counts = Counter((each.level, each.state) for each in self.open.values())
        counts.update({(level, IncidentState.RESOLVED): count for level, count in self.over.counts.items()})
        return {place: count for place, count in counts.items() if count}

    def judge(self, incident_id: str, mutes: Mutes) -> None:
        """Ask anew of each alert of an incident what mutes it."""
        self.rejudge(incident_id, mutes, is_raised=self.open[incident_id].is_unexplained)

    def rejudge(self, incident_id: str, mutes: Mutes, *, is_raised: bool) -> None:
        """Ask anew of every alert of an incident what mutes it; note where the answer is another."""
        members = self._members[incident_id]
        before = {member.record.alert: member.muted for member in members}
        members.judge(mutes, is_raised=is_raised)
        for member in members:
            if member.muted != before[member.record.alert]:
                self.journal.remuted(incident_id, member)

    def tell(self, incident_id: str, telling: Telling) -> Incident:
        """Note what was told of an incident that is kept."""
        book = self.open if incident_id in self.open else self.over.incidents
        book[incident_id] = replace(book[incident_id], telling=telling)
        return book[incident_id]

    def acknowledge(self, incident_id: str, *, by: str, at_ms: int) -> IncidentChange | None:
        """Note that `by` has taken an incident on. Return None if it is not firing or was taken on by them before."""
        known = self.open.get(incident_id)
        if known is None or known.acknowledged_by == by:
            return None
        self.open[incident_id] = replace(known, state=IncidentState.ACKNOWLEDGED, acknowledged_by=by)
        return self.note(incident_id, What.ACKNOWLEDGED, by=by, at_ms=at_ms)

    def end(self, incident_id: str, *, by: str, at_ms: int, text: str = "") -> IncidentChange | None:
        """End an incident by hand; None if it is not firing. If one of its alerts gets worse, it opens again."""
        known = self.open.pop(incident_id, None)
        if known is None:
            return None
        for member in self._members[incident_id]:
            self.homes.take(self.scopes.of(member.record.rule, member.record.key), incident_id)
        self.resolve(
            replace(known, state=IncidentState.RESOLVED, resolved_by=by, resolved_ms=at_ms, revision=known.revision + 1)
        )
        return self.note(incident_id, What.RESOLVED, by=by, at_ms=at_ms, text=text)

    def release(self, incident_id: str, *, by: str, at_ms: int) -> IncidentChange | None:
        """Note that nobody has an incident any more; `by` is who had it. Return None if nobody had."""
        known = self.open.get(incident_id)
        if known is None or not known.acknowledged_by:
            return None
        self.open[incident_id] = replace(known, state=IncidentState.OPEN, acknowledged_by="")
        return self.note(incident_id, What.RELEASED, by=by, at_ms=at_ms)

    def find(self, incident_id: str, finding: Finding, *, by: str, at_ms: int) -> IncidentChange | None:
        """Note what an incident was, as a person found it; of each part the last word counts. None: it is not kept."""
        known = self.get(incident_id)
        if known is None:
            return None
        cause = known.finding if finding.cause is None else finding.cause
        is_false = known.is_false_alarm if finding.is_false_alarm is None else finding.is_false_alarm
        found = replace(known, finding=cause, is_false_alarm=is_false)
        (self.open if known.is_firing else self.over.incidents)[incident_id] = found
        return self.note(incident_id, What.FOUND, by=by, at_ms=at_ms, text=finding.cause or "")

    def note(self, incident_id: str, what: What, *, at_ms: int, by: str = "", text: str = "") -> IncidentChange | None:
        """Add a line to an incident's timeline, also after the end. Return None if it is not kept any more."""
        known = self.get(incident_id)
        if known is None:
            return None
        kept = noted(known, Entry(at_ms, what, known.level, known.value, by, text=text))
        (self.open if known.is_firing else self.over.incidents)[incident_id] = kept
        self.journal.line(kept)
        return IncidentChange(what, kept)

    def dump(self) -> Any:
        """Give the whole book as plain data."""
        return msgspec.to_builtins(
            _Dump(
                firing=[(each, self._members[each.id].dump()) for each in self.open.values()],
                left={id_: each.dump() for id_, each in self._members.items() if id_ not in self.open},
                over=self.over.dump(),
            )
        )

    def load(self, data: Any) -> None:
        """Take up what `dump` gave. Raise ValueError if it is not that."""
        try:
            dump = msgspec.convert(data, _Dump)
        except msgspec.ValidationError as error:
            raise ValueError(f"not a book of incidents: {error}") from error
        self.open = {each.id: each for each, _ in dump.firing}
        self.over.load(dump.over)
        self._members, self.alerts, self.homes = {}, {}, Homes(self.open, self.tuning)
        for incident, members in dump.firing:
            self._enrol(incident.id, members)
            for member in members:
                self.homes.put(self.scopes.of(member.record.rule, member.record.key), incident.id)
        for id_, members in dump.left.items():
            self._enrol(id_, members)

    def _enrol(self, incident_id: str, members: list[Member]) -> None:
        self._members[incident_id] = Members()
        self._members[incident_id].load(members)
        self.alerts.update({member.record.alert: incident_id for member in members})

    def reopened(self, over: Incident) -> Incident:
        """Take an incident back from those that are over, with the alerts that still fire."""
        self.over.take(over.id)
        for member in self._members.setdefault(over.id, Members()):
            self.homes.put(self.scopes.of(member.record.rule, member.record.key), over.id)
        return replace(
            over,
            state=IncidentState.ACKNOWLEDGED if over.acknowledged_by else IncidentState.OPEN,
            record=replace(over.record, level="green"),
            resolved_ms=None,
            resolved_by="",
        )

    def resolve(self, incident: Incident) -> None:
        """Put an incident to those that are over; the oldest of them may have to go."""
        crowded_out = self.over.put(incident)
        if crowded_out is not None:
            for member in list(self._members.get(crowded_out, ())):
                self.forget(crowded_out, member.record)
            self._members.pop(crowded_out, None)
            self.over.drop(crowded_out)

    def forget(self, incident_id: str, record: AlertRecord) -> None:
        """Let go of an alert that ended, but for what a repeat and a return of it need."""
        self._members[incident_id].drop(record.alert)
        del self.alerts[record.alert]
        self.over.end(record, incident_id)
