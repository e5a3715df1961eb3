"""Where firing alerts stand, by part and place, so that the incident of the next one is found without a search.

The answers depend on what fires alone, never on the order in which it came: a desk that was taken over finds the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from alerts.scopes import EVERYWHERE, Role, Scope

Shelf = tuple[str, ...]


class Shelves:
    """Counts, for each shelf, the firing alerts that each incident has there."""

    def __init__(self) -> None:
        self._shelves: dict[Shelf, Counter[str]] = {}

    def put(self, scope: Scope, incident: str) -> None:
        """Note a firing alert of an incident."""
        for shelf in _shelves_of(scope):
            self._shelves.setdefault(shelf, Counter())[incident] += 1

    def take(self, scope: Scope, incident: str) -> None:
        """Note that it fires no longer."""
        for shelf in _shelves_of(scope):
            counts = self._shelves[shelf]
            counts[incident] -= 1
            if not counts[incident]:
                del counts[incident]
            if not counts:
                del self._shelves[shelf]

    def causes(self, scope: Scope) -> Iterable[str]:
        """Name the incidents with a cause in the area of a symptom, or around it."""
        return self._on(("role", Role.CAUSE, place) for place in scope.chain)

    def wider(self, scope: Scope) -> Iterable[str]:
        """Name the incidents with an alert about the same thing at a wider place."""
        return self._on(("thing", scope.thing, place) for place in scope.chain[1:])

    def peers(self, scope: Scope) -> Iterable[str]:
        """Name the incidents with an alert of the same part in the same area."""
        return self._on([_peer_shelf(scope)])

    def symptoms(self, scope: Scope) -> Iterable[str]:
        """Name the incidents with a symptom in the area of a cause, or within it."""
        return self._on([("symptom in", scope.area)])

    def narrower(self, scope: Scope) -> Iterable[str]:
        """Name the incidents with an alert about the same thing at a narrower place."""
        return self._on([("thing in", scope.thing, scope.area)])

    def _on(self, shelves: Iterable[Shelf]) -> Iterator[str]:
        return iter(dict.fromkeys(incident for shelf in shelves for incident in self._shelves.get(shelf, ())))


def _shelves_of(scope: Scope) -> Iterator[Shelf]:
    if scope.role is Role.ALONE:
        return
    yield _peer_shelf(scope)
    yield ("thing", scope.thing, scope.area)
    for place in scope.chain[1:]:
        yield ("thing in", scope.thing, place)
    if scope.role is Role.SYMPTOM:
        for place in scope.chain:
            yield ("symptom in", place)


def _peer_shelf(scope: Scope) -> Shelf:
    """Name the shelf of those told together. Symptoms without a place have only their stream in common."""
    if scope.role is Role.SYMPTOM and scope.area == EVERYWHERE:
        return ("role", scope.role, EVERYWHERE, scope.stream)
    return ("role", scope.role, scope.area)
