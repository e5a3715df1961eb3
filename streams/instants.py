"""Times to integer milliseconds, many at once: `datetime.timestamp` alone would cost a third of decoding."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import compress
from typing import Final

import msgspec
import numpy as np

from detectors.batch import Bool, Float64, Int64

_pack = msgspec.msgpack.Encoder().encode

# MessagePack writes a time of whole seconds in 6 bytes, one with a fraction in 10 (while the seconds fit 34 bits).
_WHOLE: Final = np.dtype([("type", ">u2"), ("seconds", ">u4")])
_FRACTION: Final = np.dtype([("type", ">u2"), ("packed", ">u8")])
_WHOLE_TYPE: Final = 0xD6FF
_FRACTION_TYPE: Final = 0xD7FF
_EXACT_MICROS: Final = 1 << 53  # past this (year 2255) a float no longer holds every microsecond


def to_ms(times: Sequence[datetime | float]) -> Int64:
    """Turn times (with offset) or Unix seconds into milliseconds, each as `round(seconds * 1000)` would.

    >>> from datetime import timezone
    >>> to_ms([datetime(2026, 3, 1, tzinfo=timezone.utc), 0.0015, 2.0]).tolist()
    [1772323200000, 2, 2000]
    """
    ms: Int64 = np.rint(to_seconds(times) * 1000.0).astype(np.int64)
    return ms


def to_seconds(times: Sequence[datetime | float]) -> Float64:
    """Turn times (with offset) or Unix seconds into Unix seconds, each as `datetime.timestamp` would."""
    if times and isinstance(times[0], float):  # then all are numbers, as a rule
        try:
            return np.array(times, np.float64)
        except TypeError:  # or not
            pass
    seconds = _unpacked(times)
    if seconds is not None:
        return seconds
    try:
        fraction: Bool = np.array([time.microsecond != 0 for time in times])  # type: ignore[union-attr]
    except AttributeError:  # numbers among them
        return np.array([time if isinstance(time, float) else time.timestamp() for time in times])
    seconds = np.empty(len(times))
    for where in (fraction, ~fraction):
        chosen = list(compress(times, where.tolist()))
        packed = _unpacked(chosen)
        seconds[where] = [time.timestamp() for time in chosen] if packed is None else packed  # type: ignore[union-attr]
    return seconds


def parse_instant(value: str | float) -> datetime | float:
    """Read a time as it stands in an event. Raises msgspec.ValidationError for text that is not RFC 3339."""
    return value if isinstance(value, float) else msgspec.convert(value, datetime)


def _unpacked(times: Sequence[datetime | float]) -> Float64 | None:
    """Let msgspec do the calendar: pack the times, and read the numbers out of the bytes if all are of one size."""
    try:
        packed = _pack(times)
    except OverflowError:  # the offset takes it out of the years 1 to 9999
        return None
    # The head of a MessagePack array grows with its length.
    head = 1 if len(times) < 16 else 3 if len(times) < 1 << 16 else 5
    size = len(packed) - head
    if size == _WHOLE.itemsize * len(times):
        whole = np.frombuffer(packed, _WHOLE, offset=head)
        if (whole["type"] == _WHOLE_TYPE).all():
            return whole["seconds"].astype(np.float64)
    elif size == _FRACTION.itemsize * len(times):
        fraction = np.frombuffer(packed, _FRACTION, offset=head)
        if (fraction["type"] == _FRACTION_TYPE).all():
            number = fraction["packed"].astype(np.int64)  # nanoseconds << 34 | seconds
            micros = (number & ((1 << 34) - 1)) * 1_000_000 + ((number >> 34) & ((1 << 30) - 1)) // 1000
            if micros.max(initial=0) < _EXACT_MICROS:
                return micros / 1e6
    return None
