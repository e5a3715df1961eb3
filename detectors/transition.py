"""What the arithmetic says: a series went from one level to another."""

from __future__ import annotations

from dataclasses import dataclass

Key = tuple[str | float | bool, ...]
"""The values of a rule's `by` fields, in its order; a missing field is the empty string."""


@dataclass(frozen=True, slots=True)
class Contributor:
    """One value of one field, and its share of what a series measured, 0 to 1."""

    field: str
    value: str
    share: float


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of level of one series at one boundary (milliseconds since the epoch).

    `value` is None when the reason is `unknown`. `threshold` is that of the level entered when rising, of the level
    left when falling. `started_ms` is the boundary at which the series left green.
    """

    rule: str
    key: Key
    level: str
    was: str
    time_ms: int
    started_ms: int
    value: float | None
    threshold: float
    reason: str  # raised, lowered, cleared, unknown
    worst_step: str | None = None  # the step to blame, empty if it is not known; None where nobody asked
    top: tuple[Contributor, ...] | None = None  # who drives the value; None where the rule does not ask
