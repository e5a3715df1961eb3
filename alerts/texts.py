"""Words for people: numbers, levels, times and templates in Chinese and English, with data kept harmless."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Literal

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")

KeyValue = str | float | bool

LEVEL_WORDS: Mapping[str, Mapping[Language, str]] = {
    "red": {"en": "RED", "zh": "红色"},
    "orange": {"en": "ORANGE", "zh": "橙色"},
    "yellow": {"en": "YELLOW", "zh": "黄色"},
    "green": {"en": "GREEN", "zh": "绿色"},
    "act": {"en": "ACT", "zh": "行动"},
}

VALUE_LEN_MAX = 120
"""Characters of one value from data that a text shows; the rest is cut, with an ellipsis."""

_UNKNOWN: Mapping[Language, str] = {"en": "unknown", "zh": "未知"}
_NOT_GIVEN: Mapping[Language, str] = {"en": "(not given)", "zh": "（未填）"}
_NOBODY: Mapping[Language, str] = {"en": "(no single one)", "zh": "（无突出来源）"}
_ALL: Mapping[Language, str] = {"en": "all", "zh": "全部"}
_YES_NO: Mapping[Language, Mapping[bool, str]] = {"en": {True: "yes", False: "no"}, "zh": {True: "是", False: "否"}}
_UNITS: Mapping[Language, tuple[tuple[int, str], ...]] = {
    "en": ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"), (1, "ms")),
    "zh": ((86_400_000, "天"), (3_600_000, "小时"), (60_000, "分钟"), (1_000, "秒"), (1, "毫秒")),
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_SPAN_S_MAX = 1e12  # thirty thousand years: no seconds
_DIGITS_WHOLE_MAX = 1e15  # above it a float no longer tells one unit from the next, and digits only fill the screen


def clean(text: str, length_max: int = VALUE_LEN_MAX) -> str:
    r"""Make text from data safe to show: no control, direction-changing or unpaired characters, no line breaks.

    >>> clean("长沙\u202e\x1b[31m\nred")
    '长沙[31m red'
    >>> clean("abcdef", length_max=4)
    'abc…'
    """
    if not text.isprintable():
        text = " ".join(text.split())
        text = "".join(sign for sign in text if sign.isprintable())
    return text if len(text) <= length_max else text[: length_max - 1] + "…"


def number(value: float | None, language: Language = "en") -> str:
    """Write a number as people read it.

    >>> [number(value) for value in (63.0, 12600.0, 20.55, 119.64, 0.0834, -0.0, 1e300, None)]
    ['63', '12,600', '20.55', '119.6', '0.0834', '0', '1e+300', 'unknown']
    """
    if value is None:
        return _UNKNOWN[language]
    size = abs(value)
    if not size < _DIGITS_WHOLE_MAX:
        return f"{value:.3g}"
    if value == int(value):
        return f"{int(value):,}"
    if size >= 1:
        return f"{value:,.{1 if size >= 100 else 2}f}".rstrip("0").rstrip(".")
    return f"{value:.3g}"


def percent(share: float | None, language: Language = "en") -> str:
    """Write a share of one in the hundred.

    >>> percent(0.0834), percent(1.0), percent(None, "zh")
    ('8.3 %', '100 %', '未知')
    """
    if share is None:
        return _UNKNOWN[language]
    return f"{share * 100:,.1f}".removesuffix(".0") + " %"


def duration(span_ms: int, language: Language = "en") -> str:
    """Write a span of time in its two greatest units.

    >>> duration(600_000), duration(5_400_000, "zh"), duration(90_061_000), duration(0)
    ('10 min', '1 小时 30 分钟', '1 d 1 h', '0 s')
    """
    parts: list[str] = []
    rest = span_ms
    for size, unit in _UNITS[language]:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or f"0 {_UNITS[language][3][1]}"


def moment(time_ms: int, zone: tzinfo, *, timespec: Literal["minutes", "seconds"] = "seconds") -> str:
    """Write a time in the site's zone, with its offset.

    >>> from zoneinfo import ZoneInfo
    >>> moment(1_772_356_680_000, ZoneInfo("Asia/Shanghai"))
    '2026-03-01 17:18:00 +08:00'
    >>> moment(1_772_356_680_000, ZoneInfo("Asia/Shanghai"), timespec="minutes")
    '2026-03-01 17:18 +08:00'
    """
    there = local(time_ms, zone)
    offset = there.isoformat(timespec="seconds")[19:]
    return f"{there.replace(tzinfo=None).isoformat(sep=' ', timespec=timespec)} {offset}"


def local(time_ms: int, zone: tzinfo) -> datetime:
    """Give a time in the site's zone."""
    return (_EPOCH + timedelta(milliseconds=time_ms)).astimezone(zone)


