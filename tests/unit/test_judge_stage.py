"""The stage of a judging partition: reports of all source partitions in, alert records out, whatever happens."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from random import Random
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.records import alert_record, encode
from alerts.records import decode as read_record
from detectors.partial import Partial
from detectors.rules import Rule
from detectors.vocabulary import STREAMS
from streams.events import MixedDecoder
from streams.judge_stage import JudgeStage
from streams.replay import Replay
from streams.report import SIZE_MAX, Report, decode, judge_of
from streams.source_stage import Ways
from streams.stage import Outgoing
from tests.staging import NOW_MS, Counts, Pipeline, call, chunk, heartbeat, levels, rule
from tests.unit.test_oracle import rules as any_rule
from tests.unit.test_oracle import streams as any_events

S = 1_000
CRASHES_MAX = 60


def judge(*rules: Rule, counts: Counts | None = None, expect_ms: int | None = None) -> JudgeStage:
    return JudgeStage(0, 1, rules or (rule(),), counts or Counts(), {} if expect_ms is None else {"calls": expect_ms})


def report(
    partition: int = 0,
    at_s: float | None = 0.0,
    *panes: tuple[int, int],
    of: int = 2,
    offset: int = 1,
    silent_s: float = 0,
    counted: Rule | None = None,
    by: Sequence[Rule] = (),
) -> bytes:
    """Tell of a partition: how far it is, and panes as (end, count), in seconds after `NOW_MS`."""
    one = counted or rule()
    partials = [Partial(one.id, NOW_MS + end * S, [()], {"count": np.array([count])}) for end, count in panes]
    watermark_ms = None if at_s is None else round(NOW_MS + at_s * S)
    silent_ms = round(silent_s * S)
    prints = {each.id: each.fingerprint for each in (one, *by)}
    return Report("calls", partition, of, offset, watermark_ms, silent_s >= 30, silent_ms, prints, partials).encode()


def fed(one: JudgeStage, *told: bytes) -> list[tuple[str, float]]:
    return levels(one.feed(chunk(*told, topic="tocsin.partials"), NOW_MS))


def test_the_watermark_is_the_smallest_of_the_partitions() -> None:
    one = judge()
    assert fed(one, report(0, 5, (1, 3))) == [], "the other partition may hold anything"
    assert fed(one, report(1, 0)) == []
    assert fed(one, report(1, 2, (1, 2))) == [("red", 1)], "panes of both, in one"
    assert fed(one, report(1, 20)) == [], "the first is at 5"
    assert fed(one, report(0, 11)) == [("green", 11)]


def test_the_delay_is_measured_from_the_boundary() -> None:
    counts = Counts()
    one = judge(counts=counts)
    one.feed(chunk(report(0, 5, (1, 3), of=1)), NOW_MS + 3_500)
    assert counts.delays_s == [2.5]


def test_a_partition_without_an_event_holds_the_stream_until_it_is_idle() -> None:
    one = judge()
    assert fed(one, report(0, 5, (1, 3)), report(1, None, silent_s=29)) == []
    assert fed(one, report(1, None, silent_s=30)) == [("yellow", 1)]


def test_an_idle_partition_holds_nobody_back_until_it_speaks() -> None:
    one = judge()
    fed(one, report(0, 5, (1, 3)), report(1, 0, silent_s=30))
    assert levels_at(one) == 5 * S
    fed(one, report(1, 4, offset=2), report(0, 8))
    assert levels_at(one) == 5 * S, "it speaks again, at 4"
    fed(one, report(1, 7, offset=2))
    assert levels_at(one) == 7 * S


def levels_at(one: JudgeStage) -> int | None:
    """Give the stream's watermark after `NOW_MS`."""
    watermark_ms = one.streams["calls"].watermark_ms
    return None if watermark_ms is None else watermark_ms - NOW_MS


def test_where_all_are_idle_time_goes_on() -> None:
    one = judge()
    fed(one, report(0, 2, (1, 3)), report(1, 2))
    assert fed(one, report(0, 32, silent_s=30), report(1, 32, silent_s=30)) == [("green", 11)]


def test_a_pane_that_comes_after_its_boundary_is_counted() -> None:
    counts = Counts()
    one = judge(counts=counts)
    fed(one, report(0, 9, of=2), report(1, 9, silent_s=30))
    assert fed(one, report(1, 9, (5, 7), offset=2)) == []
    assert counts.late_partials == 1


