"""Pages: what one channel is told of one incident, and which channels are told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from msgspec.structs import replace

from alerts.incidents import Incident
from alerts.notifications import Facts, Notification, Reason
from alerts.records import AlertRecord, words
from alerts.routing import Routing
from alerts.site import Site
from alerts.texts import LANGUAGES, fill, in_languages
from detectors.rules import Rule

_NEWS = frozenset((Reason.FIRST, Reason.RAISED, Reason.LOWERED, Reason.RESOLVED, Reason.REOPENED, Reason.GREW))

Around = Callable[[Incident], tuple[tuple[str, str], ...]]
"""Says what planned work and outside events go on where an incident is: (kind, name)."""


class Pages:
    """Writes pages by rules, and knows who hears them. A rule that is gone names nobody and no action."""

    def __init__(self, rules: Mapping[str, Rule], routing: Routing, site: Site, around: Around) -> None:
        self._rules = rules
        self._routing = routing
        self._crew = site.crew
        self._english = site.english
        self._page = site.page
        self._around = around

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
            around=self._around(incident),
        )
        action, link = self.action_of(record), self.link(incident.id)
        return Notification(channel, reason, incident.revision, record, action, facts=facts, link=link)

    def link(self, incident: str = "") -> str:
        """Give the address of the page, opened at an incident; "" where no setting names it."""
        if not self._page:
            return ""
        return f"{self._page}/#incident={incident}" if incident else f"{self._page}/"

    def again(self, incident: Incident) -> list[Notification]:
        """Tell an incident once more as it was told last, by the same keys."""
        told_as = replace(incident, record=replace(incident.record, time=incident.telling.of))
        reason = Reason(incident.telling.reason)
        return [self.page(channel, reason, told_as) for channel in incident.telling.channels]

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
