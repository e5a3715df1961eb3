"""The `where` and `except` of rules, over columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from detectors.batch import Bool, Column, EventBatch, Float64
from detectors.codes import code_of
from detectors.rules import Condition, FieldName, Op
from detectors.vocabulary import Field, FieldType

_COMPARE: Mapping[Op, Callable[[Float64, float | Float64], Bool]] = {
    Op.GE: np.greater_equal,
    Op.GT: np.greater,
    Op.LE: np.less_equal,
    Op.LT: np.less,
}


Asking = tuple[tuple[str, Condition], ...]
"""Conditions that all must hold, each with how it is written: 1 and true are equal, and are not the same condition."""


def asking(conditions: Sequence[Condition]) -> Asking:
    """Write conditions, so that those of several rules can be told apart or not."""
    return tuple((repr(condition), condition) for condition in conditions)


class Asked:
    """What rules ask of the events of one batch: each condition is answered once, whoever asks it."""

    def __init__(self, fields: Mapping[str, Field], batch: EventBatch) -> None:
        self._fields = fields
        self._batch = batch
        self._answers: dict[str, Bool] = {}

    def matches(self, conditions: Asking) -> Bool | None:
        """Say which events fulfil every condition: (n,), or None when there is nothing to ask and all do."""
        mask: Bool | None = None
        for written, condition in conditions:
            holds = self._holds(written, condition)
            mask = holds if mask is None else mask & holds
        return mask

    def chosen(self, where: Asking, excepted: Asking) -> Bool | None:
        """Say which events match all of `where`, and not all of `excepted`."""
        mask = self.matches(where)
        left_out = self.matches(excepted)
        if left_out is None:
            return mask
        return ~left_out if mask is None else mask & ~left_out

    def _holds(self, written: str, condition: Condition) -> Bool:
        known = self._answers.get(written)
        if known is None:
            known = self._answers[written] = _holds(condition, self._fields[condition.field].type, self._batch)
        return known


def _holds(condition: Condition, type_: FieldType, batch: EventBatch) -> Bool:
    """Compare one column. A missing number or time is NaN, a missing text has code 0: neither is equal to anything."""
    column = batch.columns[condition.field]
    if condition.op in _COMPARE:
        bound = condition.values[0]
        against = _numbers(batch.columns[bound.field]) if isinstance(bound, FieldName) else float(bound)
        return _COMPARE[condition.op](_numbers(column), against)
    held = np.zeros(len(column.values), np.bool_)
    for value in condition.values:
        if type_ is FieldType.STRING and isinstance(value, str):
            assert column.codes is not None
            held |= column.codes == np.uint64(code_of(value))
        elif (type_ is FieldType.BOOLEAN) is isinstance(value, bool) and not isinstance(value, str | FieldName):
            held |= _numbers(column) == float(value)
    return ~held if condition.op is Op.NOT else held


def _numbers(column: Column) -> Float64:
    assert column.numbers is not None, "a column that is compared has numbers"
    return column.numbers