def test_panes_of_another_rule_file_are_not_judged() -> None:
    assert fed(judge(), report(0, 9, (1, 9), of=1, counted=rule(hop_ms=500))) == []
    assert fed(judge(), report(0, 9, (1, 9), of=1, counted=rule("unheard-of"))) == []


def test_a_report_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="another version than"):
        fed(judge(), b"\x91\x63")


# Blindness.


def test_a_silent_stream_is_blind_moves_nothing_and_is_judged_when_it_returns() -> None:
    one = judge(expect_ms=60 * S)
    said = fed(one, report(0, 5, (1, 3)), report(1, 4))
    for silent_s in range(5, 600, 5):
        said += fed(one, report(0, 5, silent_s=silent_s), report(1, 4, silent_s=silent_s + 3))
        assert one.is_blind("calls") == (silent_s > 60)
        assert levels_at(one) == 4 * S
    said += fed(one, report(0, 700, (5, 2), offset=2))
    assert not one.is_blind("calls")
    assert said == [("yellow", 1)], "the other partition has yet to come back"
    said += fed(one, report(1, 700, (5, 2), (13, 1), offset=2))
    never_away = judge(expect_ms=60 * S)
    expected = fed(never_away, report(0, 700, (1, 3), (5, 2)), report(1, 700, (5, 2), (13, 1)))
    assert said == expected
    assert [level for level, _ in said] == ["yellow", "red", "green"]


def test_a_partition_that_stays_away_after_the_return_is_waited_for_thirty_seconds() -> None:
    one = judge(expect_ms=60 * S)
    fed(one, report(0, 5, (1, 3)), report(1, 4))
    fed(one, report(0, 5, silent_s=100), report(1, 4, silent_s=100))
    fed(one, report(0, 100, offset=2), report(1, 4, silent_s=125))
    assert levels_at(one) == 4 * S
    fed(one, report(1, 4, silent_s=130))
    assert levels_at(one) == 100 * S


def test_a_partition_that_is_silent_while_others_speak_holds_nobody_back_and_blinds_nobody() -> None:
    one = judge(expect_ms=60 * S)
    fed(one, report(0, 5, (1, 3)), report(1, 4))
    fed(one, report(0, 50, offset=2), report(1, 4, silent_s=29))
    assert levels_at(one) == 4 * S
    fed(one, report(0, 50, offset=3), report(1, 4, silent_s=90))
    assert (levels_at(one), one.is_blind("calls")) == (50 * S, False)


def test_excused_silence_outlives_a_restart() -> None:
    one = judge(expect_ms=60 * S)
    fed(one, report(0, 5), report(1, 4), report(0, 5, silent_s=100), report(1, 4, silent_s=100))
    fed(one, report(0, 100, offset=2))
    heir = judge(expect_ms=60 * S)
    heir.load(one.dump())
    fed(heir, report(1, 4, silent_s=105))
    assert levels_at(heir) == 4 * S


@pytest.mark.parametrize("expect_ms", [None, 60 * S])
def test_silence_from_end_to_end(expect_ms: int | None) -> None:
    """Bytes to alerts, by the wall clock: calm where nothing is expected, blind where something is."""
    logs = {("calls", n): [call(f"{n}-{k}", k) for k in (1, 2, 3)] for n in range(2)}
    ways = Ways(1, 0, {} if expect_ms is None else {"calls": expect_ms})
    pipe = Pipeline([rule()], logs, ways)
    pipe.settle()
    assert levels(as_records(pipe)) == [("yellow", 2), ("red", 3)]
    pipe.beat(90)
    (stage,) = [hosted.stage for hosted in pipe.judges]
    assert isinstance(stage, JudgeStage)
    if expect_ms is None:
        assert levels(as_records(pipe)) == [("yellow", 2), ("red", 3), ("yellow", 13), ("green", 14)]
        assert not stage.is_blind("calls")
        return
    assert levels(as_records(pipe))[-1] == ("red", 3)
    assert stage.is_blind("calls")
    for number in range(2):
        logs["calls", number].append(heartbeat(40))
    pipe.settle()
    assert levels(as_records(pipe)) == [("yellow", 2), ("red", 3), ("yellow", 13), ("green", 14)]


def as_records(pipe: Pipeline) -> list[Outgoing]:
    return [Outgoing("tocsin.alerts", value) for value in pipe.alerts]


# Restarts and repeats.


