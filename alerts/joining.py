"""Joining: to which incident an alert record goes, and what it makes of it and of others."""

from __future__ import annotations

from msgspec.structs import replace

from alerts.book import IncidentBook
from alerts.homes import Why
from alerts.incidents import Incident, IncidentChange, IncidentState, What
from alerts.members import Member, Mutes
from alerts.moves import begun, moved_on, what_became
from alerts.records import AlertRecord
from alerts.scopes import Role, Scope
from alerts.telling import is_worse, reddened
from alerts.texts import LANGUAGES, key_words


def _nothing_mutes(record: AlertRecord, level: str) -> tuple[str, ...]:  # noqa: ARG001  the shape of `Mutes`
    return ()


class Joining:
    """Counts alert records into a book.

    The same record again, in any repetition of a run that was already told, changes nothing: the changes of one alert
    are at growing times, so what is not newer is known. That holds for the alerts that fire and for the ids of the
    newest that ended (`alerts.archive.ENDED_LEN_MAX`); a repeat of a record older still would open its incident anew.
    """

    def __init__(self, book: IncidentBook) -> None:
        self._book = book

    def apply(self, record: AlertRecord, mutes: Mutes = _nothing_mutes) -> list[IncidentChange]:
        """Count a record in. Return what changed, its own incident first; nothing if it was known or ends nothing."""
        home = self._book.alerts.get(record.alert)
        if home is None:
            known = self._book.over.has_ended(record.alert)
            return [] if known or record.level == "green" else self._arrive(record, mutes)
        member = self._book.members(home).get(record.alert)
        if member is not None and record.time_ms <= member.record.time_ms:
            return []
        if home not in self._book.open and not self._wakes(self._book.over.incidents[home], record, mutes):
            return []
        if record.level == "green":
            return [self._leave(self._book.open[home], record)]
        scope = self._book.scopes.of(record.rule, record.key)
        return [self._settle(self._book.open[home], record, scope, mutes)]

    def _wakes(self, over: Incident, record: AlertRecord, mutes: Mutes) -> bool:
        """Take up what became of an alert whose incident was ended by hand; say whether that opens it again.

        What gets worse than it was then does: a red is not hidden by an end that never saw it.
        """
        members = self._book.members(over.id)
        if record.level == "green":
            self._book.forget(over.id, record)
            if members.leader is None:
                self._book.let_go(over.id)
            return False
        if not is_worse(record.level, over.level):
            members.put(
                record, self._book.scopes.of(record.rule, record.key).role, mutes, is_raised=over.is_unexplained
            )
            return False
        self._book.open[over.id] = self._book.reopened(over)
        self._book.rejudge(over.id, mutes, is_raised=over.is_unexplained)
        return True

    def _arrive(self, record: AlertRecord, mutes: Mutes) -> list[IncidentChange]:
        scope = self._book.scopes.of(record.rule, record.key)
        home, why = self._home(record, scope) or (None, Why.NEW)
        if home is None:
            asks_why = scope.role is Role.SYMPTOM and scope.is_placed and self._book.scopes.has_causes
            home = begun(record, scope, is_unexplained=asks_why)
        elif not home.is_firing:
            home = replace(self._book.reopened(home), alerts=home.alerts + 1)
        else:
            home = replace(home, alerts=home.alerts + 1)
        self._book.enter(home, record, scope)
        changes = [self._settle(home, record, scope, mutes, why)]
        return changes + self._explain(home.id, scope, record.time_ms, mutes)

    def _home(self, record: AlertRecord, scope: Scope) -> tuple[Incident, Why] | None:
        last, ended_ms = self._book.over.last_of(record)
        if record.started_ms - ended_ms <= self._book.tuning.reopen_ms and (known := self._book.get(last)) is not None:
            return known, Why.AGAIN
        return self._book.homes.find(scope, record.time_ms)

    def _settle(
        self, incident: Incident, record: AlertRecord, scope: Scope, mutes: Mutes, why: str = ""
    ) -> IncidentChange:
        """Put an alert at its newest into its incident; say what that made of it. `why`: it has only just come."""
        members = self._book.members(incident.id)
        found = scope.role is Role.CAUSE and incident.role is not Role.CAUSE
        is_raised = incident.is_unexplained and not found
        member = members.put(record, scope.role, mutes, is_raised=is_raised)
        if found:
            self._book.rejudge(incident.id, mutes, is_raised=False)
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
        members = self._book.members(incident.id)
        self._book.forget(incident.id, record)
        self._book.homes.take(self._book.scopes.of(record.rule, record.key), incident.id)
        if members.leader is not None:
            level = members.level
            what = What.LEFT if level == incident.level else what_became(incident, level, is_found=False)
            return self._keep(incident, record, what)
        change = self._keep(replace(incident, state=IncidentState.RESOLVED), record, What.RESOLVED)
        self._book.let_go(incident.id)
        self._book.resolve(change.incident)
        return change

    def _keep(
        self, incident: Incident, record: AlertRecord, what: What, member: Member | None = None, why: str = ""
    ) -> IncidentChange:
        kept = moved_on(incident, self._book.members(incident.id), record, what, self._book.tuning)
        self._book.open[kept.id] = kept
        own = member or Member(record, kept.role, record.level)  # one that ended counts no longer
        self._book.journal.line(kept, own, why)
        return IncidentChange(what, kept)

    def _explain(self, home: str, scope: Scope, at_ms: int, mutes: Mutes) -> list[IncidentChange]:
        """Attribute incidents to each other, now that an alert has come to `home`."""
        changes = []
        for other, by in self._book.homes.explained(home, scope):
            known = self._book.open[other]
            cause = self._book.open[by].cause or self._book.open[by].record
            was = known.level
            self._book.rejudge(other, mutes, is_raised=False)
            record = replace(known.record, level=self._book.members(other).level, was=was)
            self._book.open[other] = replace(known, explained_by=by, is_unexplained=False, cause=cause, record=record)
            told = self._book.note(other, What.ATTRIBUTED, at_ms=at_ms, text=by)
            assert told is not None
            changes.append(told)
        return changes


def _named(record: AlertRecord) -> dict[str, str]:
    return {language: f"{record.title[language]} {key_words(record.key, language)}" for language in LANGUAGES}
