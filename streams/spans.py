"""A duration in settings: written as in rule files, kept in milliseconds."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer

from detectors.durations import parse_duration
from detectors.places import describe


def _span_ms(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError(f"must be a duration with its unit, as in 10s, not {describe(value)}")  # noqa: TRY004
    return parse_duration(value)


Span = Annotated[int, BeforeValidator(_span_ms), PlainSerializer(lambda span_ms: f"{span_ms}ms"), Field(ge=0)]
"""A duration as in rule files, in milliseconds."""