def level_word(level: str) -> str:
    """Name a level in both languages.

    >>> level_word("red")
    'RED 红色'
    """
    words = LEVEL_WORDS[level]
    return f"{words['en']} {words['zh']}"


def key_value(value: KeyValue, language: Language) -> str:
    """Show one value of a series' key.

    >>> key_value("长沙", "en"), key_value("", "zh"), key_value(3.0, "en"), key_value(True, "zh")
    ('长沙', '（未填）', '3', '是')
    """
    if isinstance(value, str):
        return clean(value) or _NOT_GIVEN[language]
    return _YES_NO[language][value] if isinstance(value, bool) else number(value, language)


def key_words(key: Mapping[str, KeyValue], language: Language) -> str:
    """Show a whole key; a rule that watches everything as one series has none.

    >>> key_words({"region": "长沙", "category": ""}, "en"), key_words({}, "zh")
    ('长沙 · (not given)', '全部')
    """
    return " · ".join(key_value(value, language) for value in key.values()) or _ALL[language]


def in_languages(texts: Mapping[str, str]) -> dict[str, str]:
    """Give every language a text: one that is missing borrows the first there is.

    >>> in_languages({"zh": "投诉激增"})
    {'en': '投诉激增', 'zh': '投诉激增'}
    """
    spare = next(iter(texts.values()), "")
    return {language: texts.get(language, spare) for language in LANGUAGES}


Word = Callable[[str], str | None]
"""Says the word a template name stands for, or None where it knows no such name."""


@dataclass(slots=True)  # not frozen: that doubles the cost of making one, and a replay makes two a record
class Words:
    """The names a rule's templates may use, for one change of level in one language.

    They are the fields of the key, `key` (all of them), `place` (the first of them: the rule is judged at levels),
    `value`, `percent` (the value as a share of one), `duration` (the value as seconds), `threshold`, `level`, `window`,
    `top` (who drives the value), and `worst_step` where the rule asks for it; and those of the rule's `targets` that it
    has, each also as `…_percent`.
    """

    language: Language
    key: Mapping[str, KeyValue]
    level: str
    value: float | None
    threshold: float
    window_ms: int
    targets: Mapping[str, float] = field(default_factory=dict)
    worst_step: str | None = None  # empty: not known; None: nobody asked
    top: str = ""

    def __call__(self, name: str) -> str | None:
        """Say what `name` stands for, or None."""
        match name:
            case "value":
                return number(self.value, self.language)
            case "percent":
                return percent(self.value, self.language)
            case "duration":
                return _UNKNOWN[self.language] if self.value is None else self._span(self.value)
            case "threshold":
                return number(self.threshold, self.language)
            case "level":
                return LEVEL_WORDS[self.level][self.language]
            case "window":
                return duration(self.window_ms, self.language)
            case "key":
                return key_words(self.key, self.language)
        return self._given(name)

    def _given(self, name: str) -> str | None:
        """Say what only some rules have: who or what is to blame, a place, a target, a field of the key."""
        match name:
            case "worst_step" if self.worst_step is not None:
                return key_value(self.worst_step, self.language)
            case "top":
                return self.top or _NOBODY[self.language]
            case "place" if "place" not in self.key and self.key:
                return key_value(next(iter(self.key.values())), self.language)
        if name in self.targets:
            return number(self.targets[name], self.language)
        if (aim := name.removesuffix("_percent")) in self.targets and name not in self.key:
            return percent(self.targets[aim], self.language)
        return key_value(self.key[name], self.language) if name in self.key else None

    def _span(self, value: float) -> str:
        """Write seconds as a span, if they can be one."""
        return (
            duration(round(value * 1000), self.language) if 0 <= value < _SPAN_S_MAX else number(value, self.language)
        )


def fill(template: str, word: Word) -> str:
    """Put words in the place of the names a template knows, once: neither formats nor attributes are ever evaluated.

    >>> fill("{value} in {region}, {a.b} {unheard_of}", {"value": "63", "region": "{value}"}.get)
    '63 in {value}, {a.b} {unheard_of}'
    """
    pieces = _pieces(template)
    if len(pieces) == 1:
        return template
    filled = list(pieces)
    for place in range(1, len(pieces), 2):
        spoken = word(pieces[place])
        filled[place] = "{" + pieces[place] + "}" if spoken is None else spoken
    return "".join(filled)


@lru_cache(maxsize=4096)
def _pieces(template: str) -> tuple[str, ...]:
    """Split a template into text, name, text, name, …, text."""
    return tuple(_PLACEHOLDER.split(template))
