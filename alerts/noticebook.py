"""The book of notices: drafted when an incident turns bad, approved and published by people, ended by an all-clear."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import tzinfo
from heapq import heapify, heappop, heappush
from typing import Any

import msgspec
from msgspec.structs import replace

from alerts.audiences import Audiences, renewed, told
from alerts.bulletins import Kind, Template, write
from alerts.incidents import IncidentChange, What
from alerts.naming import NO_NAMES, English
from alerts.notices import (
    SUDDEN_FAULT_DEADLINE_MS,
    Notice,
    NoticeChange,
    NoticeError,
    NoticeState,
    Step,
    notice_id,
    standing,
)
from alerts.publishing import followed, publish, step, stop
from alerts.records import AlertRecord
from detectors.rules import LEVEL_CODE

DRAFTING_LEVELS = ("orange", "red")
CLOSED_LEN_MAX = 1_000

Newest = Callable[[str], AlertRecord | None]
"""Gives what leads an incident by its id; None if it fires no more."""


class NoticeBook:
    """All notices that are not closed, and the newest that are. `zone` is the site's, for the times customers read."""

    def __init__(
        self,
        templates: Mapping[str, Template],
        zone: tzinfo,
        *,
        closed_len_max: int = CLOSED_LEN_MAX,
        english: English = NO_NAMES,
        audiences: Audiences | None = None,
    ) -> None:
        self._templates = templates
        self._zone = zone
        self._english = english
        self._audiences = audiences or Audiences()
        self._closed_len_max = closed_len_max
        self._open: dict[str, Notice] = {}
        self._closed: dict[str, Notice] = {}  # oldest first
        self._alarms: list[tuple[int, str]] = []  # a heap; what no longer holds is passed over
        self._late: set[str] = set()  # their time is over, and nobody was told yet

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

    def follow(self, change: IncidentChange, template: str | None, now_ms: int) -> NoticeChange | None:
        """Draft, redraft or withdraw the notice of an incident, as its newest change asks; None if it asks nothing.

        A text that was approved, or is not yet told to all, is a draft again once it is rewritten: people approve
        words, not incidents.
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
                return self._keep(step(known, NoticeState.WITHDRAWN, now_ms))
            return self._redraft(known, Kind.ALL_CLEAR, record, now_ms)
        is_back = known.kind is Kind.ALL_CLEAR and change.what is What.REOPENED
        if is_back or LEVEL_CODE[record.level] > LEVEL_CODE[known.level]:
            kind = Kind.FIRST if known.published_ms is None else Kind.UPDATE
            return self._redraft(known, kind, record, now_ms)
        return None

    def approve(self, notice_id: str, *, by: str, at_ms: int) -> NoticeChange:
        """Approve the draft as it stands. Raise NoticeError if there is none."""
        notice = self.get(notice_id)
        if notice is None or notice.state is not NoticeState.DRAFT:
            raise NoticeError(f"cannot approve notice {notice_id}: {standing(notice, NoticeState.DRAFT)}")
        return self._keep(step(notice, NoticeState.APPROVED, at_ms, by=by))

    def publish(
        self, notice_id: str, *, by: str, at_ms: int, audience: str = "", everybody: bool = False
    ) -> list[NoticeChange]:
        """Tell the approved text: to the next audience, and the others follow; to `audience` alone; to all at once.

        Raise NoticeError if there is no such text, or if it is not that audience's turn.
        """
        notice = self.get(notice_id)
        if notice is None or notice.state not in (NoticeState.APPROVED, NoticeState.PUBLISHING):
            raise NoticeError(f"cannot publish notice {notice_id}: {standing(notice, NoticeState.APPROVED)}")
        update_ms = self._update_ms(notice)
        return self._keep_all(
            publish(notice, by=by, at_ms=at_ms, update_ms=update_ms, audience=audience, everybody=everybody)
        )

    def cancel(self, notice_id: str, *, by: str, at_ms: int) -> NoticeChange:
        """Withdraw a notice, from those who have not heard of it where others have.

        Raise NoticeError if all have, or if it is the all-clear: those who were told are owed one.
        """
        notice = self._open.get(notice_id)
        if notice is not None and notice.published_ms is None:
            return self._keep(step(notice, NoticeState.WITHDRAWN, at_ms, by=by))
        if notice is None or notice.state is not NoticeState.PUBLISHING or notice.kind is Kind.ALL_CLEAR:
            raise NoticeError(f"cannot cancel notice {notice_id}: {standing(notice)}")
        return self._keep(stop(notice, by=by, at_ms=at_ms))

    def beat(self, now_ms: int, newest: Newest) -> list[NoticeChange]:
        """Tell the audiences whose turn has come, and draft the updates that were promised, each at its time.

        What is late by now is noted for `late`.
        """
        changes: list[NoticeChange] = []
        while self._alarms and self._alarms[0][0] <= now_ms:
            at_ms, name = heappop(self._alarms)
            notice = self._open.get(name)
            if notice is None:
                continue
            if notice.next_ms == at_ms:
                changes += self._keep_all(followed(notice, now_ms=at_ms, update_ms=self._update_ms(notice)))
            elif notice.draft_ms == at_ms:
                record = newest(notice.incident)
                changes += [] if record is None else [self._redraft(notice, Kind.UPDATE, record, at_ms)]
            elif any(due < at_ms for due in notice.dues_ms):
                self._late.add(name)
        return changes

    def late(self, now_ms: int) -> Iterator[tuple[Notice, int]]:
        """Go through what is late and was not told of, with the time that it missed."""
        for name in sorted(self._late):
            notice = self._open.get(name)
            missed = [] if notice is None else [due for due in notice.dues_ms if notice.late_ms < due < now_ms]
            if notice is None or not missed:
                self._late.discard(name)
            else:
                yield notice, min(missed)

    def told_late(self, notice: Notice, due_ms: int) -> None:
        """Note that those on duty were told that something is late: they are told once."""
        self._late.discard(notice.id)
        self._keep(replace(notice, late_ms=due_ms))

    def dump(self) -> Any:
        """Give the whole book as plain data."""
        return msgspec.to_builtins([*self._closed.values(), *self._open.values()])

    def load(self, data: Any) -> None:
        """Take up what `dump` gave. Raise ValueError if it is not that."""
        try:
            notices = [self._with_audiences(each) for each in msgspec.convert(data, list[Notice])]
        except msgspec.ValidationError as error:
            raise ValueError(f"not a book of notices: {error}") from error
        self._open = {each.id: each for each in notices if not each.is_closed}
        self._closed = {each.id: each for each in notices if each.is_closed}
        self._alarms = [(alarm_ms, each.id) for each in self._open.values() for alarm_ms in _alarms(each)]
        heapify(self._alarms)
        self._late = set()

    def _with_audiences(self, notice: Notice) -> Notice:
        """Read a notice that was written before there were audiences: what was published then, all were told."""
        if notice.audiences:
            return notice
        audiences = self._audiences.of(notice.template)
        if notice.published_ms is not None:
            for each in audiences:
                audiences = told(audiences, each.tier, notice.published_ms)
            if notice.state in (NoticeState.DRAFT, NoticeState.APPROVED):
                audiences = renewed(audiences)
        return replace(notice, audiences=audiences)

    def _update_ms(self, notice: Notice) -> int:
        return self._templates[notice.template].update_minutes * 60_000

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
                audiences=self._audiences.of(template),
                steps=(Step(now_ms, Kind.FIRST, NoticeState.DRAFT),),
            )
        )

    def _redraft(self, notice: Notice, kind: Kind, record: AlertRecord, now_ms: int) -> NoticeChange:
        text = write(self._templates[notice.template], kind, record, self._zone, self._english)
        level = notice.level if kind is Kind.ALL_CLEAR else record.level
        anew = replace(notice, kind=kind, text=text, level=level, audiences=renewed(notice.audiences), next_ms=None)
        return self._keep(step(anew, NoticeState.DRAFT, now_ms))

    def _keep_all(self, notices: Iterable[Notice]) -> list[NoticeChange]:
        return [self._keep(each) for each in notices]

    def _keep(self, notice: Notice) -> NoticeChange:
        if notice.is_closed:
            self._open.pop(notice.id, None)
            self._closed[notice.id] = notice
            if len(self._closed) > self._closed_len_max:
                del self._closed[next(iter(self._closed))]
        else:
            self._open[notice.id] = notice
            for alarm_ms in _alarms(notice):
                heappush(self._alarms, (alarm_ms, notice.id))
        return NoticeChange(notice)


def _alarms(notice: Notice) -> Iterator[int]:
    """Say when time alone brings something: a turn as soon as it has come, a due time once it is over."""
    if notice.next_ms is not None:
        yield notice.next_ms
    if notice.draft_ms is not None:
        yield notice.draft_ms
    yield from (due + 1 for due in notice.dues_ms if due > notice.late_ms)
