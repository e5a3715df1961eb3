"""Erlang's formulas against published examples, and against the textbook sum where that can be computed."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.erlang import agents_needed, blocking, mean_wait_s, service_level, waiting

HALF_HOUR_S = 1800.0


def textbook(traffic: Fraction, agents: int) -> Fraction:
    """Erlang C as the textbooks print it, in whole fractions."""
    last = traffic**agents / math.factorial(agents) * agents / (agents - traffic)
    return last / (sum(traffic**k / math.factorial(k) for k in range(agents)) + last)


@pytest.mark.parametrize(
    ("agents", "waits", "answered_in_20_s", "mean_wait"),
    [
        # The staffing table of Call Centre Helper's worked example: 100 calls in half an hour, 180 s each.
        (11, 68.2, 39.0, 122.8),
        (12, 44.9, 64.0, 40.4),
        (13, 28.5, 79.6, 17.1),
        (14, 17.4, 88.8, 7.8),
        (15, 10.2, 94.1, 3.7),
        (16, 5.7, 97.1, 1.7),
        (17, 3.1, 98.6, 0.8),
        (18, 1.6, 99.3, 0.4),
    ],
)
def test_the_published_staffing_table(agents: int, waits: float, answered_in_20_s: float, mean_wait: float) -> None:
    calls_per_s = 100 / HALF_HOUR_S
    assert round(100 * waiting(calls_per_s * 180, agents), 1) == waits
    assert round(100 * service_level(calls_per_s, 180.0, agents, 20.0), 1) == answered_in_20_s
    assert round(mean_wait_s(calls_per_s, 180.0, agents), 1) == mean_wait


def test_other_published_examples() -> None:
    # T. Mitchell's worked example: 360 calls in half an hour, 240 s each, 55 agents, 15 s.
    assert round(waiting(48.0, 55), 3) == 0.239
    assert round(mean_wait_s(0.2, 240.0, 55), 2) == 8.18
    # 35 calls in a quarter of an hour of 752 s each: 37 agents answer 90.4 % within 20 s; 25 calls need 28 agents.
    assert round(service_level(35 / 900, 752.0, 37, 20.0), 4) == 0.9042
    assert agents_needed(25 / 900, 752.0, 20.0, 0.9) == 28
    assert agents_needed(100 / HALF_HOUR_S, 180.0, 20.0, 0.8) == 14
    # Two agents with one Erlang: a third waits. One agent: as many as it is busy.
    assert waiting(1.0, 2) == pytest.approx(1 / 3)
    assert waiting(0.7, 1) == pytest.approx(0.7)
    assert blocking(1.0, 1) == 0.5


@pytest.mark.parametrize("agents", [1, 2, 14, 55, 170, 171, 400])
@pytest.mark.parametrize("part", [Fraction(1, 100), Fraction(1, 2), Fraction(99, 100)])
def test_agrees_with_the_textbook_where_its_factorials_go(agents: int, part: Fraction) -> None:
    traffic = agents * part
    assert waiting(float(traffic), agents) == pytest.approx(float(textbook(traffic, agents)), rel=1e-9)


@given(st.integers(1, 2000), st.floats(0.001, 0.9999))
def test_two_thousand_agents_are_no_trouble(agents: int, part: float) -> None:
    traffic = agents * part
    assert 0.0 <= waiting(traffic, agents) <= 1.0
    assert waiting(traffic, agents + 1) <= waiting(traffic, agents)
    level = service_level(traffic / 180, 180.0, agents, 20.0)
    assert 0.0 <= level <= service_level(traffic / 180, 180.0, agents + 1, 20.0) <= 1.0


def test_where_the_queue_grows_without_end_nobody_is_answered_in_time() -> None:
    assert service_level(1.0, 180.0, 180, 20.0) == 0.0
    assert mean_wait_s(1.0, 180.0, 180) == math.inf
    assert waiting(200.0, 180) == 1.0
    assert service_level(0.0, 180.0, 0, 20.0) == 0.0
    assert service_level(0.0, 180.0, 1, 20.0) == 1.0
    assert mean_wait_s(0.0, 180.0, 1) == 0.0


@given(st.floats(0.01, 3.0), st.floats(1.0, 600.0), st.floats(0.01, 0.99))
def test_the_agents_needed_are_enough_and_one_fewer_are_not(calls_per_s: float, handling_s: float, want: float) -> None:
    agents = agents_needed(calls_per_s, handling_s, 20.0, want)
    assert service_level(calls_per_s, handling_s, agents, 20.0) >= want
    assert agents == 1 or service_level(calls_per_s, handling_s, agents - 1, 20.0) < want
