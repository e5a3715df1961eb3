"""Where a value that rises by itself comes to matter: the marks it crosses, and the boundaries after them."""

from __future__ import annotations

import numpy as np

from detectors.batch import Int64
from detectors.durations import FOREVER
from detectors.levels import left_at
from detectors.rules import Rule

_LIMIT_S = 1e12
"""Seconds beyond which no value will come: thirty thousand years."""


def marks_of(rule: Rule) -> Int64:
    """Give the values, in milliseconds, from which on a level of a rule in seconds is another: entered, held or left.

    Sorted, the last one FOREVER.

    >>> from detectors.rules import Kind, Measure
    >>> rule = Rule("r", "calls", Measure(Kind.SILENT), (("yellow", 60.0), ("red", 90.0)), {}, clear=0.9)
    >>> marks_of(rule).tolist()[:-1]
    [54000, 60000, 81000, 90000]
    """
    limits = [limit for _, limit in rule.levels]
    limits += [limit for block in rule.when for limit in block.thresholds]
    limits += [left_at(limit, rule.clear, below=rule.below) for limit in limits]
    marks = {_first_ms(limit, beyond=rule.below) for limit in limits if limit < _LIMIT_S}
    return np.array([*sorted(marks), FOREVER], np.int64)


def _first_ms(limit: float, *, beyond: bool) -> int:
    """Find the first millisecond that, as seconds, reaches a limit, or goes `beyond` it; judged as values are."""
    time_ms = max(int(limit * 1000) - 2, 0)
    while (time_ms / 1000 <= limit) if beyond else (time_ms / 1000 < limit):
        time_ms += 1
    return time_ms


def boundary_after(since_ms: Int64, span_ms: Int64, hop_ms: int) -> Int64:
    """Give the first boundary at or after `span_ms` since then, for each of (n,); FOREVER if there is none."""
    never = span_ms >= FOREVER
    due_ms = since_ms + np.where(never, 0, span_ms)
    return np.where(never, FOREVER, -(-due_ms // hop_ms) * hop_ms)
