"""The JSON Schemas of rule files and of files of tests, made from the tables by which they are checked.

An editor completes and underlines by them. They say what a schema can say, stream by stream: that levels are in order
or an id is unique only `tocsin check` sees. Draft 7, which editors know best.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from detectors.checker import ID, REQUIRED, RULE_KEYS, VERSION
from detectors.conditions import OPERATORS
from detectors.durations import DURATION
from detectors.forms import Form, Slot, forms_of
from detectors.hours import DAYS
from detectors.keying import CONTRIBUTORS_MAX, PERSONS
from detectors.measures import MEASURES
from detectors.occasions import DATES, HOURS, MONTH_DAYS, MONTHS, SPAN_KEYS
from detectors.periods import PERIODS
from detectors.rules import Op
from detectors.steps import UNTIL
from detectors.targets import PART, TARGETS
from detectors.testfile import CLOCK, MOMENT, REPEAT_KEYS
from detectors.vocabulary import STREAMS, Field, FieldType, Stream
from detectors.wording import LANGUAGES, LEVELS, ROLES

Schema = dict[str, Any]

DRAFT = "http://json-schema.org/draft-07/schema#"
_TEXT: Schema = {"type": "string", "pattern": r"\S"}
_NUMBER: Schema = {"type": "number"}
_NAMED: Schema = {"type": "array", "items": _TEXT, "minItems": 1}

SAYS: Mapping[str, str] = {
    "id": "Names the rule: a-z, 0-9 and -, unique in all files.",
    "title": "What people call it, in both languages.",
    "stream": "Which events it reads.",
    "where": "Which of them count; all conditions must hold.",
    "except": "Events that match all of it are left out.",
    "measure": "What is computed.",
    "by": "The fields that tell the series apart.",
    "at": "The levels at which it is judged, one series for every place of each.",
    "contributors": "Up to three text fields by which alerts name what drives the value. Default: the stream's.",
    "window": "How far back the measure looks: a multiple of hop, or to the start of the day, week, month or quarter.",
    "hop": "How often it is judged. Default 10s.",
    "levels": "From when on it is yellow, orange, red; or act alone.",
    "direction": "below where low is bad. Default above.",
    "for": "How long a level must be reached before it is taken; a multiple of hop. Default 0s.",
    "clear": "Which part of its threshold a level needs to be kept: over 0, up to 1. Default 1.",
    "clear_for": "How long a level must be missed before it is left; a multiple of hop. Default 0s.",
    "unknown_after": "After how long without a known value a series goes back to green. Default 30m.",
    "min_events": "How many events a mean, max, share, quantile or ratio needs to be known. Default 0.",
    "targets": "What the value should reach (target), is challenged to reach, and must not pass (limit).",
    "when": "Other thresholds or targets for a part of the time: the first block that holds counts.",
    "quiet": "When nobody is told. Red is never hidden.",
    "summary": "What happened, in both languages; braces name by fields and values.",
    "action": "What to do, in both languages.",
    "notify": "Who hears of which level. Default: everybody.",
    "notice": "The template from which a customer notice is drafted at orange and red.",
    "role": "What an alert is to others at its place: what explains them, what they explain, or neither.",
}
"""What an editor shows beside each key of a rule."""


def schema_of_rules(streams: Mapping[str, Stream] = STREAMS, measures: Iterable[str] = MEASURES) -> Schema:
    """Make the schema of a rule file for these streams and measures."""
    return {
        "$schema": DRAFT,
        "title": "Tocsin rules",
        **_object({"version": {"const": VERSION}, "rules": {"type": "array", "items": _ref("rule")}}, ["rules"]),
        "definitions": {
            "rule": _rule(streams),
            "duration": {"type": "string", "pattern": _whole(DURATION)},
            "texts": _object(dict.fromkeys(LANGUAGES, _TEXT), LANGUAGES),
            "threshold": {"anyOf": [_NUMBER, {"type": "string", "pattern": _whole(PART)}]},
            "levels": {
                **_object(dict.fromkeys(LEVELS, _ref("threshold"))),
                "minProperties": 1,
                "if": {"required": ["act"]},
                "then": {"maxProperties": 1},
            },
            "span": {**_object(_span()), "minProperties": 1},
            "month-days": _span()["month_days"],
            "events": {**_of_stream(streams, ("where",)), "required": ["stream"]},
            **{f"side-{name}": _of_stream(streams, ("where", "measure"), name) for name in streams},
            **{f"where-{name}": _where(stream) for name, stream in streams.items()},
            **{f"measure-{name}": _measure(stream, measures) for name, stream in streams.items()},
        },
    }


def schema_of_tests(streams: Mapping[str, Stream] = STREAMS) -> Schema:
    """Make the schema of a file of tests for these streams."""
    time: Schema = {"anyOf": [_NUMBER, {"type": "string", "pattern": _whole(MOMENT)}]}
    short: Schema = {"anyOf": [_NUMBER, {"type": "string", "pattern": _whole(f"(?:{MOMENT}|{CLOCK})")}]}
    expectation = _object(
        {
            "rule": _TEXT,
            "key": {"type": "object"},
            "level": {"enum": ["green", *LEVELS]},
            "at": short,
            "between": {"type": "array", "items": short, "minItems": 2, "maxItems": 2},
            "value": _NUMBER,
            "tolerance": {"type": "number", "minimum": 0},
            "worst_step": _TEXT,
            "top": {"type": "object", "additionalProperties": {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}},
        },
        ["rule"],
    )
    many = {"type": "array", "items": expectation}
    events = {**_object({name: _ref(f"event {name}") for name in streams}), "minProperties": 1, "maxProperties": 1}
    test = _object(
        {
            "name": _TEXT,
            "events": {"type": "array", "items": events, "minItems": 1},
            "expect": many,
            "expect_none": many,
        },
        ["name", "events"],
    )
    test["anyOf"] = [{"required": ["expect"]}, {"required": ["expect_none"]}]
    day = {"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
    tests = {"type": "array", "items": test, "minItems": 1}
    parts = {"rules": {"type": "array", "items": _TEXT}, "zone": _TEXT, "holidays": {"type": "array", "items": day}}
    return {
        "$schema": DRAFT,
        "title": "Tests of Tocsin rules",
        **_object({**parts, "tests": tests}, ["rules", "tests"]),
        "definitions": {f"event-{name}": _event(stream, time) for name, stream in streams.items()},
    }


def _rule(streams: Mapping[str, Stream]) -> Schema:
    duration = _ref("duration")
    named = sorted({name for stream in streams.values() for name in _texts(stream)}.difference(PERSONS))
    spans = {"anyOf": [_ref("span"), {"type": "array", "items": _ref("span")}]}
    targets: Schema = {**_object(dict.fromkeys(TARGETS, _NUMBER)), "minProperties": 1}
    moved = {"levels": _ref("levels"), "targets": targets}
    block = {
        **_object({**_span(), **moved}),
        "allOf": [{"anyOf": [{"required": [key]} for key in keys]} for keys in (SPAN_KEYS, moved)],
    }
    receivers = {"anyOf": [_TEXT, _NAMED]}
    parts: dict[str, Schema] = {
        "id": {"type": "string", "pattern": _whole(ID)},
        "title": _ref("texts"),
        "stream": {"enum": list(streams)},
        "where": {"type": "object"},
        "except": {"type": "object"},
        "measure": {"anyOf": [{"const": "count"}, {"type": "object"}]},
        "by": {"type": "array", "uniqueItems": True},
        "at": {"type": "array", "uniqueItems": True, "minItems": 1},
        "contributors": {"type": "array", "uniqueItems": True, "maxItems": CONTRIBUTORS_MAX, "items": {"enum": named}},
        "window": {"anyOf": [duration, {"enum": list(PERIODS)}]},
        **dict.fromkeys(("hop", "for", "clear_for", "unknown_after"), duration),
        "levels": _ref("levels"),
        "direction": {"enum": ["above", "below"]},
        "clear": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        "min_events": {"type": "integer", "minimum": 0},
        "targets": targets,
        "when": {"type": "array", "items": block},
        "quiet": spans,
        "summary": _ref("texts"),
        "action": _ref("texts"),
        "notify": _object(dict.fromkeys(LEVELS, receivers)),
        "notice": _TEXT,
        "role": {"enum": list(ROLES)},
    }
    # In this draft nothing stands beside a "$ref": a description goes round it.
    told = {key: {"description": SAYS[key], "allOf": [parts[key]]} for key in RULE_KEYS}
    return {**_object(told, REQUIRED), "allOf": [_if_stream(name, stream) for name, stream in streams.items()]}


def _if_stream(name: str, stream: Stream) -> Schema:
    """Say what a rule of one stream may name. The contributors of a ratio are fields of the stream that drives it."""
    return {
        "if": {"required": ["stream"], "properties": {"stream": {"const": name}}},
        "then": {
            "properties": {
                "where": _ref(f"where {name}"),
                "except": {"allOf": [_ref(f"where {name}")], "minProperties": 1},
                "measure": _ref(f"measure {name}"),
                "by": {"items": {"enum": list(stream.fields)}},
                "at": {"items": {"enum": _texts(stream)}},
            }
        },
    }


def _texts(stream: Stream) -> list[str]:
    return [name for name, field in stream.fields.items() if field.type is FieldType.STRING]


def _of_stream(streams: Mapping[str, Stream], keys: Sequence[str], own: str | None = None) -> Schema:
    """Say what names events of any stream: of `own`, where it names none."""
    named = [({"required": ["stream"], "properties": {"stream": {"const": name}}}, name) for name in streams]
    unnamed = [({"not": {"required": ["stream"]}}, own)] if own else []
    return {
        **_object({"stream": {"enum": list(streams)}, **{key: {} for key in keys}}),
        "allOf": [
            {"if": condition, "then": {"properties": {key: _ref(f"{key} {name}") for key in keys}}}
            for condition, name in (*named, *unnamed)
        ],
    }


def _where(stream: Stream) -> Schema:
    tests = {name: _condition(name, field, stream) for name, field in stream.fields.items()}
    return _object({name: test for name, test in tests.items() if test is not None})


def _condition(name: str, field: Field, stream: Stream) -> Schema | None:
    """Say how a field may be compared; None for a time that has no other beside it."""
    like = [other for other, one in stream.fields.items() if one.type is field.type and other != name]
    with_field = _object({"field": {"enum": like}}, ["field"])
    if field.type is FieldType.TIME:
        if not like:
            return None
        return {
            **_object(dict.fromkeys((word for word, op in OPERATORS.items() if op is not Op.NOT), with_field)),
            "minProperties": 1,
        }
    bound = {"anyOf": [_NUMBER, with_field]} if like else _NUMBER
    value = _value(field)
    any_of = {"anyOf": [value, {"type": "array", "items": value, "minItems": 1}]}
    operators = {
        word: any_of if op is Op.NOT else bound
        for word, op in OPERATORS.items()
        if op is Op.NOT or field.type is FieldType.NUMBER
    }
    return {"anyOf": [*any_of["anyOf"], {**_object(operators), "minProperties": 1}]}


def _value(field: Field) -> Schema:
    if field.one_of:
        return {"enum": list(field.one_of)}
    return {"type": {FieldType.NUMBER: "number", FieldType.BOOLEAN: "boolean"}.get(field.type, "string")}


def _measure(stream: Stream, measures: Iterable[str]) -> Schema:
    return {"anyOf": [written for name in measures for form in forms_of(name) for written in _written(form, stream)]}


def _written(form: Form, stream: Stream) -> Iterator[Schema]:
    if form.word:
        yield {"description": form.says, "const": form.name}
    elif not (form.of_things and stream.thing is None):
        keys = {form.name: form.holds, **form.beside}
        parts = {key: _slot(slot, stream) for key, slot in {**keys, **form.optional}.items()}
        yield {"description": form.says, **_object(parts, list(keys))}


def _slot(slot: object, stream: Stream) -> Schema:
    if isinstance(slot, tuple):
        return {"enum": list(slot)}
    if isinstance(slot, Mapping):
        return _object({key: _slot(part, stream) for key, part in slot.items()}, list(slot))
    typed = {type_: [name for name, field in stream.fields.items() if field.type is type_] for type_ in FieldType}
    schemas: Mapping[object, Schema] = {
        Slot.FIELD: {"enum": list(stream.fields)},
        Slot.NUMBER_FIELD: {"enum": typed[FieldType.NUMBER]},
        Slot.TIME_FIELD: {"enum": typed[FieldType.TIME]},
        Slot.WHERE: {"allOf": [_ref(f"where {stream.name}")], "minProperties": 1},
        Slot.NUMBER: {"type": "number", "exclusiveMinimum": 0},
        Slot.FRACTION: {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        Slot.DURATION: _ref("duration"),
        Slot.LIMIT: {"anyOf": [_ref("duration"), {"const": UNTIL}]},
        Slot.MONTH_DAYS: _ref("month days"),
        Slot.TEXT: _TEXT,
        Slot.TEXTS: {"anyOf": [_TEXT, _NAMED]},
        Slot.TRUE: {"const": True},
        Slot.MEASURE: _ref(f"measure {stream.name}"),
        Slot.SIDE: _ref(f"side {stream.name}"),
        Slot.EVENTS: _ref("events"),
    }
    return schemas[slot]


def _event(stream: Stream, time: Schema) -> Schema:
    parts = {name: time if field.type is FieldType.TIME else _sent(field) for name, field in stream.fields.items()}
    repeat = {"every": {"type": "string", "pattern": _whole(DURATION)}, "from": time, "to": time}
    required = [name for name, field in stream.fields.items() if field.required]
    once: Schema = {"required": ["time"], "not": {"anyOf": [{"required": [key]} for key in REPEAT_KEYS]}}
    again: Schema = {"required": list(REPEAT_KEYS), "not": {"required": ["time"]}}
    return {**_object({"id": _TEXT, "time": time, **repeat, **parts}, required), "oneOf": [once, again]}


def _sent(field: Field) -> Schema:
    return {**_value(field), "minimum": 0} if field.type is FieldType.NUMBER else _value(field)


def _span() -> dict[str, Schema]:
    day = rf"(?:{'|'.join(DAYS)})"
    one = {
        "hours": _whole(HOURS),
        "days": rf"^{day}(?:-{day})?$",
        "dates": _whole(DATES),
        "month_days": _whole(MONTH_DAYS),
        "months": _whole(MONTHS),
    }
    greatest = {"month_days": 31, "months": 12}
    spans: dict[str, Schema] = {}
    for key, pattern in one.items():
        text: Schema = {"type": "string", "pattern": pattern}
        if key in greatest:
            text = {"anyOf": [text, {"type": "integer", "minimum": 1, "maximum": greatest[key]}]}
        spans[key] = {"anyOf": [text, {"type": "array", "items": text, "minItems": 1}]}
    return {**spans, "holiday": {"type": "boolean"}}


def _object(parts: Mapping[str, Schema], required: Sequence[str] = ()) -> Schema:
    told: Schema = {"type": "object", "additionalProperties": False, "properties": dict(parts)}
    return {**told, "required": list(required)} if required else told


def _ref(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name.replace(' ', '-')}"}


def _whole(pattern: str) -> str:
    return f"^(?:{pattern})$"
