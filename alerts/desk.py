"""The desk: from an alert record to who hears of it and what customers are told. Pure: it decides, others send."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

from alerts.bulletins import Template, read_templates
from alerts.incidents import Incident, IncidentBook, IncidentChange, What
from alerts.naming import NO_NAMES, English
from alerts.notices import NoticeBook, NoticeChange
from alerts.notifications import Notification, Reason
from alerts.quiet import QuietHours
from alerts.records import AlertRecord, words
from alerts.texts import LANGUAGES, fill, in_languages
from detectors.rules import Rule

Effect = Notification | NoticeChange | IncidentChange

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

    def __init__(
        self,
        rules: Iterable[Rule],
        zone: tzinfo,
        routing: Routing,
        templates: Mapping[str, Template] | None = None,
        english: English = NO_NAMES,
    ) -> None:
        shipped = read_templates() if templates is None else templates
        self._rules = {rule.id: rule for rule in rules}
        self._routing = routing
        self._english = english
        self.incidents = IncidentBook()
        self._quiet = QuietHours()
        self.notices = NoticeBook(shipped, zone, english=english)
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
        told_as = self._quiet.hear(change.incident, change.what, rule)
        effects: list[Effect] = [change, *self._told(change.incident, told_as)]
        if notice is not None:
            effects.append(notice)
        return effects

    def beat(self, now_ms: int) -> list[Notification]:
        """Tell what waited for the end of quiet hours, as it stands now."""
        told: list[Notification] = []
        for id_ in self._quiet.due(now_ms):
            incident = self.incidents.get(id_)
            rule = None if incident is None else self._rules.get(incident.rule)
            what = self._quiet.end(incident, id_, rule, now_ms)
            if incident is not None:
                told += self._told(incident, what)
        return told

    def firing(self, channel: str) -> list[Notification]:
        """List what fires and was told to `channel`, worst first, to be said again where it would be forgotten."""
        return [
            notification
            for incident in self.incidents.firing()
            if not self._quiet.never_told(incident.id)
            for notification in self._notifications(incident, Reason.REPEAT)
            if notification.channel == channel
        ]

    def telling_red(self) -> list[Notification]:
        """List what is red, for every channel that was told of it."""
        return [
            notification
            for incident in self.incidents.firing()
            if incident.record.level == "red"
            for notification in self._notifications(incident, Reason.REPEAT)
        ]

    def dump(self) -> Any:
        """Give all that the desk remembers as plain data."""
        return {"incidents": self.incidents.dump(), "notices": self.notices.dump(), "quiet": self._quiet.dump()}

    def load(self, data: Any) -> None:
        """Take up what `dump` gave. Raise ValueError if it is not that."""
        if not isinstance(data, dict) or data.keys() != {"incidents", "notices", "quiet"}:
            raise ValueError("not a desk: it needs incidents, notices and quiet")
        self.incidents.load(data["incidents"])
        self.notices.load(data["notices"])
        self._quiet.load(data["quiet"])

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

    def _told(self, incident: Incident, what: What | None) -> list[Notification]:
        return [] if what is None else self._notifications(incident, _REASONS[what])

    def _notifications(self, incident: Incident, reason: Reason) -> list[Notification]:
        # Whoever was told of any level hears how it goes on, up to the end.
        rule = self._rules.get(incident.rule)
        channels = self._routing.of({} if rule is None else rule.notify, incident.seen)
        action = self.action_of(incident.record)
        return [Notification(channel, reason, incident.revision, incident.record, action) for channel in channels]
