"""Calling people out: the rings of the escalations as notifications to those on duty, within what each may be paged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from alerts.duty import Roster
from alerts.escalation import EscalationBook
from alerts.incidents import Incident, IncidentBook, IncidentChange, What
from alerts.ladders import PREFIX, Ladder
from alerts.notifications import Notification, Reason
from alerts.paging import PageBook
from alerts.records import AlertRecord
from alerts.waiting import Ring
from detectors.rules import LEVEL_CODE

Action = Callable[[AlertRecord], dict[str, str]]
Notify = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """The ladders there are, and the people on them. The default is none: every receiver of a rule is a channel's."""

    ladders: Mapping[str, Ladder] = field(default_factory=dict)
    roster: Roster = field(default_factory=Roster)


class Callout:
    """Who was rung for what. `channels` are all there are; `action_of` says what to do about a record."""

    def __init__(self, crew: Crew, channels: tuple[str, ...], incidents: IncidentBook, action_of: Action) -> None:
        self._crew = crew
        self.steps = 0  # of time alone, since the start: each has changed the state
        self._roles = {rung.role for ladder in crew.ladders.values() for rung in ladder.rungs}
        self._channels = channels
        self._incidents = incidents
        self._action_of = action_of
        self.escalations = EscalationBook(crew.ladders, crew.roster)
        self.pages = PageBook(crew.roster)

    def others(self, notify: Notify) -> Notify:
        """Leave out the ladders that a rule names: who is on one is rung, and not told by all channels."""
        return {
            level: tuple(name for name in receivers if self._ladder((name,)) == "")
            for level, receivers in notify.items()
        }

    def channels_of(self, incident: str) -> set[str]:
        """Name the channels by which people were rung for an incident."""
        escalation = self.escalations.get(incident)
        told = () if escalation is None else escalation.told
        return {channel for person in told for channel in self._crew.roster.person(person).channels or self._channels}

    def is_role(self, name: str) -> bool:
        """Say whether a notification is to a role that nobody fills, and so to all who hear the channel."""
        return name in self._roles and name not in self._crew.roster.people

    def follow(self, change: IncidentChange, reason: Reason, notify: Notify, now_ms: int) -> list[Notification]:
        """Ring whom a change of an incident calls for, and tell those rung before how it goes on."""
        incident = change.incident
        before = self.escalations.get(incident.id)
        rings = self.escalations.follow(change, lambda level: self._ladder(notify.get(level, ())), now_ms)
        told = self.rung(rings, now_ms)
        rung = {each.to for each in told}
        is_over = change.what is What.RESOLVED
        for person in before.told if before is not None else ():
            if self.pages.is_held(person, incident.id):
                # It is told by the digest, unless it is over; a rise to red is not held back any longer.
                is_told = not is_over and self.pages.admit(person, incident.id, incident.level, now_ms)
            else:
                is_told = person not in rung
            if is_told:
                told += self._notifications(incident, reason, person, "")
        if is_over:
            self.pages.forget(incident.id)
        return told

    def beat(self, now_ms: int) -> list[Notification]:
        """Ring what is due by now, and tell those what was held back who may be told again."""
        rings = self.escalations.beat(now_ms)
        told = self.rung(rings, now_ms)
        digests = self.pages.digests(now_ms)  # after the rings: what is told now is held back no longer
        self.steps += len(rings) + len(digests)
        for person, held in digests:
            known = (self._incidents.get(each) for each in held)
            firing = sorted((each for each in known if each is not None and each.is_firing), key=_worst_first)
            if firing:
                telling = _telling("digest", person, now_ms, *(each.id for each in firing))
                others = tuple(each.record for each in firing[1:])
                told += self._notifications(firing[0], Reason.DIGEST, person, telling, others)
        return told

    def rung(self, rings: Iterable[Ring], now_ms: int) -> list[Notification]:
        """Tell those whom rings are for, and write down what became of the incident."""
        told: list[Notification] = []
        for ring in rings:
            if ring.lapsed:
                self._incidents.release(ring.incident, by=ring.lapsed, at_ms=ring.at_ms)
            if not ring.role:
                continue
            if ring.step > 1:
                self._incidents.note(
                    ring.incident, What.ESCALATED, by=ring.role, at_ms=ring.at_ms, text=ring.reason.value
                )
            incident = self._incidents.get(ring.incident)
            if incident is None:
                continue
            for person in ring.people or (ring.role,):
                if ring.people and not self.pages.admit(person, incident.id, incident.level, now_ms):
                    continue
                telling = _telling(incident.id, person, ring.started_ms, ring.step)
                told += self._notifications(incident, ring.reason, person, telling)
        return told

    def dump(self) -> Any:
        """Give all that is remembered as plain data."""
        return {"escalations": self.escalations.dump(), "pages": self.pages.dump()}

    def load(self, data: Any) -> None:
        """Take up what `dump` gave. Raise ValueError if it is not that."""
        if not isinstance(data, dict) or data.keys() != {"escalations", "pages"}:
            raise ValueError("not a callout: it needs escalations and pages")
        self.escalations.load(data["escalations"])
        self.pages.load(data["pages"])

    def _ladder(self, receivers: Iterable[str]) -> str:
        for name in receivers:
            if name.startswith(PREFIX) and name.removeprefix(PREFIX) in self._crew.ladders:
                return name.removeprefix(PREFIX)
        return ""

    def _notifications(
        self, incident: Incident, reason: Reason, person: str, telling: str, also: tuple[AlertRecord, ...] = ()
    ) -> list[Notification]:
        named = self._crew.roster.person(person).channels
        return [
            Notification(
                channel=channel,
                reason=reason,
                revision=incident.revision,
                record=incident.record,
                action=self._action_of(incident.record),
                to=person,
                telling=telling,
                also=also,
            )
            for channel in self._channels
            if not named or channel in named
        ]


def _worst_first(incident: Incident) -> tuple[float, int, str]:
    return (-LEVEL_CODE[incident.level], incident.opened_ms, incident.id)


def _telling(*parts: object) -> str:
    return blake2b("\0".join(map(str, parts)).encode(), digest_size=12, person=b"ring").hexdigest()
