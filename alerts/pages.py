"""Pages: what one channel is told of one incident, and which channels are told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from alerts.callout import Crew
from alerts.incidents import Incident
from alerts.naming import English
from alerts.notifications import Facts, Notification, Reason
from alerts.records import AlertRecord, format_time, words
from alerts.routing import Routing
from alerts.silences import Silence
from alerts.texts import LANGUAGES, Language, clean, duration, fill, in_languages
from detectors.rules import Rule

_NEWS = frozenset((Reason.FIRST, Reason.RAISED, Reason.LOWERED, Reason.RESOLVED, Reason.REOPENED, Reason.GREW))
_ENDING: Mapping[Language, str] = {
    "en": "the silence by {author} ends in {left} and hides {count} incidents: they are told then",
    "zh": "{author} 设置的静默将在 {left} 后结束，目前隐藏 {count} 起事件，届时仍未恢复的将再次通知",
}


class Pages:
    """Writes pages by rules, and knows who hears them. A rule that is gone names nobody and no action."""

    def __init__(self, rules: Mapping[str, Rule], routing: Routing, crew: Crew, english: English) -> None:
        self._rules = rules
        self._routing = routing
        self._crew = crew
        self._english = english

    def notify(self, rule: str) -> Mapping[str, tuple[str, ...]]:
        """Say whom a rule names, by level."""
        known = self._rules.get(rule)
        return {} if known is None else known.notify

    def channels(self, incident: Incident, level: str, red_rules: Iterable[str] = ()) -> tuple[str, ...]:
        """List who hears it: those of the leading rule, everybody who was told before, and for red all that red asks.

        Whoever was told of any level hears how it goes on, up to the end. Who is on a ladder is rung instead.
        """
        levels = (*incident.telling.levels, *(() if level == "green" else (level,)))
        wanted = {*incident.telling.channels, *self._of(incident.rule, levels)}
        for rule in red_rules:
            wanted.update(self._of(rule, ("red",)))
        return self._routing.ordered(wanted)

    def page(
        self, channel: str, reason: Reason, incident: Incident, level: str = "", *, by: AlertRecord | None = None
    ) -> Notification:
        """Tell a channel of an incident at a level, or as it was told; `by` is the alert that moved it."""
        telling = incident.telling
        level = level or (incident.level if telling.level == "green" else telling.level)
        record = replace(incident.record, level=level)
        if reason in _NEWS:
            record = replace(record, was=telling.level)
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
        return Notification(channel, reason, incident.revision, record, self.action_of(record), facts=facts)

    def again(self, incident: Incident) -> list[Notification]:
        """Tell an incident once more as it was told last, by the same keys."""
        told_as = replace(incident, record=replace(incident.record, time=incident.telling.of))
        reason = Reason(incident.telling.reason)
        return [self.page(channel, reason, told_as) for channel in incident.telling.channels]

    def ending(self, silence: Silence, worst: Incident, count: int, now_ms: int) -> list[Notification]:
        """Say that a silence ends, with the worst of the incidents that it hides."""
        note = {
            language: template.format(
                author=clean(silence.author), left=duration(silence.ends_ms - now_ms, language), count=count
            )
            for language, template in _ENDING.items()
        }
        told_as = replace(worst, record=replace(worst.record, time=format_time(now_ms)))
        pages = [
            self.page(channel, Reason.ENDING, told_as, worst.level) for channel in self.channels(worst, worst.level)
        ]
        return [replace(each, facts=replace(each.facts, note=note)) for each in pages]

    def action_of(self, record: AlertRecord) -> dict[str, str]:
        """Say what to do about a record, in each language; nothing if its rule does not."""
        rule = self._rules.get(record.rule)
        if rule is None or not rule.action:
            return {}
        templates, targets = in_languages(rule.action), rule.targets_at(record.time_ms)
        return {
            language: fill(templates[language], words(record, language, self._english, targets))
            for language in LANGUAGES
        }

    def _of(self, rule: str, levels: Iterable[str]) -> tuple[str, ...]:
        return self._routing.of(self._crew.others(self.notify(rule)), levels)
