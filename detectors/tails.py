"""How improbable a value is: −log10 of the tail of the distribution that is usual.

Everything is done number by number with `math`: the same number gives the same result wherever it stands in an array,
which the vector forms of `exp` and `log` do not promise, and any split of the input must give the same values.
"""

from __future__ import annotations

import math
from functools import lru_cache

DISPERSION_MIN = 1.05
"""Variance ÷ mean that counts have at least: pure chance (Poisson, 1.0) is not found where people call."""

MEAN_MIN = 0.1
"""The mean that counts have at least: one call where there was never any is news, not a catastrophe."""

UNUSUAL_MAX = 300.0
"""Where −log10 ends: doubles do."""

_STEPS_MAX = 10_000
_TINY = 1e-300
_CLOSE = 1e-12


@lru_cache(maxsize=1 << 16)  # between two steps of learning a series has few values, each many times
def count_tail(value: float, mean: float, dispersion: float, *, low: bool = False) -> float:
    """Give −log10 P(X ≥ value), or with `low` −log10 P(X ≤ value), for counts with this mean and variance ÷ mean.

    X is negative binomial with variance = dispersion × mean (NB1; Cameron and Trivedi, *Regression Analysis of Count
    Data*, 2013, section 3.3), which the count charts of disease surveillance use as well (Noufaily et al., 2013).

    >>> round(10 ** -count_tail(3, 2.0, 2.0), 6)  # size 2, probability ½: 1 − (1/4 + 1/4 + 3/16)
    0.3125
    >>> round(10 ** -count_tail(2, 2.0, 2.0, low=True), 6)
    0.6875
    """
    mean = max(mean, MEAN_MIN)
    dispersion = max(dispersion, DISPERSION_MIN)
    size = mean / (dispersion - 1.0)
    part = 1.0 - 1.0 / dispersion
    # P(X ≥ k) of a negative binomial is the incomplete beta function I(part; k, size).
    above, below = _log_beta_parts(value + 1.0 if low else value, size, part)
    return _minus_log10(below if low else above)


def gauge_tail(value: float, mean: float, deviation: float, *, low: bool = False) -> float:
    """Give −log10 of the normal tail beyond `value`, for what is not counted: shares, means, sums of money.

    >>> round(gauge_tail(3.0, 0.0, 1.0), 3), round(gauge_tail(-3.0, 0.0, 1.0, low=True), 3)
    (2.87, 2.87)
    """
    z = (value - mean) / deviation
    z = -z if low else z
    if z < 25.0:
        return _minus_log10(math.log(0.5 * math.erfc(z / math.sqrt(2.0))))
    # Beyond doubles: the first term of the asymptotic series, good to 0.2 % there.
    return min(UNUSUAL_MAX, (z * z / 2.0 + math.log(z * math.sqrt(2.0 * math.pi))) / math.log(10.0))


def _minus_log10(log: float) -> float:
    return min(UNUSUAL_MAX, max(0.0, -log / math.log(10.0)))


def _log_beta_parts(a: float, b: float, x: float) -> tuple[float, float]:
    """Give the logarithms of I(x; a, b) and of 1 − I(x; a, b), each as exact as it is small."""
    if a <= 0.0:
        return 0.0, -math.inf
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    if x < (a + 1.0) / (a + b + 2.0):
        small = front + math.log(_beta_fraction(a, b, x) / a)
        return small, _log1m(small)
    small = front + math.log(_beta_fraction(b, a, 1.0 - x) / b)
    return _log1m(small), small


def _log1m(log: float) -> float:
    """Give log(1 − e^log)."""
    rest = -math.expm1(log)
    return math.log(rest) if rest > 0.0 else -math.inf


def _beta_fraction(a: float, b: float, x: float) -> float:
    """Evaluate the continued fraction of the incomplete beta function (DLMF 8.17.22) by Lentz's method."""
    c, d = 1.0, 1.0 / _away(1.0 - (a + b) * x / (a + 1.0))
    total = d
    for m in range(1, _STEPS_MAX):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        d = 1.0 / _away(1.0 + even * d)
        c = _away(1.0 + even / c)
        total *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        d = 1.0 / _away(1.0 + odd * d)
        c = _away(1.0 + odd / c)
        total *= d * c
        if abs(d * c - 1.0) < _CLOSE:
            break
    return total


def _away(value: float) -> float:
    """Keep a divisor away from zero."""
    return value if abs(value) > _TINY else _TINY
