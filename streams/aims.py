"""`tocsin_target`: what rules say their values should reach, as metrics to draw beside `tocsin_measure`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from detectors.rules import Rule

if TYPE_CHECKING:
    from prometheus_client import Metric


class TargetCollector(Collector):
    """Reads the targets of the rules in force at each scrape, as they are at that time."""

    def __init__(self, rules: Callable[[], Iterable[Rule]], now_ms: Callable[[], int]) -> None:
        self._rules = rules
        self._now_ms = now_ms

    def describe(self) -> Iterable[Metric]:
        """Name the metric without reading the rules."""
        return [_family()]

    def collect(self) -> Iterator[Metric]:
        """Show every target of every rule."""
        family, now_ms = _family(), self._now_ms()
        for rule in self._rules():
            for kind, value in rule.targets_at(now_ms).items():
                family.add_metric((rule.id, kind), value)
        yield family


def _family() -> GaugeMetricFamily:
    text = "What the value of a rule should reach (target), is challenged to reach, or must not pass (limit)."
    return GaugeMetricFamily("tocsin_target", text, labels=("rule", "kind"))
