"""One closed pane of one rule: what a source partition tells the judge.

Partials are absolute and final, since late events are left out: told twice, a partial is the same, and partials of
several source partitions for one pane combine in any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors import sketch
from detectors.batch import Float64, Int64, UInt64
from detectors.contributors import Parts, merge_parts
from detectors.transition import Key
from detectors.whose import Whose, together

Array = npt.NDArray[Any]

_COMBINE: Mapping[str, np.ufunc] = {
    "count": np.add,  # (n,) events that match
    "filled": np.add,  # (n,) of them, those that have the field
    "limbs": np.add,  # (n, LIMBS) exact sum of the field
    "hits": np.add,  # (n,) events that match the share's own condition
    "max": np.maximum,  # (n,) greatest value
    "first_ms": np.minimum,  # (n,) earliest event time
    "last_ms": np.maximum,  # (n,) latest event time
    "coarse": np.maximum,  # (n,) 1 where `weights` hold the middles of buckets instead of the values
}

DISTINCT_EXACT = 16_384
"""Distinct values a series counts exactly; beyond, the k smallest codes estimate the number."""


Stages = tuple[Sequence[str], Int64]
"""(n,) names of steps, and by how many milliseconds each overran its plan."""


@dataclass(frozen=True, slots=True)
class Things:
    """The latest event of each thing in a pane, or `every` one: parallel columns, one row an event."""

    code: npt.NDArray[np.uint64]
    time_ms: Int64
    ids: Sequence[str]  # the greatest wins a tie
    row: Int64  # into the partial's keys
    matched: npt.NDArray[np.bool_]
    number: npt.NDArray[np.float64]  # the summed field, or the time a clock is extended to; NaN = missing
    value: npt.NDArray[np.uint64]  # the code of the counted field, 0 = missing; or the event's role for a clock
    every: bool = False  # a clock needs all steps, in their order, not the latest alone
    stages: Stages | None = None  # where the step to blame is to be named
    texts: Sequence[Sequence[str]] = ()  # what each has in the fields that are asked for as contributors


Weights = tuple[Int64, Float64, Int64]
"""Values of a field as (row, value, how often): each value of a row once, by row and value."""

Moments = tuple[Int64, UInt64, Int64]
"""Events as (row, code of a field, event time), in any order."""


@dataclass(frozen=True, slots=True)
class Partial:
    """What one pane ending at `end_ms` holds, a row a series: `keys[i]` belongs to row i of every column.

    `pairs` are the distinct values as (row, code); `things` the latest states, for `now` measures; `weights` the values
    of a quantile; `moments` the events of an unmatched, and `whose` what each of them had in the contributors' fields;
    `parts` who brought how much, for rules that ask. `side` says for which of `Rule.sides` it was counted.
    """

    rule: str
    end_ms: int
    keys: Sequence[Key]
    columns: Mapping[str, Array] = field(default_factory=dict)
    pairs: tuple[Int64, npt.NDArray[np.uint64]] | None = None
    things: Things | None = None
    weights: Weights | None = None
    moments: Moments | None = None
    side: int = 0
    parts: Parts | None = None
    whose: Whose | None = None

    def settled(self) -> Partial:
        """Give the same with its parts added up, once for all the times that it is written."""
        if self.parts is None or self.parts.is_settled:
            return self
        return replace(self, parts=self.parts.settled())

    @property
    def name(self) -> str:
        """Name what was counted: the rule, and of its sides any but the first."""
        return f"{self.rule}/{self.side}" if self.side else self.rule

    def state(self) -> list[Any]:
        """Write down as plain data and arrays."""
        things = self.things
        told = None
        if things is not None:
            told = [things.code, things.time_ms, list(things.ids), things.row]
            told += [things.matched, things.number, things.value, things.every, things.stages, list(things.texts)]
        if self.weights is None and self.moments is None and self.parts is None and not self.side:
            more = []
        else:
            more = [self.weights, self.moments, self.side, None if self.parts is None else self.parts.state()]
        if self.whose is not None:
            more.append(self.whose.state())
        return [self.rule, self.end_ms, list(self.keys), dict(self.columns), self.pairs, told, *more]

    @classmethod
    def of(cls, state: Sequence[Any]) -> Partial:
        """Take up what `state` wrote."""
        rule, end_ms, keys, columns, pairs, told, *more = state
        weights, moments, side, parts, whose = (*more, None)[:5] if more else (None, None, 0, None, None)
        return cls(
            rule,
            end_ms,
            [tuple(key) for key in keys],
            columns,
            None if pairs is None else (pairs[0], pairs[1]),
            None if told is None else Things(*told),  # stages come back as a list of two, which reads the same
            None if weights is None else (weights[0], weights[1], weights[2]),
            None if moments is None else (moments[0], moments[1], moments[2]),
            side,
            None if parts is None else Parts.of(parts),
            None if whose is None else Whose.of(whose),
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
        of_all = [(p.things, row_of) for p, row_of in zip(partials, mapped, strict=True) if p.things]
        things = all_things(of_all) if partials[0].things.every else latest_things(of_all)
    # Without columns (`now`) every key keeps its place; with them `groups` is 0 … len(keys) − 1, each key once.
    assert not columns or len(groups) == len(keys)
    weights = moments = whose = None
    if partials[0].weights is not None:
        weights = sketch.merged([(p.weights, row_of) for p, row_of in zip(partials, mapped, strict=True) if p.weights])
        columns["coarse"], weights = sketch.bounded(columns["coarse"], weights)
    if partials[0].moments is not None:
        events = [(p.moments, row_of) for p, row_of in zip(partials, mapped, strict=True) if p.moments]
        moments = (
            np.concatenate([row_of[rows] for (rows, _, _), row_of in events]),
            np.concatenate([codes for (_, codes, _), _ in events]),
            np.concatenate([times for (_, _, times), _ in events]),
        )
        known = [p.whose for p in partials if p.whose is not None]
        whose = together(known) if known else None
    parts = None
    if partials[0].parts is not None:
        parts = merge_parts([(p.parts, row_of) for p, row_of in zip(partials, mapped, strict=True) if p.parts])
    first = partials[0]
    return Partial(first.rule, first.end_ms, keys, columns, pairs, things, weights, moments, first.side, parts, whose)


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
        texts=list(texts) if any(texts) else (),
    )


def all_things(parts: Sequence[tuple[Things, Int64]]) -> Things:
    """Put the events of several parts into one, in any order; rows are translated through the arrays given."""
    told = [part for part, _ in parts]
    return Things(
        np.concatenate([part.code for part in told]),
        np.concatenate([part.time_ms for part in told]),
        [id_ for part in told for id_ in part.ids],
        np.concatenate([row_of[part.row] for part, row_of in parts]),
        np.concatenate([part.matched for part in told]),
        np.concatenate([part.number for part in told]),
        np.concatenate([part.value for part in told]),
        every=True,
        texts=[texts for part in told for texts in part.texts],
        stages=_all_stages([part.stages for part in told if part.stages is not None]),
    )


def _all_stages(parts: Sequence[Stages]) -> Stages | None:
    if not parts:
        return None
    return [name for names, _ in parts for name in names], np.concatenate([overruns for _, overruns in parts])
