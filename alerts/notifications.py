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
    REOPENED = "reopened"  # it was told as over, or was muted, and fires
    GREW = "grew"  # more turned red beside the red that was told
    ENDING = "ending"  # what hides it is about to end
    BEGAN = "began"  # a window or a silence holds from now on
    ENDED = "ended"  # it holds no longer
    REPEAT = "repeat"  # nothing is new: what fires is said again to a receiver that would forget it
    UNANSWERED = "unanswered"  # who was told before did not acknowledge in time
    EXPIRED = "expired"  # an acknowledgement came to its end
    RETURNED = "returned"  # whoever had it gave it back
    UNSOLVED = "unsolved"  # promised, and not solved in half an hour
    BROKEN = "broken"  # a promise was not kept
    UNACCEPTED = "unaccepted"  # a promise was broken, and the customer has not accepted yet
    NOTICE_LATE = "notice-late"  # customers were not told in time
    DIGEST = "digest"  # what was held back, told as one


ASIDES = frozenset((Reason.ENDING, Reason.BEGAN, Reason.ENDED))
"""What is for people alone, and never wakes them: of windows and silences, not of what is wrong."""

OF_WINDOWS = frozenset((Reason.BEGAN, Reason.ENDED))
"""Asides that are about no incident: their record only carries title, times and text."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a page says of an incident besides its leading alert.

    `firing` counts its alerts that are not over; `latest` is the alert that made the change, where another leads;
    `newly_red` counts those that turned red since the last page, `red_names` names some,
    in each language. `note` is a line of ours in
    each language: why it is told again, or what ends. `around` are the plans that go on there, as (kind, name).
    """

    firing: int = 1
    users: float | None = None
    cause: AlertRecord | None = None
    is_unexplained: bool = False
    is_flapping: bool = False
    owner: str = ""
    peak_level: str = ""
    latest: AlertRecord | None = None
    newly_red: int = 0
    red_names: tuple[dict[str, str], ...] = ()
    note: dict[str, str] = {}
    around: tuple[tuple[str, str], ...] = ()


class Notification(msgspec.Struct, frozen=True):
    """One change of one incident for one channel. `revision` numbers the changes of the incident from 1.

    `record` is the alert that leads it, at the level that is told, with the id of the incident; `was` is the level told
    before. `to` names the person or role that is rung, where it is not for all who hear the channel; `telling` then
    tells one ring from another. `also` are the others that a digest tells of. `instead_of` names the channel for which
    it was meant and which did not take it. `link` leads to more about it, on the page.
    """

    channel: str
    reason: Reason
    revision: int
    record: AlertRecord
    action: dict[str, str]
    to: str = ""
    telling: str = ""
    also: tuple[AlertRecord, ...] = ()
    facts: Facts = Facts()
    instead_of: str = ""
    link: str = ""

    @property
    def page(self) -> str:
        """The address of the page; "" where no setting names one."""
        return self.link.partition("#")[0]

    @property
    def idempotency_key(self) -> str:
        """Name this telling: the same change told to the same channel again has the same key."""
        telling: tuple[str, ...] = (
            *(self.record.incident, self.reason, self.record.level, self.record.time, self.channel),
        )
        if self.to:
            telling = (*telling, self.to) if not self.telling else (self.telling, self.channel, self.to)
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


REASON_WORDS: dict[Reason, dict[Language, str]] = {
    Reason.FIRST: {"en": "new", "zh": "新"},
    Reason.RAISED: {"en": "raised", "zh": "升级"},
    Reason.LOWERED: {"en": "lowered", "zh": "降级"},
    Reason.RESOLVED: {"en": "resolved", "zh": "解除"},
    Reason.REOPENED: {"en": "again", "zh": "再次"},
    Reason.GREW: {"en": "grew", "zh": "扩大"},
    Reason.ENDING: {"en": "told again soon", "zh": "即将恢复通知"},
    Reason.BEGAN: {"en": "quiet from now on", "zh": "屏蔽开始"},
    Reason.ENDED: {"en": "no longer quiet", "zh": "屏蔽结束"},
    Reason.REPEAT: {"en": "still", "zh": "持续"},
    Reason.UNANSWERED: {"en": "nobody has answered", "zh": "无人应答"},
    Reason.EXPIRED: {"en": "acknowledgement expired", "zh": "确认已到期"},
    Reason.RETURNED: {"en": "given back", "zh": "已退回"},
    Reason.UNSOLVED: {"en": "promised, not solved yet", "zh": "已承诺，未解决"},
    Reason.BROKEN: {"en": "promise broken", "zh": "承诺未兑现"},
    Reason.UNACCEPTED: {"en": "customer has not accepted yet", "zh": "客户尚未认可"},
    Reason.NOTICE_LATE: {"en": "customers not told in time", "zh": "客户通知逾期"},
    Reason.DIGEST: {"en": "held back until now", "zh": "汇总"},
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
_MORE: dict[Language, str] = {"en": "and {count} more", "zh": "另有 {count} 起"}


def one_line(notification: Notification, zone: tzinfo, language: Language) -> str:
    """Write a notification as one line: level, what, where, how bad, since when, and what to do."""
    record = notification.record
    if notification.reason in OF_WINDOWS:
        to = [f"@{clean(notification.to)}"] if notification.to else []
        said = clean(record.summary[language], SUMMARY_LEN_MAX)
        return " · ".join((f"🔕 {REASON_WORDS[notification.reason][language]}", record.title[language], said, *to))
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
        f"{level_word(record.level)} {REASON_WORDS[notification.reason][language]}",
        record.title[language],
        *([] if where_said else where),
        fill(template, words.get),
        *([_MORE[language].format(count=len(notification.also))] if notification.also else []),
        *([f"→ {action}"] if action else []),
        *([f"@{clean(notification.to)}"] if notification.to else []),
    ]
    return " · ".join(parts)
