"""Customers were not told in time: those on duty are told so, as they were told of the incident."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo

from msgspec.structs import replace

from alerts.book import IncidentBook
from alerts.callout import Callout
from alerts.incidents import Incident
from alerts.noticebook import NoticeBook
from alerts.notices import Notice
from alerts.notifications import Notification, Reason
from alerts.pages import Pages
from alerts.records import format_time
from alerts.texts import LANGUAGES, Language, clean, moment

_NOT_TOLD: Mapping[Language, str] = {
    "en": "Notice {id}, due by {due}, has not reached: {who}",
    "zh": "公告 {id} 应于 {due} 前发布，尚未告知：{who}",
}
_NO_UPDATE: Mapping[Language, str] = {
    "en": "Notice {id} promised more by {due}, and nothing is out",
    "zh": "公告 {id} 承诺于 {due} 前再次通报，尚未发布",
}
_COMMA: Mapping[Language, str] = {"en": ", ", "zh": "、"}


class LateNotices:
    """Tells of notices that are late, each of its times once; of what is muted when it is heard again."""

    def __init__(
        self, notices: NoticeBook, incidents: IncidentBook, pages: Pages, callout: Callout, zone: tzinfo
    ) -> None:
        self._notices = notices
        self._incidents = incidents
        self._pages = pages
        self._callout = callout
        self._zone = zone
        self.steps = 0  # of time alone, since the start: each has changed the state

    def beat(self, now_ms: int) -> list[Notification]:
        """Tell of what is late by now and was not told of."""
        pages: list[Notification] = []
        for notice, due_ms in list(self._notices.late(now_ms)):
            incident = self._incidents.get(notice.incident)
            if incident is not None and incident.telling.muted:
                continue
            self.steps += 1
            self._notices.told_late(notice, due_ms)
            if incident is not None:
                pages += self._told(notice, due_ms, incident, now_ms)
        return pages

    def _told(self, notice: Notice, due_ms: int, incident: Incident, now_ms: int) -> list[Notification]:
        told_as = replace(incident, record=replace(incident.record, time=format_time(due_ms)))
        channels = self._pages.channels(incident, incident.level)
        pages = [self._pages.page(each, Reason.NOTICE_LATE, told_as, incident.level) for each in channels]
        people = self._callout.people_of(incident.id)
        called = self._callout.hear(told_as, Reason.NOTICE_LATE, incident.level, people, set(), now_ms)
        pages += [each for each in called if each.channel not in channels or not self._callout.is_role(each.to)]
        note = {each: self._note(notice, due_ms, each) for each in LANGUAGES}
        return [replace(each, facts=replace(each.facts, note=note)) for each in pages]

    def _note(self, notice: Notice, due_ms: int, language: Language) -> str:
        is_first = due_ms == notice.deadline_ms and notice.unaware
        who = _COMMA[language].join(clean(each) for each in notice.unaware)
        said = (_NOT_TOLD if is_first else _NO_UPDATE)[language]
        return said.format(id=notice.id, due=moment(due_ms, self._zone, timespec="minutes"), who=who)
