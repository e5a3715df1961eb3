"""The events of a batch in their cells, a pane and a series each, added up once for all rules that count them alike."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from detectors import contributors, exact, sketch
from detectors.batch import Int64, UInt64
from detectors.contributors import Int32, Parts, add_up
from detectors.durations import FOREVER
from detectors.partial import Array, Moments, Weights, unique_pairs
from detectors.sharing import Dense, Made, Shared, once
from detectors.transition import Key
from detectors.where import Asking
from detectors.whose import Whose

_DENSE = 4  # cells an event, filled or not, up to which a place for each of them is cheaper than sorting the events


@dataclass(frozen=True, slots=True)
class Weighing:
    """What each event brings to a value: its amount (`field`), a hit (`matching`), or 1.

    With `turned` what does not match is a hit. `name` is the same just where all that is.
    """

    name: str = "1"
    field: str | None = None
    matching: Asking | None = None
    turned: bool = False


class Cells:
    """Events chosen alike, by the same keys and in panes of the same length.

    Columns are (cells,), by pane and then by series; `panes` says from which cell to which a pane goes. Every column is
    made for the first rule that asks, and whoever gets it must not write into it.
    """

    def __init__(self, shared: Shared, events: Int64, rows: Int64, keys: Sequence[Key], hop_ms: int) -> None:
        """Sort `events`, by number, into cells; `rows` are the series of all events of the batch, into `keys`."""
        self._shared = shared
        self._events = events
        self._all = len(events) == len(shared.batch)
        self._kept: dict[Hashable, Any] = {}
        number = self._of(shared.batch.time_ms) // hop_ms
        first = int(number.min())
        span, series = int(number.max()) - first + 1, len(keys)
        cells = (number - first) * series + self._of(rows)
        if span * series <= _DENSE * len(events):
            count = np.bincount(cells, minlength=span * series)
            there = np.flatnonzero(count)
            place = np.zeros(len(count), np.int64)
            place[there] = np.arange(len(there))
            self._places = place[cells]
            self.count: Int64 = count[there]
        else:
            there, self._places, self.count = np.unique(cells, return_inverse=True, return_counts=True)
        pane, row = np.divmod(there, series)
        starts = np.flatnonzero(np.concatenate(([True], pane[1:] != pane[:-1])))
        self._bounds = [*starts.tolist(), len(there)]
        self._ends = [(first + one + 1) * hop_ms for one in pane[starts].tolist()]
        self._keys = [keys[one] for one in row.tolist()]

    def __len__(self) -> int:
        return len(self.count)

    def panes(self) -> Iterator[tuple[int, slice, Sequence[Key]]]:
        """Give the panes: when each ends, its cells, and their keys."""
        for end, low, high in zip(self._ends, self._bounds, self._bounds[1:], strict=False):
            yield end, slice(low, high), self._once(("keys", low), partial(self._keys.__getitem__, slice(low, high)))

    def _once(self, name: Hashable, make: Callable[[], Made]) -> Made:
        return once(self._kept, name, make)

    def _of(self, column: Array) -> Any:
        """Take the chosen events out of a column of all."""
        return column if self._all else column[self._events]

    def _tally(self, chosen: Array) -> Int64:
        return np.bincount(self._places[chosen], minlength=len(self))

    def hits(self, matching: Asking) -> Int64:
        """Count the events that match a share's own condition."""
        mask = self._shared.asked.matches(matching)
        return self.count if mask is None else self._once(("hits", matching), lambda: self._tally(self._of(mask)))

    def filled(self, field: str) -> Int64:
        """Count the events that have a number in a field."""
        return self._once(("filled", field), lambda: self._tally(self._of(self._shared.there(field))))

    def limbs(self, field: str) -> Int64:
        """Add a field up: (cells, LIMBS)."""
        limbs = self._shared.limbs(field)
        return self._once(("limbs", field), lambda: exact.total(self._places, self._of(limbs), len(self)))

    def greatest(self, field: str) -> Array:
        """Give the greatest number in a field, -inf where there is none."""

        def make() -> Array:
            numbers, greatest = self._of(self._shared.numbers(field)), np.full(len(self), -np.inf)
            np.fmax.at(greatest, self._places, numbers)
            return greatest

        return self._once(("greatest", field), make)

    def first_ms(self) -> Int64:
        """Give the time of the earliest event."""
        return self._once("first", lambda: self._extreme(np.minimum, FOREVER))

    def last_ms(self) -> Int64:
        """Give the time of the latest event."""
        return self._once("last", lambda: self._extreme(np.maximum, -FOREVER))

    def _extreme(self, which: np.ufunc, start: int) -> Int64:
        found = np.full(len(self), start, np.int64)
        which.at(found, self._places, self._of(self._shared.batch.time_ms))
        return found

    def pairs(self, field: str, cells: slice) -> tuple[Int64, Array]:
        """Give the distinct values of the cells of a pane: (row in the pane, code)."""

        def make() -> tuple[Int64, Array]:
            codes = self._of(self._shared.codes(field))
            there = codes != 0
            return unique_pairs(self._places[there], codes[there])

        rows, codes = self._once(("pairs", field), make)
        own = _between(rows, cells)
        return rows[own] - cells.start, codes[own]

    def weights(self, field: str, cells: slice) -> tuple[Int64, Weights]:
        """Give the values of the cells of a pane, for a quantile, and which cells hold middles of buckets instead."""

        def make() -> tuple[Int64, Weights]:
            numbers = self._of(self._shared.numbers(field))
            there = ~np.isnan(numbers)
            told = sketch.weigh(self._places[there], numbers[there], np.ones(int(there.sum()), np.int64))
            return sketch.bounded(np.zeros(len(self), np.int64), told)

        coarse, (rows, values, counts) = self._once(("weights", field), make)
        own = _between(rows, cells)
        return coarse[cells], (rows[own] - cells.start, values[own], counts[own])

    def moments(self, field: str, cells: slice) -> Moments:
        """Give the events of the cells of a pane that have a field: (row in the pane, code, time)."""
        order, own = self._having(field, cells)
        codes, times = self._of(self._shared.codes(field)), self._of(self._shared.batch.time_ms)
        return self._places[order[own]] - cells.start, codes[order[own]], times[order[own]]

    def whose(self, field: str, fields: Sequence[str], cells: slice) -> Whose:
        """Say what the events that `moments` gives have in other fields."""
        order, own = self._having(field, cells)
        dense = [self._shared.dense(name) for name in fields]
        codes = [one.codes[self._of(one.place)[order[own]]] for one in dense]
        texts = {code: text for one in dense for code, text in zip(one.codes.tolist(), one.texts, strict=True)}
        return Whose(np.stack(codes, axis=1), texts)

    def _having(self, field: str, cells: slice) -> tuple[Int64, slice]:
        """Number the events that have a field, by their cells; and say which of these numbers are of a pane."""

        def make() -> Int64:
            there = np.flatnonzero(self._of(self._shared.codes(field)) != 0)
            return there[np.argsort(self._places[there], kind="stable")]

        order = self._once(("having", field), make)
        return order, _between(self._places[order], cells)

    def parts(self, fields: Sequence[str], cells: slice, weighing: Weighing) -> Parts:
        """Say how much each value of some fields brought to the cells of a pane."""
        return self._once(
            ("parts", tuple(fields), weighing.name, cells.start), partial(self._parts, fields, cells, weighing)
        )

    def _parts(self, fields: Sequence[str], cells: slice, weighing: Weighing) -> Parts:
        dense = [self._shared.dense(field) for field in fields]
        codes, texts, before = self._shared.once(("beside", tuple(fields)), partial(_beside, dense))
        rows: list[Any] = []
        kinds: list[Any] = []
        values: list[Any] = []
        weights: list[Any] = []
        for kind, (field, one, start) in enumerate(zip(fields, dense, before, strict=True)):
            cell, own_value, own_weight = self._once(
                ("brought", field, weighing.name), partial(self._brought, one, weighing)
            )
            own = _between(cell, cells)
            rows.append(cell[own] - np.int32(cells.start))
            kinds.append(np.full(own.stop - own.start, kind, np.int8))
            values.append(own_value[own] + start)
            weights.append(own_weight[own])
        row, kind_of, value, weight = (np.concatenate(column) for column in (rows, kinds, values, weights))
        whole = Parts(row, kind_of, value, weight, codes, texts)
        return replace(whole, is_once=True).compact() if len(whole.row) <= contributors.VALUES_MAX else whole.settled()

    def _brought(self, dense: Dense, weighing: Weighing) -> tuple[Int32, Int32, Int64]:
        """Add up what each value of a field brought to each cell: cell, value, weight, by cell and value."""
        places, own, weight = self._places, self._of(dense.place), None
        if weighing.field is not None:
            weight = self._of(self._shared.limbs(weighing.field))
        elif weighing.matching is not None:
            mask = self._shared.asked.matches(weighing.matching)
            chosen = np.ones(len(places), np.bool_) if mask is None else self._of(mask)
            chosen = chosen != weighing.turned
            places, own = places[chosen], own[chosen]
        size = len(dense.codes)
        found, weights = add_up(places * size + own, weight)
        row, value = np.divmod(found, size)
        return row.astype(np.int32), value.astype(np.int32), weights


def _beside(dense: Sequence[Dense]) -> tuple[UInt64, Sequence[str], Sequence[np.int32]]:
    """Put the codes and texts of several fields beside each other. Say where those of each begin."""
    codes = np.concatenate([one.codes for one in dense])
    before = np.cumsum([0, *(len(one.codes) for one in dense[:-1])]).astype(np.int32)
    return codes, [text for one in dense for text in one.texts], list(before)


def _between(rows: Array, cells: slice) -> slice:
    """Find what lies in some cells; `rows` ascend."""
    low, high = np.searchsorted(rows, (cells.start, cells.stop))
    return slice(int(low), int(high))
