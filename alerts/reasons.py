"""What keeps quiet, in words: the reasons that muting records, with what is known of a silence or another incident."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import tzinfo
from typing import Any

from alerts.audit import AuditRecord
from alerts.records import parse_time
from alerts.statements import NOTHING, Text, joined, state
from alerts.story import Story
from alerts.texts import LANGUAGES, LEVEL_WORDS, clean, key_words, moment

_SILENCE = re.compile(r"silence (\S+) by (.*)", re.DOTALL)
_PREFIXES = (
    ("maintenance ", "by_maintenance", "name"),
    ("quiet hours: ", "by_quiet_hours", "rule"),
)
EXPLAINED = "explained by "


def level_text(level: str) -> Text:
    """Name a level in each language."""
    words = LEVEL_WORDS.get(level)
    return {language: clean(level) if words is None else words[language] for language in LANGUAGES}


def silences_in(reasons: Iterable[str]) -> set[str]:
    """Name the silences among reasons."""
    return {found[1] for reason in reasons if (found := _SILENCE.fullmatch(reason))}


def incidents_in(reasons: Iterable[str]) -> set[str]:
    """Name the incidents among reasons."""
    return {reason.removeprefix(EXPLAINED) for reason in reasons if reason.startswith(EXPLAINED)}


class Reasons:
    """Says what keeps quiet."""

    def __init__(self, story: Story, zone: tzinfo) -> None:
        self._story = story
        self._zone = zone

    def told(self, reasons: Iterable[str]) -> Text:
        """Say all of them."""
        return joined([self._one(reason) for reason in reasons])

    def incident(self, name: str) -> Text:
        """Name another incident, with its title if it is known."""
        known = self._story.others.get(name)
        if known is None:
            return dict.fromkeys(LANGUAGES, clean(name))
        return {language: f"{name} ({known['title'][language]} {key_words(known['key'], language)})"
                for language in LANGUAGES}  # fmt: skip

    def _one(self, reason: str) -> Text:
        found = _SILENCE.fullmatch(reason)
        if found is not None:
            return self._silence(found[1], found[2])
        if reason.startswith(EXPLAINED):
            return state("by_explanation", other=self.incident(reason.removeprefix(EXPLAINED)))
        for prefix, name, word in _PREFIXES:
            if reason.startswith(prefix):
                return state(name, **{word: clean(reason.removeprefix(prefix))})
        return state("by_other", what=clean(reason))

    def _silence(self, id_: str, author: str) -> Text:
        orders = self._story.silences.get(id_, ())
        begun = [each for each in orders if each.what == "silence-add" and each.outcome == "done"]
        if not begun:
            return state("by_silence_unknown", id=clean(id_), by=clean(author))
        body = begun[-1].body
        return state(
            "by_silence",
            id=clean(id_),
            by=clean(author),
            comment=clean(str(body.get("comment", ""))),
            ends=ends_of(body, self._zone),
            over=over_of(orders, self._zone),
        )


def ends_of(body: Mapping[str, Any], zone: tzinfo) -> str:
    """Say when a silence was to end."""
    try:
        return moment(parse_time(str(body.get("ends"))), zone)
    except (ValueError, OverflowError):
        return clean(str(body.get("ends")))


def over_of(orders: Iterable[AuditRecord], zone: tzinfo) -> Text:
    """Say who ended a silence before its time, if anybody did."""
    ended = [each for each in orders if each.what == "silence-expire" and each.outcome == "done"]
    if not ended:
        return NOTHING
    return state("by_silence_over", by=clean(ended[-1].by), time=moment(parse_time(ended[-1].time), zone))
