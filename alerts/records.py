"""The alert record: what one change of level looks like to the outside (topic `tocsin.alerts`, JSON lines)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET, UnsetType

from alerts.naming import NO_NAMES, English, foremost, spoken_key, top_words
from alerts.texts import LANGUAGES, Language, Words, fill, in_languages
from detectors.transition import Contributor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from detectors.rules import Rule
    from detectors.transition import Transition

VERSION = 1

Scalar = str | bool | int | float

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_EXACT_MAX = 2**53  # a greater float no longer names one integer

_MAINLY: Mapping[Language, str] = {"en": " · mainly {}", "zh": "，主要来自{}"}
DEFAULT_SUMMARY: Mapping[str, str] = {"en": "{key}: {value}", "zh": "{key}：{value}"}
"""What happened, where a rule does not say it itself and has no targets."""
_AIMS: Mapping[str, Mapping[str, str]] = {
    "target": {"en": "target", "zh": "目标"},
    "challenge": {"en": "challenge", "zh": "挑战目标"},
    "limit": {"en": "limit", "zh": "上限"},
}
_NO_TARGETS: Mapping[str, float] = {}


class AlertRecord(msgspec.Struct, frozen=True):
    """One change of level of one alert, fields in the order in which they are written.

    `time` and `started` are RFC 3339 in UTC; `value` is None when it is not known; `key` goes by the rule's `by`.
    `worst_step` is there if the rule asks for it, and empty if no plan of any step is known. `top` is there where the
    rule names contributors: the greatest of each field, the greatest first.
    """

    alert: str
    rule: str
    key: dict[str, Scalar]
    level: str
    was: str
    time: str
    started: str
    value: float | None
    threshold: float
    window_s: int | float
    reason: str
    title: dict[str, str]
    summary: dict[str, str]
    incident: str
    version: int = VERSION
    worst_step: str | UnsetType = UNSET
    top: tuple[Contributor, ...] | UnsetType = UNSET

    @property
    def time_ms(self) -> int:
        """The boundary at which the level changed, milliseconds since the epoch."""
        return parse_time(self.time)

    @property
    def started_ms(self) -> int:
        """The boundary at which the series left green, milliseconds since the epoch."""
        return parse_time(self.started)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(AlertRecord)


def alert_record(transition: Transition, rule: Rule, english: English = NO_NAMES) -> AlertRecord:
    """Write a transition of `rule` down as the outside sees it. The same transition always gives the same record.

    `english` is what places are called in English texts.
    """
    key = {name: _scalar(value) for name, value in rule.named(transition.key).items()}
    value = None if transition.value is None else float(transition.value)
    window_ms = rule.window_at(transition.time_ms)
    window_s, rest_ms = divmod(window_ms, 1000)
    alert = alert_id(rule.id, key, transition.started_ms)
    return AlertRecord(
        alert=alert,
        rule=rule.id,
        key=key,
        level=transition.level,
        was=transition.was,
        time=format_time(transition.time_ms),
        started=format_time(transition.started_ms),
        value=value,
        threshold=float(transition.threshold),
        window_s=window_ms / 1000 if rest_ms else window_s,
        reason=transition.reason,
        title=in_languages(rule.title),
        summary=_summary(rule, key, transition, value, english),
        incident=incident_id(alert),
        worst_step=UNSET if transition.worst_step is None else transition.worst_step,
        top=UNSET if transition.top is None else transition.top,
    )


def alert_id(rule: str, key: Mapping[str, Scalar], started_ms: int) -> str:
    """Derive the id of an alert from the rule, the key in the order of `by`, and the boundary at which it left green.

    >>> alert_id("complaint-surge", {"region": "长沙"}, 1_772_356_680_000)
    '1ee1a6c110216594ad4d0b18c0d80ae9'
    """
    identity = _encoder.encode([rule, list(key.items()), started_ms])
    return blake2b(identity, digest_size=16).hexdigest()


def incident_id(alert: str) -> str:
    """Derive the incident that an alert opens, if it joins no other: the desk knows which, and history tells."""
    return "inc-" + blake2b(alert.encode(), digest_size=6, person=b"incident").hexdigest()


def encode(record: AlertRecord) -> bytes:
    """Write a record as one line of JSON, without the line's end."""
    return _encoder.encode(record)


