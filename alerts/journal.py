"""What happened in the book of incidents and at the pagers, noted as it happens, until somebody writes it down.

It is no state: whoever acts on the book takes all of it before anything is saved.
"""

from __future__ import annotations

from dataclasses import dataclass

from alerts.incidents import Entry, Incident
from alerts.members import Member


@dataclass(frozen=True, slots=True)
class Noted:
    """A line was written into a timeline: the `number`-th of its incident.

    `member` is the alert that did it, as it counts there, and `why` how it came there.
    """

    incident: Incident
    entry: Entry
    number: int
    member: Member | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Remuted:
    """What keeps an alert quiet is something else than before."""

    incident: str
    member: Member


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBack:
    """Somebody is not rung now, because of their quiet hours or their budget; `telling` tells one ring from another."""

    incident: str
    person: str
    level: str
    reason: str
    telling: str


Note = Noted | Remuted | HeldBack


class Journal:
    """The notes that nobody took yet, in their order."""

    def __init__(self) -> None:
        self._notes: list[Note] = []

    def line(self, incident: Incident, member: Member | None = None, why: str = "") -> None:
        """Note the newest line of an incident's timeline."""
        number = incident.timeline_dropped + len(incident.timeline)
        self._notes.append(Noted(incident, incident.timeline[-1], number, member, why))

    def remuted(self, incident: str, member: Member) -> None:
        """Note that something else keeps an alert quiet, or nothing any more."""
        self._notes.append(Remuted(incident, member))

    def held(self, note: HeldBack) -> None:
        """Note that somebody is not rung now."""
        self._notes.append(note)

    def take(self) -> list[Note]:
        """Give all of them, each once."""
        notes, self._notes = self._notes, []
        return notes
