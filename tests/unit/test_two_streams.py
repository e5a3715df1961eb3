"""A rule over two streams in the worker's stages: it waits for the slower stream, and is blind where either is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from alerts.records import decode
from detectors.monitor import Monitor
from detectors.partial import Partial
from detectors.rules import Kind, Measure, Part, Rule
from detectors.vocabulary import STREAMS
from streams import fragments
from streams.judge_stage import JudgeStage
from streams.metrics import Metrics
from streams.overview import Overview, Rates
from streams.report import SIZE_MAX, Report
from streams.source_stage import Ways
from tests.builders import batch
from tests.staging import NOW_MS, Counts, Pipeline, call, chunk, heartbeat, levels, rule
from tests.unit.test_judge_stage import as_bytes, muddled, replayed
from tests.unit.test_oracle_windows import a_rule, dense_event
from tests.unit.test_oracle_windows import rules as any_rule
from tests.unit.test_oracle_windows import streams as any_events

S = 1_000
RATE = rule(
    "rate",
    stream="complaints",
    measure=Measure(
        Kind.RATIO,
        of=Part("complaints", (), Measure(Kind.COUNT)),
        to=Part("calls", (), Measure(Kind.COUNT)),
        per=100.0,
    ),
    levels=(("yellow", 20.0), ("red", 50.0)),
)


def report(
    stream: str, at_s: float | None, *panes: tuple[int, int], offset: int = 1, silent_s: float = 0, by: Rule = RATE
) -> bytes:
    """Tell of the one partition of a stream: how far it is, and panes as (end, count), in seconds after `NOW_MS`."""
    side = RATE.streams.index(stream)
    partials = [
        Partial(RATE.id, NOW_MS + end * S, [()], {"count": np.array([count])}, side=side) for end, count in panes
    ]
    mark = None if at_s is None else round(NOW_MS + at_s * S)
    prints = {by.id: by.fingerprint}
    return Report(stream, 0, 1, offset, mark, silent_s >= 30, round(silent_s * S), prints, partials).encode()


def judge(**expect_ms: int) -> JudgeStage:
    return JudgeStage(0, 1, [RATE], Counts(), expect_ms)


def fed(one: JudgeStage, *told: bytes) -> list[tuple[str, float]]:
    return levels(one.feed(chunk(*told, topic="tocsin.partials"), NOW_MS))


def test_a_boundary_waits_for_the_slower_stream() -> None:
    one = judge()
    assert fed(one, report("complaints", 5, (1, 3))) == [], "nothing is known of the calls"
    assert fed(one, report("calls", 0, offset=1)) == [], "they have not come to it"
    assert fed(one, report("calls", 1, (1, 10), offset=2)) == [("yellow", 1)]
    assert fed(one, report("complaints", 20, offset=2)) == [], "the calls are at 1"
    assert fed(one, report("calls", 4, (4, 90), offset=3)) == [("green", 4)]


def test_panes_told_again_count_once_on_each_side() -> None:
    one = judge()
    log = [report("complaints", 1, (1, 3)), report("calls", 1, (1, 10)), report("complaints", 2, (2, 2), offset=2)]
    said = fed(one, *log, *log)
    heir = judge()
    heir.load(one.dump())
    assert [*said, *fed(heir, *log, report("calls", 9, offset=2))] == [("yellow", 1), ("red", 2)]


def test_a_stream_that_was_never_used_is_not_waited_for() -> None:
    one = judge()
    fed(one, report("calls", None, silent_s=29), report("complaints", 5, (1, 3)))
    assert one.waiting == set()
    assert one.streams["calls"].is_unused is False, "it may yet speak"
    fed(one, report("calls", None, silent_s=30))
    assert one.streams["calls"].is_unused
    fed(one, report("complaints", 6, offset=2))
    ((_, _, level, value),) = one.series()
    assert level == "green"
    assert np.isnan(value), "nothing to divide by"


def test_a_rate_stands_at_zero_though_nothing_was_ever_complained_of() -> None:
    """From bytes to alerts: what is divided comes from a stream without a single event."""
    calls = [call(str(number), number) for number in range(15)]
    logs: dict[tuple[str, int], list[bytes]] = {("complaints", 0): [], ("complaints", 1): [], ("calls", 0): calls}
    pipe = Pipeline([replace(RATE, below=True, levels=(("yellow", 5.0),))], logs, Ways(1, 0))
    pipe.settle()
    pipe.beat(29)
    assert pipe.said() == [], "a complaint may yet be on its way"
    pipe.beat(6)
    assert [(record["level"], record["value"]) for record in pipe.said()] == [("yellow", 0.0)]


def test_a_stream_that_is_expected_is_waited_for_though_it_was_never_used() -> None:
    one = judge(calls=60 * S)
    fed(one, report("calls", None, silent_s=500), report("complaints", 5, (1, 3)))
    assert list(one.series()) == []


@pytest.mark.parametrize("silent", ["calls", "complaints"])
def test_one_blind_stream_makes_the_rule_blind_and_moves_nothing(silent: str) -> None:
    other = "complaints" if silent == "calls" else "calls"
    one = judge(**{silent: 60 * S})
    assert fed(one, report("complaints", 1, (1, 3)), report("calls", 1, (1, 10))) == [("yellow", 1)]
    for at_s in (100, 200, 300):
        told = fed(one, report(silent, 1, silent_s=at_s), report(other, at_s, offset=at_s))
        assert told == []
    overview = Overview(
        [RATE],
        RATE.streams,
        Rates(Metrics(CollectorRegistry(), version="1", streams=RATE.streams), lambda: 0),
        lambda: NOW_MS,
    )
    overview.held = lambda: {("tocsin.partials", 0)}
    overview.keep("tocsin.partials", 0, one)
    assert [row["level"] for row in overview.levels()] == ["blind"]
    assert fed(one, report(silent, 300, offset=301)) == []
    assert [row["level"] for row in overview.levels()] == ["yellow"], "unknown keeps the level"


def test_a_rule_waits_while_the_sources_of_its_streams_count_by_different_files() -> None:
    other = replace(RATE, measure=replace(RATE.measure, per=1.0))
    one = judge()
    fed(one, report("complaints", 5, (1, 3)), report("calls", 5, (1, 10), by=other))
    assert (one.waiting, list(one.series())) == ({"rate"}, [])
    fed(one, report("calls", 6, offset=2))
    assert one.waiting == set()
    said = fed(one, report("complaints", 9, (8, 1), offset=2), report("calls", 9, (8, 4), offset=3))
    assert said == [("yellow", 8)], "begun anew: what was counted meanwhile is not complete"


def test_one_stream_on_both_sides_is_told_in_two_partials() -> None:
    own = replace(RATE, measure=replace(RATE.measure, to=Part("complaints", (), Measure(Kind.SUM, "severity"))))
    logs = {("complaints", 0): [complaint("a", 1, severity=3.0), complaint("b", 2, severity=1.0), heartbeat(20)]}
    pipe = Pipeline([own], logs, Ways(1, 0))
    pipe.settle()
    told = [(record["level"], record["value"]) for record in pipe.said()]
    assert told == [("yellow", pytest.approx(100 / 3)), ("red", 50.0)]


def complaint(id_: str, at_s: float, **fields: object) -> bytes:
    return json.dumps({"id": id_, "time": NOW_MS / 1000 + at_s, "category": "billing", **fields}).encode()


@given(st.integers(0, 1 << 32), st.integers(50, 5_000))
@settings(max_examples=60)
def test_a_pane_cut_in_parts_and_put_together_is_the_pane(seed: int, size_max: int) -> None:
    random = Random(seed)
    one = a_rule(random)
    if one.measure.kind in (Kind.UNMATCHED_COUNT, Kind.UNMATCHED_SHARE):
        one = replace(one, contributors=("region", "outlet"))
    monitor = Monitor([one], STREAMS, lateness_ms=0)
    events = [{**dense_event(random, number), "id": str(number)} for number in range(200)]
    for stream in one.streams:
        monitor.feed(batch(stream, [event for event in events if event["stream"] == stream]))
    for pane in monitor.close(1_000_000)[:6]:
        parts = [Partial.of(part.state()) for part in fragments.split(pane, size_max)]
        retold = [parts[0], *random.sample(parts, random.randrange(len(parts))), *parts[1:]]
        whole = retold[0]
        for part in retold[1:]:
            whole = fragments.join(whole, part)
        assert plain(whole) == plain(pane)


def test_a_partial_of_one_side_is_written_as_ever() -> None:
    """So that snapshots and reports of before are read, and a worker of before reads those of its rules."""
    written = Partial("r", 1_000, [("a",)], {"count": np.array([3])}).state()
    assert len(written) == 6
    assert Partial.of(written).name == "r"


def plain(partial: Partial) -> dict[str, Any]:
    """Write a partial down by its keys, whatever the order of its rows."""
    told: dict[str, Any] = {"name": partial.name, "end": partial.end_ms}
    for row, key in enumerate(partial.keys):
        own: list[Any] = [{name: column[row].tolist() for name, column in partial.columns.items()}]
        for single in (partial.weights, partial.moments):
            if single is not None:
                inside = single[0] == row
                own.append(sorted(zip(single[1][inside].tolist(), single[2][inside].tolist(), strict=True)))
        if partial.whose is not None and partial.moments is not None:
            there = partial.whose.only(partial.moments[0] == row)
            named = [tuple(there.texts[code] for code in codes) for codes in there.codes.tolist()]
            own.append(sorted(zip(partial.moments[1][partial.moments[0] == row].tolist(), named, strict=True)))
        told[str(key)] = own
    return told


@settings(max_examples=60)
@given(
    any_events(lateness=2_000),
    st.lists(any_rule(), min_size=1, max_size=3),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.sampled_from([300, SIZE_MAX]),
    st.integers(0, 1 << 32),
)
def test_partitions_judges_restarts_and_repeats_give_what_replay_gives(
    some: tuple[list[dict[str, Any]], int],
    given_rules: list[Rule],
    sizes: tuple[int, int],
    size_max: int,
    seed: int,
) -> None:
    (partitions, judges), random = sizes, Random(seed)
    rules = [replace(one, id=f"r{number}") for number, one in enumerate(given_rules)]
    events = [{**event, "id": str(number)} for number, event in enumerate(some[0])]
    expected = replayed(rules, events)
    logs: dict[tuple[str, int], list[bytes]] = {
        (stream, number): [] for stream in ("calls", "complaints", "network") for number in range(partitions)
    }
    for event in sorted(events, key=lambda event: event["time"] + random.randrange(2_000)):
        logs[event["stream"], random.randrange(partitions)].append(as_bytes(event))
    for log in logs.values():
        log.append(json.dumps({"heartbeat": True, "time": 60}).encode())
    with patch("streams.report.SIZE_MAX", size_max):
        pipe = muddled(Pipeline(rules, logs, Ways(judges, lateness_ms=2_000)), random)
    assert until_the_last(pipe.alerts, rules, events) == expected
    assert pipe.counts.late_partials == 0


def until_the_last(alerts: Sequence[bytes], rules: Sequence[Rule], events: Sequence[dict[str, Any]]) -> set[bytes]:
    """Leave out what replay no longer judges: boundaries beyond the first after the last event."""
    last = max((event["time"] for event in events), default=0)
    ends = {one.id: last // one.hop_ms * one.hop_ms + one.hop_ms for one in rules}
    return {value for value in alerts if (record := decode(value)).time_ms <= ends[record.rule]}
