"""The `where` and `except` of a rule, over columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from detectors.batch import Bool, Column, EventBatch, Float64
from detectors.codes import code_of
from detectors.rules import Condition, FieldName, Op, Rule
from detectors.vocabulary import Field, FieldType

_COMPARE: Mapping[Op, Callable[[Float64, float | Float64], Bool]] = {
    Op.GE: np.greater_equal,
    Op.GT: np.greater,
    Op.LE: np.less_equal,
    Op.LT: np.less,
}


def matches(conditions: Sequence[Condition], fields: Mapping[str, Field], batch: EventBatch) -> Bool | None:
    """Say which events fulfil every condition: (n,), or None when there is nothing to ask and all do."""
    mask: Bool | None = None
    for condition in conditions:
        holds = _holds(condition, fields[condition.field].type, batch)
        mask = holds if mask is None else mask & holds
    return mask


def chosen_by(rule: Rule, fields: Mapping[str, Field], batch: EventBatch) -> Bool | None:
    """Say which events are a rule's: they match its `where`, and not its `except`."""
    mask = matches(rule.where, fields, batch)
    left_out = matches(rule.excepted, fields, batch)
    if left_out is None:
        return mask
    return ~left_out if mask is None else mask & ~left_out


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
