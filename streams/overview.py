"""The service as it stands, for the page, the metrics and the terminal: read from the stages in our hands."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from alerts.desk import Desk
from alerts.incidents import IncidentState
from alerts.notices import Notice
from alerts.records import format_time
from detectors.rules import LEVEL_CODE, Rule
from streams.desk_stage import DeskStage
from streams.judge_stage import JudgeStage
from streams.metrics import Metrics
from streams.series import BLIND_CODE, series_label
from streams.source_stage import SourceStage
from streams.stage import Stage
from streams.view import IncidentRow, LevelRow, NoticeRow

LEVEL_ROWS_MAX = 5_000
_RATE_SPAN_MS = 10_000

_INCIDENT_STATE = {
    IncidentState.OPEN: "firing",
    IncidentState.ACKNOWLEDGED: "acknowledged",
    IncidentState.RESOLVED: "resolved",
}

Held = Callable[[], set[tuple[str, int]]]
"""Which (topic, partition) are in our hands now."""


@dataclass(slots=True)
class Rates:
    """Accepted events a second of each stream, over the last ten seconds; it passes the counts on to the metrics."""

    metrics: Metrics
    clock: Callable[[], int]
    _counts: dict[str, deque[tuple[int, int]]] = field(default_factory=dict)

    def count_events(self, stream: str, result: str, number: int) -> None:
        """Count, and remember when."""
        self.metrics.count_events(stream, result, number)
        if result == "accepted":
            self._counts.setdefault(stream, deque()).append((self.clock(), number))

    def count_refused(self, stream: str, reason: str, number: int) -> None:
        """Count."""
        self.metrics.count_refused(stream, reason, number)

    def count_unknown_places(self, stream: str, number: int) -> None:
        """Count."""
        self.metrics.count_unknown_places(stream, number)

    def per_second(self) -> dict[str, float]:
        """Give the rates as of now."""
        since_ms = self.clock() - _RATE_SPAN_MS
        for counts in self._counts.values():
            while counts and counts[0][0] < since_ms:
                counts.popleft()
        return {
            stream: sum(number for _, number in counts) * 1000 / _RATE_SPAN_MS
            for stream, counts in self._counts.items()
        }


class Overview:
    """Reads the stages. It keeps nothing of its own but the stages it was told of."""

    def __init__(
        self, rules: Sequence[Rule], streams: Sequence[str], rates: Rates, clock: Callable[[], int], zone: str = "UTC"
    ) -> None:
        """`streams` are those listened to; `clock` tells the time that events live in, milliseconds."""
        self._streams = streams
        self._rules = {rule.id: rule for rule in rules}
        self.counts = rates
        self._clock = clock
        self.zone = zone
        self.now_ms = clock
        self._stages: dict[tuple[str, int], Stage] = {}
        self.held: Held = set

    def keep(self, topic: str, partition: int, stage: Stage) -> Stage:
        """Remember the stage that was made for a partition; it is shown while the partition is in our hands."""
        self._stages[topic, partition] = stage
        return stage

    def _of(self, kind: type) -> Iterator[Stage]:
        held = self.held()
        return (stage for place, stage in list(self._stages.items()) if place in held and isinstance(stage, kind))

    @property
    def desks(self) -> list[DeskStage]:
        """The desk, if it is ours."""
        return [stage for stage in self._of(DeskStage) if isinstance(stage, DeskStage)]

    @property
    def judges(self) -> list[JudgeStage]:
        """The judging stages that are ours."""
        return [stage for stage in self._of(JudgeStage) if isinstance(stage, JudgeStage)]

    @property
    def sources(self) -> list[SourceStage]:
        """The source stages that are ours."""
        return [stage for stage in self._of(SourceStage) if isinstance(stage, SourceStage)]

    @property
    def rules(self) -> Mapping[str, Rule]:
        """The rules in force, by id."""
        return self._rules

    def blind(self) -> dict[str, bool]:
        """Say of each stream whether it should be heard and is not."""
        told: dict[str, bool] = {}
        for stage in self.sources:  # blind only if every partition we hold is
            told[stage.stream] = told.get(stage.stream, True) and stage.is_blind
        for judge in self.judges:  # who hears of all partitions knows better
            told |= {stream: judge.is_blind(stream) for stream in judge.streams}
        return told

    def take_rules(self, rules: Sequence[Rule]) -> None:
        """Show by other rules from now on, and hand them to every counting and judging stage."""
        self._rules = {rule.id: rule for rule in rules}
        for stage in self._stages.values():
            if isinstance(stage, SourceStage | JudgeStage):
                stage.take_rules(rules)

    def take_desk(self, make: Callable[[], Desk]) -> None:
        """Give every desk stage a desk for other rules."""
        for stage in self._stages.values():
            if isinstance(stage, DeskStage):
                stage.take_desk(make())

    def waiting(self) -> set[str]:
        """Name the rules that are not judged, because workers count them by different rule files."""
        return {rule for judge in self.judges for rule in judge.waiting}

    def breakers(self) -> dict[str, list[int]]:
        """Give the partitions of each stream that are read slowly, because next to nothing in them can be used."""
        found: dict[str, list[int]] = {}
        for stage in self.sources:
            partitions = found.setdefault(stage.stream, [])
            if stage.breaker.is_open:
                partitions.append(stage.partition)
        return {stream: sorted(partitions) for stream, partitions in found.items()}

    def incidents(self) -> list[IncidentRow]:
        """Give the incidents the desk knows."""
        blind = self.blind()
        return [
            {
                "id": incident.id,
                "level": incident.level if incident.is_firing else incident.peak_level,
                "state": _INCIDENT_STATE[incident.state],
                "blind": incident.rule in self._rules and _is_blind(self._rules[incident.rule], blind),
                "rule": incident.rule,
                "key": incident.key,
                "title": incident.title,
                "summary": incident.record.summary,
                "action": stage.desk.action_of(incident.record),
                "owner": incident.acknowledged_by,
                "since": format_time(incident.opened_ms),
                "updated": format_time(incident.updated_ms),
                "value": incident.value,
                "threshold": incident.record.threshold,
                "alerts": incident.firing,
                "users": incident.users,
                "unexplained": incident.is_unexplained,
                "muted": incident.telling.muted if incident.is_firing else (),
            }
            for stage in self.desks
            for incident in stage.desk.incidents
        ]

    def notices(self) -> list[NoticeRow]:
        """Give the notices the desk keeps."""
        return [_notice_row(notice) for stage in self.desks for notice in stage.desk.notices.notices()]

    def levels(self) -> list[LevelRow]:
        """Give every series, as far as a page can show them."""
        blind = self.blind()
        rows: list[LevelRow] = []
        for judge in self.judges:
            for rule, key, level, value in judge.series():
                if len(rows) >= LEVEL_ROWS_MAX:
                    return rows
                rows.append(
                    {
                        "rule": rule.id,
                        "title": rule.title,
                        "key": rule.named(key),
                        "level": "blind" if _is_blind(rule, blind) else level,
                        "value": None if math.isnan(value) else value,
                    }
                )
        return rows

    def now(self) -> str:
        """Tell the time by the clock in which events happen."""
        return format_time(self._clock())

    def rates(self) -> Mapping[str, float]:
        """Give the accepted events a second."""
        return self.counts.per_second()

    def lag(self) -> dict[str, float | None]:
        """Give how far the watermark of each stream is behind the clock, by the partitions we hold.

        Idle partitions hold nobody back: they are asked only where all are idle.
        """
        stages: dict[str, list[SourceStage]] = {}
        for stage in self.sources:
            stages.setdefault(stage.stream, []).append(stage)
        now_ms = self._clock()
        lag: dict[str, float | None] = {}
        for stream, own in stages.items():
            asked = [stage for stage in own if not stage.is_idle] or own
            marks = [stage.watermark_ms for stage in asked if stage.watermark_ms is not None]
            lag[stream] = max(now_ms - min(marks), 0) / 1000 if marks else None
        return lag

    def refresh(self, metrics: Metrics) -> None:
        """Set the gauges that follow from the state; call it about once a second."""
        lag, blind, breakers = self.lag(), self.blind(), self.breakers()
        for stream in self._streams:  # what went to another worker is shown by it, and no longer by us
            seconds = lag.get(stream)
            metrics.set_lag(stream, math.nan if seconds is None else seconds)
            metrics.set_blind(stream, blind=blind.get(stream, False))
            metrics.set_breaker(stream, len(breakers.get(stream, ())))
        metrics.set_rules_waiting(len(self.waiting()))
        books = [stage.desk for stage in self.desks]
        metrics.set_incidents(books[0].incidents.counts() if books else {})
        metrics.set_notices(books[0].notices.counts() if books else {})


def _notice_row(notice: Notice) -> NoticeRow:
    told = notice.as_data()
    return {
        "id": notice.id,
        "state": notice.state.value,
        "level": notice.level,
        "incident": notice.incident,
        "title": {language: bulletin.headline for language, bulletin in notice.text.items()},
        "text": {language: bulletin.body for language, bulletin in notice.text.items()},
        "created": format_time(notice.steps[0].time_ms),
        "due": told["deadline"] if notice.unaware else None,
        "audiences": told["audiences"],
        "next_audience": told["next_audience"],
    }


def _is_blind(rule: Rule, blind: Mapping[str, bool]) -> bool:
    """Say whether any stream that a rule reads is blind."""
    return any(blind.get(stream, False) for stream in rule.streams)


class SeriesLevels:
    """The levels of an overview as the metrics ask for them."""

    def __init__(self, overview: Overview) -> None:
        self._overview = overview

    def levels(self) -> list[tuple[str, str, float, float]]:
        """Give (rule, series label, level code, value or NaN) of every series."""
        blind = self._overview.blind()
        return [
            (rule.id, series_label(key), BLIND_CODE if _is_blind(rule, blind) else LEVEL_CODE[level], value)
            for judge in self._overview.judges
            for rule, key, level, value in judge.series()
        ]
