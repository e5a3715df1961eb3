"""Calling people out: the rings of the escalations as notifications to those on duty, within what each may be paged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from msgspec.structs import replace

from alerts.book import IncidentBook
from alerts.duty import Roster
from alerts.escalation import EscalationBook
from alerts.incidents import Incident, What
from alerts.journal import HeldBack
from alerts.ladders import PREFIX, Ladder
from alerts.notifications import Notification, Reason
from alerts.paging import PageBook
from alerts.records import AlertRecord
from alerts.waiting import Ring
from detectors.rules import LEVEL_CODE

Notify = Mapping[str, tuple[str, ...]]
Page = Callable[[str, Reason, Incident, str], Notification]
"""Tells a channel, for a reason, of an incident at a level ("": as it was told)."""

_ASKS_FOR_MORE = frozenset((Reason.UNANSWERED, Reason.EXPIRED))


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """The ladders there are, and the people on them. The default is none: every receiver of a rule is a channel's."""

    ladders: Mapping[str, Ladder] = field(default_factory=dict)
    roster: Roster = field(default_factory=Roster)

    def ladder_of(self, receivers: Iterable[str]) -> str:
        """Name the first ladder among the receivers of a rule; "" if there is none."""
        for name in receivers:
            if name.startswith(PREFIX) and name.removeprefix(PREFIX) in self.ladders:
                return name.removeprefix(PREFIX)
        return ""

    def others(self, notify: Notify) -> Notify:
        """Leave out the ladders that a rule names: who is on one is rung, and not told by all channels."""
        return {
            level: tuple(name for name in receivers if self.ladder_of((name,)) == "")
            for level, receivers in notify.items()
        }


