"""Customer notices: drafted when an incident turns bad, approved and published by people, ended by an all-clear."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from enum import StrEnum
from typing import Any

import msgspec
from msgspec.structs import replace

from alerts.bulletins import Bulletin, Kind, Template, write
from alerts.incidents import IncidentChange, What
from alerts.naming import NO_NAMES, English
from alerts.records import AlertRecord, Scalar, format_time
from detectors.rules import LEVEL_CODE

SUDDEN_FAULT_DEADLINE_MS = 3 * 3_600_000
"""A sudden fault is told to customers within three hours of its start (domain: provincial mobile operator)."""

DRAFTING_LEVELS = ("orange", "red")
CLOSED_LEN_MAX = 1_000


class NoticeError(ValueError):
    """A person asked for a step that this notice cannot take now."""


class NoticeState(StrEnum):
    """How far the newest text of a notice is. A notice whose text is a draft or approved waits for a person."""

    DRAFT = "draft"
    APPROVED = "approved"
    PUBLISHED = "published"
    UPDATED = "updated"
    ALL_CLEAR = "all-clear"
    WITHDRAWN = "withdrawn"


_CLOSED = (NoticeState.ALL_CLEAR, NoticeState.WITHDRAWN)
_OUT_AS: Mapping[Kind, NoticeState] = {
    Kind.FIRST: NoticeState.PUBLISHED,
    Kind.UPDATE: NoticeState.UPDATED,
    Kind.ALL_CLEAR: NoticeState.ALL_CLEAR,
}


class Step(msgspec.Struct, frozen=True):
    """One step of a notice: which text became what, when, and by whom (nobody: Tocsin itself)."""

    time_ms: int
    kind: Kind
    state: NoticeState
    by: str = ""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What customers are told of one incident. Times are milliseconds UTC.

    `text` is the newest text and `kind` what it says; `level` the level it was written at. `published_ms` is when
    customers first heard of it, to be before `deadline_ms`; `next_update_ms` is when the published text promised more.
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
    published_ms: int | None = None
    next_update_ms: int | None = None
    steps: tuple[Step, ...]

    @property
    def is_closed(self) -> bool:
        """Whether nothing more will be told."""
        return self.state in _CLOSED

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
            "fault": format_time(self.fault_ms),
            "deadline": format_time(self.deadline_ms),
            "published": None if self.published_ms is None else format_time(self.published_ms),
            "next_update": None if self.next_update_ms is None else format_time(self.next_update_ms),
            "template": self.template,
            "text": msgspec.to_builtins(self.text),
            "steps": [
                {
                    "time": format_time(step.time_ms),
                    "kind": step.kind.value,
                    "state": step.state.value,
                    "by": step.by,
                }
                for step in self.steps
            ],
            "version": 1,
        }


@dataclass(frozen=True, slots=True)
class NoticeChange:
    """A notice that has just taken a step."""

    notice: Notice

    def encode(self) -> bytes:
        """Write the notice as one JSON record for the topic `tocsin.notices`."""
        return msgspec.json.encode(self.notice.as_data())


class NoticeBook:
    """All notices that are not closed, and the newest that are. `zone` is the site's, for the times customers read."""

    def __init__(
        self,
        templates: Mapping[str, Template],
        zone: tzinfo,
        *,
        closed_len_max: int = CLOSED_LEN_MAX,
        english: English = NO_NAMES,
    ) -> None:
        self._templates = templates
        self._zone = zone
        self._english = english
        self._closed_len_max = closed_len_max
        self._open: dict[str, Notice] = {}
        self._closed: dict[str, Notice] = {}  # oldest first

    def get(self, notice_id: str) -> Notice | None:
        """Find a notice that is still kept."""
        return self._open.get(notice_id) or self._closed.get(notice_id)

    def notices(self) -> list[Notice]:
        """List the notices: those not closed by their deadline, then the newest closed."""
        pending = sorted(self._open.values(), key=lambda each: (each.deadline_ms, each.id))
        return [*pending, *reversed(self._closed.values())]

    def counts(self) -> dict[NoticeState, int]:
        """Count the notices that are kept, by state; every state is there."""
        counts = Counter(each.state for each in (*self._open.values(), *self._closed.values()))
        return {state: counts[state] for state in NoticeState}

    def overdue(self, now_ms: int) -> list[Notice]:
        """List the notices whose first text, or whose promised next one, is not out in time."""
        return [each for each in self.notices() if not each.is_closed and _due_ms(each) < now_ms]

    def follow(self, change: IncidentChange, template: str | None, now_ms: int) -> NoticeChange | None:
        """Draft, redraft or withdraw the notice of an incident, as its newest change asks; None if it asks nothing.

        A text that was approved but not yet published is a draft again once it is rewritten: people approve words,
        not incidents.
        """
        record = change.incident.record
        known = self.get(notice_id(change.incident.id))
        if known is None:
            if template is None or not change.incident.is_firing or record.level not in DRAFTING_LEVELS:
                return None
            return self._draft(record, template, now_ms)
        if known.is_closed:
            return None
        if change.what is What.RESOLVED:
            if known.published_ms is None:
                return self._step(known, NoticeState.WITHDRAWN, now_ms)
            return self._redraft(known, Kind.ALL_CLEAR, record, now_ms)
        if LEVEL_CODE[record.level] > LEVEL_CODE[known.level]:
            kind = Kind.FIRST if known.published_ms is None else Kind.UPDATE
            return self._redraft(known, kind, record, now_ms)
        return None

    def approve(self, notice_id: str, *, by: str, at_ms: int) -> NoticeChange:
        """Approve the draft as it stands. Raise NoticeError if there is none."""
        return self._step(self._waiting(notice_id, NoticeState.DRAFT, "approve"), NoticeState.APPROVED, at_ms, by=by)

    def publish(self, notice_id: str, *, by: str, at_ms: int) -> NoticeChange:
        """Tell customers the approved text. Raise NoticeError if there is none."""
        notice = self._waiting(notice_id, NoticeState.APPROVED, "publish")
        update_ms = self._templates[notice.template].update_minutes * 60_000
        told = replace(
            notice,
            published_ms=at_ms if notice.published_ms is None else notice.published_ms,
            next_update_ms=None if notice.kind is Kind.ALL_CLEAR else at_ms + update_ms,
        )
        return self._step(told, _OUT_AS[notice.kind], at_ms, by=by)

    def cancel(self, notice_id: str, *, by: str, at_ms: int) -> NoticeChange:
        """Withdraw a notice. Raise NoticeError if customers have heard of it: that needs an all-clear."""
        notice = self._open.get(notice_id)
        if notice is None or notice.published_ms is not None:
            raise NoticeError(f"cannot cancel notice {notice_id}: {_standing(notice)}")
        return self._step(notice, NoticeState.WITHDRAWN, at_ms, by=by)

    def dump(self) -> Any:
        """Give the whole book as plain data."""
        return msgspec.to_builtins([*self._closed.values(), *self._open.values()])

    def load(self, data: Any) -> None:
        """Take up what `dump` gave. Raise ValueError if it is not that."""
        try:
            notices = msgspec.convert(data, list[Notice])
        except msgspec.ValidationError as error:
            raise ValueError(f"not a book of notices: {error}") from error
        self._open = {each.id: each for each in notices if not each.is_closed}
        self._closed = {each.id: each for each in notices if each.is_closed}

    def _waiting(self, notice_id: str, state: NoticeState, verb: str) -> Notice:
        notice = self.get(notice_id)
        if notice is None or notice.state is not state:
            raise NoticeError(f"cannot {verb} notice {notice_id}: {_standing(notice)}, not {state.value}")
        return notice

    def _draft(self, record: AlertRecord, template: str, now_ms: int) -> NoticeChange:
        return self._keep(
            Notice(
                id=notice_id(record.incident),
                incident=record.incident,
                rule=record.rule,
                key=record.key,
                template=template,
                level=record.level,
                state=NoticeState.DRAFT,
                kind=Kind.FIRST,
                text=write(self._templates[template], Kind.FIRST, record, self._zone, self._english),
                fault_ms=record.started_ms,
                deadline_ms=record.started_ms + SUDDEN_FAULT_DEADLINE_MS,
                steps=(Step(now_ms, Kind.FIRST, NoticeState.DRAFT),),
            )
        )

    def _redraft(self, notice: Notice, kind: Kind, record: AlertRecord, now_ms: int) -> NoticeChange:
        text = write(self._templates[notice.template], kind, record, self._zone, self._english)
        level = notice.level if kind is Kind.ALL_CLEAR else record.level
        return self._step(replace(notice, kind=kind, text=text, level=level), NoticeState.DRAFT, now_ms)

    def _step(self, notice: Notice, state: NoticeState, at_ms: int, *, by: str = "") -> NoticeChange:
        step = Step(at_ms, notice.kind, state, by)
        return self._keep(replace(notice, state=state, steps=(*notice.steps, step)))

    def _keep(self, notice: Notice) -> NoticeChange:
        if notice.is_closed:
            self._open.pop(notice.id, None)
            self._closed[notice.id] = notice
            if len(self._closed) > self._closed_len_max:
                del self._closed[next(iter(self._closed))]
        else:
            self._open[notice.id] = notice
        return NoticeChange(notice)


def notice_id(incident_id: str) -> str:
    """Name the notice of an incident: there is one.

    >>> notice_id("inc-0123456789ab")
    'ntc-0123456789ab'
    """
    return "ntc-" + incident_id.removeprefix("inc-")


def _due_ms(notice: Notice) -> int:
    return notice.deadline_ms if notice.next_update_ms is None else notice.next_update_ms


def _standing(notice: Notice | None) -> str:
    return "there is none of that name" if notice is None else f"it is {notice.state.value} ({notice.kind.value})"
