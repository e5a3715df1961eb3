"""What Prometheus sees of the service: every metric by name, its label values from closed sets, there from the start.

The pipeline calls these methods once a batch or once a beat, never once an event.
"""

from __future__ import annotations

import itertools
import math
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from alerts.incidents import IncidentState
from alerts.notices import NoticeState
from alerts.outbox.item import Outcome
from detectors.rules import Rule
from detectors.vocabulary import STREAMS
from streams.aims import TargetCollector
from streams.faults import Reason
from streams.series import SERIES_MAX, LevelCollector, LevelView

RESULTS = ("accepted", "late", "duplicate", "rejected")
RELOADS = ("taken", "refused")
CALENDARS = ("taken", "same", "failed")
HISTORY_LOSSES = ("forgotten", "foreign", "untold")
OTHER = "other"
CODES = ("200", "202", "400", "401", "403", "404", "405", "409", "413", "415", "429", "500", "503", OTHER)
"""Statuses of answers; what is none of these is another."""

INCIDENT_LEVELS = ("act", "yellow", "orange", "red")
LOG = "commands"
"""The label value of the desk's log: what is no entry there is a dead letter too."""

UNKNOWN = "unknown"
"""The label value of a stream or channel that was not declared: no text from an event becomes a label here."""

DELAY_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0)
"""Fine where the promise lies (a few seconds), coarse where something is wrong."""

M = TypeVar("M", Counter, Gauge)


