"""State as bytes: what was written comes back, and bytes are data, whatever they say."""

from __future__ import annotations

import contextlib

import msgspec
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from streams.pack import pack, unpack

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(0, 9), inner, max_size=4),
    max_leaves=12,
)
dtypes = st.sampled_from(["<i8", "<u8", "<f8", "|b1", "<i4", ">i8"]).map(np.dtype)


@given(plain)
def test_plain_data_comes_back(value: object) -> None:
    assert unpack(pack(value)) == value


@given(arrays.arrays(dtypes, arrays.array_shapes(min_dims=0, min_side=0, max_dims=3, max_side=4)))
def test_arrays_come_back_as_they_were(array: np.ndarray) -> None:
    back = unpack(pack({"a": [array]}))["a"][0]
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(back, array)
    assert back.flags.writeable
    assert back.flags.owndata


def test_a_view_with_gaps_comes_back() -> None:
    assert unpack(pack(np.arange(10)[::3])).tolist() == [0, 3, 6, 9]


def test_numbers_of_numpy_become_plain() -> None:
    assert unpack(pack([np.int64(3), np.float64(0.5), np.bool_(1)])) == [3, 0.5, True]


@pytest.mark.parametrize(
    "value",
    [object(), np.array([object()]), np.array(["x"]), np.array(["2026"], "M8")],
    ids=["object", "objects", "texts", "dates"],
)
def test_what_is_no_data_is_not_written(value: object) -> None:
    with pytest.raises(TypeError, match="does not belong into a state"):
        pack(value)


def extension(code: int, data: bytes) -> bytes:
    return msgspec.msgpack.encode(msgspec.msgpack.Ext(code, data))


def array_of(dtype: object, shape: object, data: bytes = b"") -> bytes:
    head = msgspec.msgpack.encode((dtype, shape))
    return extension(1, bytes([len(head)]) + head + data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xc1", id="a byte that MessagePack does not use"),
        pytest.param(pack([1, 2])[:-1], id="cut off"),
        pytest.param(pack(1) + b"\x00", id="more than one value"),
        pytest.param(b"\x91" * 100_000 + b"\x00", id="very deep"),
        pytest.param(b"\xdd\xff\xff\xff\xff", id="a list said to be huge"),
        pytest.param(b"\xc6\xff\xff\xff\xff", id="bytes said to be huge"),
        pytest.param(b"\xa2\xff\xff", id="text that is not UTF-8"),
        pytest.param(extension(7, b"x"), id="another extension"),
        pytest.param(extension(1, b""), id="an array of nothing"),
        pytest.param(extension(1, b"\x09\x92"), id="an array without its head"),
        pytest.param(array_of("|O", [1], b"12345678"), id="an array of objects"),
        pytest.param(array_of("<i4,|O", [1], b"123456789012"), id="objects in a record"),
        pytest.param(array_of("no such type", [0]), id="an unknown type"),
        pytest.param(array_of({"a": 1}, [0]), id="a type that is a mapping"),
        pytest.param(array_of("<i8", [2], b"12345678"), id="too few bytes"),
        pytest.param(array_of("<i8", "x", b"12345678"), id="a shape that is text"),
        pytest.param(array_of("<i8", [1 << 62, 1 << 62], b"12345678"), id="a shape beyond all memory"),
    ],
)
def test_what_pack_did_not_write_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        unpack(data)


@given(st.binary(max_size=60))
@example(b"\x81\xc1")
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        unpack(data)


@given(st.data())
def test_any_array_head_is_read_or_refused(data: st.DataObject) -> None:
    dtype = data.draw(st.sampled_from(["<i8", "|V0", "U3", "M8[s]", "<f2"]) | st.text(max_size=4))
    shape = data.draw(st.lists(st.integers(-2, 3), max_size=3) | st.none() | st.floats())
    with contextlib.suppress(ValueError):
        unpack(array_of(dtype, shape, data.draw(st.binary(max_size=24))))
