"""Small makers of test material: events as columns, rules with defaults, and ways to send events through them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any

import numpy as np

from detectors.batch import Column, EventBatch
from detectors.codes import code_of
from detectors.feed import Feeder
from detectors.gate import ACCEPTED
from detectors.judge import Judge
from detectors.monitor import Monitor
from detectors.partial import Partial
from detectors.rules import Rule
from detectors.seriestable import SeriesTable
from detectors.sharing import Shared
from detectors.transition import Transition
from detectors.vocabulary import STREAMS, FieldType
from streams.pack import pack, unpack


def code(value: str | float) -> int:
    """Code a value of a column: 1 and 1.0 are one number."""
    return code_of(value if isinstance(value, str) else repr(float(value)))


def batch(stream: str, events: Sequence[Mapping[str, Any]]) -> EventBatch:
    """Make columns of events given as dicts, every declared field, the plain way."""
    columns = {}
    for name, field in STREAMS[stream].fields.items():
        values = [event.get(name) for event in events]
        codes = np.array([0 if value is None else code(value) for value in values], np.uint64)
        numbers = None
        if field.type is not FieldType.STRING:
            numbers = np.array([np.nan if value is None else float(value) for value in values], np.float64)
        columns[name] = Column(values, codes, numbers)
    times = np.array([event["time"] for event in events], np.int64)
    return EventBatch(stream, times, [event["id"] for event in events], columns)


def told(transition: Transition) -> tuple[Any, ...]:
    """Flatten a transition into what the oracle says."""
    return (
        transition.time_ms,
        transition.rule,
        transition.key,
        transition.was,
        transition.level,
        transition.value,
        transition.reason,
        transition.started_ms,
        transition.threshold,
    )


def run(
    rules: Sequence[Rule],
    slices: Sequence[Sequence[Mapping[str, Any]]],
    lateness_ms: int,
    drain_ms: int = 0,
    *,
    restarts: bool = False,
    tell: Callable[[Transition], tuple[Any, ...]] = told,
) -> list[tuple[Any, ...]]:
    """Walk events, and flatten the transitions: into what the oracle says, unless `tell` does it otherwise."""
    return [tell(transition) for transition in walk(rules, slices, lateness_ms, drain_ms, restarts=restarts)]


def walk(
    rules: Sequence[Rule],
    slices: Sequence[Sequence[Mapping[str, Any]]],
    lateness_ms: int,
    drain_ms: int = 0,
    *,
    restarts: bool = False,
) -> list[Transition]:
    """Walk events through gate, monitor and judge in memory, slice by slice, as replay does.

    With `restarts` both are written down and taken up by new ones after every slice.
    """
    monitor, judge = Monitor(rules, STREAMS, lateness_ms=lateness_ms), Judge(rules)
    said: list[Transition] = []
    for events in slices:
        if restarts:
            monitor, judge = reborn(rules, monitor, judge)
        if not events:
            continue
        streams = [event["stream"] for event in events]
        times = np.array([event["time"] for event in events], np.int64)
        verdict = monitor.gate.admit(streams, [event["id"] for event in events], times)
        kept = [event for event, what in zip(events, verdict.tolist(), strict=True) if what == ACCEPTED]
        for stream in dict.fromkeys(event["stream"] for event in kept):
            monitor.feed(batch(stream, [event for event in kept if event["stream"] == stream]))
        watermark = monitor.gate.watermark_ms
        assert watermark is not None
        said.extend(settle(monitor, judge, watermark))
    for rule in rules:
        end = monitor.gate.newest_ms // rule.hop_ms * rule.hop_ms + rule.hop_ms + drain_ms
        for partial in monitor.close(end):
            judge.take(partial)
        said.extend(judge.rules[rule.id].advance(end))
    order = {rule.id: number for number, rule in enumerate(rules)}
    return sorted(said, key=lambda t: (t.time_ms, order[t.rule], tuple(map(str, t.key))))


def settle(monitor: Monitor, judge: Judge, watermark_ms: int) -> Iterator[Transition]:
    """Close what the watermark completes and judge it."""
    for partial in monitor.close(watermark_ms):
        assert judge.take(partial)
    yield from judge.advance(watermark_ms)


def reborn(rules: Sequence[Rule], monitor: Monitor, judge: Judge) -> tuple[Monitor, Judge]:
    """Write the state of both to bytes, and take it up anew."""
    other = Monitor(rules, STREAMS, lateness_ms=monitor.gate.lateness_ms)
    other.restore(unpack(pack(monitor.state())))
    heir = Judge(rules)
    for rule, old in judge.rules.items():
        heir.rules[rule].restore(unpack(pack(old.state())))
    return other, heir


def feeder_of(rule: Rule, events: Sequence[Mapping[str, Any]]) -> Feeder:
    """Count events, all accepted, into the panes of one rule."""
    feeder, table = Feeder(rule, STREAMS[rule.stream]), SeriesTable(rule.by)
    columns = batch(rule.stream, events)
    feeder.feed(Shared(columns, STREAMS[rule.stream]), table)
    return feeder


def in_partitions(
    rules: Sequence[Rule], events: Sequence[Mapping[str, Any]], partitions: int, random: Random
) -> list[Transition]:
    """Spread events over partitions, tell their panes in any order and as bytes, and judge them all."""
    monitors = [Monitor(rules, STREAMS, lateness_ms=0) for _ in range(partitions)]
    for one in events:
        monitors[random.randrange(partitions)].feed(batch(one["stream"], [one]))
    panes = [pane for monitor in monitors for pane in monitor.close(1 << 50)]
    random.shuffle(panes)
    judge = Judge(rules)
    for pane in panes:
        assert judge.take(Partial.of(unpack(pack(pane.state()))))
    return judge.advance(200_000)
