"""The desk: from an alert record to who hears of it and what customers are told. Pure: it decides, others send."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

from alerts.audit import AuditRecord, AuditTrail
from alerts.bulletins import Template, read_templates
from alerts.callout import Callout, Crew
from alerts.commands import Command, CommandError
from alerts.incidents import Incident, IncidentBook, IncidentChange, What
from alerts.naming import NO_NAMES, English
from alerts.notices import NoticeBook, NoticeChange
from alerts.notifications import Notification, Reason
from alerts.orders import carry_out
from alerts.quiet import QuietHours
from alerts.records import AlertRecord, words
from alerts.texts import LANGUAGES, fill, in_languages
from detectors.rules import Rule

Effect = Notification | NoticeChange | IncidentChange | AuditRecord

COMMANDS_LEN_MAX = 5_000
"""Commands whose id and outcome are remembered: one that comes again is the same, and does nothing."""

_REASONS: Mapping[What, Reason] = {
    What.OPENED: Reason.FIRST,
    What.RAISED: Reason.RAISED,
    What.LOWERED: Reason.LOWERED,
    What.RESOLVED: Reason.RESOLVED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """Who hears by what: every channel there is, and the channels of each receiver that rules name.

    A receiver that is not listed hears by every channel: a wrong name must not lose a page.
    """

    channels: tuple[str, ...]
    receivers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, notify: Mapping[str, tuple[str, ...]], levels: Iterable[str]) -> tuple[str, ...]:
        """List the channels of those a rule's `notify` names for any of `levels`; a level it does not name: all."""
        wanted: set[str] = set()
        for level in levels:
            for receiver in notify.get(level, ("",)):
                wanted.update(self.receivers.get(receiver, self.channels))
        return tuple(channel for channel in self.channels if channel in wanted)


