"""What JSON objects look like from above: enough to prove, without a second parse, that nothing was skipped.

A decoder that ignores unknown fields also ignores what is wrong with them, and takes the last of two equal keys. But
an object whose keys are all known, each once, has as many keys as its event has fields set. Counting keys in the bytes
(a quote, then a colon) can only count too many, never too few, as long as there is no white space between. So where
the two numbers agree, every byte was read and checked by the decoder. Where they do not, the object is read strictly.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from detectors.batch import Bool
from streams.event_types import OBJECT_BYTES_MAX

Bytes: TypeAlias = npt.NDArray[np.uint8]

MSGSPEC_ERRORS: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""All that msgspec raises for bad bytes."""

read_all = msgspec.json.Decoder(dict[str, Any]).decode
_BLOCK_LEN: Final = 1 << 15  # arrays of this size stay in the cache, and malloc keeps their memory
_QUOTE: Final = ord('"')
_COLON: Final = ord(":")
_COLON_AFTER: Final = np.uint16(_COLON << 8)
_SPACE: Final = ord(" ")
_BACKSLASH: Final = ord("\\")


def is_all_known(objects: Sequence[bytes], joined: bytes, keys: int) -> bool:
    """Say whether objects that were decoded hold just `keys` keys in all, and nothing that needs a closer look.

    `joined` are the objects with one white-space byte between them.

    >>> is_all_known([b'{"id":"a"}'], b'{"id":"a"}', 1), is_all_known([b'{"id":1,"id":2}'], b'{"id":1,"id":2}', 1)
    (True, False)
    """
    counted = _count_keys(joined)
    if counted is None or counted != keys:
        return False
    return len(joined) <= OBJECT_BYTES_MAX or max(map(len, objects)) <= OBJECT_BYTES_MAX


def find_suspects(objects: Sequence[bytes], keys: Sequence[int]) -> tuple[list[int], list[int]]:
    """Find the objects (by position) of which `is_all_known` would not hold, given the number of keys of each.

    The first list needs a strict reading. Of the second we know only that keys were skipped: ask `is_flat`.
    """
    sizes = [len(each) for each in objects]
    starts = [0, *accumulate(size + 1 for size in sizes[:-1])]
    key, odd = _marks(b" ".join(objects))
    strange: Bool = np.logical_or.reduceat(odd, starts) | (np.asarray(sizes) > OBJECT_BYTES_MAX)
    crowded: Bool = ~strange & (np.add.reduceat(key, starts, dtype=np.intp) != np.asarray(keys))
    return np.flatnonzero(strange).tolist(), np.flatnonzero(crowded).tolist()


def is_flat(raw: bytes) -> bool:
    """Say whether a decoded object has fields the decoder does not know, and nothing wrong with them.

    The usual case, which is spared the strict reading: nothing nests, and msgspec itself reads every field.

    >>> is_flat(b'{"id":"a","x":1}'), is_flat(b'{"id":"a","id":1}'), is_flat(b'{"id":"a","x":[]}')
    (True, False, False)
    """
    if raw.count(b"{") != 1 or b"[" in raw:
        return False
    try:
        fields = read_all(raw)
    except MSGSPEC_ERRORS:
        return False
    return len(fields) == raw.count(b'":')


def _count_keys(joined: bytes) -> int | None:
    """Count the quotes before colons; None where some byte needs a closer look."""
    counted = 0
    if b"\\" in joined:
        key, odd = _marks(joined)
        return None if odd.any() else int(np.count_nonzero(key))
    for start in range(0, len(joined), _BLOCK_LEN):
        block = joined[start : start + _BLOCK_LEN + 1]
        for first in (0, 1):  # two bytes at a time, twice: half the work of looking at each byte and at the one behind
            pair = np.frombuffer(block, "<u2", (len(block) - first) // 2, first)
            before = pair - _COLON_AFTER  # what stands before a colon; more than a byte where there is none
            if np.count_nonzero(before <= _SPACE):
                return None
            counted += int(np.count_nonzero(before == _QUOTE))
    return counted


def _marks(joined: bytes) -> tuple[Bool, Bool]:
    """Mark quotes that may end a key, and bytes that need a closer look."""
    byte = np.frombuffer(joined, np.uint8)
    quote, after = byte[:-1] == _QUOTE, byte[1:]
    odd = quote & (after <= _SPACE)
    if b"\\" in joined:
        at = np.flatnonzero(byte[:-1] == _BACKSLASH)
        follow = (byte.take(at + step, mode="clip") for step in (1, 2, 3))
        odd[at] = ~_is_plain_escape(*follow)
    return quote & (after == _COLON), odd


def _is_plain_escape(first: Bytes, second: Bytes, third: Bytes) -> Bool:
    r"""Pass \uXXXX but control characters (00..) and halves of a pair (d...): so `json.dumps` writes Chinese."""
    zero = ord("0")
    plain: Bool = (first == ord("u")) & ~((second == zero) & (third == zero)) & ((second | 0x20) != ord("d"))
    return plain
