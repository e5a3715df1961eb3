"""Customer notices: what customers are told of one incident, which of them were told when, and what is due."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from alerts.audiences import Audience, Form
from alerts.bulletins import Bulletin, Kind
from alerts.records import Scalar, format_time

SUDDEN_FAULT_DEADLINE_MS = 3 * 3_600_000
"""A sudden fault is told to customers within three hours of its start (domain: provincial mobile operator)."""

UPDATE_AHEAD_MS = 15 * 60_000
"""So long before the time of a promised update its draft is there to be approved. Ours."""


class NoticeError(ValueError):
    """A person asked for a step that this notice cannot take now."""


class NoticeState(StrEnum):
    """How far the newest text of a notice is. A notice whose text is a draft or approved waits for a person."""

    DRAFT = "draft"
    APPROVED = "approved"
    PUBLISHING = "publishing"  # some audiences were told, others not yet
    PUBLISHED = "published"
    UPDATED = "updated"
    STOPPED = "stopped"  # some were told, and a person keeps it from the others
    ALL_CLEAR = "all-clear"
    WITHDRAWN = "withdrawn"


_CLOSED = (NoticeState.ALL_CLEAR, NoticeState.WITHDRAWN)
OUT_AS: Mapping[Kind, NoticeState] = {
    Kind.FIRST: NoticeState.PUBLISHED,
    Kind.UPDATE: NoticeState.UPDATED,
    Kind.ALL_CLEAR: NoticeState.ALL_CLEAR,
}
"""What a notice is once every audience was told its text."""


class Step(msgspec.Struct, frozen=True):
    """One step of a notice: which text became what, when, and by whom (nobody: Tocsin itself).

    `audience` is the tier that was told with it; "": nobody was.
    """

    time_ms: int
    kind: Kind
    state: NoticeState
    by: str = ""
    audience: str = ""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What customers are told of one incident. Times are milliseconds UTC.

    `text` is the newest text and `kind` what it says; `level` the level it was written at. `audiences` hear it in their
    order; `next_ms` is when the next of them is told without anybody asking. `published_ms` is when the first customers
    heard of it; the last are to hear before `deadline_ms`. `next_update_ms` is when the published text promised more.
    `late_ms` is the last of these times whose passing was told to those on duty.
    """

    id: str
    incident: str
    rule: str
    key: dict[str, Scalar]
    template: str
    level: str
    state: NoticeState
    kind: Kind
    text: dict[str, Bulletin]
    fault_ms: int
    deadline_ms: int
    audiences: tuple[Audience, ...] = ()
    next_ms: int | None = None
    published_ms: int | None = None
    next_update_ms: int | None = None
    late_ms: int = 0
    steps: tuple[Step, ...]

    @property
    def is_closed(self) -> bool:
        """Whether nothing more will be told."""
        return self.state in _CLOSED

    @property
    def waiting(self) -> tuple[Audience, ...]:
        """The audiences that are to be told the newest text and were not, in their order.

        An all-clear is for those who heard of the trouble. An update goes on to those who did not: their first word.
        """
        if self.is_closed or self.state is NoticeState.STOPPED:
            return ()
        return tuple(
            each
            for each in self.audiences
            if each.told_ms is None and not (each.first_ms is None if self.kind is Kind.ALL_CLEAR else each.is_dropped)
        )

    @property
    def unaware(self) -> tuple[str, ...]:
        """The tiers that are to hear of the trouble, and have not."""
        is_over = self.is_closed or self.kind is Kind.ALL_CLEAR
        return () if is_over else tuple(each.tier for each in self.audiences if not _knows(each))

    @property
    def reached_ms(self) -> int | None:
        """When the last of those who are to hear of the trouble did; None while somebody has not."""
        return (
            None
            if self.unaware
            else max((each.first_ms for each in self.audiences if each.first_ms is not None), default=None)
        )

    @property
    def dues_ms(self) -> tuple[int, ...]:
        """By when something is to be told: to the last audience, and what was promised."""
        if self.is_closed:
            return ()
        last = (self.deadline_ms,) if self.unaware else ()
        return last if self.next_update_ms is None else (*last, self.next_update_ms)

    @property
    def draft_ms(self) -> int | None:
        """When the promised update is to be drafted, unless something else is told before."""
        is_out = self.state in (NoticeState.PUBLISHED, NoticeState.UPDATED, NoticeState.STOPPED)
        if not is_out or self.next_update_ms is None:
            return None
        return max(self.next_update_ms - UPDATE_AHEAD_MS, self.steps[-1].time_ms)

    def message(self, tier: str) -> dict[str, str]:
        """Give what an audience is sent, by language. Whoever hears of it for the first time is told of no update."""
        (audience,) = (each for each in self.audiences if each.tier == tier)
        is_first = self.kind is Kind.UPDATE and audience.first_ms in (None, audience.told_ms)
        written = {language: text.unmarked(language) if is_first else text for language, text in self.text.items()}
        if audience.form is Form.SHORT:
            return {language: text.short or text.headline for language, text in written.items()}
        return {language: f"{text.headline}\n{text.body}" for language, text in written.items()}

    def as_data(self) -> dict[str, Any]:
        """Give the notice as plain data, as it goes to the topic `tocsin.notices`: times as RFC 3339."""
        newest = self.steps[-1]
        return {
            "notice": self.id,
            "incident": self.incident,
            "rule": self.rule,
            "key": self.key,
            "state": self.state.value,
            "kind": self.kind.value,
            "level": self.level,
            "time": format_time(newest.time_ms),
            "by": newest.by,
            "audience": newest.audience or None,
            "message": self.message(newest.audience) if newest.audience else None,
            "fault": format_time(self.fault_ms),
            "deadline": format_time(self.deadline_ms),
            "published": _time(self.published_ms),
            "reached": _time(self.reached_ms),
            "next_update": _time(self.next_update_ms),
            "next_audience": _time(self.next_ms),
            "audiences": [self._told(each) for each in self.audiences],
            "template": self.template,
            "text": msgspec.to_builtins(self.text),
            "steps": [
                {
                    "time": format_time(step.time_ms),
                    "kind": step.kind.value,
                    "state": step.state.value,
                    "by": step.by,
                    "audience": step.audience or None,
                }
                for step in self.steps
            ],
            "version": 1,
        }

    def _told(self, audience: Audience) -> dict[str, Any]:
        return {
            "audience": audience.tier,
            "form": audience.form.value,
            "waiting": audience in self.waiting,
            "dropped": audience.is_dropped,
            "first": _time(audience.first_ms),
            "told": _time(audience.told_ms),
        }


@dataclass(frozen=True, slots=True)
class NoticeChange:
    """A notice that has just taken a step."""

    notice: Notice

    def encode(self) -> bytes:
        """Write the notice as one JSON record for the topic `tocsin.notices`."""
        return msgspec.json.encode(self.notice.as_data())


def notice_id(incident_id: str) -> str:
    """Name the notice of an incident: there is one.

    >>> notice_id("inc-0123456789ab")
    'ntc-0123456789ab'
    """
    return "ntc-" + incident_id.removeprefix("inc-")


def standing(notice: Notice | None, wanted: NoticeState | None = None) -> str:
    """Say in a few words how far a notice is, and how far it should be."""
    if notice is None:
        return "there is no such notice"
    return f"it is {notice.state.value} ({notice.kind.value})" + (f", not {wanted.value}" if wanted else "")


def _knows(audience: Audience) -> bool:
    return audience.first_ms is not None or audience.is_dropped


def _time(time_ms: int | None) -> str | None:
    return None if time_ms is None else format_time(time_ms)
