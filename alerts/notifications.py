"""Notifications: what one channel is told of one change, why now, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import tzinfo
from enum import StrEnum
from hashlib import blake2b
from typing import Protocol

import msgspec

from alerts.records import AlertRecord
from alerts.texts import Language, clean, duration, fill, key_value, level_word, moment, number

SUMMARY_LEN_MAX = 400


class Reason(StrEnum):
    """Why a channel is told now."""

    FIRST = "first"
    RAISED = "raised"
    LOWERED = "lowered"
    RESOLVED = "resolved"
    REPEAT = "repeat"  # nothing is new: what fires is said again to a receiver that would forget it


class Notification(msgspec.Struct, frozen=True):
    """One change of one alert for one channel. `revision` numbers the changes of its incident from 1.

    `instead_of` names the channel for which it was meant and which did not take it.
    """

    channel: str
    reason: Reason
    revision: int
    record: AlertRecord
    action: dict[str, str]
    instead_of: str = ""

    @property
    def idempotency_key(self) -> str:
        """Name this telling: the same change told to the same channel again has the same key."""
        telling = (self.record.alert, self.record.level, self.record.time, self.channel)
        return blake2b("\0".join(telling).encode(), digest_size=16).hexdigest()


class Result(StrEnum):
    """What came of one try. The set is closed: it is a metric label, and error texts are not."""

    DELIVERED = "delivered"
    REFUSED = "refused"  # the receiver says it will never take this
    REDIRECTED = "redirected"  # it points elsewhere, and nothing but the settings may say where we send
    THROTTLED = "throttled"  # too much at once
    UNAVAILABLE = "unavailable"  # it has trouble of its own
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"


_WORTH_RETRYING = frozenset((Result.THROTTLED, Result.UNAVAILABLE, Result.TIMEOUT, Result.UNREACHABLE))


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came of one try; `retry_after_ms` is how long the receiver asked us to wait, `code` is its own reason."""

    result: Result
    retry_after_ms: int | None = None
    code: int | None = field(default=None, compare=False)

    @property
    def is_retryable(self) -> bool:
        """Whether another try may do better."""
        return self.result in _WORTH_RETRYING


class Sender(Protocol):
    """One channel. The world's faults come back as a Delivery and are never raised."""

    async def send(self, notification: Notification) -> Delivery:
        """Try once, within a bounded time."""

    async def close(self) -> None:
        """Let go of connections. Safe to call twice."""


_REASON_WORDS: dict[Reason, dict[Language, str]] = {
    Reason.FIRST: {"en": "new", "zh": "新"},
    Reason.RAISED: {"en": "raised", "zh": "升级"},
    Reason.LOWERED: {"en": "lowered", "zh": "降级"},
    Reason.RESOLVED: {"en": "resolved", "zh": "解除"},
    Reason.REPEAT: {"en": "still", "zh": "持续"},
}
_FIRING: dict[Language, str] = {
    "en": "{summary} · threshold {threshold} · since {since}",
    "zh": "{summary} · 阈值 {threshold} · 始于 {since}",
}
_RESOLVED: dict[Language, str] = {
    "en": "now {value} · lasted {lasted}, since {since}",
    "zh": "现为 {value} · 历时 {lasted}，始于 {since}",
}
_NO_DATA: dict[Language, str] = {
    "en": "no data any more · after {lasted}, since {since}",
    "zh": "已无数据 · 历时 {lasted}，始于 {since}",
}


def one_line(notification: Notification, zone: tzinfo, language: Language) -> str:
    """Write a notification as one line: level, what, where, how bad, since when, and what to do."""
    record = notification.record
    where = [key_value(value, language) for value in record.key.values()]
    summary = clean(record.summary[language], SUMMARY_LEN_MAX)
    if record.level == "green":
        template = (_NO_DATA if record.value is None else _RESOLVED)[language]
        where_said = False
    else:
        template = _FIRING[language]
        where_said = all(place in summary for place in where)
    words = {
        "summary": summary,
        "value": number(record.value, language),
        "threshold": number(record.threshold, language),
        "since": moment(record.started_ms, zone),
        "lasted": duration(record.time_ms - record.started_ms, language),
    }
    action = notification.action.get(language, "") if record.level != "green" else ""
    parts = [
        f"{level_word(record.level)} {_REASON_WORDS[notification.reason][language]}",
        record.title[language],
        *([] if where_said else where),
        fill(template, words.get),
        *([f"→ {action}"] if action else []),
    ]
    return " · ".join(parts)
