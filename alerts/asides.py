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
from alerts.lulls import Lull
from alerts.notifications import Notification, Reason
from alerts.pages import Pages
from alerts.records import AlertRecord, Scalar, format_time
from alerts.routing import Routing
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

    def told(self, reason: Reason, lull: Lull, hidden: int, now_ms: int) -> list[Notification]:
        """Say that it has begun or ended; `hidden` incidents are kept quiet by it now."""
        ends_ms = lull.ends_ms if lull.ends_ms is not None and reason is Reason.ENDED else None
        incident = f"window-{_hash(lull.id, lull.begins_ms)}"
        record = AlertRecord(
            alert=incident,
            rule=lull.kind,
            key={},
            level="green",
            was="green",
            time=format_time(lull.begins_ms if ends_ms is None else ends_ms),
            started=format_time(lull.begins_ms),
            value=None,
            threshold=0.0,
            window_s=0,
            reason=reason.value,
            title={each: _TITLES[lull.kind][each].format(name=lull.name) for each in LANGUAGES},
            summary={each: self._summary(lull, each, hidden) for each in LANGUAGES},
            incident=incident,
        )
        heard = tuple(self._rules_of(lull))
        channels = self._channels(heard)
        told = [Notification(channel, reason, 0, record, {}, link=self._pages.link()) for channel in channels]
        for person in self._people(heard, lull, now_ms):
            by = [each for each in self._channels_of(person) if each not in channels]
            told += [Notification(channel, reason, 0, record, {}, to=person, link=self._pages.link()) for channel in by]
        return told

    def ending(self, lull: Lull, hidden: list[Incident], now_ms: int) -> list[Notification]:
        """Say that it ends soon, with the worst of what it hides; nothing where it hides nothing."""
        if not hidden or lull.ends_ms is None:
            return []
        worst = hidden[0]
        what = {each: _WHAT[lull.kind][each].format(by=lull.by, name=lull.name) for each in LANGUAGES}
        left_ms = lull.ends_ms - now_ms
        note = {
            each: _ENDING[each].format(what=what[each], left=duration(left_ms, each), count=len(hidden))
            for each in LANGUAGES
        }
        told_as = replace(worst, record=replace(worst.record, time=format_time(lull.ends_ms)))
        channels = self._pages.channels(worst, worst.level)
        pages = [self._pages.page(each, Reason.ENDING, told_as, worst.level) for each in channels]
        heard = tuple((rule, (each.level,)) for each in hidden if (rule := self._rules.get(each.rule)) is not None)
        for person in self._people(heard, lull, now_ms):
            by = [each for each in self._channels_of(person) if each not in channels]
            telling = _hash("ending", lull.id, lull.ends_ms)
            pages += [
                replace(self._pages.page(each, Reason.ENDING, told_as, worst.level), to=person, telling=telling)
                for each in by
            ]
        return [replace(each, facts=replace(each.facts, note=note)) for each in pages]

    def _rules_of(self, lull: Lull) -> Iterator[tuple[Rule, tuple[str, ...]]]:
        """Find the rules of which it may keep alerts quiet, and their levels that it does."""
        matchers = lull.matchers
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
                if (level != "red" or lull.including_red) and (not matchers.levels or level in matchers.levels)
            )
            if levels:
                yield rule, levels

    def _channels(self, heard: Iterable[tuple[Rule, tuple[str, ...]]]) -> tuple[str, ...]:
        wanted = (self._routing.of(self._crew.others(rule.notify), levels) for rule, levels in heard)
        return self._routing.ordered(channel for channels in wanted for channel in channels)

    def _people(self, heard: Iterable[tuple[Rule, tuple[str, ...]]], lull: Lull, now_ms: int) -> tuple[str, ...]:
        """Name who is on duty on the first rung for any of it, and awake."""
        key: dict[str, Scalar] = {name: of[0] for name, of in lull.matchers.key.items() if len(of) == 1}
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

    def _summary(self, lull: Lull, language: Language, hidden: int) -> str:
        begins, ends = lull.begins_ms, lull.ends_ms
        until = _OPEN[language] if ends is None else moment(ends, self._zone, timespec="minutes")
        return _SAID[language].format(
            what=_meant(lull, language),
            begins=moment(begins, self._zone, timespec="minutes"),
            ends=until,
            red=_RED[language][lull.including_red],
            by=_BY[language].format(by=lull.by) if lull.by else "",
            count=_COUNT[language].format(count=hidden) if hidden else "",
        )


def _meant(lull: Lull, language: Language) -> str:
    """Write what it is about, as people ask for it."""
    matchers = lull.matchers
    named = {"rule": matchers.rules, "stream": matchers.streams, "level": matchers.levels, **matchers.key}
    parts = [f"{field}={','.join(names)}" for field, names in named.items() if names]
    parts += [",".join(matchers.anything)] if matchers.anything else []
    return clean(" ".join(parts)) or _EVERYTHING[language]


def _hash(*parts: object) -> str:
    return blake2b("\0".join(map(str, parts)).encode(), digest_size=6, person=b"window").hexdigest()
