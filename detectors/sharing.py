"""What the rules of one stream have in common in one batch: worked out for the first that asks, kept for the others."""

from __future__ import annotations

from dataclasses import dataclass
from sys import intern
from typing import TYPE_CHECKING, Any

import numpy as np

from detectors import exact
from detectors.batch import Bool, EventBatch, Float64, Int64, UInt64
from detectors.codes import EMPTY, MISSING
from detectors.where import Asked, Asking, asking

if TYPE_CHECKING:
    from collections.abc import Sequence

    from detectors.rules import Rule
    from detectors.vocabulary import Stream


@dataclass(frozen=True, slots=True)
class Dense:
    """One text field of n events, by small numbers: `place` (n,) into `codes`, which ascend, and into their `texts`."""

    place: Int64
    codes: UInt64
    texts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which events are a rule's: those that match `where`, and not `except`. `name` is the same just where both are."""

    name: str
    where: Asking
    excepted: Asking

    @classmethod
    def of(cls, rule: Rule) -> Choice:
        """Read it off a rule."""
        return cls(repr((rule.where, rule.excepted)), asking(rule.where), asking(rule.excepted))


class Shared:
    """One batch, and what has been worked out about it."""

    def __init__(self, batch: EventBatch, stream: Stream) -> None:
        self.batch = batch
        self.asked = Asked(stream.fields, batch)
        self.kept: dict[Any, Any] = {}  # what `detectors.cells` keeps here, by what it depends on
        self._chosen: dict[str, Int64] = {}
        self._dense: dict[str, Dense] = {}
        self._limbs: dict[str, Int64] = {}
        self._everything = np.arange(len(batch))

    def chosen(self, choice: Choice) -> Int64:
        """Give the numbers of the events that are a rule's."""
        known = self._chosen.get(choice.name)
        if known is None:
            wanted = self.asked.chosen(choice.where, choice.excepted)
            known = self._chosen[choice.name] = self._everything if wanted is None else np.flatnonzero(wanted)
        return known

    def numbers(self, field: str) -> Float64:
        """Give a field as numbers: (n,), NaN where it is missing."""
        numbers = self.batch.columns[field].numbers
        assert numbers is not None, "a column asked for as a number has numbers"
        return numbers

    def codes(self, field: str) -> UInt64:
        """Give the codes of a field: (n,), 0 where it is missing."""
        codes = self.batch.columns[field].codes
        assert codes is not None, "a column asked for as a key has codes"
        return codes

    def there(self, field: str) -> Bool:
        """Say which events have a number in a field: (n,)."""
        return ~np.isnan(self.numbers(field))

    def limbs(self, field: str) -> Int64:
        """Give a field as exact limbs: (n, LIMBS), 0 where it is missing."""
        known = self._limbs.get(field)
        if known is None:
            known = self._limbs[field] = exact.split(np.nan_to_num(self.numbers(field), nan=0.0))
        return known

    def dense(self, field: str) -> Dense:
        """Number the texts of a field. An empty text says as much as none."""
        known = self._dense.get(field)
        if known is None:
            own = self.codes(field)
            own = np.where(own == np.uint64(EMPTY), np.uint64(MISSING), own)
            codes, first, place = np.unique(own, return_index=True, return_inverse=True)
            values = self.batch.columns[field].values
            texts = [intern(str(values[event] or "")) for event in first.tolist()]
            known = self._dense[field] = Dense(place, codes, texts)
        return known
