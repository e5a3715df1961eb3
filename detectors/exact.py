"""Sums as if added exactly: the same in any order and any split, and exact again after a pane has left.

A number is cut into six limbs of 31 bits (weights 2^62, 2^31, 1, 2^-31, 2^-62, 2^-93), which add as integers.
This is the long accumulator of Kulisch (*Computer Arithmetic and Validity*, 2008) with a range chosen for what
centres count: exact for values that are 0 or lie between 10^-12 and 2^93, with up to 2^32 of them a window; what a
number has below 2^-93 is cut off.
"""

from __future__ import annotations

import numpy as np

from detectors.batch import Float64, Int64

LIMBS = 6
LIMIT = 2.0**93
"""Numbers from here on have no place in the limbs; the edge refuses them."""

_BITS = 31
_UNIT = 2  # the limb of weight 1
_BELOW = LIMBS - 1 - _UNIT


def split(values: Float64) -> Int64:
    """Cut (n,) finite numbers in [0, LIMIT) into (n, LIMBS) integers."""
    limbs = np.zeros((len(values), LIMBS), np.int64)
    if not len(values):
        return limbs
    if values.max() < 2.0**_BITS and (values == np.floor(values)).all():  # counts of people: one limb
        limbs[:, _UNIT] = values
        return limbs
    rest = np.ldexp(values, -_BITS * _UNIT)
    for limb in range(LIMBS):
        whole = np.floor(rest)
        limbs[:, limb] = whole
        rest = np.ldexp(rest - whole, _BITS)
    return limbs


def total(groups: Int64, limbs: Int64, size: int) -> Int64:
    """Add (n, LIMBS) limbs up by group. Return (size, LIMBS)."""
    sums = np.zeros((size, LIMBS), np.int64)
    for limb in range(LIMBS):
        if limbs[:, limb].any():
            # bincount adds in doubles: exact as long as a batch has fewer than 2^22 events, 2^31 each.
            sums[:, limb] = np.bincount(groups, limbs[:, limb], size)
    return sums


def to_float(limbs: Int64) -> Float64:
    """Round (n, LIMBS) exact sums to the nearest double, once.

    >>> to_float(total(np.zeros(10, np.int64), split(np.full(10, 0.1)), 1)).tolist()
    [1.0]
    """
    values = limbs[:, _UNIT].astype(np.float64)
    others = [limb for limb in range(LIMBS) if limb != _UNIT]
    for row in np.flatnonzero(limbs[:, others].any(axis=1)).tolist():
        exact = 0
        for limb in limbs[row].tolist():
            exact = (exact << _BITS) + limb
        values[row] = exact / (1 << (_BITS * _BELOW))  # int / int rounds correctly
    return values
