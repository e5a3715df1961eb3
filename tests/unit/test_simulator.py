"""The simulated province: the same bytes however it is run, valid events, rates as the figures say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cache
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.records import parse_time
from detectors.vocabulary import STREAMS, FieldType
from streams.province import build
from streams.scenarios import SCENARIOS
from streams.script import Report, Scenario
from streams.simulator import DEFAULT_SEED, Simulator
from streams.traffic import Event
from streams.volumes import DEMO_FACTOR, MONTH_CALLS, MONTH_COMPLAINTS, calls_per_second, working_morning_ms

START_MS = working_morning_ms(1_772_416_800_000)
SPAN_MS = 1_900_000
PROVINCE = build()
Record = tuple[str, Event]


def simulator(scenario: str = "backbone-cut", seed: int = DEFAULT_SEED, start_ms: int = START_MS) -> Simulator:
    return Simulator(PROVINCE, SCENARIOS[scenario], seed, start_ms)


@cache
def run(scenario: str) -> tuple[Record, ...]:
    return tuple(simulator(scenario).advance(START_MS + SPAN_MS))


@cache
def good(scenario: str) -> tuple[Record, ...]:
    """Leave out what is sent twice and what is malformed."""
    once = {(stream, event["id"]): (stream, event) for stream, event in run(scenario)}
    return tuple((stream, event) for stream, event in once.values() if not str(event["id"]).endswith("-bad"))


def flaw(stream: str, event: Mapping[str, object]) -> str | None:
    """Say what is wrong with an event, by the vocabulary and the contract; None if nothing is."""
    fields = STREAMS[stream].fields
    time = event.get("time")
    if not isinstance(time, str) or not time.endswith("Z"):
        return "time"
    if not isinstance(event.get("id"), str):
        return "id"
    kinds = {FieldType.STRING: str, FieldType.BOOLEAN: bool, FieldType.TIME: str}
    for name, field in fields.items():
        value = event.get(name)
        if value is None:
            if field.required:
                return name
        elif field.type is FieldType.NUMBER:
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
                return name
        elif type(value) is not kinds[field.type] or (field.one_of and value not in field.one_of):
            return name
    undeclared = event.keys() - fields.keys() - {"id", "time"}
    return f"undeclared {undeclared}" if undeclared else None


@settings(max_examples=30)
@given(st.lists(st.integers(0, 20_000), max_size=30), st.integers(0, 999))
def test_any_split_gives_the_same_bytes(steps: list[int], start_offset_ms: int) -> None:
    start_ms = START_MS + start_offset_ms
    whole = simulator(start_ms=start_ms).advance(start_ms + 20_000)
    parts = simulator(start_ms=start_ms)
    split = [record for step in sorted(steps) for record in parts.advance(start_ms + step)]
    split += parts.advance(start_ms + 20_000)
    assert msgspec.json.encode(split) == msgspec.json.encode(whole)


def test_the_seed_decides() -> None:
    one, same, other = (simulator("quiet", seed).advance(START_MS + 10_000) for seed in (7, 7, 8))
    assert one == same
    assert one != other


def test_a_scenario_leaves_the_ordinary_day_alone() -> None:
    usual = {str(event["id"]) for stream, event in good("quiet") if stream == "complaints"}
    troubled = {str(event["id"]) for stream, event in good("provider-wave") if stream == "complaints"}
    assert usual < troubled


def test_no_step_back_in_time() -> None:
    moving = simulator("quiet")
    assert moving.advance(START_MS + 5_000)
    assert moving.advance(START_MS + 3_000) == []
    assert moving.advance(START_MS) == []


@pytest.mark.parametrize("scenario", [name for name in SCENARIOS if name != "tour"])
def test_events_are_as_the_vocabulary_wants_them(scenario: str) -> None:
    flaws = {flaw(stream, event) for stream, event in good(scenario)}
    assert flaws == {None}


def test_malformed_records_are_rare_and_really_malformed() -> None:
    records = [*run("backbone-cut"), *run("quiet"), *run("queue-overload")]
    bad = [(stream, event) for stream, event in records if str(event["id"]).endswith("-bad")]
    assert 0 < len(bad) < len(records) / 1_000
    assert all(flaw(stream, event) for stream, event in bad)


def test_ids_are_unique_but_for_the_duplicates() -> None:
    records = run("backbone-cut")
    times = Counter((stream, event["id"]) for stream, event in records)
    twice = sum(count - 1 for count in times.values())
    assert set(times.values()) == {1, 2}
    assert 0.003 < twice / len(records) < 0.007
    bodies = Counter(msgspec.json.encode((stream, event)) for stream, event in records)
    assert len(bodies) == len(times)  # a duplicate is the same event, byte for byte


def test_events_are_out_of_order_within_two_seconds() -> None:
    times = [parse_time(str(event["time"])) for _, event in good("quiet")]
    newest, behind = 0, []
    for time_ms in times:
        newest = max(newest, time_ms)
        behind.append(newest - time_ms)
    assert 0 < sum(lag > 0 for lag in behind) < len(behind) * 0.6
    assert max(behind) <= 4_000  # one is delayed by up to 2 s, and its duplicate by up to 2 s more


def test_no_stream_is_silent_for_long() -> None:
    for stream, gap_ms_max in (("calls", 3_000), ("network", 3_000)):
        times = sorted(parse_time(str(event["time"])) for name, event in good("quiet") if name == stream)
        assert max(later - earlier for earlier, later in pairwise(times)) < gap_ms_max


def test_calls_and_complaints_follow_the_figures() -> None:
    events = good("quiet")
    calls = sum(stream == "calls" for stream, _ in events)
    complaints = sum(stream == "complaints" for stream, _ in events)
    expected_calls = sum(calls_per_second(START_MS + second * 1_000) for second in range(SPAN_MS // 1_000))
    expected_complaints = expected_calls * MONTH_COMPLAINTS[1] / MONTH_CALLS[1]  # the run lies in February
    assert abs(calls - expected_calls) < 4 * expected_calls**0.5
    assert abs(complaints - expected_complaints) < 4 * expected_complaints**0.5


@pytest.mark.parametrize(("month", "days"), [(1, 31), (3, 31), (6, 30), (11, 30)])
def test_a_month_of_calls_is_the_months_figure(month: int, days: int) -> None:
    first_ms = parse_time(f"2026-{month:02}-01T00:00:00+08:00")
    total = sum(calls_per_second(first_ms + minute * 60_000) * 60 for minute in range(days * 1_440))
    assert total / DEMO_FACTOR == pytest.approx(MONTH_CALLS[month - 1], rel=0.04)


def test_the_night_is_quieter_than_the_morning() -> None:
    hour_ms = 3_600_000
    assert calls_per_second(START_MS - 7 * hour_ms) < calls_per_second(START_MS) / 10


def test_the_province_is_as_large_as_promised() -> None:
    kinds = Counter(element.kind for element in PROVINCE.elements.values())
    assert len(PROVINCE.cities) == 14
    assert 110 <= kinds["outlet"] == len(set(PROVINCE.outlets)) <= 130
    assert 550 <= sum(kinds.values()) - kinds["outlet"] <= 750
    assert sum(city.weight for city in PROVINCE.cities) == pytest.approx(1)
    assert sum(category.weight for category in PROVINCE.categories) == pytest.approx(1)
    assert sum(queue.weight for queue in PROVINCE.queues) == pytest.approx(1)


def test_refuses_what_cannot_be_simulated() -> None:
    with pytest.raises(ValueError, match="negative"):
        simulator(seed=-1)
    stranger = Scenario("x", {}, reports=[Report(1, "no-such-ring", "down", 5, "cause")])
    with pytest.raises(ValueError, match="no element no-such-ring"):
        Simulator(PROVINCE, stranger, 1, START_MS)


def test_scenes_are_told_when_their_time_comes() -> None:
    shown = simulator("backbone-cut")
    told = shown.scenes(START_MS + 150_000, START_MS + 450_000)
    assert [(time_ms - START_MS, scene.text["en"]) for time_ms, scene in told] == [
        (150_000, "A digger cuts the Changsha backbone ring"),
    ]
