"""What the rules of one stream have in common in one batch: worked out for the first that asks, kept for the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from detectors import exact
from detectors.batch import Bool, Column, EventBatch, Float64, Int64, UInt64
from detectors.codes import EMPTY, MISSING, same
from detectors.where import Asked, Asking, asking

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from detectors.rules import Rule
    from detectors.seriestable import SeriesTable
    from detectors.vocabulary import Stream


Made = TypeVar("Made")


def once(kept: dict[Hashable, Any], name: Hashable, make: Callable[[], Made]) -> Made:
    """Give what is kept under a name, making it for the first who asks."""
    if name not in kept:
        kept[name] = make()
    made: Made = kept[name]
    return made


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
        self._kept: dict[Hashable, Any] = {}
        self._everything = np.arange(len(batch))

    def once(self, name: Hashable, make: Callable[[], Made]) -> Made:
        """Give what is kept of this batch under a name, making it for the first who asks."""
        return once(self._kept, name, make)

    def chosen(self, choice: Choice) -> Int64:
        """Give the numbers of the events that are a rule's."""

        def make() -> Int64:
            wanted = self.asked.chosen(choice.where, choice.excepted)
            return self._everything if wanted is None else np.flatnonzero(wanted)

        return self.once(("chosen", choice.name), make)

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
        return self.once(("limbs", field), lambda: exact.split(np.nan_to_num(self.numbers(field), nan=0.0)))

    def dense(self, field: str) -> Dense:
        """Number the texts of a field. An empty text says as much as none."""

        def make() -> Dense:
            own = self.codes(field)
            own = np.where(own == np.uint64(EMPTY), np.uint64(MISSING), own)
            codes, place = np.unique(own, return_inverse=True)
            some = np.empty(len(codes), np.int64)
            some[place] = self._everything  # any event will do
            values = self.batch.columns[field].values
            return Dense(place, codes, [same(str(values[event] or "")) for event in some.tolist()])

        return self.once(("dense", field), make)

    def rows(self, table: SeriesTable) -> Int64:
        """Give the series of each event in a table: (n,)."""
        return self.once(("rows", table.by, table.level), lambda: self._rows(table))

    def _rows(self, table: SeriesTable) -> Int64:
        if len(table.by) != 1 or self.batch.columns[table.by[0]].numbers is not None:
            return table.rows(self.batch)
        (field,) = table.by
        dense = self.dense(field)
        one_each = Column(dense.texts, dense.codes)
        rows = table.rows(EventBatch(self.batch.stream, dense.place[:0], dense.texts, {field: one_each}))
        return rows[dense.place]
