"""The exposition: the contract's names and labels, there from the start, bounded, and proof against hostile text."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from alerts.incidents import IncidentState
from alerts.notices import NoticeState
from alerts.outbox.item import Outcome
from alerts.outbox.outbox import OutboxMetrics
from detectors.hours import Span
from detectors.rules import Block
from detectors.vocabulary import STREAMS
from streams.faults import Reason
from streams.metrics import INCIDENT_LEVELS, RESULTS, Metrics
from streams.series import BLIND_CODE, LABEL_CHARS_MAX, LevelCollector, label_text, series_label
from tests.alerting import SURGE

AIMING = replace(SURGE, targets={"target": 23.0, "challenge": 20.0})

CONTRACT = {
    "tocsin_events_total": {"stream", "result"},
    "tocsin_calendar_fetches_total": {"result"},
    "tocsin_dead_letters_total": {"stream", "reason"},
    "tocsin_measure": {"rule", "series"},
    "tocsin_level": {"rule", "series"},
    "tocsin_incidents": {"level", "state"},
    "tocsin_notifications_total": {"channel", "result"},
    "tocsin_outbox_waiting": {"channel"},
    "tocsin_outbox_oldest_seconds": {"channel"},
    "tocsin_notices": {"state"},
    "tocsin_detection_delay_seconds_count": set(),
    "tocsin_watermark_lag_seconds": {"stream"},
    "tocsin_source_blind": {"stream"},
    "tocsin_build_info": {"version", "python"},
    "tocsin_series_folded_total": {"rule"},
    "tocsin_partials_late_total": set(),
    "tocsin_breaker_open": {"stream"},
    "tocsin_history_lag_records": set(),
    "tocsin_history_left_out_total": {"reason"},
    "tocsin_reloads_total": {"result"},
    "tocsin_api_requests_total": {"code"},
    "tocsin_rules_waiting": set(),
    "tocsin_target": {"rule", "kind"},
    "tocsin_unknown_places_total": {"stream"},
}

Row = tuple[str, str, float, float]


class Rows:
    """A view of rows that a test may change."""

    def __init__(self, rows: Sequence[Row] = ()) -> None:
        self.rows = rows

    def levels(self) -> Sequence[Row]:
        return self.rows


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> Metrics:
    return Metrics(registry, version="1.2.3", channels=("noc", "webhook"))


def shown(rows: Sequence[Row], series_max: int = 10) -> tuple[CollectorRegistry, Rows]:
    registry, view = CollectorRegistry(), Rows(rows)
    registry.register(LevelCollector(view, series_max))
    return registry, view


def test_names_and_labels_are_those_of_the_contract(metrics: Metrics) -> None:
    metrics.show_levels(Rows([("r", f"s{number}", 1.0, 2.0) for number in range(3)]), series_max=2)
    metrics.show_targets(lambda: [AIMING], lambda: 0)
    samples = [
        sample
        for family in text_string_to_metric_families(generate_latest(metrics.registry).decode())
        for sample in family.samples
        if not sample.name.endswith(("_bucket", "_sum"))
    ]
    assert {sample.name: set(sample.labels) for sample in samples} == CONTRACT


def test_every_child_is_there_at_zero_from_the_start(metrics: Metrics) -> None:
    value = metrics.registry.get_sample_value
    for stream in STREAMS:
        for result in RESULTS:
            assert value("tocsin_events_total", {"stream": stream, "result": result}) == 0
        for reason in Reason:
            assert value("tocsin_dead_letters_total", {"stream": stream, "reason": reason}) == 0
        assert value("tocsin_source_blind", {"stream": stream}) == 0
        assert math.isnan(value("tocsin_watermark_lag_seconds", {"stream": stream}) or 0)
    for level in INCIDENT_LEVELS:
        for state in IncidentState:
            assert value("tocsin_incidents", {"level": level, "state": state}) == 0
    assert value("tocsin_notifications_total", {"channel": "noc", "result": "expired"}) == 0
    assert value("tocsin_build_info", {"version": "1.2.3", "python": platform.python_version()}) == 1


def test_an_entry_of_the_log_that_cannot_be_read_is_counted(metrics: Metrics) -> None:
    shown = metrics.registry.get_sample_value
    assert shown("tocsin_dead_letters_total", {"stream": "commands", "reason": "bad-value"}) == 0
    metrics.count_bad_command("bad-value")
    assert shown("tocsin_dead_letters_total", {"stream": "commands", "reason": "bad-value"}) == 1


def test_a_refused_event_is_a_rejected_event(metrics: Metrics) -> None:
    metrics.count_events("calls", "accepted", 7)
    metrics.count_refused("calls", "not-json", 2)
    value = metrics.registry.get_sample_value
    assert value("tocsin_events_total", {"stream": "calls", "result": "accepted"}) == 7
    assert value("tocsin_events_total", {"stream": "calls", "result": "rejected"}) == 2
    assert value("tocsin_dead_letters_total", {"stream": "calls", "reason": "not-json"}) == 2


def test_an_undeclared_stream_or_channel_makes_no_new_label(metrics: Metrics) -> None:
    before = len(generate_latest(metrics.registry).splitlines())
    metrics.count_refused("no-such-\ud800", "unknown-stream", 3)
    counts: OutboxMetrics = metrics
    counts.notified("pigeon", Outcome.EXPIRED)
    assert len(generate_latest(metrics.registry).splitlines()) == before
    value = metrics.registry.get_sample_value
    assert value("tocsin_dead_letters_total", {"stream": "unknown", "reason": "unknown-stream"}) == 3
    assert value("tocsin_notifications_total", {"channel": "unknown", "result": "expired"}) == 1


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda metrics: metrics.count_events("calls", "lost"), id="result"),
        pytest.param(lambda metrics: metrics.count_refused("calls", "rude"), id="reason"),
        pytest.param(lambda metrics: metrics.set_notices({"forgotten": 1}), id="notice state"),
        pytest.param(lambda metrics: metrics.set_incidents({("green", IncidentState.OPEN): 1}), id="incident level"),
        pytest.param(lambda metrics: metrics.set_lag("weather", 1.0), id="lag of an undeclared stream"),
    ],
)
def test_a_word_outside_its_closed_set_is_our_mistake(metrics: Metrics, act: Callable[[Metrics], None]) -> None:
    with pytest.raises(ValueError, match="closed set"):
        act(metrics)


def test_what_is_no_longer_named_goes_back_to_zero(metrics: Metrics) -> None:
    metrics.set_incidents({("red", IncidentState.OPEN): 2})
    metrics.set_notices({NoticeState.DRAFT: 1})
    metrics.set_incidents({("red", IncidentState.ACKNOWLEDGED): 2})
    metrics.set_notices({})
    value = metrics.registry.get_sample_value
    assert value("tocsin_incidents", {"level": "red", "state": "open"}) == 0
    assert value("tocsin_incidents", {"level": "red", "state": "acknowledged"}) == 2
    assert value("tocsin_notices", {"state": "draft"}) == 0


def test_targets_are_those_of_the_rules_in_force(metrics: Metrics) -> None:
    rules = [SURGE, AIMING]
    metrics.show_targets(lambda: rules, lambda: 0)
    value = metrics.registry.get_sample_value
    assert value("tocsin_target", {"rule": SURGE.id, "kind": "target"}) == 23
    assert value("tocsin_target", {"rule": SURGE.id, "kind": "challenge"}) == 20
    rules.remove(AIMING)
    assert value("tocsin_target", {"rule": SURGE.id, "kind": "target"}) is None


def test_targets_move_with_the_calendar(metrics: Metrics) -> None:
    july = Block(Span(months=((7, 7),)), (1.0, 2.0, 3.0), {"target": 20.0, "challenge": 20.0})
    times = iter([1_782_835_199_000, 1_782_835_200_000])  # the last second of June in Shanghai, and July
    metrics.show_targets(lambda: [replace(AIMING, when=(july,))], lambda: next(times))
    value = metrics.registry.get_sample_value
    assert [value("tocsin_target", {"rule": SURGE.id, "kind": "target"}) for _ in range(2)] == [23, 20]


def test_delay_lag_and_blind(metrics: Metrics) -> None:
    metrics.observe_delay(0.8)
    metrics.observe_delay(-3.0)  # event time ahead of the clock
    metrics.set_lag("network", 5.2)
    metrics.set_blind("network", blind=True)
    value = metrics.registry.get_sample_value
    assert value("tocsin_detection_delay_seconds_sum") == pytest.approx(0.8)
    assert value("tocsin_detection_delay_seconds_bucket", {"le": "1.0"}) == 2
    assert value("tocsin_watermark_lag_seconds", {"stream": "network"}) == 5.2
    assert value("tocsin_source_blind", {"stream": "network"}) == 1


def test_no_created_series_in_either_format(metrics: Metrics) -> None:
    metrics.observe_delay(1.0)
    assert b"_created" not in generate_latest(metrics.registry)
    assert b"_created" not in generate_openmetrics(metrics.registry)  # type: ignore[no-untyped-call]


def test_levels_are_read_at_the_scrape() -> None:
    registry, view = shown([("surge", "长沙/network", 3.0, 120.0), ("surge", "株洲/network", BLIND_CODE, math.nan)])
    value = registry.get_sample_value
    assert value("tocsin_level", {"rule": "surge", "series": "长沙/network"}) == 3
    assert value("tocsin_measure", {"rule": "surge", "series": "长沙/network"}) == 120
    assert value("tocsin_level", {"rule": "surge", "series": "株洲/network"}) == -1
    assert value("tocsin_measure", {"rule": "surge", "series": "株洲/network"}) is None
    view.rows = [("surge", "长沙/network", 0.0, 3.0)]
    assert value("tocsin_level", {"rule": "surge", "series": "长沙/network"}) == 0


@pytest.mark.parametrize(
    ("codes", "other"),
    [
        pytest.param([0, 0, 0, 3, 1], 3, id="the worst of the folded"),
        pytest.param([0, 0, 0, 0, -1], -1, id="blind is not green"),
        pytest.param([0, 0, -1, 0.5, 0], 0.5, id="act is worse than blind"),
        pytest.param([3, 3, 0, 0, 0], 0, id="not of those shown"),
    ],
)
def test_past_the_bound_series_are_folded_into_other(codes: list[float], other: float) -> None:
    registry, _ = shown([("r", f"s{n}", code, n) for n, code in enumerate(codes)], series_max=2)
    value = registry.get_sample_value
    assert value("tocsin_level", {"rule": "r", "series": "s0"}) == codes[0]
    assert value("tocsin_level", {"rule": "r", "series": "s2"}) is None
    assert value("tocsin_level", {"rule": "r", "series": "other"}) == other
    assert value("tocsin_series_folded_total", {"rule": "r"}) == 3


def test_folded_series_are_counted_once_and_by_rule() -> None:
    rows = [(rule, f"s{n}", 0.0, 0.0) for rule in ("a", "b") for n in range(3)]
    registry, view = shown(rows, series_max=2)
    value = registry.get_sample_value
    assert [value("tocsin_series_folded_total", {"rule": "a"}) for _ in range(3)] == [1, 1, 1]
    view.rows = [*rows, ("a", "s3", 0.0, 0.0)]
    assert value("tocsin_series_folded_total", {"rule": "a"}) == 2
    assert value("tocsin_series_folded_total", {"rule": "b"}) == 1


def test_the_bound_is_positive() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        LevelCollector(Rows(), 0)


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.text(), st.sampled_from([-1, 0, 0.5, 1, 2, 3]), st.floats())))
def test_any_label_text_gives_a_page_that_parses_with_no_series_twice(rows: list[Row]) -> None:
    registry, _ = shown(rows)
    page = generate_latest(registry).decode()
    levels = [
        tuple(sample.labels.items())
        for family in text_string_to_metric_families(page)
        if family.name == "tocsin_level"
        for sample in family.samples
    ]
    assert len(levels) == len(set(levels))
    assert len(levels) <= 2 * (10 + 1)


@given(st.text(alphabet=st.characters(), max_size=300))  # surrogates and controls too
def test_label_text_is_one_bounded_line_that_can_be_encoded(text: str) -> None:
    label = label_text(text)
    assert len(label) <= LABEL_CHARS_MAX
    assert label.isprintable()
    assert label.encode().decode() == label


parts = st.lists(st.text(alphabet="ab/\x00长", max_size=3), min_size=2, max_size=2).map(tuple)


@given(parts, parts)
def test_different_keys_have_different_labels(one: tuple[str, ...], two: tuple[str, ...]) -> None:
    assert (series_label(one) == series_label(two)) == (one == two)
