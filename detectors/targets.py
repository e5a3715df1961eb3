"""The `targets` of a rule: what the value should reach, is challenged to reach, and must not pass."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction

from detectors.places import Place, quoted

TARGETS = ("target", "challenge", "limit")
PART = r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?%"


def read_targets(place: Place) -> Mapping[str, float]:
    """Read `{target: 23, challenge: 20}`, any of `TARGETS`."""
    entries = place.keys(TARGETS, wanted="a mapping, as in {target: 23, challenge: 20}", what="target") or {}
    if place.value == {}:
        place.refuse(f"is empty: give at least one of {', '.join(TARGETS)}")
    read = {name: part.number() for name, part in entries.items()}
    return {name: number for name, number in read.items() if number is not None}


def words_of(targets: Mapping[str, float]) -> tuple[str, ...]:
    """Name what texts may say of targets.

    >>> words_of({"target": 0.995})
    ('target', 'target_percent')
    """
    return tuple(word for name in targets for word in (name, f"{name}_percent"))


def read_threshold(place: Place, limit: float | None) -> float | None:
    """Read a threshold: a number, or `80%` of the rule's limit, reckoned in decimals as people do."""
    part = re.fullmatch(PART, place.value, re.ASCII) if isinstance(place.value, str) else None
    if part is None:
        return place.number()
    if limit is None:
        place.refuse(f"{quoted(part[0])} is a part of a limit: give the rule targets: {{limit: …}}")
        return None
    return float(Fraction(part[1]) / 100 * Fraction(str(limit)))