def decode(line: bytes) -> AlertRecord:
    """Read a record back. Raise ValueError if it is not one."""
    try:
        record = _decoder.decode(line)
        parse_time(record.time), parse_time(record.started)
    except (msgspec.MsgspecError, ValueError) as error:
        raise ValueError(f"not an alert record: {error}") from error
    return record


def words(
    record: AlertRecord, language: Language, english: English = NO_NAMES, targets: Mapping[str, float] = _NO_TARGETS
) -> Words:
    """Give the words that templates about a record may use; `targets` are those of its rule then."""
    return Words(
        language,
        spoken_key(record.key, language, english),
        record.level,
        record.value,
        record.threshold,
        round(record.window_s * 1000),
        targets=targets,
        worst_step=None if record.worst_step is UNSET else record.worst_step,
        top=top_words(record.top or (), language, english),
    )


def default_summary(rule: Rule) -> Mapping[str, str]:
    """Say what happened for a rule that does not say it itself: where, how much, and beside it what it should be."""
    if not rule.targets:
        return DEFAULT_SUMMARY
    aims = {language: [f"{_AIMS[aim][language]} {{{aim}}}" for aim in rule.targets] for language in LANGUAGES}
    return {
        "en": f"{DEFAULT_SUMMARY['en']} ({', '.join(aims['en'])})",
        "zh": f"{DEFAULT_SUMMARY['zh']}（{'，'.join(aims['zh'])}）",
    }


@lru_cache(maxsize=4096)
def format_time(time_ms: int) -> str:
    """Write a time in UTC, with milliseconds only where there are any.

    >>> format_time(1_772_356_830_000), format_time(1_772_356_830_250)
    ('2026-03-01T09:20:30Z', '2026-03-01T09:20:30.250Z')
    """
    stamp = (_EPOCH + timedelta(milliseconds=time_ms)).replace(tzinfo=None)
    return stamp.isoformat(timespec="milliseconds" if time_ms % 1000 else "seconds") + "Z"


@lru_cache(maxsize=4096)
def parse_time(text: str) -> int:
    """Read such a time back as milliseconds since the epoch. Raise ValueError for any other text.

    In UTC, too, it must lie in the years 1 to 9999, so that it can be written again.

    >>> parse_time("2026-03-01T09:20:30.250Z")
    1772356830250
    """
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"a time without an offset: {text!r}")
    try:
        return (time.astimezone(UTC) - _EPOCH) // _MILLISECOND
    except OverflowError:
        raise ValueError(f"a time outside of the years 1 to 9999: {text!r}") from None


def _scalar(value: Scalar) -> Scalar:
    """Write whole numbers without a fraction, so that 1 and 1.0 are one key with one id."""
    if isinstance(value, (str, bool)):
        return value
    number = float(value)
    return int(number) if number.is_integer() and abs(number) <= _EXACT_MAX else number


def _summary(
    rule: Rule, key: Mapping[str, Scalar], transition: Transition, value: float | None, english: English
) -> dict[str, str]:
    """Write what happened; who drives it is said at the end where the text does not say it itself."""
    templates = in_languages(rule.summary or default_summary(rule))
    targets = rule.targets_at(transition.time_ms)
    told: dict[str, str] = {}
    for language in LANGUAGES:
        top = top_words(transition.top or (), language, english)
        word = Words(
            language,
            spoken_key(key, language, english),
            transition.level,
            value,
            transition.threshold,
            rule.window_at(transition.time_ms),
            targets=targets,
            worst_step=transition.worst_step,
            top=top,
        )
        told[language] = fill(templates[language], word)
        if top and "{top}" not in templates[language]:
            told[language] += _MAINLY[language].format(top_words(foremost(transition.top or ()), language, english))
    return told
