"""Asides: what people are told that is no page. A window or a silence begins, is about to end, has ended.

Those hear it who would be told of what it keeps quiet: the channels that rules name, and who is on duty on the first
rung of a ladder. It wakes nobody: it is not told to somebody in their quiet hours, by text message, or as red.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import tzinfo
from hashlib import blake2b

from msgspec.structs import replace

from alerts.callout import Crew
from alerts.incidents import Incident
from alerts.notifications import Notification, Reason
from alerts.pages import Pages
from alerts.records import AlertRecord, Scalar, format_time
from alerts.routing import Routing
from alerts.standing import Standing
from alerts.texts import LANGUAGES, Language, clean, duration, moment
from detectors.rules import Rule

_SAID: Mapping[Language, str] = {
    "en": "{what} · {begins} to {ends}{red}{by}{count}",
    "zh": "{what} · {begins} 至 {ends}{red}{by}{count}",
}
_OPEN: Mapping[Language, str] = {"en": "its end", "zh": "另行通知"}
_RED: Mapping[Language, Mapping[bool, str]] = {
    "en": {False: " · red is told all the same", True: " · red too"},
    "zh": {False: " · 红色照常通知", True: " · 含红色"},
}
_BY: Mapping[Language, str] = {"en": " · by {by}", "zh": " · 设置人 {by}"}
_COUNT: Mapping[Language, str] = {"en": " · hides {count} incidents now", "zh": " · 目前屏蔽 {count} 起事件"}
_EVERYTHING: Mapping[Language, str] = {"en": "everything", "zh": "全部"}
_ENDING: Mapping[Language, str] = {
    "en": "the {what} ends in {left} and hides {count} incidents: they are told then",
    "zh": "{what}将在 {left} 后结束，目前隐藏 {count} 起事件，届时仍未恢复的将再次通知",
}
_WHAT: Mapping[str, Mapping[Language, str]] = {
    "silence": {"en": "silence by {by}", "zh": "{by} 设置的静默"},
    "maintenance": {"en": "maintenance {name}", "zh": "维护窗口 {name} "},
}
_TITLES: Mapping[str, Mapping[Language, str]] = {
    "silence": {"en": "Silence: {name}", "zh": "静默：{name}"},
    "maintenance": {"en": "Maintenance: {name}", "zh": "维护窗口：{name}"},
}


class Asides:
    """Writes asides, and knows who hears them."""

    def __init__(self, rules: Mapping[str, Rule], routing: Routing, crew: Crew, pages: Pages, zone: tzinfo) -> None:
        self._rules = rules
        self._routing = routing
        self._crew = crew
        self._pages = pages
        self._zone = zone

    def told(self, reason: Reason, standing: Standing, hidden: int, now_ms: int) -> list[Notification]:
        """Say that it has begun or ended; `hidden` incidents are kept quiet by it now."""
        ends_ms = standing.ends_ms if standing.ends_ms is not None and reason is Reason.ENDED else None
        incident = f"window-{_hash(standing.id, standing.begins_ms)}"
        record = AlertRecord(
            alert=incident,
            rule=standing.kind,
            key={},
            level="green",
            was="green",
            time=format_time(standing.begins_ms if ends_ms is None else ends_ms),
            started=format_time(standing.begins_ms),
            value=None,
            threshold=0.0,
            window_s=0,
            reason=reason.value,
            title={each: _TITLES[standing.kind][each].format(name=standing.name) for each in LANGUAGES},
            summary={each: self._summary(standing, each, hidden) for each in LANGUAGES},
            incident=incident,
        )
        heard = tuple(self._rules_of(standing))
        channels = self._channels(heard)
        told = [Notification(channel, reason, 0, record, {}, link=self._pages.link()) for channel in channels]
        for person in self._people(heard, standing, now_ms):
            by = [each for each in self._channels_of(person) if each not in channels]
            told += [Notification(channel, reason, 0, record, {}, to=person, link=self._pages.link()) for channel in by]
        return told

    def ending(self, standing: Standing, hidden: list[Incident], now_ms: int) -> list[Notification]:
        """Say that it ends soon, with the worst of what it hides; nothing where it hides nothing."""
        if not hidden or standing.ends_ms is None:
            return []
        worst = hidden[0]
        what = {each: _WHAT[standing.kind][each].format(by=standing.by, name=standing.name) for each in LANGUAGES}
        left_ms = standing.ends_ms - now_ms
        note = {
            each: _ENDING[each].format(what=what[each], left=duration(left_ms, each), count=len(hidden))
            for each in LANGUAGES
        }
        told_as = replace(worst, record=replace(worst.record, time=format_time(standing.ends_ms)))
        channels = self._pages.channels(worst, worst.level)
        pages = [self._pages.page(each, Reason.ENDING, told_as, worst.level) for each in channels]
        heard = tuple((rule, (each.level,)) for each in hidden if (rule := self._rules.get(each.rule)) is not None)
        for person in self._people(heard, standing, now_ms):
            by = [each for each in self._channels_of(person) if each not in channels]
            telling = _hash("ending", standing.id, standing.ends_ms)
            pages += [
                replace(self._pages.page(each, Reason.ENDING, told_as, worst.level), to=person, telling=telling)
                for each in by
            ]
        return [replace(each, facts=replace(each.facts, note=note)) for each in pages]

    def _rules_of(self, standing: Standing) -> Iterator[tuple[Rule, tuple[str, ...]]]:
        """Find the rules of which it may keep alerts quiet, and their levels that it does."""
        matchers = standing.matchers
        for rule in self._rules.values():
            named = {*rule.by, *rule.at}
            if (
                (matchers.rules and rule.id not in matchers.rules)
                or (matchers.streams and rule.stream not in matchers.streams)
                or not matchers.key.keys() <= named
            ):
                continue
            levels = tuple(
                level
                for level, _ in rule.levels
                if (level != "red" or standing.including_red) and (not matchers.levels or level in matchers.levels)
            )
            if levels:
                yield rule, levels

    def _channels(self, heard: Iterable[tuple[Rule, tuple[str, ...]]]) -> tuple[str, ...]:
        wanted = (self._routing.of(self._crew.others(rule.notify), levels) for rule, levels in heard)
        return self._routing.ordered(channel for channels in wanted for channel in channels)

    def _people(
        self, heard: Iterable[tuple[Rule, tuple[str, ...]]], standing: Standing, now_ms: int
    ) -> tuple[str, ...]:
        """Name who is on duty on the first rung for any of it, and awake."""
        key: dict[str, Scalar] = {name: of[0] for name, of in standing.matchers.key.items() if len(of) == 1}
        roster = self._crew.roster
        found: dict[str, None] = {}
        for rule, levels in heard:
            for name in (self._crew.ladder_of(rule.notify.get(level, ())) for level in levels):
                if name:
                    found.update(dict.fromkeys(roster.on(self._crew.ladders[name].rungs[0].role, key, now_ms)))
        return tuple(person for person in found if roster.quiet_until(person, now_ms) is None)

    def _channels_of(self, person: str) -> tuple[str, ...]:
        named = self._crew.roster.person(person).channels
        return tuple(each for each in self._routing.channels if not named or each in named)

    def _summary(self, standing: Standing, language: Language, hidden: int) -> str:
        begins, ends = standing.begins_ms, standing.ends_ms
        until = _OPEN[language] if ends is None else moment(ends, self._zone, timespec="minutes")
        return _SAID[language].format(
            what=_meant(standing, language),
            begins=moment(begins, self._zone, timespec="minutes"),
            ends=until,
            red=_RED[language][standing.including_red],
            by=_BY[language].format(by=standing.by) if standing.by else "",
            count=_COUNT[language].format(count=hidden) if hidden else "",
        )


def _meant(standing: Standing, language: Language) -> str:
    """Write what it is about, as people ask for it."""
    matchers = standing.matchers
    named = {"rule": matchers.rules, "stream": matchers.streams, "level": matchers.levels, **matchers.key}
    parts = [f"{field}={','.join(names)}" for field, names in named.items() if names]
    parts += [",".join(matchers.anything)] if matchers.anything else []
    return clean(" ".join(parts)) or _EVERYTHING[language]


def _hash(*parts: object) -> str:
    return blake2b("\0".join(map(str, parts)).encode(), digest_size=6, person=b"window").hexdigest()
