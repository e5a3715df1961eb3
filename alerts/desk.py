"""The desk: from an alert record to who hears of it and what customers are told. Pure: it decides, others send."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import tzinfo
from typing import Any

from msgspec.structs import replace

from alerts.audit import AuditRecord, AuditTrail
from alerts.book import IncidentBook
from alerts.bulletins import Template, read_templates
from alerts.callout import Callout
from alerts.chronicle import Happening
from alerts.commands import Command, CommandError
from alerts.happenings import told_of
from alerts.incidents import Incident, IncidentChange, What
from alerts.muting import Maintenance, Muter, Muting, Silencing, heard
from alerts.notices import NoticeBook, NoticeChange
from alerts.notifications import Notification, Reason
from alerts.orders import carry_out
from alerts.pages import Pages
from alerts.quiet import QuietHours
from alerts.records import AlertRecord
from alerts.routing import Routing
from alerts.scopes import Scopes
from alerts.silences import Silence, SilenceBook
from alerts.site import Site
from alerts.telling import calmed, news, told
from alerts.texts import clean
from detectors.rules import Rule

Effect = Notification | NoticeChange | IncidentChange | AuditRecord

COMMANDS_LEN_MAX = 5_000
"""Commands whose id and outcome are remembered: one that comes again is the same, and does nothing."""


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
        site: Site | None = None,
    ) -> None:
        shipped = read_templates() if templates is None else templates
        chosen = site or Site()
        self._rules = {rule.id: rule for rule in rules}
        self._tuning = chosen.tuning
        scopes = self._scopes = Scopes(self._rules, chosen.above)
        self.incidents = IncidentBook(scopes, chosen.tuning)
        self.notices = NoticeBook(shipped, zone, english=chosen.english)
        self.silences = SilenceBook()
        self.maintenance = Maintenance(scopes, chosen.windows)
        self._quiet = QuietHours(self._rules)
        stages: tuple[Muter, ...] = (self.maintenance, Silencing(scopes, self.silences), self._quiet, *chosen.muters)
        self._muting = Muting(stages)
        self._pages = Pages(self._rules, routing, chosen.crew, chosen.english)
        self.callout = Callout(chosen.crew, routing.channels, self.incidents, self._pages.page)
        self.trail = AuditTrail()
        self._done: dict[str, str] = {}  # id of a command → what came of it, oldest first
        self._steps = 0
        self._standing: tuple[str, ...] = ()
        self._restless: set[str] = set()  # incidents of which the next beat may have news
        self._explains: dict[str, set[str]] = {}
        for rule in self._rules.values():
            if rule.notice is not None and rule.notice not in shipped:
                raise ValueError(f"rule {rule.id}: no notice template {rule.notice!r}; there are: {', '.join(shipped)}")

    def handle(self, record: AlertRecord, now_ms: int) -> list[Effect]:
        """Count a record in; return what changed, who is to be told, and what became of the notice.

        A record that was handled before gives nothing. `now_ms` dates the drafts and says what is muted.
        """
        effects: list[Effect] = self._remute(now_ms)
        for place, change in enumerate(self.incidents.apply(record, self._muting.at(now_ms))):
            incident = change.incident
            if incident.explained_by:
                self._explains.setdefault(incident.explained_by, set()).add(incident.id)
            effects += [change, *self._tell(incident.id, now_ms, by=record if place == 0 else None)]
            rule = self._rules.get(incident.rule)
            notice = self.notices.follow(change, None if rule is None else rule.notice, now_ms)
            if notice is not None:
                effects.append(notice)
            if change.what is What.RESOLVED:
                effects += self._unexplain(incident.id, now_ms)
        return effects

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

    def happened(self, now_ms: int) -> list[Happening]:
        """Give what happened since this was last asked, for history; each once. It is no state: ask after each step."""
        return told_of(self.incidents, self._rules, now_ms)

    @property
    def steps(self) -> int:
        """Count what has changed the state since the start besides records: time alone, and what people ask."""
        return self._steps + self.callout.steps

    def end(self, incident_id: str, *, by: str, text: str, now_ms: int) -> list[Effect]:
        """End an incident by hand; nothing if it is not firing."""
        change = self.incidents.end(incident_id, by=by, at_ms=now_ms, text=clean(text, 1_000))
        if change is None:
            return []
        rule = self._rules.get(change.incident.rule)
        notice = self.notices.follow(change, None if rule is None else rule.notice, now_ms)
        told = [*self._tell(incident_id, now_ms), *self._unexplain(incident_id, now_ms)]
        return [change, *told, *([] if notice is None else [notice])]

    def beat(self, now_ms: int) -> list[Effect]:
        """Tell what time alone brings: muted no longer, calm after ups and downs, silences about to end, next rungs."""
        effects = self._remute(now_ms)
        for id_ in sorted(self._restless):
            effects += self._tell(id_, now_ms)
        for silence in self.silences.due(now_ms, self._tuning.remind_ms):
            effects += self._remind(silence, now_ms)
        return [*effects, *self.callout.beat(now_ms)]

    def silence(self, silence: Silence, now_ms: int) -> list[Effect]:
        """Keep quiet what a person says. Raise SilenceError if that cannot be."""
        self.silences.add(silence, now_ms)
        return self._remute(now_ms)

    def expire(self, silence_id: str, now_ms: int) -> list[Effect]:
        """End a silence. What is still bad is told. Raise SilenceError if there is none."""
        self.silences.expire(silence_id, now_ms)
        return self._remute(now_ms)

    def plan(self, id_: str, plan: Mapping[str, Any], now_ms: int) -> list[Effect]:
        """Keep quiet what planned work is known to break: a `plans` event. A plan told again replaces itself."""
        self.maintenance.plan(id_, plan, now_ms)
        return self._remute(now_ms)

    def comment(self, incident_id: str, *, by: str, text: str, now_ms: int) -> list[Effect]:
        """Write what a person has to say into an incident's timeline."""
        change = self.incidents.note(incident_id, What.COMMENTED, by=by, text=clean(text, 1_000), at_ms=now_ms)
        return [] if change is None else [change]

    def preview(self, silence: Silence, now_ms: int) -> list[tuple[Incident, tuple[AlertRecord, ...]]]:
        """Say what a silence would hide of what fires now, were it in force: incidents, worst first, and their alerts.

        Nothing is changed. Red alerts are among them only where it includes red.
        """
        trial = SilenceBook()
        trial.add(replace(silence, starts_ms=min(silence.starts_ms, now_ms)), now_ms)
        stage = Silencing(self._scopes, trial)
        found = []
        for incident in self.incidents.firing():
            hidden = tuple(
                member.record
                for member in self.incidents.members(incident.id)
                if any(stage.mutes(member.record, member.level, now_ms))
            )
            if hidden:
                found.append((incident, hidden))
        return found

    def firing(self, channel: str) -> list[Notification]:
        """List what fires and was told to `channel`, worst first, to be said again where it would be forgotten."""
        return [
            self._pages.page(channel, Reason.REPEAT, incident)
            for incident in self.incidents.firing()
            if incident.telling.level != "green"
            and (channel in incident.telling.channels or channel in self.callout.channels_of(incident.id))
        ]

    def telling_red(self) -> list[Notification]:
        """List what is red as it was told last, by the same keys, for every channel and person that was told of it."""
        red = [each for each in self.incidents.firing() if each.telling.level == "red"]
        return [page for each in red for page in (*self._pages.again(each), *self.callout.again(each))]

    def dump(self) -> Any:
        """Give all that the desk remembers as plain data."""
        return {
            "incidents": self.incidents.dump(),
            "notices": self.notices.dump(),
            "silences": self.silences.dump(),
            "plans": self.maintenance.dump(),
            "standing": list(self._standing),
            "callout": self.callout.dump(),
            "audit": self.trail.dump(),
            "commands": list(self._done.items()),
        }

    def load(self, data: Any) -> None:
        """Take up what `dump` gave. Raise ValueError if it is not that."""
        if not isinstance(data, dict) or data.keys() != set(_PARTS):
            raise ValueError(f"not a desk: it needs {', '.join(_PARTS)}")
        self.incidents.load(data["incidents"])
        self.notices.load(data["notices"])
        self.silences.load(data["silences"])
        self.maintenance.load(data["plans"])
        self._standing = tuple(data["standing"])
        self.callout.load(data["callout"])
        self.trail.load(data["audit"])
        self._done = {str(name): str(outcome) for name, outcome in data["commands"]}
        self._restless = {each.id for each in self.incidents if _is_restless(each)}
        self._explains = {}
        for each in self.incidents.firing():
            if each.explained_by:
                self._explains.setdefault(each.explained_by, set()).add(each.id)

    def action_of(self, record: AlertRecord) -> dict[str, str]:
        """Say what to do about a record, in each language; nothing if its rule does not."""
        return self._pages.action_of(record)

    def _remute(self, now_ms: int) -> list[Effect]:
        """Where a silence or a window has begun or ended: ask of every alert anew whether it may be heard."""
        standing = self._muting.standing(now_ms)
        if standing == self._standing:
            return []
        self._standing = standing
        self._steps += 1
        effects: list[Effect] = []
        mutes = self._muting.at(now_ms)
        for incident in self.incidents.firing():
            self.incidents.judge(incident.id, mutes)
            effects += self._tell(incident.id, now_ms)
        return effects

    def _tell(self, id_: str, now_ms: int, *, by: AlertRecord | None = None) -> list[Effect]:
        """Tell what is news about an incident; `by` is the alert that moved it."""
        incident = self.incidents.get(id_)
        if incident is None:
            self._restless.discard(id_)
            return []
        level = incident.level if incident.is_firing else "green"
        members = self.incidents.members(id_)
        loud, muted, is_held = heard(incident, members, is_explained=self.incidents.is_firing(incident.explained_by))
        before = incident.telling
        telling = calmed(before, changed_ms=incident.updated_ms, now_ms=now_ms, tuning=self._tuning)
        if not incident.is_firing and before.level != "green" and "red" not in before.levels:
            muted = tuple(
                self._quiet.mutes(incident.record, before.level, now_ms)
            )  # the end, too, waits for the morning
        telling = replace(telling, muted=muted, is_held=telling.is_held or is_held)
        why = news(telling, level=level, heard=loud, now_ms=now_ms, tuning=self._tuning)
        if muted and level == "green":
            why = None
        if telling != before:
            self._steps += 1
            incident = self.incidents.tell(id_, telling)
        pages = self._tell_of(incident, why, loud, now_ms, by=by)
        if why is not None:
            channels = tuple(dict.fromkeys(each.channel for each in pages if not each.to))
            now_told = told(telling, why, of=incident.record.time, channels=channels, now_ms=now_ms)
            incident = self.incidents.tell(id_, now_told)
        (self._restless.add if _is_restless(incident) else self._restless.discard)(id_)
        if bool(before.muted) != bool(muted) and incident.is_firing:
            what = What.MUTED if muted else What.HEARD
            change = self.incidents.note(id_, what, at_ms=now_ms, text="; ".join(muted or before.muted))
            return [*([] if change is None else [change]), *pages]
        return list(pages)

    def _tell_of(
        self, incident: Incident, why: tuple[Reason, str] | None, loud: str, now_ms: int, *, by: AlertRecord | None
    ) -> list[Notification]:
        """Tell all who are to hear of an incident: those its rules name, and those on the ladder."""
        if why is None and not incident.is_firing and incident.telling.level != "green":
            return []  # over, and to be told so later
        reason, level = why or (None, "")
        red = {each.record.rule for each in self.incidents.members(incident.id) if each.level == "red"}
        notify = {} if loud == "green" else self._pages.notify(incident.rule)
        called = self.callout.follow(
            incident, reason, level or (incident.level if loud == "green" else loud), notify, now_ms
        )
        if reason is None:
            return called
        # A rung that nobody fills is told by every channel: there it takes the place of what all are told.
        by_role = {each.channel for each in called if each.telling and self.callout.is_role(each.to)}
        members = self.incidents.members(incident.id) if level == "red" else ()
        red = {each.record.rule for each in members if each.level == "red"}
        channels = self._pages.channels(incident, level, red)
        pages = [self._pages.page(each, reason, incident, level, by=by) for each in channels if each not in by_role]
        heard_by = by_role | {each.channel for each in pages}
        for each in called:
            if each.telling or not self.callout.is_role(each.to):
                pages.append(each)
            elif each.channel not in heard_by:
                heard_by.add(each.channel)
                pages.append(each)
        return pages

    def _unexplain(self, incident_id: str, now_ms: int) -> list[Effect]:
        """Tell what an incident that is over explained, where it is bad enough by itself."""
        explained = sorted(self._explains.pop(incident_id, ()))
        return [effect for other in explained for effect in self._tell(other, now_ms)]

    def _remind(self, silence: Silence, now_ms: int) -> list[Effect]:
        """Say that a silence ends, with the worst it hides; one that hides nothing ends without a word."""
        hidden = [each for each in self.incidents.firing() if silence.reason in each.telling.muted]
        if not hidden:
            return []
        return list(self._pages.ending(silence, hidden[0], len(hidden), now_ms))


_PARTS = ("incidents", "notices", "silences", "plans", "standing", "callout", "audit", "commands")


def _is_restless(incident: Incident) -> bool:
    """Whether time alone may bring news of it."""
    telling = incident.telling
    return telling.is_flapping or (telling.newly_red > 0 if incident.is_firing else bool(telling.muted))
