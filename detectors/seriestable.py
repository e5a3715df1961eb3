"""The series of one `by`: key ↔ row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from detectors.batch import Column, EventBatch, Int64, UInt64
from detectors.codes import combine
from detectors.transition import Key


class SeriesTable:
    """The series of one `by` over one stream: key ↔ row. Rules with the same `by` share one.

    `level` is that of a rule that is judged at several: it stands first in the keys, and `by` begins with its field.
    """

    def __init__(self, by: tuple[str, ...], level: str | None = None) -> None:
        self.by = by
        self.level = level
        self.keys: list[Key] = []
        self._known = np.full(1, np.iinfo(np.uint64).max)  # codes, sorted; the last stands for none
        self._row_at = np.full(1, -1)  # the row of each

    def rows(self, batch: EventBatch) -> Int64:
        """Find the row of each event's series, making rows for new ones. Return (n,)."""
        if not self.by:
            if not self.keys:
                self.keys.append(())
            return np.zeros(len(batch), np.int64)
        columns = [batch.columns[name] for name in self.by]
        codes = combine([_codes(column) for column in columns], len(batch))
        places = self._find(codes)
        unknown = np.flatnonzero(self._known[places] != codes)
        if len(unknown):
            self._learn(codes, unknown, columns)
            places = self._find(codes)
        return self._row_at[places]

    def _find(self, codes: UInt64) -> Int64:
        """Give for each code the place in the sorted codes where it is, or would be."""
        return np.minimum(np.searchsorted(self._known, codes), len(self._known) - 1)

    def _learn(self, codes: UInt64, unknown: Int64, columns: Sequence[Column]) -> None:
        """Make rows for the codes of the unknown events, in the order in which they came."""
        fresh, first = np.unique(codes[unknown], return_index=True)
        order = np.argsort(first)
        for event in unknown[first[order]].tolist():
            key = tuple(_key_value(column.values[event]) for column in columns)
            self.keys.append(key if self.level is None else (self.level, *key))
        known = np.concatenate((self._known, fresh[order]))
        rows = np.concatenate((self._row_at, np.arange(len(self.keys) - len(fresh), len(self.keys))))
        by_code = np.argsort(known)
        self._known, self._row_at = known[by_code], rows[by_code]


def _codes(column: Column) -> Any:
    assert column.codes is not None, "a column asked for as a key has codes"
    return column.codes


def _key_value(value: object) -> str | float | bool:
    """Read one value of a key: missing is the empty string, and 3.0 is 3."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    assert isinstance(value, str | float | bool | int)
    return value
