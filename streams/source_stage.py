"""The stage of one source partition: bytes in; dead letters, late events and reports to the judges out."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import TYPE_CHECKING, Protocol

import numpy as np

from detectors.gate import ACCEPTED, DUPLICATE, LATE
from detectors.monitor import Monitor
from streams import planned
from streams.breaker import Breaker, BreakerLimits
from streams.counts import Counts
from streams.deadletters import build
from streams.decoded import Gathered
from streams.events import Decoder
from streams.late import late_records
from streams.pack import pack, unpack
from streams.report import Report, in_chunks, judge_of
from streams.site import SHIPPED, Reading, Site
from streams.stage import Chunk, Outgoing
from streams.topics import DEADLETTERS, PARTIALS

if TYPE_CHECKING:
    from detectors.rules import Rule

_log = logging.getLogger(__name__)

IDLE_MS = 30_000
"""Wall time without an event after which a partition no longer holds its stream back."""

_BEAT_MAX_MS = 2_000  # wall time one beat may stand for: a worker that was stopped for an hour has not listened for it
_REPORT_EVERY_MS = 5_000
_SANE_MS = 946_684_800_000  # 2000-01-01: a record timestamp before it was not set by anybody
_AHEAD_MS = 300_000
_VERDICTS = {"accepted": ACCEPTED, "duplicate": DUPLICATE, "late": LATE}


class SourceMetrics(Protocol):
    """What the stage counts, per batch."""

    def count_events(self, stream: str, result: str, number: int) -> None:
        """Count events by what became of them: accepted, late, duplicate."""

    def count_refused(self, stream: str, reason: str, number: int) -> None:
        """Count refused events by reason, and as rejected."""

    def count_unknown_places(self, stream: str, number: int) -> None:
        """Count events that name a place the table of places lacks."""


@dataclass(frozen=True, slots=True)
class Place:
    """One partition of one stream's topic, and how many it has."""

    stream: str
    partition: int
    partitions: int


@dataclass(frozen=True, slots=True)
class Ways:
    """How the site wants its streams read."""

    judges: int  # partitions of the partials topic
    lateness_ms: int
    expect_every_ms: Mapping[str, int] = field(default_factory=dict)  # silence of these streams is blindness, not calm
    breaker: BreakerLimits = field(default_factory=BreakerLimits)
    site: Site = SHIPPED


