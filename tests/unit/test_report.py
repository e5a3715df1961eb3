"""Reports: what a source tells comes back as it was, in records that a broker takes."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import judge as judging
from detectors.monitor import Monitor
from detectors.partial import Partial
from detectors.rules import Kind, Measure, Rule
from detectors.vocabulary import STREAMS
from streams import fragments
from streams.judge_stage import JudgeStage
from streams.publisher import RECORD_BYTES_MAX
from streams.report import SIZE_MAX, Report, decode, in_chunks, judge_of
from streams.stage import Outgoing
from tests.builders import batch
from tests.staging import NOW_MS, Counts, chunk, levels, rule
from tests.unit.test_oracle import dense_event, dense_rule

S = 1_000


def told(*partials: Partial, goes_on: bool = False, watermark_ms: int | None = None, one: Rule | None = None) -> bytes:
    """Write a report; of the one partition of its stream where a rule is given."""
    if one is not None:
        prints = {one.id: one.fingerprint}
        return Report(one.stream, 0, 1, 17, watermark_ms, False, 0, prints, partials, goes_on).encode()
    return Report("calls", 3, 8, 17, watermark_ms, True, 31_000, {}, partials, goes_on).encode()


def closed(some: list[Rule], seed: int, size: int = 300) -> list[Partial]:
    """Give the panes of a few hundred random events."""
    random = Random(seed)
    events = [{**dense_event(random, number), "id": str(number)} for number in range(size)]
    monitor = Monitor(some, STREAMS, lateness_ms=0)
    for stream in STREAMS:
        own = [event for event in events if event["stream"] == stream]
        if own:
            monitor.feed(batch(stream, own))
    return monitor.close(1_000_000)


def plain(partial: Partial) -> list[Any]:
    """Write a partial down so that equal ones are equal, whatever the order of their rows."""
    order = {key: number for number, key in enumerate(sorted(partial.keys, key=str))}
    place = np.array([order[key] for key in partial.keys], np.int64)
    back = np.argsort(place)
    columns = {name: column[back].tolist() for name, column in partial.columns.items()}
    pairs = None if partial.pairs is None else sorted(zip(place[partial.pairs[0]], partial.pairs[1], strict=True))
    things = None
    if partial.things is not None:
        t = partial.things
        rows = zip(t.code, t.time_ms, t.ids, place[t.row], t.matched, t.number.astype(str), t.value, strict=True)
        things = sorted(rows)
    return [partial.rule, partial.end_ms, list(order), columns, pairs, things]


@pytest.mark.parametrize("seed", range(12))
def test_a_report_comes_back_as_it_was(seed: int) -> None:
    random = Random(seed)
    panes = closed([dense_rule(random)], seed)
    back = decode(told(*panes, goes_on=True, watermark_ms=5))
    assert (back.stream, back.partition, back.partitions, back.next_offset) == ("calls", 3, 8, 17)
    assert (back.watermark_ms, back.idle, back.silent_ms, back.goes_on) == (5, True, 31_000, True)
    assert list(map(plain, back.partials)) == list(map(plain, panes))


@given(st.integers(0, 1 << 32), st.integers(50, 20_000))
@settings(max_examples=60)
def test_a_pane_cut_in_parts_and_put_together_is_the_pane(seed: int, size_max: int) -> None:
    random = Random(seed)
    for pane in closed([dense_rule(random), dense_rule(random)][:1], seed)[:3]:
        parts = fragments.split(pane, size_max)
        assert len(parts) == 1 or fragments.size_of(pane) > size_max
        retold = [parts[0], *random.sample(parts, random.randrange(len(parts))), *parts[1:]]
        whole = retold[0]
        for part in retold[1:]:
            whole = fragments.join(whole, part)
        assert plain(whole) == plain(pane)


def large_pane(kind: Kind, by: tuple[str, ...] = ("region",)) -> tuple[Rule, list[Partial]]:
    field = {Kind.DISTINCT: "outlet", Kind.NOW_SUM: "users"}.get(kind)
    one = rule("large", stream="network", measure=Measure(kind, field), by=by, levels=(("red", 1.0),))
    events = [
        {
            "id": f"event-{n}",
            "time": 500,
            "region": f"区域-{n % 7_000}",
            "element": f"e{n}",
            "outlet": f"o{n}",
            "users": 1,
        }
        for n in range(40_000)
    ]
    monitor = Monitor([one], STREAMS, lateness_ms=0)
    monitor.feed(batch("network", events))
    return one, monitor.close(10_000)


@pytest.mark.parametrize(
    ("kind", "by"),
    [
        pytest.param(Kind.COUNT, ("element",), id="forty thousand series"),
        pytest.param(Kind.DISTINCT, ("region",), id="many values"),
        pytest.param(Kind.NOW_SUM, ("region",), id="many things"),
        pytest.param(Kind.NOW_SUM, (), id="many things of one series"),
    ],
)
def test_a_large_pane_fits_into_records_and_is_judged_once(kind: Kind, by: tuple[str, ...]) -> None:
    one, panes = large_pane(kind, by)
    runs = in_chunks(panes)
    log = [
        told(*run, goes_on=goes_on, watermark_ms=None if run is not runs[-1][0] else 10_000, one=one)
        for run, goes_on in runs
    ]
    assert len(log) > 1
    assert max(map(len, log)) < RECORD_BYTES_MAX
    expected = judging.Judge([one])
    for pane in panes:
        expected.take(pane)
    whole = {(key, value) for key, _, value in _judged(expected)}
    stage = JudgeStage(0, 1, (one,), Counts())
    said: list[Outgoing] = []
    for index, record in enumerate([*log[:2], *log]):  # told again from the start, as after a crash
        if index == 1:
            blob, stage = stage.dump(), JudgeStage(0, 1, (one,), Counts())
            stage.load(blob)
        said += stage.feed(chunk(record), NOW_MS)
    assert {(key, value) for _, key, _, value in stage.series()} == whole
    assert len(levels(said)) == len(whole)


def _judged(one: judging.Judge) -> list[tuple[Any, str, float]]:
    one.advance(10_000)
    return [row for each in one.rules.values() for row in each.series()]


def test_small_panes_share_a_record_and_none_is_one_empty_record() -> None:
    small = [Partial("a", end, [()], {"count": np.array([1])}) for end in range(50)]
    assert in_chunks(small) == [(small, False)]
    assert in_chunks([]) == [([], False)]
    assert fragments.size_of(small[0]) < SIZE_MAX / 1_000


def test_judges_share_the_rules() -> None:
    assert {judge_of(f"rule-{number}", 4) for number in range(40)} == {0, 1, 2, 3}
    assert judge_of("surge", 4) == judge_of("surge", 4)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(b"rubbish", "not a packed state|another version", id="rubbish"),
        pytest.param(b"\x90", "another version", id="nothing"),
        pytest.param(b"\x91\x01", "another version than 3, .* all workers must run the same", id="another version"),
        pytest.param(b"\x91\x03", "not enough values", id="cut short"),
    ],
)
def test_what_is_no_report_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        decode(data)
