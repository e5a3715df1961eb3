"""Tail probabilities against plain sums and tables."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.tails import DISPERSION_MIN, MEAN_MIN, UNUSUAL_MAX, count_tail, gauge_tail


def probabilities(mean: float, dispersion: float, upto: int) -> list[float]:
    """Give the first probabilities of the negative binomial, from one to the next."""
    size, part = mean / (dispersion - 1), 1 - 1 / dispersion
    told = [(1 - part) ** size]
    for k in range(upto):
        told.append(told[-1] * (k + size) / (k + 1) * part)
    return told


@given(st.integers(0, 60), st.floats(0.1, 40.0), st.floats(1.1, 8.0))
def test_counts_agree_with_the_sum_of_their_probabilities(value: int, mean: float, dispersion: float) -> None:
    told = probabilities(mean, dispersion, 3000)
    high, low = math.fsum(told[value:]), math.fsum(told[: value + 1])
    assert count_tail(value, mean, dispersion) == pytest.approx(max(0.0, -math.log10(high)), rel=1e-6, abs=1e-7)
    assert count_tail(value, mean, dispersion, low=True) == pytest.approx(
        max(0.0, -math.log10(low)), rel=1e-6, abs=1e-7
    )


def test_a_distribution_that_can_be_added_by_hand() -> None:
    # Size 2 and probability ½: 1/4, 1/4, 3/16, 1/8, …
    left = 1 - (Fraction(1, 4) + Fraction(1, 4) + Fraction(3, 16) + Fraction(1, 8))
    assert 10 ** -count_tail(4, 2.0, 2.0) == pytest.approx(float(left))


@given(st.integers(0, 500), st.floats(0.1, 300.0), st.floats(1.05, 10.0))
def test_more_is_never_less_unusual(value: int, mean: float, dispersion: float) -> None:
    assert count_tail(value + 1, mean, dispersion) >= count_tail(value, mean, dispersion)
    assert count_tail(value, mean, dispersion) >= count_tail(value, mean + 1, dispersion) - 1e-9


@pytest.mark.parametrize(
    ("value", "mean", "dispersion"), [(1e6, 1e3, 3.0), (5e4, 4.9e4, 1.05), (0.0, 1e5, 2.0), (1e5, 0.0, 0.0)]
)
def test_far_out_it_stays_a_number(value: float, mean: float, dispersion: float) -> None:
    for low in (False, True):
        assert 0.0 <= count_tail(value, mean, dispersion, low=low) <= UNUSUAL_MAX


def test_pure_chance_and_nothing_at_all_are_not_believed() -> None:
    assert count_tail(9, 3.0, 1.0) == count_tail(9, 3.0, DISPERSION_MIN)
    assert count_tail(1, 0.0, 1.0) == count_tail(1, MEAN_MIN, DISPERSION_MIN)
    assert 0.9 < count_tail(1, 0.0, 1.0) < 1.1  # one call where there never was any: once in ten


@pytest.mark.parametrize(("z", "tail"), [(0.0, 0.5), (1.645, 0.05), (2.326, 0.01), (3.0902, 0.001), (6.3613, 1e-10)])
def test_gauges_follow_the_table_of_the_normal_distribution(z: float, tail: float) -> None:
    assert 10 ** -gauge_tail(10 + 2 * z, 10.0, 2.0) == pytest.approx(tail, rel=2e-3)
    assert 10 ** -gauge_tail(10 - 2 * z, 10.0, 2.0, low=True) == pytest.approx(tail, rel=2e-3)


def test_gauges_go_on_where_doubles_end() -> None:
    assert gauge_tail(24.999, 0.0, 1.0) < gauge_tail(25.001, 0.0, 1.0) < gauge_tail(30.0, 0.0, 1.0)
    assert gauge_tail(1e9, 0.0, 1.0) == UNUSUAL_MAX
