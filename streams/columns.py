"""Events as columns: each field the rules use becomes one array, once a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import compress
from typing import Any, Final

import numpy as np

from detectors.batch import Column, EventBatch, Float64, Int64, UInt64
from detectors.codes import code_of as text_code
from detectors.vocabulary import FieldType, Stream
from streams.event_types import MISSING
from streams.instants import to_seconds

_CODES_LEN_MAX: Final = 1 << 20
_NAN_BITS: Final = np.array([np.nan]).view(np.uint64)


class _Codes(dict[object, int]):
    """The codes of the strings seen lately. They follow from the text alone, so forgetting them does no harm."""

    def __missing__(self, value: object) -> int:
        if len(self) >= _CODES_LEN_MAX:
            self.clear()
        self[value] = code = text_code(value) if isinstance(value, str) else 0
        return code


_codes = _Codes()


def to_batch(stream: Stream, ids: Sequence[str], time_ms: Int64, fields: Mapping[str, list[Any]]) -> EventBatch:
    """Turn the fields of events of one stream into columns.

    Strings get codes that are the same in every process; numbers, booleans (1.0, 0.0) and times (Unix seconds) become
    floats, and their codes follow from the floats. So within a column equal values and only they have equal codes (but
    for two strings in 2**64), and a string never meets a number, because a column has one type.
    """
    columns = {name: _column(values, stream.fields[name].type) for name, values in fields.items()}
    return EventBatch(stream.name, time_ms, ids, columns)


def code_of(value: str | float | None) -> int:
    """Return the code that `value` has in a column of its type, for the constants of rules; None is missing: 0.

    >>> code_of(1) == code_of(1.0) == code_of(True), code_of("1") == code_of(1), code_of(None)
    (True, False, 0)
    """
    if value is None or isinstance(value, str):
        return _codes[value]
    return int(_number_codes(np.array([float(value)]))[0])


def _column(values: list[Any], type_: FieldType) -> Column:
    if type_ is FieldType.STRING:
        codes = np.fromiter(map(_codes.__getitem__, values), np.uint64, len(values))
        return Column(values if codes.all() else _with_none(values), codes=codes)
    try:
        numbers = _numbers(values, type_)
    except (TypeError, AttributeError):  # some are missing, which is dearer to ask first
        values = _with_none(values)
        numbers = np.full(len(values), np.nan)
        present = [value is not None for value in values]
        numbers[present] = _numbers(list(compress(values, present)), type_)
    return Column(values, codes=_number_codes(numbers), numbers=numbers)


def _numbers(values: Sequence[Any], type_: FieldType) -> Float64:
    return to_seconds(values) if type_ is FieldType.TIME else np.array(values, np.float64)


def _with_none(values: Sequence[object]) -> list[object]:
    return [None if value is MISSING else value for value in values]


def _number_codes(numbers: Float64) -> UInt64:
    """Code floats by their bits, turned so that missing (NaN) is 0. Adding zero makes -0.0 and 0.0 one."""
    codes: UInt64 = (numbers + 0.0).view(np.uint64) ^ _NAN_BITS
    return codes