class Callout:
    """Who was rung for what. `channels` are all there are; `page` tells one of them."""

    def __init__(self, crew: Crew, channels: tuple[str, ...], incidents: IncidentBook, page: Page) -> None:
        self._crew = crew
        self.steps = 0  # of time alone, since the start: each has changed the state
        self._roles = {rung.role for ladder in crew.ladders.values() for rung in ladder.rungs}
        self._channels = channels
        self._incidents = incidents
        self._page = page
        self.escalations = EscalationBook(crew.ladders, crew.roster)
        self.pages = PageBook(crew.roster)

    def channels_of(self, incident: str) -> set[str]:
        """Name the channels by which people were rung for an incident."""
        escalation = self.escalations.get(incident)
        told = () if escalation is None else escalation.told
        return {channel for person in told for channel in self._crew.roster.person(person).channels or self._channels}

    def is_role(self, name: str) -> bool:
        """Say whether a notification is to a role that nobody fills, and so to all who hear the channel."""
        return name in self._roles and name not in self._crew.roster.people

    def follow(
        self, incident: Incident, reason: Reason | None, level: str, notify: Notify, now_ms: int
    ) -> list[Notification]:
        """Ring whom an incident calls for at a level, and tell those rung before how it goes on.

        Without a `reason` there is no news: the ladder of `notify` goes on, or pauses where it names none.
        """
        before = self.escalations.get(incident.id)
        told_before = () if before is None else tuple(before.told)
        rings = self.escalations.follow(
            incident, reason, level, lambda at: self._crew.ladder_of(notify.get(at, ())), now_ms
        )
        told = self.rung(rings, now_ms, level)
        if reason is not None:
            told += self.hear(incident, reason, level, told_before, {each.to for each in told}, now_ms)
        if not incident.is_firing:
            self.pages.forget(incident.id)
        return told

    def hear(  # noqa: PLR0913, PLR0917  all of it differs from call to call
        self, incident: Incident, reason: Reason, level: str, people: Iterable[str], rung: set[str], now_ms: int
    ) -> list[Notification]:
        """Tell people who were rung before how it goes on, but for those `rung` just now."""
        told: list[Notification] = []
        for person in people:
            if self.pages.is_held(person, incident.id):
                # It is told by the digest, unless it is over; a rise to red is not held back any longer.
                is_told = incident.is_firing and self.pages.admit(person, incident.id, level, now_ms)
            else:
                is_told = person not in rung
            if is_told:
                told += self._notifications(incident, reason, person, "", level=level)
        return told

    def people_of(self, incident: str) -> tuple[str, ...]:
        """Name those who were rung for an incident."""
        escalation = self.escalations.get(incident)
        return () if escalation is None else tuple(escalation.told)

    def beat(self, now_ms: int) -> list[Notification]:
        """Ring what is due by now, and tell those what was held back who may be told again."""
        rings = self.escalations.beat(now_ms, self._is_muted)
        told = self.rung(rings, now_ms)
        digests = self.pages.digests(now_ms)  # after the rings: what is told now is held back no longer
        self.steps += len(rings) + len(digests)
        for person, held in digests:
            known = (self._incidents.get(each) for each in held)
            loud = (each for each in known if each is not None and each.is_firing and not each.telling.muted)
            firing = sorted(loud, key=_worst_first)
            if firing:
                telling = _telling("digest", person, now_ms, *(each.id for each in firing))
                others = tuple(each.record for each in firing[1:])
                told += self._notifications(firing[0], Reason.DIGEST, person, telling, others)
        return told

    def _is_muted(self, incident: str) -> bool:
        known = self._incidents.get(incident)
        return known is not None and bool(known.telling.muted)

    def rung(self, rings: Iterable[Ring], now_ms: int, level: str = "") -> list[Notification]:
        """Tell those whom rings are for, and write down what became of the incident.

        Nobody is rung for what is muted, nor asked to take on what is over and only waits to be told so.
        """
        told: list[Notification] = []
        for ring in rings:
            if ring.lapsed:
                self._incidents.release(ring.incident, by=ring.lapsed, at_ms=ring.at_ms)
            known = self._incidents.get(ring.incident)
            if not ring.role or known is None or known.telling.muted:
                continue
            if not known.is_firing and ring.reason in _ASKS_FOR_MORE:
                continue
            if ring.step > 1:
                self._incidents.note(
                    ring.incident, What.ESCALATED, by=ring.role, at_ms=ring.at_ms, text=ring.reason.value
                )
            incident = self._incidents.get(ring.incident)
            assert incident is not None
            at_level = level or incident.level
            for person in ring.people or (ring.role,):
                telling = _telling(incident.id, person, ring.started_ms, ring.step)
                if ring.people and not self.pages.admit(person, incident.id, at_level, now_ms):
                    held = HeldBack(
                        incident=incident.id,
                        person=person,
                        level=at_level,
                        reason=ring.reason.value,
                        telling=telling,
                    )
                    self._incidents.journal.held(held)
                    continue
                told += self._notifications(incident, ring.reason, person, telling, level=level)
        return told

    def again(self, incident: Incident) -> list[Notification]:
        """Tell those who were rung last once more, by the same keys; nobody if somebody has taken the incident on."""
        known = self.escalations.get(incident.id)
        if known is None or known.owner or known.step == 0:
            return []
        last = [person for person, rung in known.told.items() if rung == known.rung]
        return [
            page
            for person in last
            for page in self._notifications(
                incident, Reason.REPEAT, person, _telling(incident.id, person, known.started_ms, known.step)
            )
        ]

    def dump(self) -> Any:
        """Give all that is remembered as plain data."""
        return {"escalations": self.escalations.dump(), "pages": self.pages.dump()}

    def load(self, data: Any) -> None:
        """Take up what `dump` gave. Raise ValueError if it is not that."""
        if not isinstance(data, dict) or data.keys() != {"escalations", "pages"}:
            raise ValueError("not a callout: it needs escalations and pages")
        self.escalations.load(data["escalations"])
        self.pages.load(data["pages"])

    def _notifications(  # noqa: PLR0913  what is told, to whom, and how it is told from others
        self,
        incident: Incident,
        reason: Reason,
        person: str,
        telling: str,
        also: tuple[AlertRecord, ...] = (),
        *,
        level: str = "",
    ) -> list[Notification]:
        named = self._crew.roster.person(person).channels
        return [
            replace(self._page(channel, reason, incident, level), to=person, telling=telling, also=also)
            for channel in self._channels
            if not named or channel in named
        ]


def _worst_first(incident: Incident) -> tuple[float, int, str]:
    return (-LEVEL_CODE[incident.level], incident.opened_ms, incident.id)


def _telling(*parts: object) -> str:
    return blake2b("\0".join(map(str, parts)).encode(), digest_size=12, person=b"ring").hexdigest()
