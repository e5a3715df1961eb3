"""Spans of time as people write them (`10s 500ms 5m 2h 1d`), as integer milliseconds."""

from __future__ import annotations

import re
from decimal import Decimal

UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
DURATION_MS_MAX = 3_650 * UNIT_MS["d"]
"""Ten years: longer is a slip of the hand, and sums of times must stay within 64 bits."""

DURATION = r"([0-9]{1,15}(?:\.[0-9]{1,15})?)(ms|s|m|h|d)"

FOREVER = 1 << 62
"""A time that never comes."""


def parse_duration(text: str) -> int:
    """Read one number with its unit, as milliseconds; raise ValueError saying what is wrong.

    >>> parse_duration("10s"), parse_duration("1.5h"), parse_duration("0s")
    (10000, 5400000, 0)
    >>> parse_duration("0.5ms")
    Traceback (most recent call last):
    ValueError: is not a whole number of milliseconds
    """
    parts = re.fullmatch(DURATION, text, re.ASCII)
    if parts is None:
        if text.startswith("-"):
            raise ValueError("is negative: a duration is 0 or more")
        raise ValueError("is not a duration: write a number and ms, s, m, h or d, as in 10s")
    span_ms = Decimal(parts[1]) * UNIT_MS[parts[2]]
    if span_ms > DURATION_MS_MAX:
        raise ValueError("is longer than 3650d")
    if span_ms != int(span_ms):
        raise ValueError("is not a whole number of milliseconds")
    return int(span_ms)


def format_duration(span_ms: int) -> str:
    """Write a span in the largest unit that divides it.

    >>> format_duration(300_000), format_duration(90_000), format_duration(0)
    ('5m', '90s', '0s')
    """
    if span_ms == 0:
        return "0s"
    unit = next(unit for unit in reversed(UNIT_MS) if span_ms % UNIT_MS[unit] == 0)
    return f"{span_ms // UNIT_MS[unit]}{unit}"
