"""The words of reports, in one language: sentences of a file, spans, numbers and changes."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import tzinfo
from functools import cache
from importlib.resources import files
from typing import Any

from alerts.records import parse_time
from alerts.texts import LEVEL_WORDS, Language, clean, duration, fill, key_words, moment, number


@cache
def _sentences() -> Mapping[str, Mapping[str, str]]:
    raw = files("alerts").joinpath("templates", "reports", "words.toml").read_text(encoding="utf-8")
    return tomllib.loads(raw)


class Words:
    """Speaks one language, with times in the site's zone. What it is given of data comes out clean."""

    def __init__(self, language: Language, zone: tzinfo) -> None:
        self.language: Language = language
        self._zone = zone

    def __call__(self, name: str, /, **words: object) -> str:
        """Say a sentence of the file."""
        given = {key: clean(str(word), 300) for key, word in words.items()}
        return fill(_sentences()[name][self.language], given.get)

    def level(self, level: str) -> str:
        """Name a level."""
        words = LEVEL_WORDS.get(level)
        return clean(level) if words is None else words[self.language]

    def title(self, texts: Mapping[str, str] | None, spare: str) -> str:
        """Say a title; where it is not known, what is."""
        return clean((texts or {}).get(self.language) or spare)

    def key(self, key: Mapping[str, Any]) -> str:
        """Say a key."""
        return key_words(key, self.language)

    def place(self, place: str | None) -> str:
        """Name a place; None: everywhere."""
        return key_words({} if place is None else {"place": place}, self.language)

    def span(self, seconds: float | None) -> str:
        """Write a span of time."""
        return self("unknown") if seconds is None else duration(round(seconds) * 1000, self.language)

    def number(self, value: float | None) -> str:
        """Write a number."""
        return self("unknown") if value is None else number(value, self.language)

    def moment(self, time: str | None) -> str:
        """Write a time, to the minute."""
        return self("unknown") if time is None else moment(parse_time(time), self._zone, timespec="minutes")

    def change_of_span(self, now_s: float, before_s: float) -> str:
        """Say how much longer it is than before."""
        return f"+{self.span(now_s)}" if now_s and not before_s else self.change(now_s, before_s)

    def change(self, now: float, before: float) -> str:
        """Say how much more or less it is than before.

        >>> from datetime import UTC
        >>> words = Words("en", UTC)
        >>> words.change(6, 4), words.change(0, 4), words.change(3, 0), words.change(2, 2)
        ('+50 %', '-100 %', '+3', '=')
        """
        if now == before:
            return "="
        return f"{now - before:+,g}" if not before else f"{(now - before) / before * 100:+,.0f} %"
