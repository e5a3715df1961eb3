"""Quantiles that add up: the same in any split and any order, and a pane can leave the window again.

While a series has few different values in its window they are counted as they are, and the quantile is one of them,
exactly. Beyond EXACT_LEN values are counted by the logarithmic bucket they fall into, as in DDSketch (Masson, Rim, Lee,
*DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees*, VLDB 2019): bucket i holds the
values in (γ^(i−1), γ^i] with γ = 101/99, and stands for 0.99 γ^i, which is off by 1 % of a value at most. Values under
10^-12 count as 0.

Which of the two holds follows from the values in the window alone: a pane with more different values than EXACT_LEN
lies only in windows that have more, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import lru_cache

import numpy as np

from detectors.batch import Float64, Int64
from detectors.exact import LIMIT

EXACT_LEN = 256
"""Different values of a series that are counted as they are."""

SMALLEST = 1e-12
"""Values below it are 0: smaller ones would make buckets without end, and nobody measures them."""

_DIGITS = 60


@lru_cache(maxsize=1)
def buckets() -> tuple[Float64, Float64]:
    """Give upper bounds and middles of all buckets, ascending: (n,) each, rounded once from exact powers of γ.

    A table instead of logarithms, whose last bit may differ from machine to machine.

    >>> bounds, middles = buckets()
    >>> len(bounds), round(float((middles[1:] / bounds[:-1]).max()), 6), round(float((middles / bounds).min()), 6)
    (4607, 1.01, 0.99)
    """
    with localcontext() as context:
        context.prec = _DIGITS
        gamma = Decimal(101) / Decimal(99)
        bound, first = Decimal(1), 0
        while bound > Decimal(SMALLEST):
            bound, first = bound / gamma, first - 1
        bounds = []
        for power in range(first, 1 << 20):
            bounds.append(gamma**power)
            if bounds[-1] >= Decimal(LIMIT):
                break
        return np.array([float(b) for b in bounds]), np.array([float(b * Decimal("0.99")) for b in bounds])


def middles_of(values: Float64) -> Float64:
    """Give the middle of the bucket each value falls into.

    >>> middles_of(np.array([0.0, 1.0, 100.0])).round(3).tolist()
    [0.0, 0.99, 100.495]
    """
    bounds, middles = buckets()
    places = np.minimum(np.searchsorted(bounds, values), len(bounds) - 1)
    return np.where(values < SMALLEST, 0.0, middles[places])


def weigh(rows: Int64, values: Float64, counts: Int64) -> tuple[Int64, Float64, Int64]:
    """Add up how often each value stands in each row, by row and value."""
    order = np.lexsort((values, rows))
    rows, values, counts = rows[order], values[order], counts[order]
    if not len(rows):
        return rows, values, counts
    starts = np.flatnonzero(np.concatenate(([True], (rows[1:] != rows[:-1]) | (values[1:] != values[:-1]))))
    return rows[starts], values[starts], np.add.reduceat(counts, starts)


def merged(parts: Sequence[tuple[tuple[Int64, Float64, Int64], Int64]]) -> tuple[Int64, Float64, Int64]:
    """Put the values of several panes together; rows are translated through the arrays given."""
    return weigh(
        np.concatenate([row_of[rows] for (rows, _, _), row_of in parts]),
        np.concatenate([values for (_, values, _), _ in parts]),
        np.concatenate([counts for (_, _, counts), _ in parts]),
    )


def bounded(coarse: Int64, weights: tuple[Int64, Float64, Int64]) -> tuple[Int64, tuple[Int64, Float64, Int64]]:
    """Put the values of rows that have too many, or that hold middles already, into buckets.

    `coarse` is (rows of the pane,): 1 where that was done. Return both anew.
    """
    rows, values, counts = weights
    coarse = np.maximum(coarse, (np.bincount(rows, minlength=len(coarse)) > EXACT_LEN).astype(np.int64))
    turned = coarse[rows] == 1
    if not turned.any():
        return coarse, weights
    return coarse, weigh(rows, np.where(turned, middles_of(values), values), counts)


def quantile(counts: Mapping[float, int], q: float) -> float:
    """Give the smallest value with at least q of all at or under it; NaN of none.

    >>> quantile({1.0: 18, 30.0: 1, 90.0: 1}, 0.95), quantile({5.0: 1}, 0.5), quantile({}, 0.5)
    (30.0, 5.0, nan)
    """
    if not counts:
        return float("nan")
    values = np.fromiter(counts.keys(), np.float64, len(counts))
    order = np.argsort(values)
    reached = np.cumsum(np.fromiter(counts.values(), np.int64, len(counts))[order])
    part = Fraction(str(q))  # as people reckon: 0.07 of 100 is 7, not a little more
    rank = -(-part.numerator * int(reached[-1]) // part.denominator)
    return float(values[order[np.searchsorted(reached, max(rank, 1))]])
