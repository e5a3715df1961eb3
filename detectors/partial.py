"""One closed pane of one rule: what a source partition tells the judge.

Partials are absolute and final, since late events are left out: told twice, a partial is the same, and partials of
several source partitions for one pane combine in any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors import exact
from detectors.batch import Int64
from detectors.contributors import Parts, merge_parts
from detectors.transition import Key

Array = npt.NDArray[Any]

_COMBINE: Mapping[str, np.ufunc] = {
    "count": np.add,  # (n,) events that match
    "filled": np.add,  # (n,) of them, those that have the field
    "limbs": np.add,  # (n, LIMBS) exact sum of the field
    "hits": np.add,  # (n,) events that match the share's own condition
    "max": np.maximum,  # (n,) greatest value
    "first_ms": np.minimum,  # (n,) earliest event time
}

_DENSE = 4  # series an event at which sorting the events becomes cheaper than a place for each series

DISTINCT_EXACT = 16_384
"""Distinct values a series counts exactly; beyond, the k smallest codes estimate the number."""


@dataclass(frozen=True, slots=True)
class Things:
    """The latest event of each thing in a pane: parallel columns, one row a thing."""

    code: npt.NDArray[np.uint64]
    time_ms: Int64
    ids: Sequence[str]  # the greatest wins a tie
    row: Int64  # into the partial's keys
    matched: npt.NDArray[np.bool_]
    number: npt.NDArray[np.float64]  # the summed field, NaN = missing
    value: npt.NDArray[np.uint64]  # the code of the counted field, 0 = missing
    texts: Sequence[Sequence[str]] = ()  # what each has in the fields that are asked for as contributors


@dataclass(frozen=True, slots=True)
class Partial:
    """What one pane ending at `end_ms` holds, a row a series: `keys[i]` belongs to row i of every column.

    `pairs` are the distinct values as (row, code); `things` the latest states, for `now` measures; `parts` who brought
    how much, for rules that ask.
    """

    rule: str
    end_ms: int
    keys: Sequence[Key]
    columns: Mapping[str, Array] = field(default_factory=dict)
    pairs: tuple[Int64, npt.NDArray[np.uint64]] | None = None
    things: Things | None = None
    parts: Parts | None = None

    def state(self) -> list[Any]:
        """Write down as plain data and arrays."""
        things = self.things
        told = None
        if things is not None:
            told = [things.code, things.time_ms, list(things.ids), things.row]
            told += [things.matched, things.number, things.value, list(things.texts)]
        parts = None if self.parts is None else self.parts.state()
        return [self.rule, self.end_ms, list(self.keys), dict(self.columns), self.pairs, told, parts]

    @classmethod
    def of(cls, state: Sequence[Any]) -> Partial:
        """Take up what `state` wrote."""
        rule, end_ms, keys, columns, pairs, told, parts = state
        return cls(
            rule,
            end_ms,
            [tuple(key) for key in keys],
            columns,
            None if pairs is None else (pairs[0], pairs[1]),
            None if told is None else Things(*told),
            None if parts is None else Parts.of(parts),
        )


def reduce_by(groups: Int64, columns: Mapping[str, Array]) -> tuple[Int64, dict[str, Array]]:
    """Combine the rows of each group, column by column. Return the groups, ascending, and their columns.

    >>> groups, columns = reduce_by(np.array([7, 3, 7]), {"count": np.array([1, 1, 1]), "max": np.array([2., 9., 5.])})
    >>> groups.tolist(), columns["count"].tolist(), columns["max"].tolist()
    ([3, 7], [1, 2], [9.0, 5.0])
    """
    if not len(groups):
        return groups, dict(columns)
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    return ordered[starts], {
        name: _COMBINE[name].reduceat(column[order], starts, axis=0) for name, column in columns.items()
    }


def reduce_events(rows: Int64, columns: Mapping[str, Array]) -> tuple[Int64, dict[str, Array]]:
    """Do the same for columns of single events, without sorting where series are few."""
    size = int(rows.max(initial=-1)) + 1
    if size > _DENSE * len(rows):
        return reduce_by(rows, columns)
    count = np.bincount(rows, minlength=size)
    there = np.flatnonzero(count)
    return there, {
        name: count[there] if name == "count" else _reduce_dense(name, column, rows, size)[there]
        for name, column in columns.items()
    }


def _reduce_dense(name: str, column: Array, rows: Int64, size: int) -> Array:
    combine = _COMBINE[name]
    if column.ndim > 1:
        return exact.total(rows, column, size)
    if combine is np.add:
        return np.bincount(rows, column, size).astype(np.int64)
    combined = np.full(size, column.max() if combine is np.minimum else column.min(), column.dtype)
    combine.at(combined, rows, column)
    return combined


def unique_pairs(rows: Int64, codes: npt.NDArray[np.uint64]) -> tuple[Int64, npt.NDArray[np.uint64]]:
    """Keep each (row, code) once, and of a row with very many codes only the smallest ones.

    The k smallest hashes of a union are those of the parts' k smallest (Bar-Yossef et al., *Counting Distinct
    Elements in a Data Stream*, 2002), so that cutting here gives the same estimate whatever the split.
    """
    order = np.lexsort((codes, rows))
    rows, codes = rows[order], codes[order]
    fresh = np.ones(len(rows), np.bool_)
    fresh[1:] = (rows[1:] != rows[:-1]) | (codes[1:] != codes[:-1])
    rows, codes = rows[fresh], codes[fresh]
    if len(rows) > DISTINCT_EXACT:
        starts = np.flatnonzero(np.concatenate(([True], rows[1:] != rows[:-1])))
        rank = np.arange(len(rows)) - np.repeat(starts, np.diff(np.append(starts, len(rows))))
        small = rank < DISTINCT_EXACT
        rows, codes = rows[small], codes[small]
    return rows, codes


def merge(partials: Sequence[Partial]) -> Partial:
    """Combine partials of one rule and one pane into one."""
    if len(partials) == 1:
        return partials[0]
    rows: dict[Key, int] = {}
    mapped = [np.array([rows.setdefault(key, len(rows)) for key in partial.keys], np.int64) for partial in partials]
    groups, columns = reduce_by(
        np.concatenate(mapped),
        {name: np.concatenate([p.columns[name] for p in partials]) for name in partials[0].columns},
    )
    keys = list(rows)
    pairs = None
    if partials[0].pairs is not None:
        told = [(p.pairs, row_of) for p, row_of in zip(partials, mapped, strict=True) if p.pairs is not None]
        pairs = unique_pairs(
            np.concatenate([row_of[own] for (own, _), row_of in told]),
            np.concatenate([codes for (_, codes), _ in told]),
        )
    things = None
    if partials[0].things is not None:
        things = latest_things([(p.things, row_of) for p, row_of in zip(partials, mapped, strict=True) if p.things])
    parts = None
    if partials[0].parts is not None:
        parts = merge_parts([(p.parts, row_of) for p, row_of in zip(partials, mapped, strict=True) if p.parts])
    # Without columns (`now`) every key keeps its place; with them `groups` is 0 … len(keys) − 1, each key once.
    assert not columns or len(groups) == len(keys)
    return Partial(partials[0].rule, partials[0].end_ms, keys, columns, pairs, things, parts)


def latest_things(parts: Iterable[tuple[Things, Int64]]) -> Things:
    """Keep the latest event of each thing, by time and then by id; rows are translated through the arrays given."""
    best: dict[int, tuple[int, str, int, bool, float, int, Sequence[str]]] = {}
    for part, row_of in parts:
        columns = zip(
            part.code.tolist(),
            part.time_ms.tolist(),
            part.ids,
            row_of[part.row].tolist(),
            part.matched.tolist(),
            part.number.tolist(),
            part.value.tolist(),
            part.texts or [()] * len(part.ids),
            strict=True,
        )
        for code, *event in columns:
            state = (event[0], event[1], event[2], event[3], event[4], event[5], event[6])
            if code not in best or state[:2] > best[code][:2]:
                best[code] = state
    times, ids, rows, matched, numbers, values, texts = zip(*best.values(), strict=True) if best else ([],) * 7
    return Things(
        np.fromiter(best, np.uint64, len(best)),
        np.array(times, np.int64),
        list(ids),
        np.array(rows, np.int64),
        np.array(matched, np.bool_),
        np.array(numbers, np.float64),
        np.array(values, np.uint64),
        list(texts) if any(texts) else (),
    )
