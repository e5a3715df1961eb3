"""Figures at the end of a day: once, the same in any split and after any restart, bounded; where days end."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.chronicle import FigureThen, decode, derived
from detectors.figures import FIGURES_MAX, day_end_ms, figures_of
from detectors.hours import Almanac, Span
from detectors.rules import Block, Condition, Kind, Measure, Op
from streams.judge_stage import JudgeStage
from streams.source_stage import Ways
from streams.stage import Outgoing
from streams.topics import HISTORY
from tests.staging import NOW_MS, Counts, Pipeline, call, heartbeat, rule

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MIDNIGHT_MS = NOW_MS + 7 * HOUR_MS  # of Shanghai: 2026-03-02T00:00:00+08:00
AIMED = rule(
    "aimed", by=("region",), window_ms=DAY_MS, hop_ms=60_000, targets={"target": 3.0}, levels=(("yellow", 900.0),)
)
_LOST = (Condition("outcome", Op.IN, ("abandoned",)),)
SHARE = replace(AIMED, id="share", measure=Measure(Kind.SHARE, matching=_LOST), below=True, window_ms=6 * HOUR_MS)


@pytest.mark.parametrize(
    ("zone", "after", "ends"),
    [
        pytest.param("Asia/Shanghai", "2026-02-28T23:59:59", "2026-03-01T00:00:00", id="a month ends"),
        pytest.param("Asia/Shanghai", "2028-02-28T00:00:00", "2028-02-29T00:00:00", id="a leap year"),
        pytest.param("Europe/Berlin", "2026-03-29T00:00:00", "2026-03-30T00:00:00", id="a day of 23 hours"),
        pytest.param("Europe/Berlin", "2026-10-25T00:00:00", "2026-10-26T00:00:00", id="a day of 25 hours"),
        pytest.param("America/Santiago", "2026-09-05T12:00:00", "2026-09-06T01:00:00", id="midnight is left out"),
        pytest.param("UTC", "2026-12-31T12:00:00", "2027-01-01T00:00:00", id="a year ends"),
    ],
)
def test_a_day_ends_at_midnight_of_the_site(zone: str, after: str, ends: str) -> None:
    def ms(text: str) -> int:
        return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1000

    assert day_end_ms(replace(AIMED, almanac=Almanac(zone)), ms(after)) == ms(ends)


def test_where_hops_do_not_meet_midnight_the_next_boundary_counts() -> None:
    odd = replace(AIMED, hop_ms=7 * HOUR_MS)
    end_ms = day_end_ms(odd, MIDNIGHT_MS - HOUR_MS)
    assert (end_ms % odd.hop_ms, 0 <= end_ms - MIDNIGHT_MS < odd.hop_ms) == (0, True)


def test_times_beyond_calendars_end_no_day() -> None:
    assert day_end_ms(AIMED, -(1 << 61)) == -8 * HOUR_MS, "years before clocks are not gone through day by day"
    assert day_end_ms(AIMED, 1 << 61) > 1 << 61


def test_of_many_series_the_worst_are_told_and_all_counted() -> None:
    values = np.arange(FIGURES_MAX + 10.0)
    values[5] = np.nan
    keys = [(f"r{number}",) for number in range(len(values))]
    told = figures_of(AIMED, keys, values, MIDNIGHT_MS)
    assert (len(told), told[0].value, told[0].series) == (FIGURES_MAX, FIGURES_MAX + 9.0, FIGURES_MAX + 9)
    assert figures_of(SHARE, keys, values, MIDNIGHT_MS)[0].value == 0.0


def stories(hours: float) -> st.SearchStrategy[list[tuple[float, str, str]]]:
    one = st.tuples(st.floats(0, hours, width=32), st.sampled_from("ab"), st.sampled_from(["answered", "abandoned"]))
    return st.lists(one, min_size=1, max_size=25)


@settings(max_examples=60, deadline=None)
@given(story=stories(80), sizes=st.lists(st.integers(1, 6), min_size=1, max_size=8),
    crashes=st.sets(st.integers(0, 30)), partitions=st.integers(1, 3))  # fmt: skip
def test_any_split_and_any_restart_tells_the_same_as_counting_does(
    story: list[tuple[float, str, str]], sizes: list[int], crashes: set[int], partitions: int
) -> None:
    """Three days of calls; the truth is counted from the events, by windows of their own."""
    story = sorted(story)
    events = [
        call(f"c{number}", hours * 3_600, region=region, outcome=outcome)
        for number, (hours, region, outcome) in enumerate(story)
    ]
    told = _judged(events, sizes, crashes, partitions)
    expected = _counted(story)
    assert {(one.rule, one.key["region"], one.time): one.value for one in told.values()} == pytest.approx(expected)


class Line(Pipeline):
    """A pipeline that keeps figures by id; of one id there is one figure, however often it is told."""

    def carry(self, records: Sequence[Outgoing]) -> None:
        super().carry(records)
        known: dict[str, FigureThen] = self.__dict__.setdefault("known", {})
        for each in records:
            if each.topic == HISTORY:
                told = decode(each.value)
                assert isinstance(told, FigureThen)
                assert known.setdefault(told.id, told) == told


def _judged(
    log: list[bytes], sizes: Sequence[int] = (9,), crashes: Collection[int] = (), partitions: int = 1
) -> dict[str, FigureThen]:
    """Carry a log through source partitions and two judges, in pieces, with restarts."""
    logs = {("calls", number): [*log[number::partitions], heartbeat(100 * 3_600)] for number in range(partitions)}
    line = Line((AIMED, SHARE), logs, Ways(judges=2, lateness_ms=0), NOW_MS + 101 * HOUR_MS)
    for place in count():
        waiting = [one for one in line.hosted if one.offset < len(one.log)]
        if not waiting:
            return line.__dict__.get("known", {})
        one = waiting[place % len(waiting)]
        line.step(one, sizes[place % len(sizes)])
        if place in crashes:
            one.crash()
        elif place % 3 == 0:
            one.save()
    raise AssertionError


def _counted(story: list[tuple[float, str, str]]) -> dict[tuple[str, str, str], float]:
    """Count at each midnight what lies in the windows before it."""
    expected: dict[tuple[str, str, str], float] = {}
    at = [(round((NOW_MS / 1000 + hours * 3_600) * 1000), *rest) for hours, *rest in story]
    for day in range(5):
        end_ms = MIDNIGHT_MS + day * DAY_MS
        if end_ms > NOW_MS + 100 * HOUR_MS:
            break
        time = datetime.fromtimestamp(end_ms / 1000, ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M:%SZ")
        for region in {one[1] for one in at}:
            seen = [one for one in at if one[1] == region and one[0] < end_ms]
            within = [one for one in seen if one[0] >= end_ms - DAY_MS]
            anything = any(end_ms - DAY_MS <= one[0] < end_ms for one in at)
            if seen and anything:
                expected["aimed", region, time] = float(len(within))
            first_ms = -(-(min((one[0] for one in seen), default=end_ms) + 6 * HOUR_MS) // 60_000) * 60_000
            late = [one for one in seen if one[0] >= end_ms - 6 * HOUR_MS]
            if late and first_ms <= end_ms:
                expected["share", region, time] = sum(one[2] == "abandoned" for one in late) / len(late)
    return expected


def test_a_rule_without_targets_tells_no_figures() -> None:
    plain = replace(AIMED, targets={})
    stage = JudgeStage(0, 1, (plain,), Counts())
    assert stage._judge.rules["aimed"]._figures_ms > 1 << 61


def test_the_record_says_what_it_is_and_its_id_does_not_hang_on_its_value() -> None:
    told = next(iter(_judged([call("c", 0, region="长沙")]).values()))
    assert json.loads(json.dumps(told.key, ensure_ascii=False)) == {"region": "长沙"}
    assert (told.rule, told.value, told.targets) == ("aimed", 1.0, {"target": 3.0})
    assert (told.window_ms, told.series) == (DAY_MS, 1)
    assert told.id == derived("figure", "aimed", '[["region","长沙"]]', told.time)


def test_where_a_hop_passes_midnight_the_day_is_still_the_one_that_ended() -> None:
    march = Block(Span(months=((3, 3),)), (900.0,), {"target": 23.0})
    daily = replace(AIMED, hop_ms=DAY_MS, when=(march,))  # judged at eight in the morning here
    april = round(datetime(2026, 4, 1, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()) * 1000
    end_ms = day_end_ms(daily, april - HOUR_MS)
    assert end_ms == april + 8 * HOUR_MS
    (told,) = figures_of(daily, [("a",)], np.array([1.0]), end_ms)
    assert (told.time_ms, told.midnight_ms, told.targets) == (end_ms, april, {"target": 23.0})


def test_targets_are_those_of_the_day_that_ends() -> None:
    summer = Block(Span(months=((3, 3),)), (900.0,), {"target": 23.0})
    one = replace(AIMED, when=(summer,))
    april = round(datetime(2026, 4, 1, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()) * 1000
    assert figures_of(one, [("a",)], np.array([1.0]), april)[0].targets == {"target": 23.0}
    assert figures_of(one, [("a",)], np.array([1.0]), april + DAY_MS)[0].targets == {"target": 3.0}
