"""State as bytes: MessagePack, with arrays as they lie in memory. No pickle: bytes are data, never code."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import numpy as np

_ARRAY = 1
_NUMBERS = re.compile(r"[<>|][biuf][0-9]{1,2}", re.ASCII)  # types whose bytes are numbers, and nothing else


def _out(value: Any) -> Any:
    if isinstance(value, np.ndarray) and _NUMBERS.fullmatch(value.dtype.str):
        head = msgspec.msgpack.encode((value.dtype.str, value.shape))
        return msgspec.msgpack.Ext(_ARRAY, bytes([len(head)]) + head + np.ascontiguousarray(value).tobytes())
    if isinstance(value, np.generic):
        return value.item()
    msg = f"a {type(value).__name__} does not belong into a state"
    raise TypeError(msg)


def _in(code: int, data: memoryview) -> Any:
    if code != _ARRAY:
        msg = f"unknown extension {code}"
        raise ValueError(msg)
    start = 1 + data[0]
    dtype, shape = msgspec.msgpack.decode(data[1:start])
    if not _NUMBERS.fullmatch(dtype):
        msg = f"an array of {dtype} does not belong into a state"
        raise ValueError(msg)
    return np.frombuffer(data[start:], dtype).reshape(shape).copy()


_encoder = msgspec.msgpack.Encoder(enc_hook=_out)
_decoder = msgspec.msgpack.Decoder(ext_hook=_in)


def pack(value: Any) -> bytes:
    """Write plain data with arrays down.

    >>> unpack(pack({"a": np.array([[1, 2]]), 3: ("x", None)}))
    {'a': array([[1, 2]]), 3: ['x', None]}
    """
    return _encoder.encode(value)


def unpack(data: bytes) -> Any:
    """Read back what `pack` wrote. Raise ValueError if it is not that."""
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, IndexError, TypeError, RecursionError) as error:
        msg = f"not a packed state: {error}"
        raise ValueError(msg) from error
