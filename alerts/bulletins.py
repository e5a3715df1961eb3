"""The text of a customer notice, from a template file, in Chinese and English.

A template is a TOML file: how soon the next update is promised, and for each language the headline, what happened,
what customers may notice, what we do, what agents should say, the all-clear, and both once more for an SMS. The frame
around them is here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import tzinfo
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec.structs import replace

from alerts.naming import NO_NAMES, English, spoken_key
from alerts.records import AlertRecord, words
from alerts.texts import LANGUAGES, Language, Word, clean, duration, fill, key_value, moment

SHIPPED = Path(__file__).parent / "templates"
SMS_CHARS_MIN = 40
UPDATE_MINUTES_MIN = 20

# The only fields of a key that customers are told, besides the site's levels: none of them names a person.
_PLACE_FIELDS = ("region", "outlet")
_INTERNAL = ("element",)  # a level that means nothing to customers
_SOMEWHERE: Mapping[Language, str] = {"en": "some areas", "zh": "部分地区"}


class Kind(StrEnum):
    """What a bulletin says: the first word, news on it, or that all is well again."""

    FIRST = "first"
    UPDATE = "update"
    ALL_CLEAR = "all-clear"


class Phrases(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One language of a template. The names of alert texts may be used, and `{where}` and `{since}`.

    `sms` and `sms_all_clear` are the short texts.
    """

    headline: str
    what: str
    effect: str
    doing: str
    agents: str
    all_clear: str
    sms: str
    sms_all_clear: str


class Template(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A template as its file says it.

    A short text has at most `sms_zh_chars` or `sms_en_chars`: what one SMS holds of each script.
    """

    update_minutes: Annotated[int, msgspec.Meta(ge=UPDATE_MINUTES_MIN)]
    zh: Phrases
    en: Phrases
    sms_zh_chars: Annotated[int, msgspec.Meta(ge=SMS_CHARS_MIN)] = 70
    sms_en_chars: Annotated[int, msgspec.Meta(ge=SMS_CHARS_MIN)] = 160

    def phrases(self, language: Language) -> Phrases:
        """Give the phrases of one language."""
        return self.zh if language == "zh" else self.en

    def sms_chars(self, language: Language) -> int:
        """Say how long a short text of one language may be."""
        return self.sms_zh_chars if language == "zh" else self.sms_en_chars


class Bulletin(msgspec.Struct, frozen=True):
    """What customers read, and what agents say to those who call; for one language. `short` is for an SMS."""

    headline: str
    body: str
    agents: str
    short: str = ""

    def unmarked(self, language: str) -> Bulletin:
        """Give the text of an update for those who hear of it for the first time."""
        mark = _MARK["zh" if language == "zh" else "en"][Kind.UPDATE]
        return replace(self, headline=self.headline.removeprefix(mark), short=self.short.removeprefix(mark))


_MARK: Mapping[Language, Mapping[Kind, str]] = {
    "en": {Kind.FIRST: "", Kind.UPDATE: "Update: ", Kind.ALL_CLEAR: "All clear: "},
    "zh": {Kind.FIRST: "", Kind.UPDATE: "【更新】", Kind.ALL_CLEAR: "【已恢复】"},
}
_FRAME: Mapping[Language, Mapping[Kind, str]] = {
    "en": {
        Kind.FIRST: (
            "What happened: {what}\nWhere: {where}\nSince: {since}\nWhat you may notice: {effect}\n"
            "What we are doing: {doing}\nNext update: within {update}, or as soon as all is well again."
        ),
        Kind.ALL_CLEAR: "{all_clear}\nWhere: {where}\nFrom {since} to {until}.\nWe apologise for the inconvenience.",
    },
    "zh": {
        Kind.FIRST: (
            "情况：{what}\n地区：{where}\n开始时间：{since}\n您可能遇到：{effect}\n"
            "我们正在做：{doing}\n下次通报：{update}内，或恢复后立即通报。"
        ),
        Kind.ALL_CLEAR: "{all_clear}\n地区：{where}\n受影响时间：{since} 至 {until}。\n给您带来不便，敬请谅解。",
    },
}


def write(
    template: Template, kind: Kind, record: AlertRecord, zone: tzinfo, english: English = NO_NAMES
) -> dict[str, Bulletin]:
    """Write a bulletin about the alert of `record` in every language, times in `zone`.

    The next update is promised as a span from publication, not as a time of day: that stays true however long
    the draft waits for approval.
    """
    return {language: _write(template, kind, record, zone, (language, english)) for language in LANGUAGES}


def _write(
    template: Template, kind: Kind, record: AlertRecord, zone: tzinfo, spoken_in: tuple[Language, English]
) -> Bulletin:
    language, english = spoken_in
    frame = _FRAME[language]
    word = _words(template, record, zone, language, english)
    phrases = template.phrases(language)
    spoken = {name: fill(getattr(phrases, name), word) for name in phrases.__struct_fields__}
    mark = _MARK[language][kind]
    return Bulletin(
        headline=mark + spoken["headline"],
        body=fill(frame.get(kind, frame[Kind.FIRST]), lambda name: spoken.get(name) or word(name)),
        agents=spoken["all_clear" if kind is Kind.ALL_CLEAR else "agents"],
        short=_short(template, kind, word, language),
    )


def _short(template: Template, kind: Kind, word: Word, language: Language) -> str:
    """Write the text of an SMS. Where a place is too long for it, it is said vaguely; what is still too long is cut."""
    phrases, chars_max = template.phrases(language), template.sms_chars(language)
    phrase = phrases.sms_all_clear if kind is Kind.ALL_CLEAR else phrases.sms
    mark = _MARK[language][kind]
    text = mark + fill(phrase, word)
    if len(text) > chars_max:
        text = mark + fill(phrase, lambda name: _SOMEWHERE[language] if name == "where" else word(name))
    return clean(text, chars_max)


def _words(template: Template, record: AlertRecord, zone: tzinfo, language: Language, english: English) -> Word:
    of_alert = words(record, language, english)
    of_notice = {
        "where": _where(record, language, english),
        "since": moment(record.started_ms, zone, timespec="minutes"),
        "until": moment(record.time_ms, zone, timespec="minutes"),
        "update": duration(template.update_minutes * 60_000, language),
    }
    return lambda name: of_notice.get(name) or of_alert(name)


def _where(record: AlertRecord, language: Language, english: English) -> str:
    key = spoken_key(record.key, language, english)
    fields = dict.fromkeys((*_PLACE_FIELDS, *(name for name in english if name not in _INTERNAL)))
    places = [key_value(key[name], language) for name in fields if key.get(name)]
    return " ".join(places) or _SOMEWHERE[language]


@cache
def read_templates(folder: Path = SHIPPED) -> Mapping[str, Template]:
    """Read every template of a folder, by name. Raise ValueError, naming the file, if one is not as it should be."""
    return {file.stem: _read(file) for file in sorted(folder.glob("*.toml"))}


def _read(file: Path) -> Template:
    try:
        return msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), Template)
    except (msgspec.ValidationError, ValueError) as error:
        raise ValueError(f"{file.name}: {error}") from error
