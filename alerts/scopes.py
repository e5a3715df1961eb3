"""Where an alert is and what it is to others: its area, the wider places around it, and its part in an incident."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from alerts.records import Scalar
from detectors.rules import Rule

EVERYWHERE = ""
"""The area of an alert whose key names no place: the whole site, and the widest there is."""

POINTS = ("element", "outlet")
"""Fields that name one spot within an area. Alerts of many spots of one area are one trouble."""

AREAS = ("county", "region", "city", "province")
"""Fields that name an area, the narrowest first. A site's own levels come from `Above`."""


class Role(StrEnum):
    """What an alert is to others in its area."""

    CAUSE = "cause"  # explains symptoms
    SYMPTOM = "symptom"  # is explained by causes, and asks why when there is none
    ALONE = "alone"  # neither: its incident is its own


_BY_STREAM: Mapping[str, Role] = {"network": Role.CAUSE, "complaints": Role.SYMPTOM, "calls": Role.SYMPTOM}


class Above(Protocol):
    """The site's table of places."""

    @property
    def levels(self) -> Sequence[str]:
        """The fields that name places, the narrowest first."""

    def above(self, key: Mapping[str, Scalar]) -> Sequence[str]:
        """Name the places around that of a key, the nearest first; none where nothing is known."""


class Nothing:
    """A site without a table of places: what a key does not say is not known."""

    levels: Sequence[str] = ()

    def above(self, key: Mapping[str, Scalar]) -> Sequence[str]:  # noqa: ARG002  the shape of `Above`
        """Name nothing."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where an alert belongs. `chain` begins with its area and ends with EVERYWHERE.

    Places are known by their names alone: `region: 长沙` and `city: 长沙` are one place. `thing` is what the rule looks
    at, whatever the place: rules that differ only in `by`, levels and texts look at one thing. `counts_users`: its
    value is a number of users.
    """

    role: Role
    stream: str
    thing: str
    chain: tuple[str, ...]
    counts_users: bool = False

    @property
    def area(self) -> str:
        """The place where it is told together with others."""
        return self.chain[0]

    @property
    def is_placed(self) -> bool:
        """Whether it names a place at all."""
        return self.area != EVERYWHERE


class Scopes:
    """The scopes of alerts, by the rules in force. An alert of no rule is alone."""

    def __init__(self, rules: Mapping[str, Rule], above: Above | None = None) -> None:
        self._above = above or Nothing()
        levels = tuple(self._above.levels)
        self._points = (*POINTS, *levels[:1])
        self._areas = (*(level for level in levels[1:] if level not in AREAS), *AREAS)
        self._roles = {rule.id: role_of(rule) for rule in rules.values()}
        self._streams = {rule.id: rule.stream for rule in rules.values()}
        self._things = {rule.id: _thing(rule) for rule in rules.values()}
        self._counting = {rule.id for rule in rules.values() if rule.measure.field == "users"}
        self.has_causes = Role.CAUSE in self._roles.values()

    def of(self, rule: str, key: Mapping[str, Scalar]) -> Scope:
        """Say where an alert of `rule` at `key` belongs."""
        return Scope(
            role=self._roles.get(rule, Role.ALONE),
            stream=self._streams.get(rule, ""),
            thing=self._things.get(rule, rule),
            chain=self._chain(key),
            counts_users=rule in self._counting,
        )

    def _chain(self, key: Mapping[str, Scalar]) -> tuple[str, ...]:
        named = [str(key[field]) for field in self._areas if key.get(field) not in (None, "")]
        around = [*named, *self._above.above(key)]
        if not around:  # a spot of which no area is known is an area of its own
            around = [str(key[field]) for field in self._points if key.get(field) not in (None, "")]
        return (*dict.fromkeys(around), EVERYWHERE)


def role_of(rule: Rule) -> Role:
    """Say what the alerts of a rule are to others: what it says itself, else what its stream is.

    >>> from detectors.rules import Kind, Measure
    >>> base = {"id": "r", "measure": Measure(Kind.COUNT), "levels": (), "title": {}}
    >>> [role_of(Rule(stream=stream, **base)).value for stream in ("network", "calls", "claims")]
    ['cause', 'symptom', 'alone']
    >>> role_of(Rule(stream="calls", role="alone", **base)).value
    'alone'
    """
    return Role(rule.role) if rule.role else _BY_STREAM.get(rule.stream, Role.ALONE)


def _thing(rule: Rule) -> str:
    return repr((rule.stream, rule.where, rule.measure))
