"""Asides as timelines: a window or a silence that begins and ends is told once to those concerned, and wakes nobody."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.digests import page
from alerts.duty import Person
from alerts.notifications import ASIDES, Reason, one_line
from alerts.outbox.item import Item
from alerts.routing import Routing
from alerts.senders.sms import SmsPlan, SmsSender
from alerts.site import Site
from alerts.texts import LANGUAGES, Language
from alerts.windows import read_windows
from tests.alerting import CHINA
from tests.happenings import CELLS, CLAIMS, OUTAGE, SURGE, alert, asks, between, clock, does, expire, plan, silence
from tests.timeline import Timeline, calling, crew, goes

NIGHT = {"name": "割接", "match": {"region": "长沙"}, "from": "18:00", "to": "18:30", "author": "李工"}  # 10:00 UTC
NOC = Routing(channels=("pager", "centre"), receivers={"noc": ("pager",), "centre": ("centre",)})
NOC_ONLY = replace(OUTAGE, notify=dict.fromkeys(("yellow", "orange", "red"), ("noc",)))
CENTRE_ONLY = replace(SURGE, notify=dict.fromkeys(("yellow", "orange", "red"), ("centre",)))


def night(**changed: object) -> Site:
    return Site(windows=read_windows([{**NIGHT, **changed}], CHINA))


def test_a_window_that_begins_and_ends_is_told_each_day_once() -> None:
    day = Timeline(site=night())
    day.at("09:00")
    told = day.want_aside(between("10:00", "10:00"), "began 维护窗口：割接")
    assert told.record.summary["en"] == (
        "region=长沙 · 2026-03-02 18:00 +08:00 to 2026-03-02 18:30 +08:00 · red is told all the same · by 李工"
    )
    day.want_aside(between("10:30", "10:30"), "ended 维护窗口：割接")
    day.pass_to(clock("33:00"))
    assert day.asides == []
    day.want_aside(between("34:00", "34:00"), "began 维护窗口：割接")
    day.want_none()


def test_a_silence_is_told_at_its_begin_and_at_its_end_however_it_ends() -> None:
    day = Timeline()
    day.at("10:00", silence("s1", "12:00", region="长沙"), silence("s2", "10:30", region="株洲"))
    day.want_aside(between("10:00", "10:00"), "began 静默：割接")
    day.want_aside(between("10:00", "10:00"), "began 静默：割接")
    day.want_aside(between("10:30", "10:30"), "ended 静默：割接")
    day.at("11:00", expire("s1"))
    told = day.want_aside(between("11:00", "11:00"), "ended 静默：割接")
    assert told.record.time == "2026-03-02T11:00:00Z"
    day.pass_to(clock("13:00"))
    assert day.asides == []


def test_a_silence_that_is_prolonged_begins_once_and_is_reminded_of_its_new_end() -> None:
    day = Timeline()
    day.at("10:00", silence("s1", "11:00", region="长沙"), alert(OUTAGE, "orange", region="长沙"))
    day.want_aside(between("10:00", "10:00"), "began 静默：割接")
    day.want(between("10:50", "10:50"), "ending orange outage 长沙")
    day.at("10:55", silence("s1", "12:00", region="长沙"))
    day.want(between("11:50", "11:50"), "ending orange outage 长沙")
    day.want(between("12:00", "12:00"), "first orange outage 长沙")
    told = day.want_aside(between("12:00", "12:00"), "ended 静默：割接")
    assert told.record.started == "2026-03-02T10:00:00Z", "it is the one that began then"
    assert day.asides == []


def test_planned_work_is_told_when_it_begins_and_not_when_it_is_announced_or_told_again() -> None:
    day = Timeline()
    day.at("09:00", plan("p1", "10:00", "11:00", title="光缆割接", region="长沙"))
    day.at("09:30", plan("p1", "10:00", "11:00", title="光缆割接", region="长沙"))
    day.want_aside(between("09:00", "10:00"), "began 维护窗口：光缆割接")
    day.at("10:10", plan("p1", "10:00", "11:30", title="光缆割接延长", region="长沙"))
    day.want_aside(between("11:30", "11:30"), "ended 维护窗口：光缆割接延长")
    assert day.asides == []


def test_those_hear_it_who_would_be_told_of_what_it_hides() -> None:
    day = Timeline(rules=(NOC_ONLY, CENTRE_ONLY), routing=NOC)
    day.at("10:00", silence("s1", "12:00", stream="network"))
    assert [each.notification.channel for each in day.asides] == ["pager"]
    day.at("10:01", silence("s2", "12:00", category="network"))  # a field that outages do not have
    assert [each.notification.channel for each in day.asides] == ["pager", "centre"]
    day.at("10:02", silence("s3", "12:00", region="长沙"))
    assert [each.notification.channel for each in day.asides] == ["pager", "centre", "pager", "centre"]
    day.at("10:03", silence("s4", "12:00", rule="nobody-has-it"), silence("s5", "12:00", level="red"))
    assert len(day.asides) == 4, "it hides nothing that there is, or only red, which passes"


def test_who_is_on_duty_hears_it_and_whoever_sleeps_does_not() -> None:
    people = crew(Person(id="an", quiet=(22 * 60, 7 * 60)))
    for start, who in (("10:00", ["an"]), ("23:00", [])):
        day = calling(people, start=start)
        day.at(start, asks("silence-add", "bo", "s1", match={"region": "长沙"}, comment="割接", ends=AT[start]))
        assert [each.notification.to for each in day.asides] == who
        assert day.told == []


AT = {"10:00": "2026-03-02T11:00:00Z", "23:00": "2026-03-03T02:00:00Z"}


def test_an_aside_takes_nothing_from_a_budget_of_pages() -> None:
    day = calling(crew(Person(id="an", pages_max=1)))
    day.at("10:00", asks("silence-add", "bo", "s1", match={"region": "株洲"}, comment="割接", ends=AT["10:00"]))
    day.at("10:01", goes("orange"))
    day.rang(between("10:00", "10:01"), "an", "first")


def test_the_end_of_a_silence_is_told_before_where_only_a_ladder_would_hear_it() -> None:
    day = calling()
    ends = "2026-03-02T12:00:00Z"
    day.at("10:00", asks("silence-add", "bo", "s1", match={"region": "长沙"}, comment="割接", ends=ends))
    day.at("10:05", goes("orange"))
    day.at("11:49:59")
    day.rang_none("*")
    day.at("11:50")
    day.rang(between("11:50", "11:50"), "an", "ending")
    day.at("12:00")
    day.rang(between("11:50:01", "12:00"), "an", "first")


def test_an_acknowledgement_that_expires_under_a_silence_costs_no_rung_its_turn() -> None:
    day = calling()
    day.at("10:00", goes("orange"))
    day.at("10:01", does("ack", "an"))  # until 14:01
    ends = "2026-03-02T16:00:00Z"
    day.at("10:02", asks("silence-add", "an", "s1", match={"region": "长沙"}, comment="割接", ends=ends))
    day.at("15:45")
    day.rang_none("bo")
    day.rang_none("chen")
    assert day.incident.acknowledged_by == "an"
    day.at("16:00:01")
    day.rang(between("16:00", "16:00:01"), "bo", "expired")
    assert day.incident.acknowledged_by == ""
    day.rang_none("chen")
    day.at("16:10:01")
    day.rang(between("16:10", "16:10:01"), "chen", "unanswered")


def test_a_promise_that_is_broken_under_a_silence_is_told_when_that_is_over() -> None:
    day = calling()
    day.at("10:00", goes("orange"))
    day.at("10:01", does("promise", "an", until="2026-03-02T10:30:00Z"))
    day.at("10:02", asks("silence-add", "an", "s1", match={"region": "长沙"}, comment="割接", ends=AT["10:00"]))
    day.at("10:59")
    day.rang_none("bo")
    day.at("11:00:01")
    day.rang(between("11:00", "11:00:01"), "bo", "broken")


def test_after_a_crash_it_is_told_again_by_the_same_key() -> None:
    day = Timeline(site=night())
    day.at("09:00")
    day.save()
    day.pass_to(clock("10:40"))
    before = [each.notification.idempotency_key for each in day.asides]
    day.now_ms = clock("10:05")
    day.crash(away_s=60)
    day.pass_to(clock("10:40"))
    after = [each.notification.idempotency_key for each in day.asides[2:]]
    assert len(set(before)) == 2
    assert after == before


def test_it_is_never_red_and_no_text_message() -> None:
    day = Timeline(site=night(including_red=True))
    day.at("09:50", alert(CELLS, "yellow", region="长沙", element="bts-1"))
    day.at("10:05", alert(CELLS, "red", region="长沙", element="bts-1"))
    day.pass_to(clock("10:31"))
    asides = [each.notification for each in (*day.asides, *day.told) if each.notification.reason in ASIDES]
    assert [each.reason for each in asides] == [Reason.BEGAN, Reason.ENDED, Reason.ENDING]
    assert [(Item(each, 0).is_red, Item(each, 0).is_about_red) for each in asides] == [(False, False)] * 3


async def test_a_gateway_for_text_messages_is_not_asked() -> None:
    day = Timeline(site=night())
    day.at("09:59")
    day.at("10:00")
    sender = SmsSender(SmsPlan(("1",), "s", "t", "d", "zh"), None, now_ms=lambda: 0, secret="")  # type: ignore[arg-type]
    told = [each.notification for each in day.asides]
    assert (await sender.send(told[0])).result.value == "delivered"
    assert (await sender.send_digest(told)).result.value == "delivered"


READ = {
    "zh": """🔕屏蔽开始｜静默：割接
region=长沙 · 2026-03-02 18:00 +08:00 至 2026-03-02 20:00 +08:00 · 红色照常通知 · 设置人 王工 · 目前屏蔽 1 起事件""",
    "en": """🔕 quiet from now on | Silence: 割接
region=长沙 · 2026-03-02 18:00 +08:00 to 2026-03-02 20:00 +08:00 · red is told all the same · by 王工 \
· hides 1 incidents now""",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_people_read(language: Language) -> None:
    day = Timeline()
    day.at("09:00", alert(OUTAGE, "yellow", region="长沙"), alert(CLAIMS, "yellow", region="株洲"))
    day.at("10:00", silence("s1", "12:00", region="长沙"))
    told = day.want_aside(between("10:00", "10:00"), "began 静默：割接")
    assert page(told, CHINA, language).text == READ[language]
    assert READ[language].splitlines()[1] in one_line(told, CHINA, language)
