"""What drives a value: how much of it each outlet, category or provider brought.

Panes carry exact weights by value, so that parts add up in any order and any split. Nothing is kept running: the panes
that lie in a window are added up when its level changes, and only then. A series with more than VALUES_MAX values of a
field in its window names none of that field. Whether it has follows from the k smallest codes alone (as for
`distinct`), so that cutting the rest off gives the same answer for any split. Summaries that stay small for any number
of values (Misra and Gries, 1982; Metwally et al., *Efficient Computation of Frequent and Top-k Elements in Data
Streams*, 2005) depend on the order in which parts are merged: the same events would not give the same alert.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors import exact
from detectors.batch import Bool, Int64, UInt64
from detectors.codes import same
from detectors.transition import Contributor

Int32 = npt.NDArray[np.int32]
Int8 = npt.NDArray[np.int8]

VALUES_MAX = 2_048
"""Values of one field that a series tells apart in a window."""
BESIDE = 4
"""Times as many rows, or codes, are put beside each other, of all series and fields, before they are added up."""
SHOWN_MAX = 3
"""Contributors of one field that an alert names."""

_DENSE = 4  # places a cell, filled or not, up to which counting them all is cheaper than sorting
_EXACT = 2**53  # bincount adds in doubles

Top = tuple[Contributor, ...]


@dataclass(frozen=True, slots=True)
class Parts:
    """Who brought how much of a pane: parallel columns, a row a (series, field, value).

    `row` is into the partial's keys, `field` into the rule's contributors, `value` into `codes` and `texts`, `weight`
    (n,) or exact limbs (n, LIMBS). Settled, rows and codes ascend and each is there once. Until then parts are only put
    beside each other (adding up is dearer, and mostly nobody asks), and some codes may be nobody's.
    """

    row: Int32
    field: Int8
    value: Int32
    weight: Int64
    codes: UInt64
    texts: Sequence[str]
    is_settled: bool = False
    is_once: bool = False  # each (series, field, value) once and all within the bound, though in any order

    @property
    def code(self) -> UInt64:
        """The code of each row's value."""
        return self.codes[self.value]

    def state(self) -> list[Any]:
        """Write down as plain data and arrays, without the codes that nobody has."""
        own = self.compact() if self.is_once else self.settled()
        return [own.row, own.field, own.code, own.weight, own.codes.tolist(), list(own.texts)]

    @classmethod
    def of(cls, state: Sequence[Any]) -> Parts:
        """Take up what `state` wrote. Panes of one window mostly name the same: each text is kept once."""
        row, field, code, weight, codes, texts = state
        known = np.array(codes, np.uint64)
        order = np.argsort(known)
        known = known[order]
        value = np.searchsorted(known, code).astype(np.int32)
        told = [same(texts[at]) for at in order.tolist()]
        return cls(row.astype(np.int32), field, value, weight, known, told)

    def compact(self) -> Parts:
        """Drop the codes that are nobody's."""
        there = np.bincount(self.value, minlength=len(self.codes)) > 0
        if there.all():
            return self
        value = (np.cumsum(there) - 1).astype(np.int32)[self.value]
        texts = [self.texts[at] for at in np.flatnonzero(there).tolist()]
        return replace(self, value=value, codes=self.codes[there], texts=texts)

    def settled(self) -> Parts:
        """Add up what is only put beside each other, and drop what is beyond the bound or nobody's."""
        if self.is_settled:
            return self
        used = np.flatnonzero(np.bincount(self.value, minlength=len(self.codes)))
        codes, first, place = np.unique(self.codes[used], return_index=True, return_inverse=True)
        value_of = np.zeros(len(self.codes), np.int64)
        value_of[used] = place
        fields = int(self.field.max(initial=0)) + 1
        series = self.row.astype(np.int64) * fields + self.field
        cells, weight = add_up(series * len(codes) + value_of[self.value], self.weight)
        series, value = np.divmod(cells, max(len(codes), 1))
        begins = np.flatnonzero(np.diff(series, prepend=-1))
        rank = np.arange(len(series)) - np.repeat(begins, np.diff(np.append(begins, len(series))))
        small = rank <= VALUES_MAX  # one more than may be named, to tell that there are too many
        row, field = np.divmod(series, fields)
        texts = [self.texts[at] for at in used[first].tolist()]
        whole = Parts(
            row.astype(np.int32), field.astype(np.int8), value.astype(np.int32), weight, codes, texts, is_settled=True
        )
        return whole if small.all() else whole.only(small, np.arange(int(row.max()) + 1)).settled()

    def only(self, inside: Bool, rows: Int64) -> Parts:
        """Keep some rows; `rows` gives each series its new number."""
        row = rows[self.row[inside]].astype(np.int32)
        return Parts(row, self.field[inside], self.value[inside], self.weight[inside], self.codes, self.texts)

    def select(self, place: Int64) -> Parts:
        """Keep the rows whose new number in `place` is not negative, under that number."""
        return self.only(place[self.row] >= 0, place).settled()


