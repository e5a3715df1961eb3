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
from typing import Any

import numpy as np

from detectors import exact
from detectors.batch import Bool, EventBatch, Int64, UInt64
from detectors.codes import EMPTY, MISSING
from detectors.transition import Contributor

VALUES_MAX = 2_048
"""Values of one field that a series tells apart in a window."""
SHOWN_MAX = 3
"""Contributors of one field that an alert names."""

Top = tuple[Contributor, ...]


@dataclass(frozen=True, slots=True)
class Parts:
    """Who brought how much of a pane: parallel columns, a row a (series, field, value), in any order.

    `row` is into the partial's keys, `field` into the rule's contributors, `weight` (n,) or exact limbs (n, LIMBS).
    `texts` gives each code its value.
    """

    row: Int64
    field: np.ndarray[Any, np.dtype[np.int8]]
    code: UInt64
    weight: Int64
    texts: Mapping[int, str]

    def state(self) -> list[Any]:
        """Write down as plain data and arrays."""
        return [self.row, self.field, self.code, self.weight, list(self.texts), list(self.texts.values())]

    @classmethod
    def of(cls, state: Sequence[Any]) -> Parts:
        """Take up what `state` wrote."""
        row, field, code, weight, codes, texts = state
        return cls(row, field, code, weight, dict(zip(codes, texts, strict=True)))

    def select(self, place: Int64) -> Parts:
        """Keep the rows whose new number in `place` is not negative, under that number."""
        inside = place[self.row] >= 0
        code = self.code[inside]
        return Parts(place[self.row[inside]], self.field[inside], code, self.weight[inside], _named(self.texts, code))


def parts_of(fields: Sequence[str], batch: EventBatch, events: Int64, rows: Int64, weight: Int64) -> Parts:
    """Add up what each value of each field brought. `rows` and `weight` are parallel to `events`."""
    found: list[Parts] = []
    for number, field in enumerate(fields):
        column = batch.columns[field]
        assert column.codes is not None, "contributors are texts, and texts have codes"
        own = column.codes[events]
        own = np.where(own == np.uint64(EMPTY), np.uint64(MISSING), own)  # an empty text says as much as none
        codes, first, place = np.unique(own, return_index=True, return_inverse=True)
        cells, order = np.unique(rows * len(codes) + place, return_inverse=True)
        total = exact.total(order, weight, len(cells)) if weight.ndim > 1 else _counted(order, weight, len(cells))
        texts = [column.values[event] for event in events[first].tolist()]
        named = {code: str(text or "") for code, text in zip(codes.tolist(), texts, strict=True)}
        kind = np.full(len(cells), number, np.int8)
        found.append(Parts(cells // len(codes), kind, codes[cells % len(codes)], total, named))
    if max(len(parts.row) for parts in found) > VALUES_MAX:
        return merge_parts([(parts, np.arange(int(rows.max(initial=0)) + 1)) for parts in found])
    texts_of_all = {code: text for parts in found for code, text in parts.texts.items()}
    return Parts(
        np.concatenate([parts.row for parts in found]),
        np.concatenate([parts.field for parts in found]),
        np.concatenate([parts.code for parts in found]),
        np.concatenate([parts.weight for parts in found]),
        texts_of_all,
    )


def _counted(groups: Int64, weight: Int64, size: int) -> Int64:
    return np.bincount(groups, weight, size).astype(np.int64)  # counts of one batch: exact in doubles


def merge_parts(parts: Sequence[tuple[Parts, Int64]]) -> Parts:
    """Add parts up; the rows of each are translated through the array given with it."""
    row = np.concatenate([row_of[part.row] for part, row_of in parts])
    field = np.concatenate([part.field for part, _ in parts])
    code = np.concatenate([part.code for part, _ in parts])
    weight = np.concatenate([part.weight for part, _ in parts])
    texts = {code: text for part, _ in parts for code, text in part.texts.items()}
    order = np.lexsort((code, field, row))
    row, field, code, weight = row[order], field[order], code[order], weight[order]
    fresh = _begins(row, field)
    fresh[1:] |= code[1:] != code[:-1]
    starts = np.flatnonzero(fresh)
    if len(starts):
        row, field, code, weight = row[starts], field[starts], code[starts], np.add.reduceat(weight, starts, axis=0)
    begins = np.flatnonzero(_begins(row, field))
    rank = np.arange(len(row)) - np.repeat(begins, np.diff(np.append(begins, len(row))))
    if (rank > VALUES_MAX).any():
        small = rank <= VALUES_MAX  # one more than may be named, to tell that there are too many
        row, field, code, weight = row[small], field[small], code[small], weight[small]
        texts = _named(texts, code)
    return Parts(row, field, code, weight, texts)


def _begins(row: Int64, field: Any) -> Bool:
    """Say where another (series, field) begins."""
    begins = np.ones(len(row), np.bool_)
    begins[1:] = (row[1:] != row[:-1]) | (field[1:] != field[:-1])
    return begins


def _named(texts: Mapping[int, str], codes: UInt64) -> dict[int, str]:
    return {code: texts[code] for code in np.unique(codes).tolist()}


def top_of_panes(fields: Sequence[str], panes: Iterable[tuple[Int64, Parts]], wanted: Int64) -> dict[int, Top]:
    """Name the greatest contributors of some series over the panes of a window; each pane with its rows' series."""
    chosen = []
    for rows, parts in panes:
        series = rows[parts.row]
        inside = np.isin(series, wanted)
        if inside.any():
            part = Parts(series[inside], parts.field[inside], parts.code[inside], parts.weight[inside], parts.texts)
            chosen.append((part, np.arange(int(series.max()) + 1)))
    if not chosen:
        return {}
    all_ = merge_parts(chosen)
    weights = exact.to_float(all_.weight) if all_.weight.ndim > 1 else all_.weight.astype(np.float64)
    brought: dict[tuple[int, int], dict[str, float]] = defaultdict(dict)
    for row, field, code, weight in zip(
        all_.row.tolist(), all_.field.tolist(), all_.code.tolist(), weights.tolist(), strict=True
    ):
        brought[row, field][all_.texts[code]] = weight
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
