"""The alert record: exactly what the contract says, and the same from the same transition."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.records import alert_id, alert_record, decode, encode, format_time, parse_time
from detectors.transition import Key
from tests.alerting import START_MS, SURGE, record, transition

GOLDEN = (
    '{"alert":"7c304fd08a32022bb308e3e5acc8ef78","rule":"complaint-surge",'
    '"key":{"region":"长沙","category":"network"},"level":"orange","was":"yellow",'
    '"time":"2026-03-01T09:20:30Z","started":"2026-03-01T09:18:00Z","value":63.0,"threshold":60.0,"window_s":600,'
    '"reason":"raised","title":{"en":"Complaint surge","zh":"投诉激增"},'
    '"summary":{"en":"63 network complaints in 长沙","zh":"长沙 network 投诉 63 件"},'
    '"incident":"inc-238b6adfb58d","version":1}'
)


def test_a_record_is_written_as_the_contract_says() -> None:
    assert encode(record()).decode() == GOLDEN
    assert decode(GOLDEN.encode()) == record()


def test_an_unknown_value_is_null_and_ends_the_alert() -> None:
    written = msgspec.json.decode(encode(record("green", "orange", value=None)))
    assert (written["level"], written["value"], written["reason"]) == ("green", None, "unknown")
    assert written["threshold"] == 60.0
    assert written["summary"] == {"en": "unknown network complaints in 长沙", "zh": "长沙 network 投诉 未知 件"}


@pytest.mark.parametrize(
    ("key", "written"),
    [
        pytest.param(("长沙", ""), '{"region":"长沙","category":""}', id="a missing field"),
        pytest.param((3.0, 2.5), '{"region":3,"category":2.5}', id="whole numbers"),
        pytest.param((True, False), '{"region":true,"category":false}', id="booleans"),
        pytest.param(('a"b\n', "3"), '{"region":"a\\"b\\n","category":"3"}', id="strings as they are"),
        pytest.param((1e300, -0.0), '{"region":1e300,"category":0}', id="numbers beyond exact integers"),
    ],
)
def test_the_key_is_written_with_its_types(key: Key, written: str) -> None:
    line = encode(record(key=key)).decode()
    assert f'"key":{written},' in line
    assert decode(line.encode()) == record(key=key)


def test_a_window_and_a_time_show_milliseconds_only_where_there_are_any() -> None:
    rule = replace(SURGE, window_ms=1_500)
    moved = replace(transition(), time_ms=START_MS + 250)
    written = msgspec.json.decode(encode(alert_record(moved, rule)))
    assert (written["window_s"], written["time"]) == (1.5, "2026-03-01T09:18:00.250Z")


def test_without_a_summary_the_rule_still_says_where_and_how_much() -> None:
    written = alert_record(transition(), replace(SURGE, summary={}, title={"zh": "投诉激增"}))
    assert written.summary == {"en": "长沙 · network: 63", "zh": "长沙 · network：63"}
    assert written.title == {"en": "投诉激增", "zh": "投诉激增"}


def test_an_alert_keeps_its_id_while_its_level_moves() -> None:
    told = [record("yellow", "green"), record("red", "yellow", value=150.0), record("green", "red", value=2.0)]
    assert len({(each.alert, each.incident) for each in told}) == 1


@given(st.text(), st.text(), st.integers(0, 10**12))
def test_ids_tell_apart_what_differs(one: str, other: str, started_ms: int) -> None:
    named = {
        alert_id(SURGE.id, {"region": one, "category": other}, started_ms),
        alert_id(SURGE.id, {"region": other, "category": one}, started_ms),
        alert_id(SURGE.id, {"region": one, "category": other}, started_ms + 1),
        alert_id(SURGE.id, {"region": one + other}, started_ms),
    }
    assert len(named) == (3 if one == other else 4)


@given(st.integers(-(10**12), 10**14))
def test_times_come_back_as_they_were(time_ms: int) -> None:
    assert parse_time(format_time(time_ms)) == time_ms


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{}", id="an empty object"),
        pytest.param(GOLDEN.replace('"63', "63").encode(), id="not JSON"),
        pytest.param(GOLDEN.replace('"level":"orange"', '"level":3').encode(), id="a wrong type"),
        pytest.param(GOLDEN.replace("09:20:30Z", "09:20:30").encode(), id="a time without an offset"),
        pytest.param(GOLDEN.replace("2026-03-01T09:20:30Z", "today").encode(), id="no time"),
    ],
)
def test_what_is_no_record_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match="not an alert record"):
        decode(line)


def test_records_are_light_to_import() -> None:
    program = "import sys, alerts.records; print(*(set(sys.modules) & {'aiohttp', 'numpy', 'yaml', 'asyncio'}))"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert loaded.strip() == ""