class SourceStage:
    """Decodes, admits and counts the events of one partition of one stream."""

    def __init__(self, place: Place, rules: Sequence[Rule], metrics: SourceMetrics, ways: Ways) -> None:
        stream = self.stream = place.stream
        self.partition = place.partition
        self._partitions = place.partitions
        self._lateness_ms = ways.lateness_ms
        self._metrics = metrics
        self._judges = ways.judges
        self._expect_ms = ways.expect_every_ms.get(stream)
        self._site = ways.site
        self._decoder = Decoder(self._site.streams[stream])
        self._begin(rules)
        self._next_offset = 0
        self._silent_ms = 0
        self._is_sure = True
        self._beat_ms: int | None = None
        self._newest_ms: int | None = None  # event time when the silence began
        self._told_watermark_ms: int | None = None
        self._told_idle = False
        self._since_report_ms = 0
        self.breaker = Breaker(ways.breaker)
        self.counts = Counts()

    def _begin(self, rules: Sequence[Rule]) -> None:
        self._rules = [rule for rule in rules if self.stream in rule.streams]
        self._reading = Reading(self._site, self.stream, self._rules)
        more = planned.FIELDS if self.stream == planned.STREAM else ()
        self._fields = tuple(dict.fromkeys((*self._reading.fields, *more)))
        self._monitor = Monitor(self._rules, self._site.streams, lateness_ms=self._lateness_ms)
        self._step_ms = int(np.gcd.reduce([rule.hop_ms for rule in self._rules] or [1000]))

    def take_rules(self, rules: Sequence[Rule]) -> None:
        """Count by other rules from now on: those whose arithmetic changed begin anew, the others go on."""
        state = self._monitor.state()
        self._begin(rules)
        self._monitor.restore(state)
        self._since_report_ms = _REPORT_EVERY_MS  # the judges hear of it with the next beat

    def feed(self, chunk: Chunk, now_ms: int) -> list[Outgoing]:
        """Count a chunk in: refused events and late ones go their ways, completed panes to the judges."""
        stamped = np.asarray(chunk.timestamps_ms, np.int64)
        now = np.where((stamped > _SANE_MS) & (stamped <= now_ms + _AHEAD_MS), stamped, now_ms)
        told = self._decoder.gather(chunk.values, self._fields, now_ms=now)
        self.counts.open(chunk, self._next_offset)
        self._next_offset = chunk.next_offset
        if self.breaker.count(len(told.ids) + len(told.refused), len(told.refused), now_ms):
            self._tell_breaker()
        out = self._refuse(chunk, told, now_ms)
        if self.stream == planned.STREAM:
            out += planned.commands_of(chunk, told, now_ms)
        for time_ms, first, last in _between_heartbeats(told):
            out.extend(self._admit(chunk, told, first, last))
            if time_ms is not None:
                self._monitor.gate.heartbeat(time_ms)
        self.counts.close(events=len(told.ids), refused=len(told.refused), heartbeats=len(told.heartbeats))
        if told.ids or told.heartbeats:
            self._silent_ms = 0
            self._newest_ms = self._monitor.gate.newest_ms
        return [*out, *self._report(force=False)]

    def beat(self, now_ms: int) -> list[Outgoing]:
        """Let wall time pass: an idle partition's time goes on by it, unless its stream is expected to speak."""
        passed = 0 if self._beat_ms is None else min(max(now_ms - self._beat_ms, 0), _BEAT_MAX_MS)
        self._beat_ms = now_ms
        if self.breaker.pass_time(now_ms):
            self._tell_breaker()
        if self._is_sure or self._expect_ms is not None:  # blindness is the same whoever is silent, sender or broker
            self._silent_ms += passed
        self._since_report_ms += passed
        if self.is_idle and self._expect_ms is None and self._newest_ms is not None:
            self._monitor.gate.heartbeat(self._newest_ms + self._silent_ms)
        return self._report(force=self._since_report_ms >= _REPORT_EVERY_MS)

    def listen(self, *, is_sure: bool) -> None:
        """Hear whether nothing waits in the log: a backlog, or a broker that is away, is not silence of the senders."""
        self._is_sure = is_sure

    def appetite(self, now_ms: int) -> int | None:
        """Say how many records it will take now: few, now and then, where next to none can be used."""
        return self.breaker.appetite(now_ms)

    def _tell_breaker(self) -> None:
        if self.breaker.is_open:
            _log.error("%s[%d]: nearly nothing can be used; the rest waits in the log", self.stream, self.partition)
        else:
            _log.warning("%s[%d]: usable again, reading on at full speed", self.stream, self.partition)

    @property
    def watermark_ms(self) -> int | None:
        """Event time taken as complete in this partition."""
        return self._monitor.gate.watermark_ms

    @property
    def is_idle(self) -> bool:
        """Whether nothing has come for so long that the partition holds nobody back."""
        return self._silent_ms >= IDLE_MS

    @property
    def is_blind(self) -> bool:
        """Whether an event or a heartbeat of this partition is overdue."""
        return self._expect_ms is not None and self._silent_ms > self._expect_ms

    def _admit(self, chunk: Chunk, told: Gathered, first: int, last: int) -> list[Outgoing]:
        if first == last:
            return []
        rows = slice(first, last)
        ids, times = told.ids[rows], told.time_ms[rows]
        verdict = self._monitor.gate.admit([self.stream], ids, times)
        became = {result: int((verdict == what).sum()) for result, what in _VERDICTS.items()}
        self.counts.admit(**became)
        for result, number in became.items():
            if number:
                self._metrics.count_events(self.stream, result, number)
        fields = {name: values[rows] for name, values in told.columns.items()}
        if became["accepted"] < len(ids):
            accepted = verdict == ACCEPTED
            chosen = accepted.tolist()
            ids, times = list(compress(ids, chosen)), times[accepted]
            fields = {name: list(compress(values, chosen)) for name, values in fields.items()}
        if ids:
            self._monitor.feed(self._reading.batch(ids, times, fields))
            if unknown := self._reading.take_unknown():
                self._metrics.count_unknown_places(self.stream, unknown)
        late = np.flatnonzero(verdict == LATE) + first
        place = f"{chunk.topic}:{chunk.partition}"
        return [
            record
            for row in dict.fromkeys(told.origin[late].tolist())
            for record in late_records(chunk.values[row] or b"", f"{place}:{chunk.offsets[row]}")
        ]

    def _refuse(self, chunk: Chunk, told: Gathered, now_ms: int) -> list[Outgoing]:
        out = []
        for refused in told.refused:
            self._metrics.count_refused(self.stream, refused.reason, 1)
            offset = chunk.offsets[refused.index]
            letter = build(refused, topic=chunk.topic, partition=chunk.partition, offset=offset, arrived_ms=now_ms)
            out.append(Outgoing(DEADLETTERS, letter.to_json(), letter.key.encode()))
        return out

    def _report(self, *, force: bool) -> list[Outgoing]:
        """Tell the judges what is complete, when a boundary was passed, idleness changed, or it is time again."""
        watermark = self._monitor.gate.watermark_ms
        passed = watermark is not None and (
            self._told_watermark_ms is None or watermark // self._step_ms > self._told_watermark_ms // self._step_ms
        )
        if not (passed or force or self.is_idle != self._told_idle):
            return []
        self._told_watermark_ms, self._told_idle, self._since_report_ms = watermark, self.is_idle, 0
        partials = [] if watermark is None else self._monitor.close(watermark)
        out = []
        for judge in range(self._judges):
            own = [partial for partial in partials if judge_of(partial.rule, self._judges) == judge]
            runs = in_chunks(own)
            for run, goes_on in runs:
                report = Report(
                    self.stream,
                    self.partition,
                    self._partitions,
                    self._next_offset,
                    watermark if run is runs[-1][0] else None,
                    self.is_idle,
                    self._silent_ms,
                    {rule.id: rule.fingerprint for rule in self._rules if judge_of(rule.id, self._judges) == judge},
                    run,
                    goes_on,
                )
                out.append(Outgoing(PARTIALS, report.encode(), partition=judge))
        return out

    def dump(self) -> bytes:
        """Write gate and open panes down."""
        monitor, counts = self._monitor.state(), self.counts.state()
        return pack([self.stream, self._partitions, self._next_offset, self._silent_ms, monitor, counts])

    def load(self, blob: bytes) -> None:
        """Take up what `dump` wrote. Raise ValueError if it is of another stream or number of partitions."""
        stream, partitions, next_offset, silent_ms, state, counts = unpack(blob)
        if (stream, partitions) != (self.stream, self._partitions):
            msg = (
                f"the saved state is of {stream} with {partitions} partitions, the topic is {self.stream} "
                f"with {self._partitions}: events would be counted in other places than before"
            )
            raise ValueError(msg)
        self._monitor.restore(state)
        self._next_offset = next_offset
        self.counts = Counts(*counts)
        if self._monitor.gate.watermark_ms is not None:
            self._newest_ms = self._monitor.gate.newest_ms
        if self._expect_ms is not None:
            self._silent_ms = silent_ms  # blind stays blind; elsewhere what came while we were away is yet to be read


def counts_of(blob: bytes) -> Counts:
    """Read the books out of what `SourceStage.dump` wrote."""
    *_, counts = unpack(blob)
    return Counts(*counts)


def _between_heartbeats(told: Gathered) -> list[tuple[int | None, int, int]]:
    """Cut the events at the heartbeats: (time of the heartbeat that ends the run, first, last)."""
    runs: list[tuple[int | None, int, int]] = []
    first = 0
    for index, time_ms in told.heartbeats:
        last = int(np.searchsorted(told.origin, index))
        runs.append((time_ms, first, last))
        first = last
    runs.append((None, first, len(told.ids)))
    return runs