def test_a_changed_rule_begins_anew_and_the_others_keep_their_state() -> None:
    first, second = rule("a"), rule("b")
    both = (first, second)
    told = [report(0, at_s, (1, 3), of=1, counted=each, by=both) for at_s, each in ((None, first), (5, second))]
    one = judge(first, second)
    assert len(fed(one, *told)) == 2
    heir = judge(first, replace(second, levels=(("red", 2.0),)))
    heir.load(one.dump())
    assert [(each.id, level) for each, _, level, _ in heir.series()] == [("a", "yellow")]
    assert fed(heir, report(0, 20, of=1, counted=first)) == [("green", 11)]


def test_the_state_of_another_number_of_judges_is_refused() -> None:
    other = JudgeStage(0, 2, (rule(),), Counts())
    with pytest.raises(ValueError, match="the saved state is of 1 judging partitions, the topic has 2"):
        other.load(judge().dump())


@given(st.integers(0, 1 << 32))
@settings(max_examples=30)
def test_any_part_of_the_log_told_again_changes_nothing(seed: int) -> None:
    random = Random(seed)
    log = [
        report(number, at_s, *[(end, 1 - number) for end in range(at_s - 2, at_s + 1) if end % 30 < 12], offset=at_s)
        for at_s in range(3, 60, 3)
        for number in range(2)
    ]
    counts = Counts()
    expected = fed(judge(), *log)
    one, said = judge(counts=counts), []
    for index, told in enumerate(log):
        said += fed(one, told)
        if random.random() < 0.3:
            first = random.randint(0, index)
            said += fed(one, *log[first : random.randint(first, index) + 1])
        if random.random() < 0.3:
            blob, one = one.dump(), judge(counts=counts)
            one.load(blob)
    assert said == expected
    assert {level for level, _ in expected} == {"yellow", "red", "green"}
    assert counts.late_partials == 0


# The whole way, in any order.


def replayed(rules: Sequence[Rule], events: Sequence[dict[str, Any]]) -> set[bytes]:
    """Give the alert records of the events in order of time."""
    decoder = MixedDecoder(list(STREAMS.values()))
    in_order = sorted(events, key=lambda event: event["time"])
    replay = Replay(rules, lateness_ms=0)
    decoded = decoder.rows([as_bytes(event) for event in in_order], replay.fields)
    assert not decoded.refused
    said = [*replay.feed(decoded.time_ms, decoded.events), *replay.finish()]
    assert not replay.late
    by_id = {each.id: each for each in rules}
    return {encode(alert_record(transition, by_id[transition.rule])) for transition in said}


def as_bytes(event: dict[str, Any]) -> bytes:
    return json.dumps({**event, "time": event["time"] / 1000}, ensure_ascii=False).encode()


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
        (stream, number): [] for stream in ("calls", "complaints", "network", "cases") for number in range(partitions)
    }
    for event in sorted(events, key=lambda event: event["time"] + random.randrange(2_000)):
        log = logs[event["stream"], random.randrange(partitions)]
        log.append(as_bytes(event))
        if random.random() < 0.1:
            log.append(as_bytes(event))  # a duplicate
    for log in logs.values():
        log.append(json.dumps({"heartbeat": True, "time": 60}).encode())

    with patch("streams.report.SIZE_MAX", size_max):  # panes told in parts, and whole
        pipe = muddled(Pipeline(rules, logs, Ways(judges, lateness_ms=2_000)), random)
    last = max((event["time"] for event in events), default=0)
    ends = {one.id: last // one.hop_ms * one.hop_ms + one.hop_ms for one in rules}
    told = {value for value in pipe.alerts if _time_ms(value) <= ends[json.loads(value)["rule"]]}
    assert told == expected
    assert pipe.counts.late_partials == 0


def muddled(pipe: Pipeline, random: Random) -> Pipeline:
    """Walk all logs to their end, in an order and with crashes that nobody chose.

    Crashes end at some time: a source that has crashed reports again, and many would keep the judges busy for ever.
    """
    crashes = count()
    while any(one.offset < len(one.log) for one in pipe.hosted):
        one = random.choice(pipe.hosted)
        match random.randrange(8):
            case 0:
                one.save()
            case 1 if next(crashes) < CRASHES_MAX:
                one.crash()
            case _:
                pipe.step(one, random.randrange(1, 6))
    return pipe


def _time_ms(value: bytes) -> int:
    return read_record(value).time_ms


def test_a_rule_is_judged_in_one_place() -> None:
    told = report(0, 5, (1, 3), of=1)
    says = [JudgeStage(number, 4, (rule(),), Counts()).feed(chunk(told), NOW_MS) for number in range(4)]
    assert [number for number, said in enumerate(says) if said] == [judge_of("surge", 4)]
    assert decode(told).partials[0].rule == "surge"
