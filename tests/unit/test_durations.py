"""Durations: what is read, what is refused, and that writing undoes reading."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.durations import DURATION_MS_MAX, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "span_ms"),
    [
        ("0s", 0),
        ("500ms", 500),
        ("10s", 10_000),
        ("5m", 300_000),
        ("2h", 7_200_000),
        ("1d", 86_400_000),
        ("1.5h", 5_400_000),
        ("0.001s", 1),
        ("0090s", 90_000),
        ("3650d", DURATION_MS_MAX),
    ],
)
def test_a_duration_is_read_in_milliseconds(text: str, span_ms: int) -> None:
    assert parse_duration(text) == span_ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10",
        "s",
        "10x",
        "10 s",
        " 10s",
        "10s ",
        "10s\n",
        "+10s",
        ".5s",
        "1.s",
        "1e3s",
        "1h30m",
        "10S",
        "٣s",
        "1_0s",
        "∞s",
    ],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("-5m", "is negative"),
        ("0.5ms", "is not a whole number of milliseconds"),
        ("0.0001s", "is not a whole number of milliseconds"),
        ("3651d", "is longer than 3650d"),
        ("999999999999999d", "is longer than 3650d"),
    ],
)
def test_a_duration_beyond_bounds_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_duration(text)


@given(span_ms=st.integers(0, DURATION_MS_MAX))
def test_what_is_written_reads_back(span_ms: int) -> None:
    assert parse_duration(format_duration(span_ms)) == span_ms


@given(text=st.text(max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        assert 0 <= parse_duration(text) <= DURATION_MS_MAX
    except ValueError as trouble:
        assert str(trouble).startswith("is ")  # noqa: PT017  # both outcomes are right, and both are looked at
