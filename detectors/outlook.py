"""Measures that are judged against their own past or carried on into the future: what they have in common.

An outlook stands between a measure and the levels: it is shown the measure's values at fixed boundaries, every `step`,
and turns a value into the number that is judged. It learns from nothing else, so what it has learned does not depend on
how the events came in batches, and neither does what it says. Between two steps what it says of a series changes only
with the value of the series: the judge wakes every series at each step, and needs no others.
"""

from __future__ import annotations

from typing import Any, Protocol

from detectors.batch import Float64, Int64


class Outlook(Protocol):
    """What one rule has learned, all series at once; rows are numbered by the judge and only ever grow."""

    @property
    def next_ms(self) -> int:
        """The boundary at which it learns next; FOREVER before the first series."""

    def begin(self, size: int, time_ms: int) -> None:
        """Make room for `size` series; the new ones begin at this boundary."""

    def learn(self, values: Float64, time_ms: int) -> None:
        """See the value of every series at `next_ms` (NaN = unknown), and move that on."""

    def values(self, rows: Int64, values: Float64) -> Float64:
        """Turn values of the measure into what is judged, NaN where that is unknown."""

    def state(self, size: int) -> dict[str, Any]:
        """Write the first `size` series down as plain columns."""

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `state` wrote."""


def step_of(wanted_ms: int, hop_ms: int) -> int:
    """Give the shortest step of at least `wanted_ms` whose multiples are boundaries.

    >>> step_of(900_000, 10_000), step_of(900_000, 7_000), step_of(900_000, 3_600_000)
    (900000, 903000, 3600000)
    """
    return -(-wanted_ms // hop_ms) * hop_ms


def next_step(time_ms: int, step_ms: int) -> int:
    """Give the first multiple of the step at or after a time."""
    return -(-time_ms // step_ms) * step_ms
