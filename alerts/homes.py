"""Which incident an alert belongs to, and which incident explains another. Decision 0030 has the meaning in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum

from alerts.incidents import Incident
from alerts.scopes import Role, Scope
from alerts.shelves import Shelves
from alerts.tuning import Tuning


class Why(StrEnum):
    """Why an alert is in the incident it is in: the first of these that applied (decision 0030)."""

    AGAIN = "again"  # its series was there before, not long ago
    EXPLAINED = "explained"  # a cause fires there, and it is a symptom
    WIDER = "wider"  # an alert about the same thing fires there, at a wider place
    BESIDE = "beside"  # alerts of the same part fire there, in the same area
    LATE_CAUSE = "late-cause"  # it is the cause of symptoms that had none
    NEW = "new"  # nothing applied: it opened the incident


class Homes:
    """Finds the incident of an alert among those that fire. `firing` is the book's own, and read only."""

    def __init__(self, firing: Mapping[str, Incident], tuning: Tuning) -> None:
        self._firing = firing
        self._tuning = tuning
        self._shelves = Shelves()

    def put(self, scope: Scope, incident: str) -> None:
        """Note a firing alert of an incident."""
        self._shelves.put(scope, incident)

    def take(self, scope: Scope, incident: str) -> None:
        """Note that it fires no longer."""
        self._shelves.take(scope, incident)

    def find(self, scope: Scope, time_ms: int) -> tuple[Incident, Why] | None:
        """Find where an alert that fires at `time_ms` belongs, and why; None if its trouble is a new one.

        A symptom goes to its cause, an alert to a wider one about the same thing, then to its peers, if they have moved
        lately; a cause to the symptoms that ask why.
        """
        if scope.role is Role.ALONE:
            return None
        if scope.role is Role.SYMPTOM and (home := self._oldest(self._shelves.causes(scope))) is not None:
            return home, Why.EXPLAINED
        if (home := self._oldest(self._shelves.wider(scope))) is not None:
            return home, Why.WIDER
        since_ms = time_ms - self._tuning.join_ms
        peers = [each for each in self._named(self._shelves.peers(scope)) if each.updated_ms >= since_ms]
        if peers:
            return max(peers, key=lambda each: (each.updated_ms, each.id)), Why.BESIDE
        if scope.role is Role.CAUSE:
            asking = (each.id for each in self._named(self._shelves.symptoms(scope)) if _asks_why(each))
            if (home := self._oldest(asking)) is not None:
                return home, Why.LATE_CAUSE
        return None

    def explained(self, home: str, scope: Scope) -> Iterator[tuple[str, str]]:
        """Say which incident is explained by which, now that an alert of `scope` has come to `home`: (it, by)."""
        if scope.role is Role.ALONE:
            return
        if scope.role is Role.CAUSE:
            for each in list(self._named(self._shelves.symptoms(scope))):
                if each.id != home and _asks_why(each) and not self._leads_to(home, each.id):
                    yield each.id, home
        for each in list(self._named(self._shelves.narrower(scope))):
            if each.id != home and not self._is_explained(each) and not self._leads_to(home, each.id):
                yield each.id, home
        own = self._firing[home]
        if scope.role is Role.SYMPTOM and _asks_why(own):
            by = self._oldest(id_ for id_ in self._shelves.causes(scope) if not self._leads_to(id_, home))
            if by is not None and by.id != home:
                yield home, by.id

    def _is_explained(self, incident: Incident) -> bool:
        return incident.explained_by in self._firing

    def _leads_to(self, incident: str, other: str) -> bool:
        """Whether the explanations of an incident end at another: nothing explains itself."""
        at, seen = incident, set[str]()
        while at in self._firing and at not in seen:
            if at == other:
                return True
            seen.add(at)
            at = self._firing[at].explained_by
        return False

    def _named(self, ids: Iterable[str]) -> Iterator[Incident]:
        return (self._firing[id_] for id_ in ids if id_ in self._firing)

    def _oldest(self, ids: Iterable[str]) -> Incident | None:
        return min(self._named(ids), key=lambda each: (each.opened_ms, each.id), default=None)


def _asks_why(incident: Incident) -> bool:
    """Whether its cause is not known."""
    return incident.role is Role.SYMPTOM and not incident.explained_by
