"""The desk: from an alert record to who hears of it and what customers are told. Pure: it decides, others send."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from msgspec.structs import replace

from alerts.book import IncidentBook
from alerts.bulletins import Template, read_templates
from alerts.incidents import Incident, IncidentChange, What
from alerts.muting import Maintenance, Muter, Muting, Silencing, heard
from alerts.notices import NoticeBook, NoticeChange
from alerts.notifications import Facts, Notification, Reason
from alerts.records import AlertRecord, format_time, words
from alerts.routing import Routing
from alerts.scopes import Above, Scopes
from alerts.silences import Silence, SilenceBook
from alerts.telling import calmed, news, told
from alerts.texts import LANGUAGES, Language, clean, duration, fill, in_languages
from alerts.tuning import DEFAULT, Tuning
from alerts.windows import Window
from detectors.rules import Rule

Effect = Notification | NoticeChange | IncidentChange


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What a site tells its desk beside rules and routing: its places, its planned work, its spans, further muters."""

    above: Above | None = None
    windows: Sequence[Window] = ()
    tuning: Tuning = DEFAULT
    muters: Sequence[Muter] = ()


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
        self._routing = routing
        self._tuning = chosen.tuning
        scopes = self._scopes = Scopes(self._rules, chosen.above)
        self.incidents = IncidentBook(scopes, chosen.tuning)
        self.notices = NoticeBook(shipped, zone)
        self.silences = SilenceBook()
        self.maintenance = Maintenance(scopes, chosen.windows)
        self._muting = Muting((self.maintenance, Silencing(scopes, self.silences), *chosen.muters))
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
        """Tell what time alone brings: what is muted no longer, calm after ups and downs, silences about to end."""
        effects = self._remute(now_ms)
        for id_ in sorted(self._restless):
            effects += self._tell(id_, now_ms)
        for silence in self.silences.due(now_ms, self._tuning.remind_ms):
            effects += self._remind(silence, now_ms)
        return effects

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
            self._notification(channel, Reason.REPEAT, incident, incident.telling.level)
            for incident in self.incidents.firing()
            if incident.telling.level != "green" and channel in incident.telling.channels
        ]

    def dump(self) -> Any:
        """Give all that the desk remembers as plain data."""
        return {
            "incidents": self.incidents.dump(),
            "notices": self.notices.dump(),
            "silences": self.silences.dump(),
            "plans": self.maintenance.dump(),
            "standing": list(self._standing),
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
        self._restless = {each.id for each in self.incidents if _is_restless(each)}
        self._explains = {}
        for each in self.incidents.firing():
            if each.explained_by:
                self._explains.setdefault(each.explained_by, set()).add(each.id)

    def action_of(self, record: AlertRecord) -> dict[str, str]:
        """Say what to do about a record, in each language; nothing if its rule does not."""
        rule = self._rules.get(record.rule)
        if rule is None or not rule.action:
            return {}
        templates = in_languages(rule.action)
        return {language: fill(templates[language], words(record, language)) for language in LANGUAGES}

    def _remute(self, now_ms: int) -> list[Effect]:
        """Where a silence or a window has begun or ended: ask of every alert anew whether it may be heard."""
        standing = self._muting.standing(now_ms)
        if standing == self._standing:
            return []
        self._standing = standing
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
        telling = replace(telling, muted=muted, is_held=telling.is_held or is_held)
        why = news(telling, level=level, heard=loud, now_ms=now_ms, tuning=self._tuning)
        pages: list[Notification] = []
        if why is not None:
            reason, told_level = why
            pages = self._pages(incident, reason, told_level, by=by)
            channels = tuple(each.channel for each in pages)
            telling = told(telling, told_level, channels=channels, now_ms=now_ms)
        if telling is not before and telling != before:
            incident = self.incidents.tell(id_, telling)
        (self._restless.add if _is_restless(incident) else self._restless.discard)(id_)
        if bool(before.muted) != bool(muted) and incident.is_firing:
            what = What.MUTED if muted else What.HEARD
            change = self.incidents.note(id_, what, at_ms=now_ms, text="; ".join(muted or before.muted))
            return [*([] if change is None else [change]), *pages]
        return list(pages)

    def _pages(
        self, incident: Incident, reason: Reason, level: str, *, by: AlertRecord | None = None
    ) -> list[Notification]:
        """Tell an incident, of which there is news at `level`, to all who are to hear of it."""
        return [self._notification(each, reason, incident, level, by=by) for each in self._channels(incident, level)]

    def _channels(self, incident: Incident, level: str) -> tuple[str, ...]:
        """List who hears it: those of the leading rule, everybody who was told before, and for red all that red asks.

        Whoever was told of any level hears how it goes on, up to the end.
        """
        levels = (*incident.telling.levels, *(() if level == "green" else (level,)))
        wanted = {*incident.telling.channels, *self._routing.of(self._notify(incident.rule), levels)}
        if level == "red":
            for rule in {each.record.rule for each in self.incidents.members(incident.id) if each.level == "red"}:
                wanted.update(self._routing.of(self._notify(rule), ("red",)))
        return self._routing.ordered(wanted)

    def _unexplain(self, incident_id: str, now_ms: int) -> list[Effect]:
        """Tell what an incident that is over explained, where it is bad enough by itself."""
        explained = sorted(self._explains.pop(incident_id, ()))
        return [effect for other in explained for effect in self._tell(other, now_ms)]

    def _notify(self, rule: str) -> Mapping[str, tuple[str, ...]]:
        known = self._rules.get(rule)
        return {} if known is None else known.notify

    def _notification(
        self, channel: str, reason: Reason, incident: Incident, level: str, *, by: AlertRecord | None = None
    ) -> Notification:
        telling = incident.telling
        is_news = reason not in (Reason.REPEAT, Reason.ENDING)
        record = replace(incident.record, level=level, was=telling.level) if is_news else incident.record
        if reason is Reason.REPEAT:
            record = replace(record, level=level)
        facts = Facts(
            firing=incident.firing,
            users=incident.users,
            cause=None if incident.cause is None or incident.cause.alert == record.alert else incident.cause,
            is_unexplained=incident.is_unexplained,
            is_flapping=telling.is_flapping,
            owner=incident.acknowledged_by,
            peak_level=incident.peak_level,
            latest=None if by is None or by.level == "green" or by.alert == record.alert else by,
            newly_red=telling.newly_red,
            red_names=telling.red_names,
        )
        return Notification(channel, reason, incident.revision, record, self.action_of(record), facts)

    def _remind(self, silence: Silence, now_ms: int) -> list[Effect]:
        """Say that a silence ends, with the worst it hides; one that hides nothing ends without a word."""
        hidden = [each for each in self.incidents.firing() if silence.reason in each.telling.muted]
        if not hidden:
            return []
        worst = hidden[0]
        note = {
            language: template.format(
                author=clean(silence.author),
                left=duration(silence.ends_ms - now_ms, language),
                count=len(hidden),
            )
            for language, template in _ENDING.items()
        }
        told_as = replace(worst, record=replace(worst.record, time=format_time(now_ms)))
        pages = self._pages(told_as, Reason.ENDING, worst.level)
        return [replace(each, facts=replace(each.facts, note=note)) for each in pages]


_PARTS = ("incidents", "notices", "silences", "plans", "standing")
_ENDING: Mapping[Language, str] = {
    "en": "the silence by {author} ends in {left} and hides {count} incidents: they are told then",
    "zh": "{author} 设置的静默将在 {left} 后结束，目前隐藏 {count} 起事件，届时仍未恢复的将再次通知",
}


def _is_restless(incident: Incident) -> bool:
    """Whether time alone may bring news of it."""
    telling = incident.telling
    return telling.is_flapping or (telling.newly_red > 0 and incident.is_firing)
