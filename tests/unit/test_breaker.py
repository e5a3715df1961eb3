"""The breaker: a flood of what cannot be used is slowed down, a trickle is not, and it ends by itself."""

from __future__ import annotations

import pytest

from streams.breaker import PAUSE_MS, PORTION_LEN, WITHIN_MS, Breaker, BreakerLimits

LIMITS = BreakerLimits(share=0.9, events=1_000)


@pytest.mark.parametrize(
    ("runs", "is_open"),
    [
        pytest.param([(0, 1_000, 1_000)], True, id="all of it"),
        pytest.param([(0, 1_000, 900)], True, id="just the share"),
        pytest.param([(0, 1_000, 899)], False, id="less than the share"),
        pytest.param([(0, 999, 999)], False, id="too few to tell"),
        pytest.param([(0, 500, 500), (59_999, 500, 500)], True, id="within a minute"),
        pytest.param([(0, 500, 500), (60_000, 500, 500)], False, id="in more than a minute"),
        pytest.param([(0, 9_000, 0), (1_000, 1_000, 1_000)], False, id="a bad moment of a good partition"),
        pytest.param([(0, 0, 0)], False, id="nothing"),
    ],
)
def test_when_it_opens(runs: list[tuple[int, int, int]], is_open: bool) -> None:
    breaker = Breaker(LIMITS)
    for now_ms, events, refused in runs:
        breaker.count(events, refused, now_ms)
    assert breaker.is_open is is_open


def opened() -> Breaker:
    breaker = Breaker(LIMITS)
    assert breaker.count(2_000, 2_000, 0)
    return breaker


def test_open_it_takes_a_portion_now_and_then() -> None:
    breaker = opened()
    assert breaker.appetite(0) == 0
    assert breaker.appetite(PAUSE_MS - 1) == 0
    assert breaker.appetite(PAUSE_MS) == PORTION_LEN
    assert not breaker.count(PORTION_LEN, PORTION_LEN, PAUSE_MS)
    assert breaker.appetite(PAUSE_MS + 1) == 0


def test_a_good_portion_closes_it() -> None:
    breaker = opened()
    assert breaker.count(PORTION_LEN, 100, PAUSE_MS)
    assert (breaker.is_open, breaker.appetite(PAUSE_MS)) == (False, None)


def test_a_flood_that_ended_closes_it() -> None:
    breaker = opened()
    assert not breaker.pass_time(WITHIN_MS - 1)
    breaker.count(10, 10, WITHIN_MS)
    assert breaker.pass_time(WITHIN_MS + 1)
    assert not breaker.is_open


def test_a_flood_that_lasts_does_not() -> None:
    breaker = opened()
    for now_ms in range(PAUSE_MS, 4 * WITHIN_MS, PAUSE_MS):
        assert not breaker.count(PORTION_LEN, PORTION_LEN, now_ms)
        assert not breaker.pass_time(now_ms)


def test_released_it_takes_all_until_what_comes_is_good_again() -> None:
    breaker = opened()
    assert breaker.release()
    assert breaker.appetite(1) is None
    assert breaker.is_open
    breaker.count(5_000, 5_000, 1)
    assert breaker.appetite(2) is None
    assert breaker.count(100, 0, 3)
    breaker.count(2_000, 2_000, 4)
    assert breaker.appetite(5) == 0, "released once, not for ever"
    assert not Breaker(LIMITS).release()
