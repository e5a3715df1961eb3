"""The desk: from an alert record to who hears of it and what customers are told. Pure: it decides, others send."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import tzinfo
from typing import Any

from alerts.asides import Asides
from alerts.audit import AuditRecord, AuditTrail
from alerts.book import IncidentBook
from alerts.bulletins import Template, read_templates
from alerts.callout import Callout
from alerts.chronicle import Happening
from alerts.commands import Command, CommandError, Verb
from alerts.happenings import told_of
from alerts.hush import Hush
from alerts.incidents import Finding, Incident, IncidentChange, What
from alerts.joining import Joining
from alerts.latenotices import LateNotices
from alerts.noticebook import NoticeBook
from alerts.notices import NoticeChange
from alerts.notifications import Notification, Reason
from alerts.orders import carry_out
from alerts.pages import Pages
from alerts.plans import Plan, PlanError, read_plan
from alerts.records import AlertRecord
from alerts.routing import Routing
from alerts.scopes import Scopes
from alerts.silences import Silence, SilenceBook
from alerts.site import Site
from alerts.teller import Teller
from alerts.texts import clean
from alerts.windows import Window
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
        self._scopes = Scopes(self._rules, chosen.above)
        self.incidents = IncidentBook(self._scopes, chosen.tuning)
        self._joining = Joining(self.incidents)
        self.notices = NoticeBook(shipped, zone, english=chosen.english, audiences=chosen.audiences)
        self._hush = Hush(self._rules, self._scopes, chosen)
        self._pages = Pages(self._rules, routing, chosen, self._around)
        self.callout = Callout(chosen.crew, routing.channels, self.incidents, self._pages.page)
        self._teller = Teller(self.incidents, self._pages, self.callout, self._hush.quiet, chosen.tuning)
        self._late = LateNotices(self.notices, self.incidents, self._pages, self.callout, zone)
        self._asides = Asides(self._rules, routing, chosen.crew, self._pages, zone)
        self.trail = AuditTrail()
        self._done: dict[str, str] = {}  # id of a command → what came of it, oldest first
        self._steps = 0
        unknown = sorted(set(chosen.audiences.templates) - set(shipped))
        if unknown:
            raise ValueError(f"notices: no notice template {unknown[0]!r}; there are: {', '.join(shipped)}")
        for rule in self._rules.values():
            if rule.notice is not None and rule.notice not in shipped:
                raise ValueError(f"rule {rule.id}: no notice template {rule.notice!r}; there are: {', '.join(shipped)}")

    def handle(self, record: AlertRecord, now_ms: int) -> list[Effect]:
        """Count a record in; return what changed, who is to be told, and what became of the notice.

        A record that was handled before gives nothing. `now_ms` dates the drafts and says what is muted.
        """
        effects: list[Effect] = self._remute(now_ms)
        for place, change in enumerate(self._joining.apply(record, self._hush.mutes(now_ms))):
            incident = change.incident
            effects += [change, *self._teller.tell(incident.id, now_ms, by=record if place == 0 else None)]
            rule = self._rules.get(incident.rule)
            notice = self.notices.follow(change, None if rule is None else rule.notice, now_ms)
            if notice is not None:
                effects.append(notice)
            if change.what is What.RESOLVED:
                effects += self._teller.unexplain(incident.id, now_ms)
        return effects

    def order(self, command: Command, now_ms: int) -> list[Effect]:
        """Carry out what somebody asks. One that was carried out before does nothing; a refusal is in the audit."""
        if command.what is Verb.PLAN:
            return self._planned(command, now_ms)
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

    def _planned(self, command: Command, now_ms: int) -> list[Effect]:
        """Take up what an event says of a plan.

        Planning systems send their tables again and again: what says nothing new leaves no trace, and none of them
        takes the place of a person's command among those that are remembered.
        """
        outcome, effects = "done", list[Effect]()
        try:
            plan = read_plan(command.on, command.body)
            if self._hush.plans.knows(plan):
                return []
            effects = self.plan(plan, now_ms)
        except PlanError as error:
            outcome = f"refused: {error}"
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
        return self._steps + self._teller.steps + self.callout.steps + self._late.steps

    def end(self, incident_id: str, *, by: str, text: str, now_ms: int) -> list[Effect]:
        """End an incident by hand; nothing if it is not firing."""
        change = self.incidents.end(incident_id, by=by, at_ms=now_ms, text=clean(text, 1_000))
        if change is None:
            return []
        rule = self._rules.get(change.incident.rule)
        notice = self.notices.follow(change, None if rule is None else rule.notice, now_ms)
        told = [*self._teller.tell(incident_id, now_ms), *self._teller.unexplain(incident_id, now_ms)]
        return [change, *told, *([] if notice is None else [notice])]

    def beat(self, now_ms: int) -> list[Effect]:
        """Tell what time alone brings: muted no longer, calm after ups and downs, silences about to end, next rungs.

        The next audiences of notices are told, and promised updates drafted; those on duty hear of what is late.
        """
        effects = [*self._remute(now_ms), *self._teller.due(now_ms), *self._tell_lulls(now_ms)]
        notices = self.notices.beat(now_ms, self._newest)
        self._steps += len(notices)
        return [*effects, *notices, *self._late.beat(now_ms), *self.callout.beat(now_ms)]

    def silence(self, silence: Silence, now_ms: int) -> list[Effect]:
        """Keep quiet what a person says. Raise SilenceError if that cannot be."""
        self.silences.add(silence, now_ms)
        return self._remute(now_ms, anew=True)

    def expire(self, silence_id: str, now_ms: int) -> list[Effect]:
        """End a silence. What is still bad is told. Raise SilenceError if there is none."""
        self.silences.expire(silence_id, now_ms)
        return self._remute(now_ms, anew=True)

    def plan(self, plan: Plan, now_ms: int) -> list[Effect]:
        """Keep quiet what planned work is known to break. Told again, a plan replaces itself. May raise PlanError."""
        return self._remute(now_ms, anew=self._hush.plans.take(plan, now_ms))

    def find(self, incident_id: str, finding: Finding, *, by: str, now_ms: int) -> list[Effect]:
        """Write down what an incident was; nothing if it is not kept any more."""
        kept = finding if finding.cause is None else replace(finding, cause=clean(finding.cause, 1_000))
        change = self.incidents.find(incident_id, kept, by=by, at_ms=now_ms)
        return [] if change is None else [change]

    def comment(self, incident_id: str, *, by: str, text: str, now_ms: int) -> list[Effect]:
        """Write what a person has to say into an incident's timeline."""
        change = self.incidents.note(incident_id, What.COMMENTED, by=by, text=clean(text, 1_000), at_ms=now_ms)
        return [] if change is None else [change]

    def preview(self, silence: Silence, now_ms: int) -> list[tuple[Incident, tuple[AlertRecord, ...]]]:
        """Say what a silence would hide of what fires now, were it in force; nothing is changed."""
        return list(self._hush.preview(silence, self.incidents, now_ms))

    def windows(self, now_ms: int) -> list[Window]:
        """List the maintenance windows that hold, those of plans among them."""
        return [window for _, window in self._hush.maintenance.active(now_ms)]

    @property
    def silences(self) -> SilenceBook:
        """The silences of people."""
        return self._hush.silences

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
            **self._hush.dump(),
            "callout": self.callout.dump(),
            "audit": self.trail.dump(),
            "commands": list(self._done.items()),
        }

    def load(self, data: Any) -> None:
        """Take up what `dump` gave. Raise ValueError if it is not that."""
        if not isinstance(data, dict) or data.keys() | {"lulls"} != set(_PARTS):
            raise ValueError(f"not a desk: it needs {', '.join(_PARTS)}")
        self.incidents.load(data["incidents"])
        self.notices.load(data["notices"])
        self._hush.load(data)
        self.callout.load(data["callout"])
        self.trail.load(data["audit"])
        self._done = {str(name): str(outcome) for name, outcome in data["commands"]}
        self._teller.begin()

    def action_of(self, record: AlertRecord) -> dict[str, str]:
        """Say what to do about a record, in each language; nothing if its rule does not."""
        return self._pages.action_of(record)

    def _newest(self, incident_id: str) -> AlertRecord | None:
        incident = self.incidents.get(incident_id)
        return incident.record if incident is not None and incident.is_firing else None

    def _around(self, incident: Incident) -> tuple[tuple[str, str], ...]:
        """Say which plans go on where an incident is, since it opened."""
        places = self._scopes.of(incident.rule, incident.key).chain
        return self._hush.plans.around(places, incident.opened_ms, incident.updated_ms)

    def _remute(self, now_ms: int, *, anew: bool = False) -> list[Effect]:
        """Where a silence or a window has begun, ended or is another: ask of every alert anew whether it may be heard.

        `anew`: somebody has changed one. By its name it may be the same, and match other alerts.
        """
        has_changed = self._hush.has_changed(now_ms)
        if not has_changed and not anew:
            return []
        self._steps += 1
        effects: list[Effect] = []
        mutes = self._hush.mutes(now_ms)
        for incident in self.incidents.firing():
            self.incidents.judge(incident.id, mutes)
            effects += self._teller.tell(incident.id, now_ms)
        return [*self._tell_lulls(now_ms), *effects]

    def _tell_lulls(self, now_ms: int) -> list[Effect]:
        """Tell of windows and silences that have begun, are about to end, or have ended."""
        effects: list[Effect] = []
        for reason, lull in self._hush.news(now_ms, self._tuning.remind_ms):
            self._steps += 1
            hidden = [each for each in self.incidents.firing() if lull.reason in each.telling.muted]
            if reason is Reason.ENDING:
                alone = [each for each in hidden if len(each.telling.muted) == 1]  # others stay hidden all the same
                effects += self._asides.ending(lull, alone, now_ms)
            else:
                effects += self._asides.told(reason, lull, len(hidden), now_ms)
        return effects


_PARTS = ("incidents", "notices", "silences", "plans", "standing", "lulls", "callout", "audit", "commands")
