"""From events to pages: what an event does to a rule's value, its levels, the incident, and whoever hears of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from alerts.notifications import one_line
from alerts.records import decode
from streams.rulefile import load
from streams.source_stage import Ways
from tests.alerting import CHINA, entry
from tests.staging import NOW_MS, Pipeline, call, heartbeat
from tests.timeline import Timeline

MINUTE_S = 60


def day_of(folder: Path, rule: str, log: list[bytes], *, stream: str = "calls", ways: Ways | None = None) -> Timeline:
    """Let events go all the way: to panes, levels and alert records, and these to a desk at their times."""
    path = folder / "rules.yaml"
    path.write_text("version: 1\nrules:\n  - {title: {en: t, zh: t}, " + rule + "}\n", encoding="utf-8")
    found = load([path])
    assert not found.problems
    pipeline = Pipeline(found.rules, {(stream, 0): log}, ways or Ways(1, 0), now_ms=NOW_MS + 4 * 3_600_000)
    pipeline.settle()
    if ways is not None:
        pipeline.beat(2 * 3_600)  # two hours of silence
    day = Timeline(rules=found.rules, now_ms=NOW_MS)
    for value in pipeline.alerts:
        record = decode(value)
        day.pass_to(record.time_ms)
        day.do(lambda line, record=record: entry(record, line.now_ms))
    day.pass_to(day.now_ms + 60_000)
    return day


def told(day: Timeline) -> Mapping[float, str]:
    """Say what was told, by the minute after the beginning."""
    return {
        (each.at_ms - NOW_MS) / 60_000: f"{each.notification.reason.value} {each.notification.record.level}"
        for each in day.told
    }


def case(id_: str, minute: float, step: str) -> bytes:
    return json.dumps({"id": id_, "time": NOW_MS / 1000 + minute * 60, "case": "c", "step": step}).encode()


def test_what_wavers_between_entering_and_leaving_is_one_trouble_and_one_end(tmp_path: Path) -> None:
    rule = "id: many, stream: calls, measure: count, window: 1m, hop: 10s, levels: {yellow: 6}, clear: 0.5"
    dense = [call(f"a{number}", number * 10) for number in range(60)]  # six a minute for ten minutes
    wavering = [call(f"b{number}", 600 + number * 15) for number in range(80)]  # four a minute for twenty
    day = day_of(tmp_path, rule, [*dense, *wavering, heartbeat(2_400)])
    assert list(told(day).values()) == ["first yellow", "resolved green"]
    assert min(told(day)) == 1
    assert max(told(day)) > 30, "under the threshold it was for twenty minutes: it is left where the rule says"


def test_no_data_is_no_end_until_the_rule_says_so_and_is_told_as_what_it_is(tmp_path: Path) -> None:
    rule = "id: wait, stream: calls, measure: {mean: wait_s}, hop: 10s, levels: {yellow: 40}, unknown_after: 30m"
    waiting = [call(f"a{number}", number * 10, wait_s=50) for number in range(12)]
    day = day_of(tmp_path, rule, [*waiting, *(heartbeat(minute * 60) for minute in range(2, 60))])
    assert list(told(day).values()) == ["first yellow", "resolved green"]
    assert max(told(day)) > 30
    assert "no data any more" in one_line(day.told[-1].notification, CHINA, "en")


def test_a_source_that_falls_silent_ends_nothing(tmp_path: Path) -> None:
    rule = "id: many, stream: calls, measure: count, window: 1m, hop: 10s, levels: {yellow: 6}"
    dense = [call(f"a{number}", number * 10) for number in range(60)]
    day = day_of(tmp_path, rule, dense, ways=Ways(1, 0, {"calls": 60_000}))
    assert list(told(day).values()) == ["first yellow"]
    assert day.incident.is_firing


def test_one_alone_is_no_incident_and_what_does_not_last_is_none(tmp_path: Path) -> None:
    rule = "id: same, stream: calls, measure: count, by: [region], window: 1m, hop: 10s, levels: {yellow: 3}, for: 30s"
    two = [call(f"a{number}", number, region="长沙") for number in range(2)]
    burst = [call(f"b{number}", 100 + number / 10, region="株洲") for number in range(3)]
    lasting = [call(f"c{number}", 200 + number * 10, region="湘潭") for number in range(12)]
    day = day_of(tmp_path, rule.replace("window: 1m", "window: 20s"), [*two, *burst, *lasting, heartbeat(900)])
    assert told(day) == {}, "three in twenty seconds never last for thirty"
    day = day_of(tmp_path, rule, [*two, *burst, *lasting, heartbeat(900)])
    first, *_ = day.told
    assert {each.notification.record.key["region"] for each in day.told} == {"株洲", "湘潭"}
    assert first.notification.reason.value == "first"


def test_a_clock_warns_at_four_fifths_stands_still_while_paused_and_ends_with_the_reply(tmp_path: Path) -> None:
    rule = (
        "id: late, stream: cases, hop: 1m, levels: {yellow: 1},"
        " measure: {overdue: count, from: opened, until: [replied], limit: 1h, at: 0.8}"
    )
    beats = [heartbeat(minute * 60) for minute in range(1, 200)]
    plain = [case("1", 0, "opened"), *beats[:99], case("2", 100, "replied"), *beats[100:]]
    assert told(day_of(tmp_path, rule, plain, stream="cases")) == {48: "first yellow", 101: "resolved green"}
    paused = [case("1", 0, "opened"), *beats[:29], case("2", 30, "paused"), *beats[30:49], case("3", 50, "resumed")]
    day = day_of(tmp_path, rule, [*paused, *beats[50:]], stream="cases")
    assert told(day) == {68: "first yellow"}