class Metrics:
    """The metrics of one process, in one registry."""

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        version: str,
        streams: Iterable[str] = tuple(STREAMS),
        channels: Iterable[str] = (),
    ) -> None:
        """Register every metric; `streams` are those declared, `channels` those the settings name."""
        # A `_created` series beside every counter doubles what is stored and tells nobody anything.
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry
        streams = tuple(streams)
        self._streams, self._channels = (*streams, UNKNOWN), (*channels, UNKNOWN)

        def counter(name: str, text: str, **sets: Sequence[str]) -> _Closed[Counter]:
            return _Closed(Counter(name, text, tuple(sets), registry=registry), sets)

        def gauge(name: str, text: str, **sets: Sequence[str]) -> _Closed[Gauge]:
            return _Closed(Gauge(name, text, tuple(sets), registry=registry), sets)

        self._events = counter(
            "tocsin_events_total", "Events read, by what became of them.", stream=self._streams, result=RESULTS
        )
        self._dead_letters = counter(
            "tocsin_dead_letters_total",
            "Events that could not be used.",
            stream=(*self._streams, LOG),
            reason=tuple(Reason),
        )
        self._calendars = counter(
            "tocsin_calendar_fetches_total", "On-call calendars fetched, by what came of it.", result=CALENDARS
        )
        self._unknown_places = counter(
            "tocsin_unknown_places_total",
            "Accepted events that name a place which the table of places lacks.",
            stream=self._streams,
        )
        self._notifications = counter(
            "tocsin_notifications_total", "Notifications sent.", channel=self._channels, result=tuple(Outcome)
        )
        self._outbox_waiting = gauge(
            "tocsin_outbox_waiting", "Notifications that are neither delivered nor given up.", channel=self._channels
        )
        self._outbox_oldest = gauge(
            "tocsin_outbox_oldest_seconds", "How long the oldest of them has waited.", channel=self._channels
        )
        self._incidents = gauge(
            "tocsin_incidents", "Incidents the desk knows.", level=INCIDENT_LEVELS, state=tuple(IncidentState)
        )
        self._notices = gauge("tocsin_notices", "Customer notices.", state=tuple(NoticeState))
        self._lag = gauge(
            "tocsin_watermark_lag_seconds", "Now less the watermark; NaN before the first event.", stream=streams
        )
        self._blind = gauge(
            "tocsin_source_blind", "1 while a stream that should be heard is silent, else 0.", stream=streams
        )
        self._breaker = gauge(
            "tocsin_breaker_open", "Partitions that are read slowly because next to nothing is usable.", stream=streams
        )
        self._late_partials = Counter(
            "tocsin_partials_late_total",
            "Panes told after their boundary was judged: a partition was taken for idle and was not.",
            registry=registry,
        )
        self._reloads = counter(
            "tocsin_reloads_total", "Rule files read again while running, by what came of it.", result=RELOADS
        )
        self._requests = counter("tocsin_api_requests_total", "Requests to the page's address, by status.", code=CODES)
        self._rules_waiting = Gauge(
            "tocsin_rules_waiting",
            "Rules that are not judged because workers count them by different rule files.",
            registry=registry,
        )
        self._history_lag = Gauge(
            "tocsin_history_lag_records", "Records of the log that are not in the history yet.", registry=registry
        )
        self._history = counter(
            "tocsin_history_left_out_total",
            "What is not in the history: rows grown old, records that are none of ours, deliveries not told in time.",
            reason=HISTORY_LOSSES,
        )
        self._delay = Histogram(
            "tocsin_detection_delay_seconds",
            "From event time reaching a boundary to the alert being published.",
            buckets=DELAY_BUCKETS_S,
            registry=registry,
        )
        for stream in streams:
            self.set_lag(stream, math.nan)
        build = Info("tocsin_build", "What is running.", registry=registry)
        build.info({"version": version, "python": platform.python_version()})

    def show_levels(self, view: LevelView, series_max: int = SERIES_MAX) -> None:
        """Show the levels of `view` at every scrape from now on. Call it once."""
        self.registry.register(LevelCollector(view, series_max))

    def show_targets(self, rules: Callable[[], Iterable[Rule]], now_ms: Callable[[], int]) -> None:
        """Show the targets of these rules, as they are then, at every scrape from now on. Call it once."""
        self.registry.register(TargetCollector(rules, now_ms))

    def count_events(self, stream: str, result: str, count: int = 1) -> None:
        """Count events of a batch that met the same end, one of `RESULTS`."""
        self._events.of(_declared(stream, self._streams), result).inc(count)

    def count_refused(self, stream: str, reason: str, count: int = 1) -> None:
        """Count events that became dead letters, and with that as `rejected`; `reason` is a `Reason`."""
        self._dead_letters.of(_declared(stream, self._streams), reason).inc(count)
        self.count_events(stream, "rejected", count)

    def count_bad_command(self, reason: str) -> None:
        """Count an entry of the desk's log that became a dead letter."""
        self._dead_letters.of(LOG, reason).inc()

    def count_calendar(self, result: str) -> None:
        """Count a fetch of an on-call calendar by what came of it, one of `CALENDARS`."""
        self._calendars.of(result).inc()

    def count_unknown_places(self, stream: str, count: int = 1) -> None:
        """Count events that name a place which the table of places lacks."""
        self._unknown_places.of(_declared(stream, self._streams)).inc(count)

    def notified(self, channel: str, outcome: Outcome) -> None:
        """Count what came of one notification."""
        self._notifications.of(_declared(channel, self._channels), outcome).inc()

    def set_outbox(self, channel: str, waiting: int, oldest_seconds: float) -> None:
        """Show what waits for one channel of the settings."""
        self._outbox_waiting.of(channel).set(waiting)
        self._outbox_oldest.of(channel).set(oldest_seconds)

    def observe_delay(self, seconds: float) -> None:
        """Note how long after event time an alert was published. A clock that ran ahead counts as no delay."""
        self._delay.observe(max(0.0, seconds))

    def count_late_partials(self, count: int) -> None:
        """Count panes that came after their boundary was judged."""
        self._late_partials.inc(count)

    def set_history_lag(self, records: int) -> None:
        """Show how many records of the log are not in the history yet."""
        self._history_lag.set(records)

    def count_history(self, result: str, count: int) -> None:
        """Count what is not, or no longer, in the history; `result` is one of `HISTORY_LOSSES`."""
        self._history.of(result).inc(count)

    def set_incidents(self, counts: Mapping[tuple[str, IncidentState], int]) -> None:
        """Show how many incidents there are of each (level, state); those not named are none."""
        self._incidents.set_all({(level, state): count for (level, state), count in counts.items()})

    def set_notices(self, counts: Mapping[NoticeState, int]) -> None:
        """Show how many notices there are in each state; those not named are none."""
        self._notices.set_all({(state,): count for state, count in counts.items()})

    def set_lag(self, stream: str, seconds: float) -> None:
        """Show how far the watermark of a declared stream is behind the clock."""
        self._lag.of(stream).set(seconds)

    def count_reload(self, result: str) -> None:
        """Count that rules were read again; `result` is one of `RELOADS`."""
        self._reloads.of(result).inc()

    def count_request(self, status: int) -> None:
        """Count a request that was answered with an HTTP status."""
        self._requests.of(code if (code := str(status)) in CODES else OTHER).inc()

    def set_rules_waiting(self, count: int) -> None:
        """Show how many rules wait for all workers to have the same rule file."""
        self._rules_waiting.set(count)

    def set_breaker(self, stream: str, partitions: int) -> None:
        """Show in how many partitions of a declared stream the breaker is open."""
        self._breaker.of(stream).set(partitions)

    def set_blind(self, stream: str, *, blind: bool) -> None:
        """Show whether a declared stream that should be heard is silent."""
        self._blind.of(stream).set(blind)


class _Closed(Generic[M]):
    """A metric whose label values are known beforehand: all its children exist, at zero, from the start."""

    def __init__(self, metric: M, sets: Mapping[str, Sequence[str]]) -> None:
        self._children: dict[tuple[str, ...], M] = {
            values: metric.labels(*values) for values in itertools.product(*sets.values())
        }

    def of(self, *values: str) -> M:
        """Give the child with these label values; raise ValueError for any that is not in its closed set."""
        child = self._children.get(values)
        if child is None:
            raise ValueError(f"not in the closed set of labels: {', '.join(values)}")
        return child

    def set_all(self: _Closed[Gauge], counts: Mapping[tuple[str, ...], int]) -> None:
        """Set every child: to its count, or to 0."""
        for values in counts:
            self.of(*values)
        for values, child in self._children.items():
            child.set(counts.get(values, 0))


def _declared(value: str, known: Sequence[str]) -> str:
    return value if value in known else UNKNOWN
