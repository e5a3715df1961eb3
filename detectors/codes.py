"""Stable 64-bit codes of texts: equal texts, equal codes, in every process and after every restart."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

MISSING = 0
"""The code of a field that is not there; no value has it."""


def code_of(text: str) -> int:
    """Fold a text into 64 bits; MISSING is never the code of one.

    >>> code_of("长沙") == code_of("长沙"), code_of("1") == code_of("01"), code_of("") == MISSING
    (True, False, False)
    """
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") or 1


_SAME_MAX = 1 << 16
_same: dict[str, str] = {}


def same(text: str) -> str:
    """Give the one object that stands for all equal texts seen lately, so that those which are kept are kept once."""
    if len(_same) >= _SAME_MAX:
        _same.clear()
    return _same.setdefault(text, text)


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
