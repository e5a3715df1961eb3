"""What Prometheus sees of the handling of partitions: what was lost or read again, and how old the saved state is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from streams.hosting import Progress, Tally


class HandlingCollector(Collector):
    """Read from the host at each scrape, in the thread of the scrape, instead of being set by the host."""

    def __init__(self, tally: Callable[[], Tally], progress: Callable[[], Sequence[Progress]]) -> None:
        self._tally = tally
        self._progress = progress

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Show what was counted since the start, and how things stand."""
        tally = self._tally()
        yield CounterMetricFamily(
            "tocsin_runs_reread", "Runs of records lost between broker and stage, and read again.", tally.jumps
        )
        yield CounterMetricFamily(
            "tocsin_records_missing", "Records deleted before they were read: retention is too short.", tally.missing
        )
        yield GaugeMetricFamily(
            "tocsin_snapshot_age_seconds",
            "For how long something has not been saved, over all partitions.",
            max((one.unsaved_s for one in self._progress()), default=0.0),
        )
