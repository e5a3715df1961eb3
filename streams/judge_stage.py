"""The stage of one partition of `tocsin.partials`: reports in, alert records and the figures of ended days out.

Everything follows from the order of the reports in the log, so that after a crash the same alerts come again, with
the same ids.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

from alerts import chronicle
from alerts.chronicle import figure_of
from alerts.naming import NO_NAMES, English
from alerts.records import alert_record, encode
from detectors.judge import Judge
from detectors.partial import Partial
from detectors.rulejudge import RuleJudge
from detectors.rules import Rule
from detectors.standing import Standing, standing_of
from detectors.transition import Key, Transition
from streams.fragments import join
from streams.pack import pack, unpack
from streams.report import Report, decode, judge_of
from streams.source_stage import IDLE_MS
from streams.stage import Chunk, Outgoing
from streams.topics import ALERTS, HISTORY

_NEVER = -(1 << 62)


class JudgeMetrics(Protocol):
    """What the stage measures."""

    def observe_delay(self, seconds: float) -> None:
        """Measure the time from a boundary to its alert."""

    def count_late_partials(self, count: int) -> None:
        """Count partials whose boundary was judged already."""


@dataclass(slots=True)
class Source:
    """What is known of one source partition."""

    next_offset: int = 0
    watermark_ms: int | None = None
    idle: bool = False
    silent_ms: int = 0
    through_ms: dict[str, int] = field(default_factory=dict)  # per side of a rule: the last pane taken
    excused_ms: int = 0  # of its silence, what the whole stream was blind for
    fingerprints: dict[str, str] | None = None  # of the rules it counts by; None before it has said so
    begun: dict[str, Any] = field(default_factory=dict)  # per side: the state of a pane that was told in part


@dataclass(slots=True)
class StreamTime:
    """How far one stream has come, over all its partitions."""

    partitions: int = 0
    watermark_ms: int | None = None
    sources: dict[int, Source] = field(default_factory=dict)
    expect_ms: int | None = None  # silence longer than this is blindness

    def hear(self, source: Source, report: Report) -> None:
        """Note how a partition does, unless a later report has said so."""
        if report.next_offset < source.next_offset:
            return
        before_ms = self.silent_ms
        source.next_offset, source.idle, source.silent_ms = report.next_offset, report.idle, report.silent_ms
        source.excused_ms = min(source.excused_ms, source.silent_ms)
        if self.expect_ms is not None and self.expect_ms < before_ms > self.silent_ms:
            for other in self.sources.values():  # the stream is back: they get their time to come back too
                other.excused_ms += min(before_ms, other.silent_ms)

    def _holds(self, source: Source) -> bool:
        """Say whether the stream waits for this partition.

        A stream that is expected to speak does not wait for one that has been silent while others spoke; when all are
        silent, nothing moves.
        """
        if self.expect_ms is None:
            return not source.idle
        return source.silent_ms - source.excused_ms - self.silent_ms < IDLE_MS

    def advance(self) -> None:
        """Move the watermark: the smallest of the partitions that are not idle; of idle ones none holds it back."""
        if len(self.sources) < self.partitions:
            return  # a partition nobody has told about yet may hold anything
        known = [source for source in self.sources.values() if source.watermark_ms is not None]
        awake = [source for source in self.sources.values() if self._holds(source)]
        if not known or any(source.watermark_ms is None for source in awake):
            return
        marks = [source.watermark_ms for source in (awake or known) if source.watermark_ms is not None]
        mark = min(marks) if awake else max(marks)
        self.watermark_ms = mark if self.watermark_ms is None else max(self.watermark_ms, mark)

    @property
    def is_unused(self) -> bool:
        """Whether nothing has ever come, in no partition, and nothing is expected: nobody waits for such a stream."""
        return (
            self.watermark_ms is None
            and self.expect_ms is None
            and len(self.sources) >= self.partitions > 0
            and all(source.idle and source.watermark_ms is None for source in self.sources.values())
        )

    @property
    def silent_ms(self) -> int:
        """How long no partition has had anything."""
        return min((source.silent_ms for source in self.sources.values()), default=0)


class JudgeStage:
    """Judges the rules that fall to one partition of the partials topic."""

    def __init__(  # noqa: PLR0913  what it judges, and how the site wants it said
        self,
        partition: int,
        partitions: int,
        rules: Sequence[Rule],
        metrics: JudgeMetrics,
        expect_every_ms: Mapping[str, int] = MappingProxyType({}),
        *,
        english: English = NO_NAMES,
    ) -> None:
        self._english = english
        self._partition = partition
        self._partitions = partitions
        self._begin(rules)
        self._metrics = metrics
        self._expect_every_ms = expect_every_ms
        self.streams: dict[str, StreamTime] = {}
        self._last_words: list[Outgoing] = []  # of rules that are judged no longer

    def _begin(self, rules: Sequence[Rule]) -> None:
        self._rules = {rule.id: rule for rule in rules if judge_of(rule.id, self._partitions) == self._partition}
        self._judge = Judge(list(self._rules.values()), notes_figures=True)
        self._waiting: set[str] = set()  # rules that not all sources count alike

    def take_rules(self, rules: Sequence[Rule]) -> None:
        """Judge by other rules from now on: those whose arithmetic changed begin anew, the others go on."""
        saved = self._dump_rules()
        self._begin(rules)
        self._load_rules(saved)
        for stream in self.streams:
            self._compare(stream)

    @property
    def waiting(self) -> set[str]:
        """Name the rules that are not judged, because workers count them by different rule files."""
        return set(self._waiting)

    def feed(self, chunk: Chunk, now_ms: int) -> list[Outgoing]:
        """Take reports in their order; after each, judge as far as time has come."""
        out: list[Outgoing] = []
        for value in chunk.values:
            if value is None:
                continue
            for transition in self._take(decode(value)):
                record = alert_record(transition, self._rules[transition.rule], self._english)
                out.append(Outgoing(ALERTS, encode(record), record.alert.encode()))
                self._metrics.observe_delay(max(now_ms - transition.time_ms, 0) / 1000)
            for figure in self._judge.take_figures():
                told = figure_of(figure, self._rules[figure.rule])
                out.append(Outgoing(HISTORY, chronicle.encode(told), told.id.encode()))
        return out

    def beat(self, now_ms: int) -> list[Outgoing]:  # noqa: ARG002  the shape of a stage
        """Say the last words of rules that ended. Time comes in reports, so that it comes again the same."""
        said, self._last_words = self._last_words, []
        return said

    def _take(self, report: Report) -> list[Transition]:
        time = self._time_of(report.stream)
        time.partitions = max(time.partitions, report.partitions)
        source = time.sources.setdefault(report.partition, Source())
        if report.next_offset >= source.next_offset and report.fingerprints != source.fingerprints:
            source.fingerprints = report.fingerprints
            source.begun.clear()  # by other rules the rest of a pane is of another kind
            self._compare(report.stream)
        for partial in report.partials:
            goes_on = report.goes_on and partial is report.partials[-1]
            self._merge(source, partial, report.fingerprints, goes_on=goes_on)
        if report.watermark_ms is not None:
            source.watermark_ms = max(source.watermark_ms or _NEVER, report.watermark_ms)
        time.hear(source, report)
        time.advance()
        if time.watermark_ms is None:
            return []
        return self._judge.advance(lambda rule: self._mark_of(rule) if report.stream in rule.streams else None)

    def _mark_of(self, rule: Rule) -> int | None:
        """Say how far a rule may be judged: as far as all streams have come that it reads; None if not at all."""
        times = [self.streams.get(stream) for stream in rule.streams]
        if rule.id in self._waiting or None in times:
            return None
        marks = [time.watermark_ms for time in times if time is not None and not time.is_unused]
        known = [mark for mark in marks if mark is not None]
        return min(known) if known and len(known) == len(marks) else None

    def _compare(self, stream: str) -> None:
        """Find the rules of a stream that its sources count differently from us; those that did begin anew."""
        for rule in self._rules.values():
            if stream not in rule.streams:
                continue
            times = [self.streams[name] for name in rule.streams if name in self.streams]
            sources = [source for time in times for source in time.sources.values()]
            known = [source.fingerprints for source in sources if source.fingerprints is not None]
            if any(told.get(rule.id) != rule.fingerprint for told in known):
                self._waiting.add(rule.id)
            elif rule.id in self._waiting:  # what was counted meanwhile is not complete
                self._waiting.remove(rule.id)
                self._last_words += self._endings(self._judge.rules[rule.id])
                self._judge.begin(rule)

    def _time_of(self, stream: str) -> StreamTime:
        return self.streams.setdefault(stream, StreamTime(expect_ms=self._expect_every_ms.get(stream)))

    def _merge(self, source: Source, partial: Partial, fingerprints: dict[str, str], *, goes_on: bool) -> None:
        rule = self._rules.get(partial.rule)
        if rule is None or rule.fingerprint != fingerprints.get(partial.rule) or rule.id in self._waiting:
            return  # counted under another rule file, by this source or another: not ours to judge
        if partial.end_ms <= source.through_ms.get(partial.name, _NEVER):
            return  # told again after a restart
        begun = Partial.of(source.begun.pop(partial.name)) if partial.name in source.begun else None
        if begun is not None and begun.end_ms == partial.end_ms:
            partial = join(begun, partial)
        if goes_on:
            source.begun[partial.name] = partial.state()
            return
        source.through_ms[partial.name] = partial.end_ms
        if not self._judge.take(partial):
            self._metrics.count_late_partials(1)

    def is_blind(self, stream: str) -> bool:
        """Say whether an event or a heartbeat of a stream is overdue in all its partitions."""
        time = self.streams.get(stream)
        return time is not None and time.expect_ms is not None and time.silent_ms > time.expect_ms

    def standing(self, rule: str, key: Key) -> Standing | None:
        """Say where a series of one of its rules stands; None if no event of it was ever seen."""
        return standing_of(self._judge.rules[rule], key)

    def judges(self, rule: str) -> bool:
        """Say whether a rule falls to this partition."""
        return rule in self._rules

    def keys(self, rule: str) -> list[Key]:
        """List the keys of the series of one of its rules."""
        return self._judge.rules[rule].keys

    def series(self) -> Iterator[tuple[Rule, Key, str, float]]:
        """Give every series with its level and last value."""
        for id_, judge in self._judge.rules.items():
            for key, level, value in judge.series():
                yield self._rules[id_], key, level, value

    def dump(self) -> bytes:
        """Write everything down."""
        streams = {
            name: [time.partitions, time.watermark_ms, {number: _plain(s) for number, s in time.sources.items()}]
            for name, time in self.streams.items()
        }
        return pack([self._partitions, self._dump_rules(), streams])

    def _dump_rules(self) -> dict[str, Any]:
        return {
            id_: [self._rules[id_].fingerprint, judge.state(), [[o.key, o.value] for o in self._endings(judge)]]
            for id_, judge in self._judge.rules.items()
        }

    def _endings(self, judge: RuleJudge) -> list[Outgoing]:
        records = [alert_record(transition, judge.rule, self._english) for transition in judge.endings()]
        return [Outgoing(ALERTS, encode(record), record.alert.encode()) for record in records]

    def _load_rules(self, rules: Mapping[str, Any]) -> None:
        """Take up the rules whose arithmetic is what it was; let the others say their last words."""
        for id_, (fingerprint, state, endings) in rules.items():
            if id_ in self._rules and self._rules[id_].fingerprint == fingerprint:
                self._judge.rules[id_].restore(state)
            else:
                self._last_words += [Outgoing(ALERTS, value, key) for key, value in endings]

    def load(self, blob: bytes) -> None:
        """Take up what `dump` wrote; a rule whose arithmetic changed since begins anew.

        Raise ValueError if the number of judging partitions is another: rules would be judged in other places.
        """
        partitions, rules, streams = unpack(blob)
        if partitions != self._partitions:
            msg = f"the saved state is of {partitions} judging partitions, the topic has {self._partitions}"
            raise ValueError(msg)
        self._load_rules(rules)
        for name, (number, watermark_ms, sources) in streams.items():
            time = self._time_of(name)
            time.partitions, time.watermark_ms = number, watermark_ms
            time.sources = {partition: Source(*fields) for partition, fields in sources.items()}
            self._compare(name)


def _plain(source: Source) -> list[Any]:
    return list(dataclasses.astuple(source))
