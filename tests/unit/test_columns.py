"""Columns against a plain reading of the same events, value by value."""

from __future__ import annotations

import math
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.batch import Column, EventBatch
from detectors.vocabulary import STREAMS, FieldType, Stream
from streams import columns
from streams.columns import code_of, to_batch
from streams.event_types import NUMBER_LIMIT
from streams.events import Decoder
from streams.instants import to_ms, to_seconds

NETWORK = STREAMS["network"]
COMPLAINTS = STREAMS["complaints"]


def batch_of(stream: Stream, rows: list[dict[str, Any]], fields: list[str]) -> EventBatch:
    told = Decoder(stream).gather([msgspec.json.encode(row) for row in rows], fields)
    assert told.refused == []
    return to_batch(stream, told.ids, told.time_ms, told.columns)


def alarm(name: str, **fields: Any) -> dict[str, Any]:
    return {"id": name, "time": 1, "element": "e", "state": "down", **fields}


def test_only_the_fields_asked_for_become_columns() -> None:
    batch = batch_of(NETWORK, [alarm("a", users=3), alarm("b", region="长沙")], ["users", "region"])
    assert set(batch.columns) == {"users", "region"}
    assert (batch.stream, batch.ids, batch.time_ms.tolist(), len(batch)) == ("network", ["a", "b"], [1000, 1000], 2)
    assert batch.columns["users"].values == [3.0, None]
    assert batch.columns["region"].values == [None, "长沙"]


def test_a_time_column_is_in_unix_seconds() -> None:
    rows = [alarm("a", eta="2026-03-01T12:00:00.5+08:00"), alarm("b"), alarm("c", eta=7)]
    numbers = batch_of(NETWORK, rows, ["eta"]).columns["eta"].numbers
    assert numbers is not None
    assert numbers[[0, 2]].tolist() == [datetime(2026, 3, 1, 4, tzinfo=UTC).timestamp() + 0.5, 7.0]
    assert math.isnan(numbers[1])


def test_a_boolean_column_is_one_and_zero() -> None:
    rows = [{"id": "a", "time": 1, "category": "network", **more} for more in ({"major": True}, {"major": False}, {})]
    column = batch_of(COMPLAINTS, rows, ["major"]).columns["major"]
    assert column.numbers is not None
    assert column.codes is not None
    assert column.values == [True, False, None]
    assert np.array_equal(column.numbers, [1.0, 0.0, np.nan], equal_nan=True)
    assert column.codes.tolist() == [code_of(value) for value in (True, False, None)]


def test_an_empty_batch_has_empty_columns() -> None:
    batch = batch_of(NETWORK, [], ["region", "users", "eta"])
    assert [len(column.values) for column in batch.columns.values()] == [0, 0, 0]


optional = {
    "region": st.sampled_from(["", "长沙", "a", "\x7f"])
    | st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), max_size=4),
    "users": st.sampled_from([0, 0.0, -0.0, 1, 1.0]) | st.floats(0, NUMBER_LIMIT, exclude_max=True),
    "eta": st.sampled_from([1, 1.0, "1970-01-01T00:00:01Z", "1970-01-01T08:00:01+08:00"]),
}
rows = st.lists(st.fixed_dictionaries({}, optional=optional), max_size=20)


def plain_number(value: Any) -> float | None:
    return datetime.fromisoformat(value).timestamp() if isinstance(value, str) else value


@given(rows)
def test_columns_say_what_the_events_say(rows: list[dict[str, Any]]) -> None:
    batch = batch_of(NETWORK, [alarm(str(at), **row) for at, row in enumerate(rows)], list(optional))
    for name, column in batch.columns.items():
        expected = [row.get(name) for row in rows]
        if NETWORK.fields[name].type is not FieldType.STRING:
            expected = [plain_number(value) for value in expected]
            assert column.numbers is not None
            assert [None if math.isnan(number) else number for number in column.numbers] == expected
        check_codes(column, expected)


def check_codes(column: Column, expected: list[Any]) -> None:
    """Codes are equal just when the values are, 0 just when there is none, and those of rules' constants."""
    assert column.codes is not None
    codes = column.codes.tolist()
    for code, value in zip(codes, expected, strict=True):
        assert (code == 0) == (value is None)
        assert code == code_of(value)
    assert len(set(codes)) == len(set(expected))


@pytest.fixture
def _few_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "_CODES_LEN_MAX", 3)


def test_codes_are_the_same_in_every_process() -> None:
    program = "from streams.columns import code_of; print(code_of('长沙'), code_of(''), code_of(2.5))"
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert told.split() == [str(code_of("长沙")), str(code_of("")), str(code_of(2.5))]
    assert code_of("长沙") == 17173497654829015772


@pytest.mark.usefixtures("_few_codes")
def test_forgetting_codes_does_no_harm() -> None:
    names = ["a", "b", "c", "d", "a", "e", "b"]
    column = batch_of(NETWORK, [alarm(name, region=name) for name in names], ["region"]).columns["region"]
    assert column.codes is not None
    assert len(set(column.codes.tolist())) == 5
    check_codes(column, names)


zones = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(timezones=zones) | st.integers(0, 4_000_000_000_000_000).map(
    lambda micros: datetime.fromtimestamp(0, UTC) + timedelta(microseconds=micros)
)
whole = moments.map(lambda time: time.replace(microsecond=0))
seconds = st.floats(0, 253402300799)


@given(
    st.lists(moments, max_size=40)
    | st.lists(whole, max_size=40)
    | st.lists(seconds, max_size=9)
    | st.lists(moments | whole | seconds, max_size=40)
)
def test_times_are_those_of_python(times: list[datetime | float]) -> None:
    expected = [time if isinstance(time, float) else time.timestamp() for time in times]
    assert to_seconds(times).tolist() == expected
    assert to_ms(times).tolist() == [round(second * 1000) for second in expected]
