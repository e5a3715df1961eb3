"""The book of incidents: which alert belongs to which, what that does to it, and what is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from alerts.archive import Archive, ArchiveDump
from alerts.homes import Homes, Why
from alerts.incidents import Entry, Incident, IncidentChange, IncidentState, What, noted
from alerts.journal import Journal
from alerts.members import Member, Members, Mutes
from alerts.moves import begun, moved_on, what_became
from alerts.records import AlertRecord
from alerts.scopes import Role, Scope, Scopes
from alerts.telling import Telling, is_worse, reddened
from alerts.texts import LANGUAGES, key_words
from alerts.tuning import DEFAULT, Tuning
from detectors.rules import LEVEL_CODE


def _nothing_mutes(record: AlertRecord, level: str) -> tuple[str, ...]:  # noqa: ARG001  the shape of `Mutes`
    return ()


class _Dump(msgspec.Struct):
    firing: list[tuple[Incident, list[Member]]]
    left: dict[str, list[Member]]  # alerts that fire though their incident was ended by hand
    over: ArchiveDump


class IncidentBook:
    """All incidents that fire, and the newest that are over.

    The same record again, in any repetition of a run that was already told, changes nothing: the changes of one alert
    are at growing times, so what is not newer is known. That holds for the alerts that fire and for the ids of the
    newest that ended (`alerts.archive.ENDED_LEN_MAX`); a repeat of a record older still would open its incident anew.
    """

    def __init__(
        self,
        scopes: Scopes | None = None,
        tuning: Tuning = DEFAULT,
        over: Archive | None = None,
    ) -> None:
        self._scopes = scopes or Scopes({})
        self._tuning = tuning
        self._over = over or Archive()
        self._firing: dict[str, Incident] = {}
        self._members: dict[str, Members] = {}
        self._incident_of: dict[str, str] = {}  # firing alert → incident
        self._homes = Homes(self._firing, tuning)
        self.journal = Journal()

    def __len__(self) -> int:
        return len(self._firing) + len(self._over.incidents)

    def __iter__(self) -> Iterator[Incident]:
        """Go through the incidents worst first: level, then the longest open; after them the newest resolved."""
        yield from self.firing()
        yield from reversed(self._over.incidents.values())

    def firing(self) -> list[Incident]:
        """List those not resolved, worst first, the longest open first among equals."""
        return sorted(self._firing.values(), key=lambda each: (-LEVEL_CODE[each.level], each.opened_ms, each.id))

    def get(self, incident_id: str) -> Incident | None:
        """Find an incident that is still kept."""
        return self._firing.get(incident_id) or self._over.incidents.get(incident_id)

    def members(self, incident_id: str) -> Members:
        """Give the firing alerts of an incident; none if it is over."""
        return self._members.get(incident_id) or Members()

    def has_ended(self, alert: str) -> bool:
        """Whether an alert was in an incident and is over, as far back as alerts are remembered."""
        return self._over.has_ended(alert)

    def is_firing(self, incident_id: str) -> bool:
        """Whether there is such an incident, not resolved."""
        return incident_id in self._firing

    def counts(self) -> dict[tuple[str, IncidentState], int]:
        """Count incidents by level and state; all that ever resolved count under the worst level they reached."""
        counts = Counter((each.level, each.state) for each in self._firing.values())
        counts.update({(level, IncidentState.RESOLVED): count for level, count in self._over.counts.items()})
        return {place: count for place, count in counts.items() if count}

    def apply(self, record: AlertRecord, mutes: Mutes = _nothing_mutes) -> list[IncidentChange]:
        """Count a record in. Return what changed, its own incident first; nothing if it was known or ends nothing."""
        home = self._incident_of.get(record.alert)
        if home is None:
            known = self._over.has_ended(record.alert)
            return [] if known or record.level == "green" else self._arrive(record, mutes)
        member = self._members[home].get(record.alert)
        if member is not None and record.time_ms <= member.record.time_ms:
            return []
        if home not in self._firing and not self._wakes(self._over.incidents[home], record, mutes):
            return []
        if record.level == "green":
            return [self._leave(self._firing[home], record)]
        scope = self._scopes.of(record.rule, record.key)
        return [self._settle(self._firing[home], record, scope, mutes)]

    def judge(self, incident_id: str, mutes: Mutes) -> None:
        """Ask anew of each alert of an incident what mutes it."""
        self._rejudge(incident_id, mutes, is_raised=self._firing[incident_id].is_unexplained)

    def tell(self, incident_id: str, telling: Telling) -> Incident:
        """Note what was told of an incident that is kept."""
        book = self._firing if incident_id in self._firing else self._over.incidents
        book[incident_id] = replace(book[incident_id], telling=telling)
        return book[incident_id]

    def acknowledge(self, incident_id: str, *, by: str, at_ms: int) -> IncidentChange | None:
        """Note that `by` has taken an incident on. Return None if it is not firing or was taken on by them before."""
        known = self._firing.get(incident_id)
        if known is None or known.acknowledged_by == by:
            return None
        self._firing[incident_id] = replace(known, state=IncidentState.ACKNOWLEDGED, acknowledged_by=by)
        return self.note(incident_id, What.ACKNOWLEDGED, by=by, at_ms=at_ms)

    def end(self, incident_id: str, *, by: str, at_ms: int, text: str = "") -> IncidentChange | None:
        """End an incident by hand; None if it is not firing. If one of its alerts gets worse, it opens again."""
        known = self._firing.pop(incident_id, None)
        if known is None:
            return None
        for member in self._members[incident_id]:
            self._homes.take(self._scopes.of(member.record.rule, member.record.key), incident_id)
        self._resolve(
            replace(known, state=IncidentState.RESOLVED, resolved_by=by, resolved_ms=at_ms, revision=known.revision + 1)
        )
        return self.note(incident_id, What.RESOLVED, by=by, at_ms=at_ms, text=text)

    def release(self, incident_id: str, *, by: str, at_ms: int) -> IncidentChange | None:
        """Note that nobody has an incident any more; `by` is who had it. Return None if nobody had."""
        known = self._firing.get(incident_id)
        if known is None or not known.acknowledged_by:
            return None
        self._firing[incident_id] = replace(known, state=IncidentState.OPEN, acknowledged_by="")
        return self.note(incident_id, What.RELEASED, by=by, at_ms=at_ms)

    def note(self, incident_id: str, what: What, *, at_ms: int, by: str = "", text: str = "") -> IncidentChange | None:
        """Add a line to an incident's timeline, also after the end. Return None if it is not kept any more."""
        known = self.get(incident_id)
        if known is None:
            return None
        kept = noted(known, Entry(at_ms, what, known.level, known.value, by, text=text))
        (self._firing if known.is_firing else self._over.incidents)[incident_id] = kept
        self.journal.line(kept)
        return IncidentChange(what, kept)

    def dump(self) -> Any:
        """Give the whole book as plain data."""
        return msgspec.to_builtins(
            _Dump(
                firing=[(each, self._members[each.id].dump()) for each in self._firing.values()],
                left={id_: each.dump() for id_, each in self._members.items() if id_ not in self._firing},
                over=self._over.dump(),
            )
        )

    def load(self, data: Any) -> None:
        """Take up what `dump` gave. Raise ValueError if it is not that."""
        try:
            dump = msgspec.convert(data, _Dump)
        except msgspec.ValidationError as error:
            raise ValueError(f"not a book of incidents: {error}") from error
        self._firing = {each.id: each for each, _ in dump.firing}
        self._over.load(dump.over)
        self._members, self._incident_of, self._homes = {}, {}, Homes(self._firing, self._tuning)
        for incident, members in dump.firing:
            self._enrol(incident.id, members)
            for member in members:
                self._homes.put(self._scopes.of(member.record.rule, member.record.key), incident.id)
        for id_, members in dump.left.items():
            self._enrol(id_, members)

    def _enrol(self, incident_id: str, members: list[Member]) -> None:
        self._members[incident_id] = Members()
        self._members[incident_id].load(members)
        self._incident_of.update({member.record.alert: incident_id for member in members})

    def _wakes(self, over: Incident, record: AlertRecord, mutes: Mutes) -> bool:
        """Take up what became of an alert whose incident was ended by hand; say whether that opens it again.

        What gets worse than it was then does: a red is not hidden by an end that never saw it.
        """
        members = self._members[over.id]
        if record.level == "green":
            self._forget(over.id, record)
            if members.leader is None:
                del self._members[over.id]
            return False
        if not is_worse(record.level, over.level):
            members.put(record, self._scopes.of(record.rule, record.key).role, mutes, is_raised=over.is_unexplained)
            return False
        self._firing[over.id] = self._reopened(over)
        self._rejudge(over.id, mutes, is_raised=over.is_unexplained)
        return True

    def _rejudge(self, incident_id: str, mutes: Mutes, *, is_raised: bool) -> None:
        """Ask anew of every alert of an incident what mutes it; note where the answer is another."""
        members = self._members[incident_id]
        before = {member.record.alert: member.muted for member in members}
        members.judge(mutes, is_raised=is_raised)
        for member in members:
            if member.muted != before[member.record.alert]:
                self.journal.remuted(incident_id, member)

    def _reopened(self, over: Incident) -> Incident:
        """Take an incident back from those that are over, with the alerts that still fire."""
        self._over.take(over.id)
        for member in self._members.setdefault(over.id, Members()):
            self._homes.put(self._scopes.of(member.record.rule, member.record.key), over.id)
        return replace(
            over,
            state=IncidentState.ACKNOWLEDGED if over.acknowledged_by else IncidentState.OPEN,
            record=replace(over.record, level="green"),
            resolved_ms=None,
            resolved_by="",
        )

    def _arrive(self, record: AlertRecord, mutes: Mutes) -> list[IncidentChange]:
        scope = self._scopes.of(record.rule, record.key)
        home, why = self._home(record, scope) or (None, Why.NEW)
        if home is None:
            self._members[record.incident] = Members()
            asks_why = scope.role is Role.SYMPTOM and scope.is_placed and self._scopes.has_causes
            home = begun(record, scope, is_unexplained=asks_why)
        elif not home.is_firing:
            home = replace(self._reopened(home), alerts=home.alerts + 1)
        else:
            home = replace(home, alerts=home.alerts + 1)
        self._firing[home.id] = home
        self._incident_of[record.alert] = home.id
        self._homes.put(scope, home.id)
        changes = [self._settle(home, record, scope, mutes, why)]
        return changes + self._explain(home.id, scope, record.time_ms, mutes)

    def _home(self, record: AlertRecord, scope: Scope) -> tuple[Incident, Why] | None:
        last, ended_ms = self._over.last_of(record)
        if record.started_ms - ended_ms <= self._tuning.reopen_ms and (known := self.get(last)) is not None:
            return known, Why.AGAIN
        return self._homes.find(scope, record.time_ms)

    def _settle(
        self, incident: Incident, record: AlertRecord, scope: Scope, mutes: Mutes, why: str = ""
    ) -> IncidentChange:
        """Put an alert at its newest into its incident; say what that made of it. `why`: it has only just come."""
        members = self._members[incident.id]
        found = scope.role is Role.CAUSE and incident.role is not Role.CAUSE
        is_raised = incident.is_unexplained and not found
        member = members.put(record, scope.role, mutes, is_raised=is_raised)
        if found:
            self._rejudge(incident.id, mutes, is_raised=False)
        telling = incident.telling
        if member.is_red and not member.was_red and telling.level == "red":
            telling = reddened(telling, _named(record))
        what = what_became(incident, members.level, is_found=found)
        if found and is_worse(telling.level, members.level):  # the colour more is taken back without a word
            telling = replace(telling, level=members.level)
        return self._keep(
            replace(
                incident,
                record=replace(incident.record, level=members.level) if what is What.ATTRIBUTED else incident.record,
                role=Role.CAUSE if found else incident.role,
                is_unexplained=is_raised,
                explained_by="" if found else incident.explained_by,
                cause=record if scope.role is Role.CAUSE else incident.cause,
                users=max(record.value or 0.0, incident.users or 0.0) if scope.counts_users else incident.users,
                telling=telling,
            ),
            record,
            what,
            member,
            why,
        )

    def _leave(self, incident: Incident, record: AlertRecord) -> IncidentChange:
        """Let an alert that ended go; with the last of them the incident is over."""
        members = self._members[incident.id]
        self._forget(incident.id, record)
        self._homes.take(self._scopes.of(record.rule, record.key), incident.id)
        if members.leader is not None:
            level = members.level
            what = What.LEFT if level == incident.level else what_became(incident, level, is_found=False)
            return self._keep(incident, record, what)
        change = self._keep(replace(incident, state=IncidentState.RESOLVED), record, What.RESOLVED)
        del self._firing[incident.id], self._members[incident.id]
        self._resolve(change.incident)
        return change

    def _resolve(self, incident: Incident) -> None:
        crowded_out = self._over.put(incident)
        if crowded_out is not None:
            for member in list(self._members.get(crowded_out, ())):
                self._forget(crowded_out, member.record)
            self._members.pop(crowded_out, None)
            self._over.drop(crowded_out)

    def _forget(self, incident_id: str, record: AlertRecord) -> None:
        """Let go of an alert that ended, but for what a repeat and a return of it need."""
        self._members[incident_id].drop(record.alert)
        del self._incident_of[record.alert]
        self._over.end(record, incident_id)

    def _keep(
        self, incident: Incident, record: AlertRecord, what: What, member: Member | None = None, why: str = ""
    ) -> IncidentChange:
        kept = moved_on(incident, self._members[incident.id], record, what, self._tuning)
        self._firing[kept.id] = kept
        own = member or Member(record, kept.role, record.level)  # one that ended counts no longer
        self.journal.line(kept, own, why)
        return IncidentChange(what, kept)

    def _explain(self, home: str, scope: Scope, at_ms: int, mutes: Mutes) -> list[IncidentChange]:
        """Attribute incidents to each other, now that an alert has come to `home`."""
        changes = []
        for other, by in self._homes.explained(home, scope):
            known = self._firing[other]
            cause = self._firing[by].cause or self._firing[by].record
            was = known.level
            self._rejudge(other, mutes, is_raised=False)
            record = replace(known.record, level=self._members[other].level, was=was)
            self._firing[other] = replace(known, explained_by=by, is_unexplained=False, cause=cause, record=record)
            told = self.note(other, What.ATTRIBUTED, at_ms=at_ms, text=by)
            assert told is not None
            changes.append(told)
        return changes


def _named(record: AlertRecord) -> dict[str, str]:
    return {language: f"{record.title[language]} {key_words(record.key, language)}" for language in LANGUAGES}