class Desk:
    """Incidents and notices, and what follows from each record. Deterministic in its arguments.

    Raise ValueError if a rule names a notice template that is not there. Records of a rule that is no longer in force
    are handled too: they name no receivers, no action and no notice.
    """

    def __init__(  # noqa: PLR0913  all that a site chooses; the last three have a default
        self,
        rules: Iterable[Rule],
        zone: tzinfo,
        routing: Routing,
        templates: Mapping[str, Template] | None = None,
        *,
        crew: Crew | None = None,
        english: English = NO_NAMES,
    ) -> None:
        shipped = read_templates() if templates is None else templates
        self._rules = {rule.id: rule for rule in rules}
        self._routing = routing
        self._english = english
        self.incidents = IncidentBook()
        self.notices = NoticeBook(shipped, zone, english=english)
        self.callout = Callout(crew or Crew(), routing.channels, self.incidents, self.action_of)
        self.trail = AuditTrail()
        self._done: dict[str, str] = {}  # id of a command → what came of it, oldest first
        self._quiet = QuietHours()
        for rule in self._rules.values():
            if rule.notice is not None and rule.notice not in shipped:
                raise ValueError(f"rule {rule.id}: no notice template {rule.notice!r}; there are: {', '.join(shipped)}")

    def handle(self, record: AlertRecord, now_ms: int) -> list[Effect]:
        """Count a record in; return what changed, who is to be told, and what became of the notice.

        A record that was handled before gives nothing. `now_ms` dates the drafts.
        """
        change = self.incidents.apply(record)
        if change is None:
            return []
        rule = self._rules.get(record.rule)
        notice = self.notices.follow(change, None if rule is None else rule.notice, now_ms)
        effects: list[Effect] = [change, *self.tell(change, now_ms)]
        if notice is not None:
            effects.append(notice)
        return effects

    def tell(self, change: IncidentChange, now_ms: int) -> list[Notification]:
        """Tell all who are to hear of a change: those a rule names, and those on its ladder; in quiet hours later."""
        told_as = self._quiet.hear(change.incident, change.what, self._rules.get(change.incident.rule))
        if told_as is not None:
            return self._tell_as(IncidentChange(told_as, change.incident), now_ms)
        # It waits, and so does the ladder; but who was rung themselves is told the end.
        told = self.callout.follow(change, _REASONS[change.what], {}, now_ms)
        return told if change.what is What.RESOLVED else []

    def _tell_as(self, change: IncidentChange, now_ms: int) -> list[Notification]:
        reason = _REASONS[change.what]
        called = self.callout.follow(change, reason, self._notify(change.incident), now_ms)
        # A rung that nobody fills is told by every channel: there it takes the place of what all are told.
        told = self._notifications(change.incident, reason)
        by_role = {each.channel for each in called if each.telling and self.callout.is_role(each.to)}
        told = [each for each in told if each.channel not in by_role]
        heard = by_role | {each.channel for each in told}
        for each in called:
            if each.telling or not self.callout.is_role(each.to):
                told.append(each)
            elif each.channel not in heard:
                heard.add(each.channel)
                told.append(each)
        return told

    def order(self, command: Command, now_ms: int) -> list[Effect]:
        """Carry out what somebody asks. One that was carried out before does nothing; a refusal is in the audit."""
        if command.command in self._done:
            return []
        effects: list[Effect] = []
        outcome = "done"
        try:
            effects += carry_out(self, command, now_ms)
        except CommandError as error:
            outcome = f"refused: {error}"
        self._done[command.command] = outcome
        if len(self._done) > COMMANDS_LEN_MAX:
            del self._done[next(iter(self._done))]
        return [*effects, self.trail.note(command, outcome)]

    def outcome(self, command: str) -> str | None:
        """Say what came of a command; None if it was not carried out, or long ago."""
        return self._done.get(command)

    def beat(self, now_ms: int) -> list[Notification]:
        """Ring who is to be rung by now, and tell what waited for the end of quiet hours, as it stands now."""
        told: list[Notification] = []
        for id_ in self._quiet.due(now_ms):
            incident = self.incidents.get(id_)
            rule = None if incident is None else self._rules.get(incident.rule)
            what = self._quiet.end(incident, id_, rule, now_ms)
            if incident is not None and what is not None:
                told += self._tell_as(IncidentChange(what, incident), now_ms)
        return [*told, *self.callout.beat(now_ms)]

    def firing(self, channel: str) -> list[Notification]:
        """List what fires and was told to `channel`, worst first, to be said again where it would be forgotten."""
        return [
            Notification(channel, Reason.REPEAT, incident.revision, incident.record, self.action_of(incident.record))
            for incident in self.incidents.firing()
            if not self._quiet.never_told(incident.id)
            and (channel in self._channels(incident) or channel in self.callout.channels_of(incident.id))
        ]

    def dump(self) -> Any:
        """Give all that the desk remembers as plain data."""
        return {
            "incidents": self.incidents.dump(),
            "notices": self.notices.dump(),
            "quiet": self._quiet.dump(),
            "callout": self.callout.dump(),
            "audit": self.trail.dump(),
            "commands": list(self._done.items()),
        }

    def load(self, data: Any) -> None:
        """Take up what `dump` gave. Raise ValueError if it is not that."""
        if not isinstance(data, dict) or data.keys() != self.dump().keys():
            raise ValueError(f"not a desk: it needs {', '.join(self.dump())}")
        self.incidents.load(data["incidents"])
        self.notices.load(data["notices"])
        self._quiet.load(data["quiet"])
        self.callout.load(data["callout"])
        self.trail.load(data["audit"])
        self._done = {str(name): str(outcome) for name, outcome in data["commands"]}

    def action_of(self, record: AlertRecord) -> dict[str, str]:
        """Say what to do about a record, in each language; nothing if its rule does not."""
        rule = self._rules.get(record.rule)
        if rule is None or not rule.action:
            return {}
        templates = in_languages(rule.action)
        return {
            language: fill(templates[language], words(record, language, self._english, rule.targets))
            for language in LANGUAGES
        }

    def _notify(self, incident: Incident) -> Mapping[str, tuple[str, ...]]:
        rule = self._rules.get(incident.rule)
        return {} if rule is None else rule.notify

    def _channels(self, incident: Incident) -> tuple[str, ...]:
        # Whoever was told of any level hears how it goes on, up to the end.
        return self._routing.of(self.callout.others(self._notify(incident)), incident.seen)

    def _notifications(self, incident: Incident, reason: Reason) -> list[Notification]:
        channels = self._channels(incident)
        action = self.action_of(incident.record)
        return [Notification(channel, reason, incident.revision, incident.record, action) for channel in channels]
