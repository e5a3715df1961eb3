"""Columns that lengthen: a row a series, and series only ever come."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def grown(column: npt.NDArray[Any], size: int, fill: float = 0) -> npt.NDArray[Any]:
    """Lengthen a column by doubling, so that growing one by one stays cheap.

    >>> grown(np.array([7]), 2), len(grown(np.zeros(4), 5))
    (array([7, 0]), 8)
    """
    if size <= len(column):
        return column
    longer = np.full((max(size, 2 * len(column)), *column.shape[1:]), fill, column.dtype)
    longer[: len(column)] = column
    return longer
