"""The teller: who is told what is news about an incident, once, by the levels that may be heard."""

from __future__ import annotations

from msgspec.structs import replace

from alerts.book import IncidentBook
from alerts.callout import Callout
from alerts.incidents import Incident, IncidentChange, What
from alerts.muting import heard
from alerts.notifications import Notification, Reason
from alerts.pages import Pages
from alerts.quiet import QuietHours
from alerts.records import AlertRecord
from alerts.telling import calmed, news, told
from alerts.tuning import Tuning

Said = IncidentChange | Notification


class Teller:
    """Tells of the incidents of one book. It keeps nothing that does not follow from them."""

    def __init__(
        self, incidents: IncidentBook, pages: Pages, callout: Callout, quiet: QuietHours, tuning: Tuning
    ) -> None:
        self._incidents = incidents
        self._pages = pages
        self._callout = callout
        self._quiet = quiet
        self._tuning = tuning
        self.steps = 0  # what has changed the state since the start besides records
        self._restless: set[str] = set()  # incidents of which the next beat may have news
        self._explains: dict[str, set[str]] = {}

    def tell(self, id_: str, now_ms: int, *, by: AlertRecord | None = None) -> list[Said]:
        """Tell what is news about an incident; `by` is the alert that moved it."""
        incident = self._incidents.get(id_)
        if incident is None:
            self._restless.discard(id_)
            return []
        is_explained = self._incidents.is_firing(incident.explained_by)
        if is_explained:
            self._explains.setdefault(incident.explained_by, set()).add(id_)
        level = incident.level if incident.is_firing else "green"
        members = self._incidents.members(id_)
        loud, muted, is_held = heard(incident, members, is_explained=is_explained)
        before = incident.telling
        telling = calmed(before, changed_ms=incident.updated_ms, now_ms=now_ms, tuning=self._tuning)
        if not incident.is_firing and before.level != "green" and "red" not in before.levels:
            muted = tuple(
                self._quiet.mutes(incident.record, before.level, now_ms)
            )  # the end, too, waits for the morning
        telling = replace(telling, muted=muted, is_held=telling.is_held or is_held)
        why = news(telling, level=level, heard=loud, now_ms=now_ms, tuning=self._tuning)
        if muted and level == "green":
            why = None
        if telling != before:
            self.steps += 1
            incident = self._incidents.tell(id_, telling)
        pages = self._pages_of(incident, why, loud, now_ms, by=by)
        if why is not None:
            channels = tuple(dict.fromkeys(each.channel for each in pages if not each.to))
            now_told = told(telling, why, of=incident.record.time, channels=channels, now_ms=now_ms)
            incident = self._incidents.tell(id_, now_told)
        (self._restless.add if _is_restless(incident) else self._restless.discard)(id_)
        if bool(before.muted) != bool(muted) and incident.is_firing:
            what = What.MUTED if muted else What.HEARD
            change = self._incidents.note(id_, what, at_ms=now_ms, text="; ".join(muted or before.muted))
            return [*([] if change is None else [change]), *pages]
        return list(pages)

    def due(self, now_ms: int) -> list[Said]:
        """Tell what time alone brings: calm after ups and downs, more that is red, an end that has waited."""
        return [each for id_ in sorted(self._restless) for each in self.tell(id_, now_ms)]

    def unexplain(self, incident_id: str, now_ms: int) -> list[Said]:
        """Tell what an incident that is over explained, where it is bad enough by itself."""
        explained = sorted(self._explains.pop(incident_id, ()))
        return [each for other in explained for each in self.tell(other, now_ms)]

    def begin(self) -> None:
        """Find out anew of which incidents time may bring news: they were taken up."""
        self._restless = {each.id for each in self._incidents if _is_restless(each)}
        self._explains = {}
        for each in self._incidents.firing():
            if each.explained_by:
                self._explains.setdefault(each.explained_by, set()).add(each.id)

    def _pages_of(
        self, incident: Incident, why: tuple[Reason, str] | None, loud: str, now_ms: int, *, by: AlertRecord | None
    ) -> list[Notification]:
        """Give the pages of all who are to hear of it: those its rules name, and those on the ladder."""
        if why is None and not incident.is_firing and incident.telling.level != "green":
            return []  # over, and to be told so later
        reason, level = why or (None, "")
        notify = {} if loud == "green" else self._pages.notify(incident.rule)
        called = self._callout.follow(
            incident, reason, level or (incident.level if loud == "green" else loud), notify, now_ms
        )
        if reason is None:
            return called
        # A rung that nobody fills is told by every channel: there it takes the place of what all are told.
        by_role = {each.channel for each in called if each.telling and self._callout.is_role(each.to)}
        members = self._incidents.members(incident.id) if level == "red" else ()
        red = {each.record.rule for each in members if each.level == "red"}
        channels = self._pages.channels(incident, level, red)
        pages = [self._pages.page(each, reason, incident, level, by=by) for each in channels if each not in by_role]
        heard_by = by_role | {each.channel for each in pages}
        for each in called:
            if each.telling or not self._callout.is_role(each.to):
                pages.append(each)
            elif each.channel not in heard_by:
                heard_by.add(each.channel)
                pages.append(each)
        return pages


def _is_restless(incident: Incident) -> bool:
    """Whether time alone may bring news of it."""
    telling = incident.telling
    return telling.is_flapping or (telling.newly_red > 0 if incident.is_firing else bool(telling.muted))
