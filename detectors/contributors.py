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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from sys import intern
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors import exact
from detectors.batch import Bool, Int64, UInt64
from detectors.transition import Contributor

Int32 = npt.NDArray[np.int32]
Int8 = npt.NDArray[np.int8]

VALUES_MAX = 2_048
"""Values of one field that a series tells apart in a window."""
SHOWN_MAX = 3
"""Contributors of one field that an alert names."""

_DENSE = 4  # places a cell, filled or not, up to which counting them all is cheaper than sorting
_EXACT = 2**53  # bincount adds in doubles

Top = tuple[Contributor, ...]


@dataclass(frozen=True, slots=True)
class Parts:
    """Who brought how much of a pane: parallel columns, a row a (series, field, value), in any order.

    `row` is into the partial's keys, `field` into the rule's contributors, `value` into `codes` and `texts`, `weight`
    (n,) or exact limbs (n, LIMBS). `codes` ascend; of those a batch has, some may be nobody's here.
    """

    row: Int32
    field: Int8
    value: Int32
    weight: Int64
    codes: UInt64
    texts: Sequence[str]

    @property
    def code(self) -> UInt64:
        """The code of each row's value."""
        return self.codes[self.value]

    def state(self) -> list[Any]:
        """Write down as plain data and arrays, without the codes that nobody has."""
        own = self.compact()
        return [own.row, own.field, own.code, own.weight, own.codes.tolist(), list(own.texts)]

    @classmethod
    def of(cls, state: Sequence[Any]) -> Parts:
        """Take up what `state` wrote. Panes of one window mostly name the same: each text is kept once."""
        row, field, code, weight, codes, texts = state
        known = np.array(codes, np.uint64)
        order = np.argsort(known)
        known = known[order]
        value = np.searchsorted(known, code).astype(np.int32)
        return cls(row.astype(np.int32), field, value, weight, known, [intern(texts[at]) for at in order.tolist()])

    def compact(self) -> Parts:
        """Drop the codes that no row has."""
        there = np.bincount(self.value, minlength=len(self.codes)) > 0
        if there.all():
            return self
        value = (np.cumsum(there) - 1).astype(np.int32)[self.value]
        texts = [self.texts[at] for at in np.flatnonzero(there).tolist()]
        return Parts(self.row, self.field, value, self.weight, self.codes[there], texts)

    def only(self, inside: Bool, rows: Int64) -> Parts:
        """Keep some rows; `rows` gives each series its new number."""
        row = rows[self.row[inside]].astype(np.int32)
        return Parts(row, self.field[inside], self.value[inside], self.weight[inside], self.codes, self.texts)

    def select(self, place: Int64) -> Parts:
        """Keep the rows whose new number in `place` is not negative, under that number."""
        return self.only(place[self.row] >= 0, place).compact()


def united(codes: Sequence[UInt64], texts: Sequence[Sequence[str]]) -> tuple[UInt64, list[str], list[Int32]]:
    """Make one table of several: its codes, ascending, their texts, and for each old table where its codes are."""
    if len(codes) == 1 or all(one is codes[0] for one in codes[1:]):
        same = np.arange(len(codes[0]), dtype=np.int32)
        return codes[0], list(texts[0]), [same] * len(codes)
    both, first, place = np.unique(np.concatenate(codes), return_index=True, return_inverse=True)
    every = [text for own in texts for text in own]
    ends = np.cumsum([len(own) for own in codes])[:-1]
    return both, [every[at] for at in first.tolist()], np.split(place.astype(np.int32), ends)


