"""The targets that were set, and what a run found of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure of the results should be: at least or at most a bound. All are ratios of one run."""

    what: str
    path: tuple[str, ...]
    at_least: float | None = None
    at_most: float | None = None

    def found_in(self, found: Mapping[str, Any]) -> float | None:
        """Give the figure; None if this was not measured."""
        value = reduce(lambda part, name: part.get(name, {}), self.path, found)
        return value if isinstance(value, float) else None

    def is_met_by(self, value: float) -> bool:
        """Say whether a figure is good enough."""
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value < self.at_most)

    @property
    def bound(self) -> str:
        """Say it in figures.

        >>> Target("", (), at_least=0.8).bound, Target("", (), at_most=2).bound
        ('≥ 0.8', '< 2')
        """
        return f"< {self.at_most:,g}" if self.at_least is None else f"≥ {self.at_least:,g}"


TARGETS = (
    Target("one rule ÷ the raw ceiling", ("ratio_to_raw", "tocsin"), at_least=0.8),
    Target("one rule ÷ bytewax's fastest way", ("tocsin_to", "bytewax"), at_least=4),
    Target("one rule ÷ bytewax's sliding windows", ("tocsin_to", "bytewax_sliding"), at_least=20),
    Target("one rule ÷ quixstreams with own state", ("tocsin_to", "quixstreams"), at_least=15),
    Target("one rule ÷ quixstreams' sliding windows", ("tocsin_to", "quixstreams_sliding"), at_least=100),
    Target("one rule ÷ Faust's `take`", ("tocsin_to", "faust_take"), at_least=30),
    Target("one rule ÷ Faust's hopping table", ("tocsin_to", "faust_hopping"), at_least=1_000),
    Target("all shipped packs ÷ the raw ceiling", ("ratio_to_raw", "tocsin_all_rules"), at_least=0.4),
    Target("`tocsin replay` ÷ reading and decoding", ("replay", "ratio"), at_least=0.7),
    Target("time of twice the events ÷ of the events", ("growth", "twice_the_events_time"), at_most=2.1),
    Target("time with 10,000 series ÷ with 10", ("growth", "series_10_to_10000_time"), at_most=2),
    Target("time with 50 rules ÷ with 1", ("growth", "rules_1_to_50_time"), at_most=4),
)


def verdicts(found: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Give what was wanted, its bound, what was found, and whether that is enough, of all that was measured."""
    for target in TARGETS:
        value = target.found_in(found)
        if value is not None:
            yield target.what, target.bound, f"{value:,.4g}", "met" if target.is_met_by(value) else "**not met**"
