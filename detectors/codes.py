"""Stable 64-bit codes of values: equal values, equal codes, in every process and after every restart."""

from __future__ import annotations

import hashlib
import struct

import numpy as np
import numpy.typing as npt

MISSING = 0
"""The code of a field that is not there; no value has it."""


def code_of(value: str | float | bool) -> int:
    """Code one value: types never meet, but 1 and 1.0 are one number.

    >>> code_of(1) == code_of(1.0), code_of(1) == code_of("1"), code_of(1) == code_of(True)
    (True, False, False)
    """
    if isinstance(value, str):
        data = value.encode("utf-8", "surrogatepass")
    elif isinstance(value, bool):
        data = b"\xff true" if value else b"\xff false"  # no UTF-8 text begins with 0xff
    else:
        data = b"\xff" + struct.pack("<d", value + 0.0)  # + 0.0 makes one number of 0.0 and -0.0
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little") or 1


EMPTY = code_of("")
_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: spreads neighbouring codes over all bits


def combine(codes: list[npt.NDArray[np.uint64]], length: int) -> npt.NDArray[np.uint64]:
    """Mix the codes of several `by` columns into one code a row; a missing field counts as the empty string."""
    mixed = np.full(length, 1, np.uint64)
    for column in codes:
        filled = np.where(column == MISSING, np.uint64(EMPTY), column)
        mixed = (mixed ^ filled) * _MIX
        mixed ^= mixed >> np.uint64(29)
    return mixed