def merge_parts(parts: Sequence[tuple[Parts, Int64]]) -> Parts:
    """Add parts up; the rows of each are translated through the array given with it."""
    told = [part.compact() for part, _ in parts]
    codes, texts, places = united([part.codes for part in told], [part.texts for part in told])
    row = np.concatenate([row_of[part.row] for part, (_, row_of) in zip(told, parts, strict=True)])
    field = np.concatenate([part.field for part in told])
    value = np.concatenate([place[part.value] for part, place in zip(told, places, strict=True)])
    weight = np.concatenate([part.weight for part in told])
    fields = int(field.max(initial=0)) + 1
    cells, weight = add_up((row * fields + field) * len(codes) + value, weight)
    group, value = np.divmod(cells, max(len(codes), 1))
    row, field = np.divmod(group, fields)
    whole = Parts(row.astype(np.int32), field.astype(np.int8), value.astype(np.int32), weight, codes, texts)
    return bounded(whole)


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
    order = np.argsort(cells, kind="stable")
    ordered = cells[order]
    starts = np.flatnonzero(np.concatenate((np.ones(min(len(ordered), 1), np.bool_), ordered[1:] != ordered[:-1])))
    if not len(starts):
        return ordered, np.zeros(0, np.int64) if weight is None else weight
    if weight is None:
        return ordered[starts], np.diff(np.append(starts, len(ordered)))
    return ordered[starts], np.add.reduceat(weight[order], starts, axis=0)


def bounded(parts: Parts) -> Parts:
    """Cut off what is beyond the bound; `parts` are by series, field and code, each once."""
    if len(parts.row) <= VALUES_MAX:
        return parts
    begins = np.flatnonzero(_begins(parts.row, parts.field))
    rank = np.arange(len(parts.row)) - np.repeat(begins, np.diff(np.append(begins, len(parts.row))))
    small = rank <= VALUES_MAX  # one more than may be named, to tell that there are too many
    if small.all():
        return parts
    return parts.only(small, np.arange(int(parts.row.max()) + 1)).compact()


def _begins(row: Int32, field: Int8) -> Bool:
    """Say where another (series, field) begins."""
    begins = np.ones(len(row), np.bool_)
    begins[1:] = (row[1:] != row[:-1]) | (field[1:] != field[:-1])
    return begins


def top_of_panes(fields: Sequence[str], panes: Iterable[tuple[Int64, Parts]], wanted: Int64) -> dict[int, Top]:
    """Name the greatest contributors of some series over the panes of a window; each pane with its rows' series."""
    place = np.full(int(wanted.max(initial=-1)) + 1, -1)
    place[wanted] = np.arange(len(wanted))
    chosen = []
    for rows, parts in panes:
        known = np.where(rows < len(place), place[np.minimum(rows, len(place) - 1)], -1)
        inside = known[parts.row] >= 0
        if inside.any():
            chosen.append((parts.only(inside, known), np.arange(len(wanted))))
    if not chosen:
        return {}
    all_ = merge_parts(chosen)
    weights = exact.to_float(all_.weight) if all_.weight.ndim > 1 else all_.weight.astype(np.float64)
    brought: dict[tuple[int, int], dict[str, float]] = defaultdict(dict)
    series = wanted[all_.row].tolist()
    for row, field, value, weight in zip(
        series, all_.field.tolist(), all_.value.tolist(), weights.tolist(), strict=True
    ):
        brought[row, field][all_.texts[value]] = weight
    return _tops(fields, brought)


def top_of_things(fields: Sequence[str], things: Iterable[tuple[int, float, Sequence[str]]]) -> dict[int, Top]:
    """Name the greatest contributors of series of things: (series, weight, the thing's value of each field)."""
    found: dict[tuple[int, int], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row, weight, texts in things:
        for field, text in enumerate(texts):
            found[row, field][text].append(weight)
    return _tops(fields, {place: {text: math.fsum(w) for text, w in of.items()} for place, of in found.items()})


def _tops(fields: Sequence[str], brought: Mapping[tuple[int, int], Mapping[str, float]]) -> dict[int, Top]:
    tops: dict[int, list[Contributor]] = defaultdict(list)
    for (row, field), weights in sorted(brought.items(), key=lambda entry: entry[0]):
        total = math.fsum(weights.values())
        if len(weights) > VALUES_MAX or not total > 0:
            continue
        known = [(text, weight) for text, weight in weights.items() if text and weight > 0]
        known.sort(key=lambda entry: (-entry[1], entry[0]))
        tops[row] += [Contributor(fields[field], text, round(weight / total, 4)) for text, weight in known[:SHOWN_MAX]]
    return {row: tuple(top) for row, top in tops.items()}
