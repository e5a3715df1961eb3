"""Buckets of values: within 1 %, bounded in number, and in the order of the values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import sketch
from detectors.exact import LIMIT
from detectors.rules import Kind, Measure, Rule
from tests.builders import run
from tests.unit.test_oracle import TITLE


@given(st.lists(st.floats(sketch.SMALLEST, LIMIT, exclude_max=True), min_size=1))
def test_a_bucket_stands_for_its_values_within_one_per_cent(values: list[float]) -> None:
    given_values = np.sort(np.array(values))
    middles = sketch.middles_of(given_values)
    assert (abs(middles - given_values) <= given_values * (0.01 + 1e-12)).all()
    assert (np.diff(middles) >= 0).all()
    assert (sketch.middles_of(middles) == middles).all(), "put into buckets twice is once"


@pytest.mark.parametrize("bound", [1, 2, 700, 4_606])
def test_a_bound_lies_in_the_bucket_under_it_and_the_next_value_above(bound: int) -> None:
    bounds, middles = sketch.buckets()
    assert sketch.middles_of(bounds[bound : bound + 1]) == middles[bound]
    if bound + 1 < len(bounds):
        assert sketch.middles_of(np.nextafter(bounds[bound : bound + 1], np.inf)) == middles[bound + 1]


@pytest.mark.parametrize("q", [0.5, 0.95, 0.999])
def test_waits_of_a_busy_hour_within_one_per_cent(q: float) -> None:
    """As heavy a tail as waiting has: the sketch is beside the exact quantile, and holds a few hundred numbers."""
    waits = np.random.default_rng(7).lognormal(3, 1.5, 20_000)
    events = [
        {"stream": "calls", "id": str(n), "time": n, "outcome": "answered", "wait_s": wait}
        for n, wait in enumerate(waits.tolist())
    ]
    rule = Rule("r", "calls", Measure(Kind.QUANTILE, "wait_s", q=q), (("red", 1e-3),), TITLE, hop_ms=30_000)
    ((*_, value, _, _, _),) = run([rule], [events], 0)
    exact = np.sort(waits)[int(np.ceil(q * len(waits))) - 1]
    assert value == pytest.approx(exact, rel=0.01)
    assert len(np.unique(sketch.middles_of(waits))) < 700
