"""The `where` of a rule: plain data → conditions, each fit for the field it compares."""

from __future__ import annotations

from collections.abc import Sequence

from detectors.places import Place, describe, quoted, suggest
from detectors.rules import Condition, FieldName, Op, Scalar
from detectors.vocabulary import Field, FieldType, Stream

OPERATORS = {op.value: op for op in Op if op is not Op.IN}
_WRITTEN = {
    FieldType.STRING: "text",
    FieldType.NUMBER: "a number",
    FieldType.BOOLEAN: "true or false",
    FieldType.TIME: "a time",
}
_COMPARED = (FieldType.NUMBER, FieldType.TIME)
_TIME = '"{}" is a time: it is compared with another time field alone, as in {{gt: {{field: …}}}}'


def read_field(place: Place, stream: Stream, *, at_key: bool = False, others: str = "") -> Field | None:
    """Find the field that this place names: as its value, or as its key. `others` says where more come from."""
    name = str(place.path[-1]) if at_key else place.text("the name of a field", any_text=False)
    if name is None:
        return None
    field = stream.fields.get(name)
    if field is None:
        hint = suggest(name, stream.fields, others)
        place.refuse(f"stream {stream.name} has no field {quoted(name)}: {hint}", at_key=at_key)
    return field


def read_where(place: Place, stream: Stream) -> tuple[Condition, ...]:
    """Read `{field: value | [values] | {operator: …}}`: all must hold."""
    conditions: list[Condition] = []
    for name, test in (place.entries("a mapping of field to value") or {}).items():
        field = read_field(test, stream, at_key=True)
        if field is None:
            continue
        if isinstance(test.value, dict):
            conditions += _read_operators(test, name, field, stream)
        elif field.type is FieldType.TIME:
            test.refuse(_TIME.format(name))
        else:
            conditions.append(Condition(name, Op.IN, _read_values(test, name, field)))
    return tuple(conditions)


def read_except(place: Place, stream: Stream) -> tuple[Condition, ...]:
    """Read the `where` of what is left out; to leave out everything is a slip of the hand."""
    if place.value == {}:
        place.refuse("names nothing to leave out: take it away, or name a field")
    return read_where(place, stream)


def _read_operators(place: Place, name: str, field: Field, stream: Stream) -> Sequence[Condition]:
    entries = place.entries() or {}
    if not entries:
        place.refuse(f"says nothing: give a value, a list, or one of {', '.join(OPERATORS)}")
    conditions = []
    for word, operand in entries.items():
        op = OPERATORS.get(word)
        if op is None:
            operand.refuse(f"unknown operator {quoted(word)}: {suggest(word, OPERATORS)}", at_key=True)
        elif field.type is FieldType.TIME and (op is Op.NOT or not isinstance(operand.value, dict)):
            operand.refuse(_TIME.format(name))
        elif op is Op.NOT:
            conditions.append(Condition(name, op, _read_values(operand, name, field)))
        elif field.type not in _COMPARED:
            operand.refuse(f'"{word}" needs a number field, and "{name}" is {_WRITTEN[field.type]}', at_key=True)
        elif isinstance(operand.value, dict):
            other = _read_other(operand, name, field, stream)
            conditions += [] if other is None else [Condition(name, op, (other,))]
        elif (bound := operand.number()) is not None:
            conditions.append(Condition(name, op, (bound,)))
    return conditions


def _read_other(place: Place, name: str, field: Field, stream: Stream) -> FieldName | None:
    """Read `{field: NAME}`: another field of the same event, of the same type."""
    parts = place.keys(("field",), required=("field",)) or {}
    other = read_field(parts["field"], stream) if "field" in parts else None
    if other is None:
        return None
    own = str(parts["field"].value)
    if own == name:
        parts["field"].refuse(f"{quoted(name)} would be compared with itself")
    elif other.type is not field.type:
        parts["field"].refuse(
            f"{quoted(own)} is {_WRITTEN[other.type]} and {quoted(name)} {_WRITTEN[field.type]}: compare like with like"
        )
    return FieldName(own)


def _read_values(place: Place, name: str, field: Field) -> tuple[Scalar, ...]:
    choices = (place.items() or []) if isinstance(place.value, list) else [place]
    if not choices:
        place.refuse("is an empty list: name at least one value")
    values = [_read_value(choice, name, field) for choice in choices]
    return tuple(value for value in values if value is not None)


def _read_value(place: Place, name: str, field: Field) -> Scalar | None:
    value = place.value
    if field.type is FieldType.NUMBER and isinstance(value, (int, float)) and not isinstance(value, bool):
        return place.number()
    if field.type is FieldType.BOOLEAN and isinstance(value, bool):
        return value
    if field.type is FieldType.STRING and isinstance(value, str):
        if field.one_of and value not in field.one_of:
            place.refuse(f'"{name}" is never {quoted(value)}: {suggest(value, field.one_of)}')
        return value
    quote = ": put it in quotes" if field.type is FieldType.STRING and isinstance(value, (bool, int, float)) else ""
    place.refuse(f'"{name}" is {_WRITTEN[field.type]}, never {describe(value)}{quote}')
    return None
