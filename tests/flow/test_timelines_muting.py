"""Muting as timelines: what is kept quiet stays visible and is told in the end; red is hidden only where it is said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from alerts.digests import page as written
from alerts.muting import QUIET
from alerts.records import AlertRecord
from alerts.silences import SilenceError
from alerts.site import Site
from alerts.windows import read_windows
from tests.alerting import CHINA
from tests.happenings import CELLS, OUTAGE, PROVINCE, SURGE, alert, between, clock, expire, plan, silence, silence_of
from tests.timeline import Timeline, muted


def test_a_silence_keeps_quiet_what_matches_and_shows_why() -> None:
    day = Timeline()
    day.at("10:00", silence("s1", "12:00", region="长沙"))
    day.at("10:05", alert(OUTAGE, "orange", region="长沙"), alert(OUTAGE, "yellow", region="株洲"))
    day.want(between("10:05", "10:05"), "first yellow outage 株洲")
    day.want_none("10:30")
    (quiet,) = [each for each in day.incidents if each.telling.muted]
    assert quiet.telling.muted == ("silence s1 by 王工",)
    assert quiet.as_data()["muted"] == ["silence s1 by 王工"]
    assert [entry.what.value for entry in quiet.timeline] == ["opened", "muted"]


def test_a_silence_hides_no_red() -> None:
    day = Timeline()
    day.at("10:00", silence("s1", "12:00", region="长沙"))
    day.at("10:05", alert(OUTAGE, "orange", region="长沙"))
    day.want_none("10:10")
    day.at("10:10", alert(OUTAGE, "red", region="长沙"))
    day.want(between("10:10", "10:10"), "first red outage 长沙")


def test_a_silence_that_includes_red_hides_red() -> None:
    day = Timeline()
    day.at("10:00", silence("s1", "12:00", including_red=True, region="长沙"))
    day.at("10:05", alert(OUTAGE, "red", region="长沙"))
    day.want_none("11:40")
    assert day.incident.level == "red"


def test_a_surge_raised_to_red_for_want_of_a_cause_is_red_to_a_silence_too() -> None:
    day = Timeline()
    day.at("10:00", silence("s1", "12:00", region="长沙"))
    day.at("10:05", alert(SURGE, "orange", region="长沙", category="network"))
    day.want(between("10:05", "10:05"), "first red surge 长沙 network")


def test_what_is_still_bad_when_a_silence_ends_is_told_by_itself() -> None:
    day = Timeline()
    day.at("10:00", silence("s1", "10:15", region="长沙"))
    day.at("10:05", alert(OUTAGE, "orange", region="长沙"))
    day.want_none("10:14")
    day.want(between("10:15", "10:15"), "first orange outage 长沙")
    assert not day.incident.telling.muted
    day.want_none("11:00")


def test_what_was_told_before_a_silence_is_told_again_at_its_end() -> None:
    day = Timeline()
    day.at("10:00", alert(OUTAGE, "orange", region="长沙"))
    day.want(between("10:00", "10:00"), "first orange outage 长沙")
    day.at("10:05", silence("s1", "10:15", region="长沙"))
    day.want_none("10:14")
    day.want(between("10:15", "10:15"), "reopened orange outage 长沙")


def test_a_resolve_is_told_to_those_who_knew_even_under_a_silence() -> None:
    day = Timeline()
    day.at("10:00", alert(OUTAGE, "orange", region="长沙"))
    day.want(between("10:00", "10:00"), "first orange outage 长沙")
    day.at("10:05", silence("s1", "12:00", region="长沙"))
    day.at("10:10", alert(OUTAGE, "green", region="长沙"))
    day.want(between("10:10", "10:10"), "resolved green outage 长沙")
    day.want_none("12:30")


def test_what_came_and_went_under_a_silence_is_never_told() -> None:
    day = Timeline()
    day.at("10:00", silence("s1", "11:00", region="长沙"))
    day.at("10:10", alert(OUTAGE, "orange", region="长沙"))
    day.at("10:20", alert(OUTAGE, "green", region="长沙"))
    day.want_none("11:30")
    assert day.incident.peak_level == "orange"


def test_a_silence_ended_by_hand_tells_what_is_still_bad_at_once() -> None:
    day = Timeline()
    day.at("10:00", silence("s1", "12:00", region="长沙"))
    day.at("10:05", alert(OUTAGE, "orange", region="长沙"))
    day.at("10:07:10", expire("s1"))
    day.want(between("10:07:10", "10:07:10"), "first orange outage 长沙")
    with pytest.raises(SilenceError, match="over already"):
        day.desk.expire("s1", day.now_ms + 1)


def test_one_alert_that_may_be_heard_is_enough_to_tell_the_incident() -> None:
    day = Timeline()
    day.at("10:00", silence("s1", "12:00", rule="outage"))
    day.at("10:05", alert(OUTAGE, "orange", region="长沙"))
    day.want_none("10:06")
    day.at("10:06", alert(CELLS, "yellow", region="长沙", element="bts-1"))
    day.want(between("10:06", "10:06"), "first yellow outage 长沙")  # at the level that may be heard


def test_a_silence_by_level_and_of_several_names() -> None:
    day = Timeline()
    day.at("10:00", silence("s1", "12:00", level="yellow", region=["长沙", "株洲"]))
    day.at("10:01", alert(OUTAGE, "yellow", region="长沙"), alert(OUTAGE, "yellow", region="株洲"))
    day.want_none("10:05")
    day.at("10:05", alert(OUTAGE, "orange", region="长沙"))
    day.want(between("10:05", "10:05"), "first orange outage 长沙")


def test_a_silence_for_one_place_hides_no_alert_of_the_whole_province() -> None:
    day = Timeline()
    day.at("10:00", silence("s1", "12:00", region="长沙"))
    day.at("10:01", alert(PROVINCE, "yellow"))
    day.want(between("10:01", "10:01"), "first yellow province")


def test_the_end_of_a_silence_that_hides_something_is_told_before() -> None:
    day = Timeline()
    day.at("10:00", silence("s1", "12:00", region="长沙"))
    day.at("10:05", alert(OUTAGE, "orange", region="长沙"))
    page = day.want(between("11:50", "11:51"), "ending orange outage 长沙")
    assert page.facts.note["en"] == "the silence by 王工 ends in 10 min and hides 1 incidents: they are told then"
    day.want_none("11:59")
    day.want(between("12:00", "12:00"), "first orange outage 长沙")


def test_a_silence_that_hides_nothing_ends_without_a_word() -> None:
    day = Timeline()
    day.at("10:00", silence("s1", "12:00", region="长沙"))
    day.want_none("12:10")


def test_what_a_silence_would_hide_is_seen_before_it_holds() -> None:
    day = Timeline()
    day.at("10:00", alert(OUTAGE, "orange", region="长沙"), alert(CELLS, "red", region="长沙", element="bts-1"))
    day.at("10:01", alert(OUTAGE, "yellow", region="株洲"))
    before = day.desk.dump()

    def hidden(**match: object) -> list[str]:
        return [each.rule for each in _alerts(day, **match)]

    assert hidden(region="长沙") == ["outage"]  # not the red one
    assert hidden(region="长沙", including_red=True) == ["outage", "cells"]
    assert hidden(rule="outage") == ["outage", "outage"]
    assert hidden(region="永州") == []
    assert day.desk.dump() == before


def _alerts(day: Timeline, **match: object) -> Iterable[AlertRecord]:
    found = day.desk.preview(silence_of("try", day.now_ms, "12:00", **match), day.now_ms)
    return [record for _, records in found for record in records]


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        pytest.param({"author": " "}, "needs an author and a comment", id="nobody's"),
        pytest.param({"comment": ""}, "needs an author and a comment", id="without a reason"),
        pytest.param({"ends_ms": clock("09:00")}, "not in the past", id="over before it begins"),
        pytest.param({"ends_ms": clock("10:00") + 40 * 86_400_000}, "31 days at most", id="too long"),
        pytest.param({"matchers": silence_of("x", 0, "12:00").matchers}, "hides everything", id="of everything"),
    ],
)
def test_a_silence_that_cannot_be_says_why(changed: dict[str, object], text: str) -> None:
    day = Timeline()
    day.at("10:00")
    with pytest.raises(SilenceError, match=text):
        day.desk.silence(replace_(silence_of("s1", day.now_ms, "12:00", region="长沙"), **changed), day.now_ms)


def replace_(silence_: object, **changed: object) -> object:
    from msgspec.structs import replace as replaced

    return replaced(silence_, **changed)


def window(**changed: object) -> Site:
    given = {"name": "割接", "match": {"region": "长沙"}, "from": "18:00", "to": "18:30", **changed}
    return Site(windows=read_windows([{key: value for key, value in given.items() if value is not None}], CHINA))


def test_a_window_keeps_quiet_by_local_time_and_tells_at_its_end() -> None:
    day = Timeline(site=window())  # 18:00 in China is 10:00 UTC
    day.at("09:59", alert(CELLS, "yellow", region="长沙", element="bts-1"))
    day.want(between("09:59", "09:59"), "first yellow cells 长沙 bts-1")
    day.at("10:10", alert(CELLS, "orange", region="长沙", element="bts-1"))
    day.want_none("10:19")
    page = day.want(between("10:20", "10:20"), "ending orange cells 长沙 bts-1")
    assert page.facts.note["en"] == "the maintenance 割接 ends in 10 min and hides 1 incidents: they are told then"
    day.want_none("10:29")
    assert muted(day.incidents) == {"cells": ("maintenance 割接",)}
    day.want(between("10:30", "10:30"), "raised orange cells 长沙 bts-1")


def test_a_window_of_other_days_keeps_nothing_quiet() -> None:
    day = Timeline(site=window(days=["tue", "sat"]))  # this is a Monday
    day.at("10:10", alert(OUTAGE, "yellow", region="长沙"))
    day.want(between("10:10", "10:10"), "first yellow outage 长沙")


def test_a_window_past_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    site = window(**{"from": "23:00", "to": "05:00", "days": ["mon"], "zone": "UTC"})
    day = Timeline(site=site)
    day.at("02:00", alert(OUTAGE, "yellow", region="长沙"))  # Sunday's night
    day.want(between("02:00", "02:00"), "first yellow outage 长沙")
    day.at("23:30", alert(OUTAGE, "orange", region="长沙"))
    day.want(between("28:50", "28:50"), "ending orange outage 长沙")
    day.want_none("28:59")  # Tuesday, 04:59
    day.want(between("29:00", "29:00"), "raised orange outage 长沙")


def test_a_window_hides_red_only_if_it_says_so() -> None:
    for including, told in ((False, True), (True, False)):
        day = Timeline(site=window(including_red=including))
        day.at("10:10", alert(OUTAGE, "red", region="长沙"))
        assert bool(day.pages) is told


def test_a_window_of_weeks_ahead_holds_once() -> None:
    once = {"starts": "2026-03-02T10:00:00+00:00", "ends": "2026-03-02T10:20:00+00:00", "from": None, "to": None}
    day = Timeline(site=window(**once))
    day.at("10:05", alert(OUTAGE, "yellow", region="长沙"))
    day.want_none("10:19")
    day.want(between("10:20", "10:20"), "first yellow outage 长沙")


def test_planned_work_keeps_quiet_the_network_of_its_region_and_no_customer() -> None:
    day = Timeline()
    day.at("09:00", plan("p1", "10:00", "11:00", title="光缆割接", region="长沙"))
    day.at("10:05", alert(OUTAGE, "orange", region="长沙"))
    day.want_none("10:10")
    assert muted(day.incidents) == {"outage": ("maintenance 光缆割接",)}
    day.at("10:20", alert(SURGE, "yellow", region="长沙", category="network"))
    day.want(between("10:20", "10:20"), "first yellow outage 长沙")  # customers feel it: that is told
    day.at("10:30", alert(OUTAGE, "green", region="长沙"), alert(SURGE, "green", region="长沙", category="network"))
    day.want(between("10:30", "10:30"), "resolved green surge 长沙 network")


def test_a_plan_that_is_moved_or_names_what_it_affects() -> None:
    day = Timeline()
    day.at("09:00", plan("p1", "10:00", "11:00", title="割接", region="长沙", affects="bts-7"))
    day.at("09:00", plan("p2", "10:00", "11:00", title="割接二", region="株洲"))
    day.at("09:01", plan("p2", "20:00", "21:00", title="割接二", region="株洲"))
    day.at("09:01", plan("p3", "10:00", "11:00", kind="outside", title="演唱会", region="永州"))
    day.at("10:05", alert(CELLS, "yellow", region="长沙", element="bts-7"))
    day.want_none("10:06")
    day.at("10:06", alert(OUTAGE, "yellow", region="株洲"), alert(OUTAGE, "yellow", region="永州"))
    day.want(between("10:06", "10:06"), "first yellow outage 株洲")
    day.want(between("10:06", "10:06"), "first yellow outage 永州")


def test_a_plan_of_weeks_ahead_is_kept_by_whoever_keeps_the_desk() -> None:
    day = Timeline(restarts=True, step_ms=600_000)
    day.at("09:00", plan("p1", "+21 10:00", "+21 11:00", title="光缆割接", region="长沙"))
    day.at("09:01", alert(OUTAGE, "yellow", region="长沙"))
    day.want(between("09:01", "09:01"), "first yellow outage 长沙")
    day.save()
    day.at("+21 10:10", alert(OUTAGE, "orange", region="长沙"))
    assert muted(day.incidents) == {"outage": ("maintenance 光缆割接",)}
    day.crash(away_s=60)
    day.want_none("+21 10:40")
    day.want(between("+21 10:50", "+21 10:50"), "ending orange outage 长沙")
    day.want(between("+21 11:00", "+21 11:00"), "raised orange outage 长沙")


def test_a_plan_that_is_withdrawn_over_or_without_an_end_keeps_nothing_quiet() -> None:
    day = Timeline()
    day.at("09:00", plan("p1", "10:00", "11:00", region="长沙"), plan("p2", "10:00", region="长沙"))
    day.at("09:10", plan("p3", "08:00", "09:05", region="长沙"))
    day.at("09:30", plan("p1", "09:20", "09:30", region="长沙"))
    day.at("09:40", plan("p1", "10:00", "11:00", region="长沙", told="09:20"))  # told before it was withdrawn
    day.at("10:05", alert(OUTAGE, "yellow", region="长沙"))
    day.want(between("10:05", "10:05"), "first yellow outage 长沙")
    assert day.outcomes() == ["done"] * 4, "what was told before says nothing new, and leaves no trace"


def test_a_plan_that_is_withdrawn_while_it_holds_tells_what_it_hid() -> None:
    day = Timeline()
    day.at("09:00", plan("p1", "10:00", "12:00", region="长沙"))
    day.at("10:05", alert(OUTAGE, "yellow", region="长沙"))
    day.want_none("10:20")
    day.at("10:20", plan("p1", "10:00", "10:20", region="长沙"))
    day.want(between("10:20", "10:20"), "first yellow outage 长沙")


def test_a_silence_or_a_plan_that_is_changed_while_it_holds_hides_no_longer_what_it_no_longer_matches() -> None:
    day = Timeline()
    day.at("10:00", silence("s1", "12:00", region="长沙"), plan("p1", "09:00", "12:00", title="割接", region="株洲"))
    day.at("10:05", alert(OUTAGE, "yellow", region="长沙"), alert(OUTAGE, "yellow", region="株洲"))
    day.want_none("10:10")
    day.at("10:10", silence("s1", "12:00", region="湘潭"))
    day.want(between("10:10", "10:10"), "first yellow outage 长沙")
    day.at("10:20", plan("p1", "09:00", "12:00", title="割接", region="湘潭"))
    day.want(between("10:20", "10:20"), "first yellow outage 株洲")


def test_a_red_that_a_silence_hides_no_longer_is_told_at_once() -> None:
    day = Timeline()
    day.at("10:00", silence("s1", "12:00", including_red=True, region="长沙"))
    day.at("10:05", alert(OUTAGE, "red", region="长沙"))
    day.want_none("10:10")
    day.at("10:10", silence("s1", "12:00", region="长沙"))
    day.want(between("10:10", "10:10"), "first red outage 长沙")


def test_a_table_of_plans_sent_again_and_again_forgets_no_command_of_people() -> None:
    day = Timeline()
    day.at("10:00", silence("s1", "12:00", region="长沙"))
    known = day.desk.outcome("c0")
    assert known == "done"
    for _ in range(3):
        day.do(*(plan(f"p{number}", "11:00", "12:00", region="株洲", told="10:00") for number in range(20)))
    assert len(day.outcomes()) == 1 + 20
    assert day.desk.dump()["commands"] == [("c0", "done")]


def test_what_goes_on_at_a_place_is_said_with_its_trouble_and_hides_nothing() -> None:
    day = Timeline()
    day.at("09:00", plan("p1", "10:00", kind="outside", title="橘子洲音乐节", region="长沙"))
    day.at("09:01", plan("p2", "10:00", "11:00", title="光缆割接", region="长沙"))
    day.at("09:02", plan("p3", "10:00", "11:00", kind="outside", title="马拉松", region="株洲"))
    day.at("09:50", alert(SURGE, "yellow", region="永州", category="network"))
    assert day.want(between("09:50", "09:50"), "first orange surge 永州 network").facts.around == ()
    day.at("10:05", alert(SURGE, "yellow", region="长沙", category="network"))
    page = day.want(between("10:05", "10:05"), "first orange surge 长沙 network")
    assert page.facts.around == (("outside", "橘子洲音乐节"), ("planned", "光缆割接"))
    assert "同期：外部事件 橘子洲音乐节; 计划作业 光缆割接" in written(page, CHINA, "zh").lines
    assert "Meanwhile: outside event 橘子洲音乐节; planned work 光缆割接" in written(page, CHINA, "en").lines


class Night:
    """Quiet hours from 10:00 to 11:00: another stage of muting, which lets red pass."""

    def standing(self, now_ms: int) -> list[str]:
        return [QUIET] if clock("10:00") <= now_ms < clock("11:00") else []

    def mutes(self, record: AlertRecord, level: str, now_ms: int) -> list[str]:
        return self.standing(now_ms) if level != "red" and record.rule == OUTAGE.id else []


def test_after_quiet_hours_only_what_has_changed_is_told() -> None:
    day = Timeline(site=Site(muters=(Night(),)))
    for region in ("长沙", "株洲", "湘潭", "衡阳"):
        day.at("09:50", alert(OUTAGE, "yellow", region=region))
        day.want(between("09:50", "09:50"), f"first yellow outage {region}")
    day.at("10:10", alert(OUTAGE, "orange", region="株洲"))
    day.want_none("10:20")
    day.at("10:20", alert(OUTAGE, "red", region="湘潭"), alert(OUTAGE, "green", region="衡阳"))
    day.want(between("10:20", "10:20"), "raised red outage 湘潭")
    day.want(between("10:20", "10:20"), "resolved green outage 衡阳")
    day.want_none("10:59")
    day.want(between("11:00", "11:00"), "raised orange outage 株洲")
    day.want_none("11:30")  # 长沙 stands as it was told


def test_a_silence_and_a_window_both_stand_as_reasons_and_the_last_to_end_tells() -> None:
    day = Timeline(site=window())
    day.at("10:01", silence("s1", "10:45", region="长沙"))
    day.at("10:05", alert(OUTAGE, "yellow", region="长沙"))
    assert muted(day.incidents) == {"outage": ("maintenance 割接", "silence s1 by 王工")}
    day.want(between("10:35", "10:35"), "ending yellow outage 长沙")
    day.want_none("10:44")
    day.want(between("10:45", "10:45"), "first yellow outage 长沙")


def test_a_window_in_another_zone_follows_its_clock_through_the_change_of_hour() -> None:
    (one,) = read_windows(
        [{"name": "w", "match": {"rule": "r"}, "from": "02:30", "to": "04:00", "zone": "Europe/Berlin"}], CHINA
    )
    assert one.zone == ZoneInfo("Europe/Berlin")
    spring = 1_774_746_000_000  # 2026-03-29T01:00:00Z: 02:00 becomes 03:00
    assert [one.is_active(spring + minutes * 60_000) for minutes in (-31, -29, 0, 59, 60)] == [
        False,
        False,
        True,
        True,
        False,
    ]
    assert replace(one, days=(0,)).is_active(spring) is False  # it is a Sunday
