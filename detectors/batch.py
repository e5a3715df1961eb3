"""Events as columns: what the edge hands to the arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]
UInt64 = npt.NDArray[np.uint64]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Column:
    """One field of n events.

    `values` are as decoded, `None` where the field is missing. `codes` are numbers that are equal just when the
    values are (0 = missing): stable 64-bit fingerprints for strings, so that they mean the same in every process.
    `numbers` are the same as floats (NaN = missing) for number, boolean and time fields (times in Unix seconds).
    """

    values: Sequence[object]
    codes: UInt64 | None = None
    numbers: Float64 | None = None


@dataclass(frozen=True, slots=True)
class EventBatch:
    """Events of one stream that were admitted, in arrival order: (n,) times, ids, and the fields the rules use."""

    stream: str
    time_ms: Int64
    ids: Sequence[str]
    columns: Mapping[str, Column]

    def __len__(self) -> int:
        return len(self.ids)
