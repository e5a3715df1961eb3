"""Stages without a broker: chunks made by hand, and a whole pipeline whose records are carried from log to log."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from detectors.rules import Kind, Measure, Rule
from streams.judge_stage import JudgeStage
from streams.source_stage import Place, SourceStage, Ways
from streams.stage import Chunk, Outgoing, Stage
from streams.topics import ALERTS, PARTIALS, stream_topic

NOW_MS = 1_772_355_600_000  # 2026-03-01T09:00:00Z
TITLE = {"en": "t", "zh": "题"}


def rule(id_: str = "surge", *, stream: str = "calls", **changed: Any) -> Rule:
    """Count the events of the last ten seconds, judged each second."""
    given = {"measure": Measure(Kind.COUNT), "levels": (("yellow", 2.0), ("red", 4.0)), "title": TITLE}
    return Rule(id_, stream, **{**given, "window_ms": 10_000, "hop_ms": 1_000, **changed})


def call(id_: str, at_s: float, **fields: object) -> bytes:
    """Write a call that ended `at_s` seconds after `NOW_MS`."""
    return json.dumps({"id": id_, "time": NOW_MS / 1000 + at_s, "outcome": "answered", **fields}).encode()


def heartbeat(at_s: float) -> bytes:
    return json.dumps({"heartbeat": True, "time": NOW_MS / 1000 + at_s}).encode()


def chunk(
    *values: bytes | None, topic: str = "tocsin.calls", partition: int = 0, first: int = 0, stamp_ms: int = NOW_MS
) -> Chunk:
    """Make a run of records without holes."""
    offsets = range(first, first + len(values))
    return Chunk(topic, partition, values, offsets, [stamp_ms] * len(values), first + len(values))


@dataclass
class Counts:
    """What the stages counted."""

    events: Counter[tuple[str, str]] = field(default_factory=Counter)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    late_partials: int = 0
    delays_s: list[float] = field(default_factory=list)

    def count_events(self, stream: str, result: str, number: int) -> None:
        self.events[stream, result] += number

    def count_refused(self, stream: str, reason: str, number: int) -> None:
        self.refused[stream, reason] += number

    def observe_delay(self, seconds: float) -> None:
        self.delays_s.append(seconds)

    def count_late_partials(self, count: int) -> None:
        self.late_partials += count


def levels(records: Sequence[Outgoing]) -> list[tuple[str, float]]:
    """Read alert records as (level, seconds after `NOW_MS`)."""
    told = [json.loads(record.value) for record in records]
    return [(record["level"], _seconds(record["time"])) for record in told]


def _seconds(text: str) -> float:
    hours, minutes, seconds = text.removesuffix("Z").partition("T")[2].split(":")
    return (int(hours) - 9) * 3600 + int(minutes) * 60 + float(seconds)


@dataclass
class Hosted:
    """A stage and where it stands in its log. `saved` is its last snapshot."""

    make: Callable[[], Stage]
    log: list[bytes]
    topic: str
    partition: int
    stage: Stage = field(init=False)
    offset: int = 0
    saved: tuple[bytes, int] | None = None

    def __post_init__(self) -> None:
        self.stage = self.make()

    def save(self) -> None:
        self.saved = (self.stage.dump(), self.offset)

    def crash(self) -> None:
        """Begin anew from the last snapshot, or from the start of the log."""
        self.stage, self.offset = self.make(), 0
        if self.saved is not None:
            self.stage.load(self.saved[0])
            self.offset = self.saved[1]

    def step(self, size: int, now_ms: int) -> list[Outgoing]:
        """Feed the next records."""
        values = self.log[self.offset : self.offset + size]
        run = chunk(*values, topic=self.topic, partition=self.partition, first=self.offset, stamp_ms=now_ms)
        self.offset = run.next_offset
        return self.stage.feed(run, now_ms)


class Pipeline:
    """Source partitions and judges in memory; the logs between them are lists."""

    def __init__(
        self, rules: Sequence[Rule], logs: Mapping[tuple[str, int], list[bytes]], ways: Ways, now_ms: int = NOW_MS
    ) -> None:
        self.counts = Counts()
        self.now_ms = now_ms
        self.alerts: list[bytes] = []
        partitions = Counter(stream for stream, _ in logs)

        def source(stream: str, partition: int) -> Callable[[], Stage]:
            place = Place(stream, partition, partitions[stream])
            return lambda: SourceStage(place, rules, self.counts, ways)

        def judge(partition: int) -> Callable[[], Stage]:
            return lambda: JudgeStage(partition, ways.judges, rules, self.counts, ways.expect_every_ms)

        self.judges = [Hosted(judge(number), [], PARTIALS, number) for number in range(ways.judges)]
        self.sources = [
            Hosted(source(stream, number), log, stream_topic(stream), number) for (stream, number), log in logs.items()
        ]

    @property
    def hosted(self) -> list[Hosted]:
        return [*self.sources, *self.judges]

    def carry(self, records: Sequence[Outgoing]) -> None:
        """Put what a stage gave into the logs where it belongs."""
        for record in records:
            if record.topic == PARTIALS:
                assert record.partition is not None
                self.judges[record.partition].log.append(record.value)
            elif record.topic == ALERTS:
                self.alerts.append(record.value)

    def step(self, one: Hosted, size: int) -> None:
        self.carry(one.step(size, self.now_ms))

    def beat(self, seconds: int = 1) -> None:
        """Let wall time pass for every stage, a second at a time, and carry all that follows to its end."""
        for _ in range(seconds):
            self.now_ms += 1_000
            for one in self.sources:
                self.carry(one.stage.beat(self.now_ms))
            self.settle()

    def settle(self) -> None:
        """Feed every stage to the end of its log."""
        for one in self.hosted:
            self.step(one, len(one.log) - one.offset)

    def said(self) -> list[dict[str, Any]]:
        return [json.loads(value) for value in self.alerts]


serial = count()
"""Numbers for ids that nobody looks at."""
