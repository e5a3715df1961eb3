"""Words that explanations have in common, in both languages; and what a statement is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from alerts.notifications import REASON_WORDS, Reason
from alerts.records import AlertRecord
from alerts.statements import NOTHING, Text, state
from alerts.texts import LANGUAGES, VALUE_LEN_MAX, Language, clean, duration, key_words, moment


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, in each language; `time_ms` is when it was so, None for what has no time."""

    text: Text
    time_ms: int | None = None


def sentences(explained: Iterable[Statement], zone: tzinfo) -> list[dict[str, Any]]:
    """Give statements as plain data: each language, with the time in front where there is one."""
    return [
        {
            language: each.text[language]
            if each.time_ms is None
            else f"{moment(each.time_ms, zone)}  {each.text[language]}"
            for language in LANGUAGES
        }
        for each in explained
    ]


def span(span_ms: int) -> Text:
    """Write a span of time in each language."""
    return each_language(lambda language: duration(span_ms, language))


def in_time(statements: Iterable[Statement]) -> list[Statement]:
    """Put statements in the order of time, those of one time as they were given."""
    return sorted(statements, key=lambda each: each.time_ms or 0)


def each_language(say: Callable[[Language], str]) -> Text:
    """Say something in each language."""
    return {language: say(language) for language in LANGUAGES}


def same(text: str, length_max: int = VALUE_LEN_MAX) -> Text:
    """Say text of others, cleaned, the same in each language."""
    return dict.fromkeys(LANGUAGES, clean(text, length_max))


def key_text(key: Mapping[str, Any]) -> Text:
    """Say a key."""
    return each_language(lambda language: key_words(key, language))


def name_of(record: AlertRecord) -> Text:
    """Name an alert by its title and key."""
    return each_language(lambda language: f"{record.title[language]} {key_words(record.key, language)}")


def titled(known: Mapping[str, Any] | None) -> Text:
    """Name an incident by its title and key, if its state is known."""
    if known is None:
        return same("?")
    return each_language(lambda language: f"{known['title'][language]} {key_words(known['key'], language)}")


def reason_text(reason: str) -> Text:
    """Say why somebody was told."""
    if reason not in set(Reason):
        return same(reason)
    return each_language(lambda language: REASON_WORDS[Reason(reason)][language])


def to_text(to: str) -> Text:
    """Say to whom, if it was to one."""
    return state("to", to=clean(to)) if to else NOTHING


STATES: Mapping[str, Text] = {
    "open": {"en": "open", "zh": "未确认"},
    "acknowledged": {"en": "acknowledged", "zh": "已确认"},
    "resolved": {"en": "over", "zh": "已结束"},
}
OUTCOMES: Mapping[str, Text] = {
    "refused": {"en": "the receiver will never take it", "zh": "接收方拒收"},
    "expired": {"en": "it waited too long", "zh": "等待过久"},
    "dropped": {"en": "too many waited", "zh": "等待过多"},
}