def merge_parts(parts: Sequence[tuple[Parts, Int64]]) -> Parts:
    """Put parts beside each other; the rows of each are translated through the array given with it."""
    told = [part for part, _ in parts]
    before = np.cumsum([0, *(len(part.codes) for part in told)]).astype(np.int32)
    beside = Parts(
        np.concatenate([row_of[part.row] for part, row_of in parts]).astype(np.int32),
        np.concatenate([part.field for part in told]),
        np.concatenate([part.value + start for part, start in zip(told, before, strict=False)]),
        np.concatenate([part.weight for part in told]),
        np.concatenate([part.codes for part in told]),
        [text for part in told for text in part.texts],
    )
    return beside if max(len(beside.row), len(beside.codes)) <= BESIDE * VALUES_MAX else beside.settled()


def add_up(cells: Int64, weight: Int64 | None) -> tuple[Int64, Int64]:
    """Add the weights of each cell up (None: 1 each). Return the cells there are, ascending, and their weights.

    >>> [column.tolist() for column in add_up(np.array([7, 3, 7]), np.array([1, 5, 2]))]
    [[3, 7], [5, 3]]
    """
    size = int(cells.max(initial=-1)) + 1
    if size <= _DENSE * len(cells) and (weight is None or (weight.ndim == 1 and weight.sum() < _EXACT)):
        count = np.bincount(cells, minlength=size)
        there = np.flatnonzero(count)
        return there, (count if weight is None else np.bincount(cells, weight, size).astype(np.int64))[there]
    order = None if weight is None else np.argsort(cells)
    ordered = np.sort(cells) if order is None else cells[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    if weight is None:
        return ordered[starts], np.diff(starts, append=len(ordered))
    return ordered[starts], np.add.reduceat(weight[order], starts, axis=0) if len(starts) else weight


def top_of_panes(fields: Sequence[str], panes: Iterable[tuple[Int64, Parts]], wanted: Int64) -> dict[int, Top]:
    """Name the greatest contributors of some series over the panes of a window; each pane with its rows' series."""
    told = [(rows, parts) for rows, parts in panes if len(parts.row)]
    if not told:
        return {}
    place = np.full(max(int(wanted.max(initial=-1)), *(int(rows.max()) for rows, _ in told)) + 1, -1)
    place[wanted] = np.arange(len(wanted))
    beside, every = [], np.arange(len(wanted))
    for rows, parts in told:
        known = place[rows]
        inside = known[parts.row] >= 0
        beside.append((parts.only(inside, known), every))
    whole = merge_parts(beside).settled()
    return _tops(fields, whole, wanted)


def _tops(fields: Sequence[str], parts: Parts, series: Int64) -> dict[int, Top]:
    """Name the greatest of settled parts; `series` are those of their rows."""
    weights = exact.to_float(parts.weight) if parts.weight.ndim > 1 else parts.weight.astype(np.float64)
    group = parts.row * len(fields) + parts.field
    order = np.lexsort((-weights, group))
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    tops: dict[int, list[Contributor]] = defaultdict(list)
    for low, high in pairwise([*starts.tolist(), len(group)]):
        total = math.fsum(weights[low:high].tolist())
        if high - low > VALUES_MAX or not total > 0:
            continue
        best = order[low:high]
        last = weights[best[min(SHOWN_MAX, len(best) - 1)]]  # one more, if one of those before says nothing
        best = best[weights[best] >= last]  # equal ones go by name
        values = [parts.texts[at] for at in parts.value[best].tolist()]
        known = [
            (text, weight) for text, weight in zip(values, weights[best].tolist(), strict=True) if text and weight > 0
        ]
        known.sort(key=lambda entry: (-entry[1], entry[0]))
        field = fields[parts.field[low]]
        tops[int(series[parts.row[low]])] += [
            Contributor(field, text, round(weight / total, 4)) for text, weight in known[:SHOWN_MAX]
        ]
    return {row: tuple(top) for row, top in tops.items()}


def top_of_things(fields: Sequence[str], things: Iterable[tuple[int, float, Sequence[str]]]) -> dict[int, Top]:
    """Name the greatest contributors of series of things: (series, weight, the thing's value of each field)."""
    found: dict[tuple[int, int], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row, weight, texts in things:
        for field, text in enumerate(texts):
            found[row, field][text].append(weight)
    brought = {place: {text: math.fsum(w) for text, w in of.items()} for place, of in found.items()}
    tops: dict[int, list[Contributor]] = defaultdict(list)
    for (row, field), weights in sorted(brought.items(), key=lambda entry: entry[0]):
        total = math.fsum(weights.values())
        if len(weights) > VALUES_MAX or not total > 0:
            continue
        known = [(text, weight) for text, weight in weights.items() if text and weight > 0]
        known.sort(key=lambda entry: (-entry[1], entry[0]))
        tops[row] += [Contributor(fields[field], text, round(weight / total, 4)) for text, weight in known[:SHOWN_MAX]]
    return {row: tuple(top) for row, top in tops.items()}
