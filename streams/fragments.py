"""A pane in parts: one too large for a record is cut by its series, and put together again by the judge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from detectors.batch import Int64
from detectors.partial import Partial, Things, merge
from detectors.transition import Key

_PARTIAL_BYTES = 200
_ROW_BYTES = 8
_PAIR_BYTES = 16
_SINGLE_BYTES = 24  # a value of a quantile, an event of an unmatched
_PART_BYTES = 30
_THING_BYTES = 60
_STAGE_BYTES = 12
_SIGN_BYTES = 3  # of a character in UTF-8: more are rare, and records may be larger than what is asked for


def row_sizes(partial: Partial) -> Int64:
    """Estimate the bytes of each row, a little high. Return (n,)."""
    rows = len(partial.keys)
    sizes = np.full(rows, _ROW_BYTES, np.int64)
    sizes += np.fromiter(map(_key_size, partial.keys), np.int64, rows)
    for column in partial.columns.values():
        sizes += column.nbytes // max(rows, 1)
    if partial.pairs is not None:
        sizes += _PAIR_BYTES * np.bincount(partial.pairs[0], minlength=rows)
    for singles in (partial.weights, partial.moments):
        if singles is not None:
            sizes += _SINGLE_BYTES * np.bincount(singles[0], minlength=rows)
    if partial.whose is not None and partial.moments is not None:
        whose = partial.whose
        np.add.at(sizes, partial.moments[0], _PART_BYTES * whose.codes.shape[1] + _SIGN_BYTES * whose.sizes())
    if partial.parts is not None:
        parts = partial.parts
        text = _SIGN_BYTES * np.array([*map(len, parts.texts)], np.int64)[parts.value]
        np.add.at(sizes, parts.row, _PART_BYTES + text + parts.weight.nbytes // max(len(parts.row), 1))
    if partial.things is not None:
        np.add.at(sizes, partial.things.row, _thing_sizes(partial.things))
    return sizes


@lru_cache(maxsize=1 << 16)  # the same series come with every pane
def _key_size(key: Key) -> int:
    return sum(len(str(value)) * _SIGN_BYTES + 4 for value in key)


def size_of(partial: Partial) -> int:
    """Estimate the bytes of a partial, a little high."""
    return _PARTIAL_BYTES + int(row_sizes(partial).sum())


def split(partial: Partial, size_max: int) -> list[Partial]:
    """Cut a partial into parts of about `size_max` bytes; one series goes into several only for its many things."""
    sizes = row_sizes(partial)
    if sizes.sum() <= size_max:
        return [partial]
    parts: list[Partial] = []
    for rows in _runs(sizes, size_max):
        part = select(partial, rows)
        if part.things is None or sizes[rows].sum() <= size_max:
            parts.append(part)
        else:
            parts += [
                replace(part, things=_chosen(part.things, run)) for run in _runs(_thing_sizes(part.things), size_max)
            ]
    return parts


def join(known: Partial, more: Partial) -> Partial:
    """Put two parts of one pane of one source partition together; what stands in both counts once."""
    if more.things is None:
        there = set(known.keys)
        more = select(more, np.array([row for row, key in enumerate(more.keys) if key not in there], np.int64))
    elif known.things is not None and more.things.every:  # else the latest state is kept, however often it is told
        told = set(_names(known.things))
        fresh = np.array([at for at, name in enumerate(_names(more.things)) if name not in told], np.int64)
        more = replace(more, things=_chosen(more.things, fresh))
    return merge([known, more])


def _names(things: Things) -> Iterator[tuple[int, int, str]]:
    """Name each event of a partition: its thing, its time and its id, which no other has at that time."""
    return zip(things.code.tolist(), things.time_ms.tolist(), things.ids, strict=True)


def select(partial: Partial, rows: Int64) -> Partial:
    """Keep some rows, ascending."""
    place = np.full(len(partial.keys), -1, np.int64)
    place[rows] = np.arange(len(rows))
    pairs, things = partial.pairs, partial.things
    if pairs is not None:
        inside = place[pairs[0]] >= 0
        pairs = place[pairs[0][inside]], pairs[1][inside]
    if things is not None:
        things = _chosen(things, np.flatnonzero(place[things.row] >= 0))
        things = replace(things, row=place[things.row])
    weights, moments, whose = partial.weights, partial.moments, partial.whose
    if weights is not None:
        inside = place[weights[0]] >= 0
        weights = place[weights[0][inside]], weights[1][inside], weights[2][inside]
    if moments is not None:
        inside = place[moments[0]] >= 0
        moments = place[moments[0][inside]], moments[1][inside], moments[2][inside]
        whose = None if whose is None else whose.only(inside)
    return Partial(
        partial.rule,
        partial.end_ms,
        [partial.keys[row] for row in rows.tolist()],
        {name: column[rows] for name, column in partial.columns.items()},
        pairs,
        things,
        weights,
        moments,
        partial.side,
        None if partial.parts is None else partial.parts.select(place),
        whose,
    )


def _chosen(things: Things, which: Int64) -> Things:
    ids: Sequence[str] = [things.ids[at] for at in which.tolist()]
    stages = things.stages
    if stages is not None:
        stages = [stages[0][at] for at in which.tolist()], stages[1][which]
    return Things(
        things.code[which],
        things.time_ms[which],
        ids,
        things.row[which],
        things.matched[which],
        things.number[which],
        things.value[which],
        things.every,
        stages,
        [things.texts[at] for at in which.tolist()] if things.texts else (),
    )


def _thing_sizes(things: Things) -> Int64:
    more = [sum(map(len, texts)) for texts in things.texts] or [0] * len(things.ids)
    lengths = [len(id_) + of_texts for id_, of_texts in zip(things.ids, more, strict=True)]
    sizes = _THING_BYTES + _SIGN_BYTES * np.array(lengths, np.int64)
    if things.stages is not None:
        sizes += np.array([_STAGE_BYTES + _SIGN_BYTES * len(name) for name in things.stages[0]], np.int64)
    return sizes


def _runs(sizes: Int64, size_max: int) -> Iterator[Int64]:
    """Cut 0 … n − 1 into runs, each of at most `size_max` or of one."""
    first, size = 0, 0
    for at, more in enumerate(sizes.tolist()):
        if at > first and size + more > size_max:
            yield np.arange(first, at)
            first, size = at, 0
        size += more
    yield np.arange(first, len(sizes))
