"""Incidents as timelines: one trouble, one page, whatever the number of its alerts and the order in which they come."""

from __future__ import annotations

from dataclasses import replace

from alerts.incidents import IncidentState
from alerts.routing import Routing
from alerts.site import Site
from tests.happenings import (
    CALLS,
    CELLS,
    CLAIMS,
    OUTAGE,
    OUTLETS,
    PROVINCE,
    QUEUE,
    RULES,
    SURGE,
    alert,
    between,
    clock,
    comment,
    end,
)
from tests.timeline import Timeline


def test_an_outage_explains_the_complaints_and_calls_of_its_place() -> None:
    day = Timeline()
    day.at("10:00", alert(OUTAGE, "orange", region="长沙", value=5200))
    day.want(between("10:00", "10:00"), "first orange outage 长沙")
    day.at("10:03", alert(SURGE, "yellow", region="长沙", category="network"))
    day.at("10:04", alert(CALLS, "orange", region="长沙"))
    day.want_none("10:30")
    assert (day.incident.firing, day.incident.level, day.incident.users) == (3, "orange", 5200)


def test_a_symptom_that_is_worse_than_its_cause_raises_the_incident() -> None:
    day = Timeline()
    day.at("10:00", alert(OUTAGE, "yellow", region="长沙"))
    day.want(between("10:00", "10:00"), "first yellow outage 长沙")
    day.at("10:05", alert(SURGE, "red", region="长沙", category="network"))
    page = day.want(between("10:05", "10:05"), "raised red outage 长沙")
    assert page.facts.latest is not None
    assert page.facts.latest.rule == "surge"
    day.want_none("10:30")


def test_a_surge_that_nothing_explains_is_raised_one_colour_and_says_so() -> None:
    day = Timeline()
    day.at("10:00", alert(SURGE, "yellow", region="长沙", category="network"))
    page = day.want(between("10:00", "10:00"), "first orange surge 长沙 network")
    assert page.facts.is_unexplained
    assert (day.incident.level, day.incident.is_unexplained) == ("orange", True)
    day.at("10:05", alert(SURGE, "orange", region="长沙", category="network"))
    day.want(between("10:05", "10:05"), "raised red surge 长沙 network")
    day.at("10:10", alert(SURGE, "red", region="长沙", category="network"))  # there is nothing above red
    day.want_none("10:30")


def test_a_late_network_event_is_found_as_the_cause_without_a_second_page() -> None:
    day = Timeline()
    day.at("10:00", alert(SURGE, "yellow", region="长沙", category="network"))
    day.want(between("10:00", "10:00"), "first orange surge 长沙 network")
    id_ = day.incident.id
    day.at("10:04", alert(OUTAGE, "yellow", region="长沙"))
    day.want_none("10:10")
    assert (day.incident.id, day.incident.rule, day.incident.level) == (id_, "outage", "yellow")
    assert not day.incident.is_unexplained
    assert "attributed" in [entry.what.value for entry in day.incident.timeline]
    day.at("10:12", alert(OUTAGE, "orange", region="长沙"))  # what gets worse from there is news
    day.want(between("10:12", "10:12"), "raised orange outage 长沙")
    day.want_none("10:30")


def test_a_late_cause_that_is_worse_than_what_was_told_is_told() -> None:
    day = Timeline()
    day.at("10:00", alert(SURGE, "yellow", region="长沙", category="network"))
    day.want(between("10:00", "10:00"), "first orange surge 长沙 network")
    day.at("10:04", alert(OUTAGE, "red", region="长沙"))
    day.want(between("10:04", "10:04"), "raised red outage 长沙")
    assert day.incident.firing == 2


def test_an_outage_elsewhere_explains_nothing() -> None:
    day = Timeline()
    day.at("10:00", alert(OUTAGE, "yellow", region="株洲"))
    day.want(between("10:00", "10:00"), "first yellow outage 株洲")
    day.at("10:02", alert(SURGE, "yellow", region="长沙", category="network"))
    day.want(between("10:02", "10:02"), "first orange surge 长沙 network")
    assert len(day.incidents) == 2


def test_an_outage_of_one_region_does_not_explain_a_queue_of_the_whole_province() -> None:
    day = Timeline()
    day.at("10:00", alert(OUTAGE, "yellow", region="长沙"))
    day.want(between("10:00", "10:00"), "first yellow outage 长沙")
    day.at("10:02", alert(QUEUE, "yellow", queue="vip"))
    day.want(between("10:02", "10:02"), "first yellow queue vip")  # not raised: it names no place to ask about
    day.at("10:03", alert(QUEUE, "yellow", queue="all"))  # another queue in the same minutes is the same trouble
    day.want_none("10:10")


def test_an_outage_of_the_province_explains_queues_and_surges_everywhere() -> None:
    day = Timeline()
    day.at("10:00", alert(PROVINCE, "red"))
    day.want(between("10:00", "10:00"), "first red province")
    day.at("10:02", alert(QUEUE, "orange", queue="vip"), alert(SURGE, "orange", region="永州", category="network"))
    day.want_none("10:30")
    assert day.incident.firing == 3


def test_without_a_rule_for_causes_no_surge_is_raised() -> None:
    day = Timeline(rules=(SURGE, CALLS))
    day.at("10:00", alert(SURGE, "yellow", region="长沙", category="network"))
    day.want(between("10:00", "10:00"), "first yellow surge 长沙 network")
    day.at("10:01", alert(CALLS, "yellow", region="长沙"))
    day.want_none("10:10")


def test_the_role_of_a_rule_is_data() -> None:
    major = replace(SURGE, role="alone")
    day = Timeline(rules=[major if each is SURGE else each for each in RULES])
    day.at("10:00", alert(OUTAGE, "red", region="长沙"))
    day.want(between("10:00", "10:00"), "first red outage 长沙")
    day.at("10:01", alert(major, "red", region="长沙", category="major"))
    day.want(between("10:01", "10:01"), "first red surge 长沙 major")


def test_alerts_of_other_streams_keep_to_themselves() -> None:
    day = Timeline()
    day.at("10:00", alert(OUTAGE, "yellow", region="长沙"), alert(CLAIMS, "yellow", region="长沙"))
    day.want(between("10:00", "10:00"), "first yellow outage 长沙")
    day.want(between("10:00", "10:00"), "first yellow claims 长沙")


def test_a_wider_alert_about_the_same_thing_takes_in_the_narrower() -> None:
    day = Timeline()
    day.at("10:00", alert(PROVINCE, "yellow"))
    day.want(between("10:00", "10:00"), "first yellow province")
    day.at("10:02", alert(OUTAGE, "yellow", region="长沙"), alert(OUTAGE, "yellow", region="株洲"))
    day.want_none("10:30")
    assert day.incident.firing == 3


def test_a_wider_alert_that_comes_later_quiets_the_narrower_from_then_on() -> None:
    day = Timeline()
    day.at("10:00", alert(OUTAGE, "yellow", region="长沙"))
    day.want(between("10:00", "10:00"), "first yellow outage 长沙")
    day.at("10:01", alert(PROVINCE, "orange"))
    day.want(between("10:01", "10:01"), "first orange province")
    day.at("10:05", alert(OUTAGE, "orange", region="长沙"))  # within what is known
    day.want_none("10:09")
    day.at("10:10", alert(OUTAGE, "red", region="长沙"))  # red is never hidden
    day.want(between("10:10", "10:10"), "raised red outage 长沙")


def test_what_a_wider_alert_kept_quiet_is_told_when_that_is_over() -> None:
    day = Timeline()
    day.at("10:00", alert(OUTAGE, "yellow", region="长沙"))
    day.want(between("10:00", "10:00"), "first yellow outage 长沙")
    day.at("10:01", alert(PROVINCE, "orange"))
    day.want(between("10:01", "10:01"), "first orange province")
    day.at("10:05", alert(OUTAGE, "orange", region="长沙"))
    day.at("10:20", alert(PROVINCE, "green"))
    day.want(between("10:20", "10:20"), "resolved green province")
    day.want(between("10:20", "10:20"), "raised orange outage 长沙")
    day.want_none("10:40")


def test_two_surges_that_asked_why_are_both_explained_by_one_outage() -> None:
    day = Timeline()
    day.at("10:00", alert(SURGE, "yellow", region="长沙", category="network"))
    day.at("10:00", alert(SURGE, "yellow", region="株洲", category="network"))
    day.want(between("10:00", "10:00"), "first orange surge 长沙 network")
    day.want(between("10:00", "10:00"), "first orange surge 株洲 network")
    day.at("10:05", alert(PROVINCE, "orange"))
    day.want_none("10:20")
    assert sorted(each.level for each in day.incidents) == ["orange", "yellow"]
    assert not any(each.is_unexplained for each in day.incidents)


def test_many_cells_of_one_region_are_one_incident() -> None:
    day = Timeline()
    day.at("10:00", *(alert(CELLS, "yellow", region="长沙", element=f"bts-{number}") for number in range(40)))
    day.want(between("10:00", "10:00"), "first yellow cells 长沙 bts-0")
    day.want_none("10:10")
    assert day.incident.firing == 40


def test_each_red_is_in_a_page_and_many_are_in_one() -> None:
    day = Timeline()
    day.at("10:00", *(alert(CELLS, "red", region="长沙", element=f"bts-{number}") for number in range(40)))
    day.want(between("10:00", "10:00"), "first red cells 长沙 bts-0")
    page = day.want(between("10:01", "10:02"), "grew red cells 长沙 bts-0")
    assert page.facts.newly_red == 39
    assert page.facts.red_names[0]["zh"] == "cells 长沙 · bts-1"
    day.want_none("10:30")


def test_alerts_of_one_place_an_hour_apart_are_two_troubles() -> None:
    day = Timeline()
    day.at("10:00", alert(OUTAGE, "yellow", region="长沙"))
    day.want(between("10:00", "10:00"), "first yellow outage 长沙")
    day.at("10:20", alert(OUTLETS, "yellow", region="长沙"))
    day.at("11:30", alert(CELLS, "yellow", region="长沙", element="bts-1"))
    day.want(between("11:30", "11:30"), "first yellow cells 长沙 bts-1")
    assert sorted(each.firing for each in day.incidents) == [1, 2]


def test_levels_move_inside_one_incident_and_it_ends_once_with_its_last_alert() -> None:
    day = Timeline()
    day.at("10:00", alert(OUTAGE, "yellow", region="长沙"))
    day.want(between("10:00", "10:00"), "first yellow outage 长沙")
    day.at("10:02", alert(OUTAGE, "red", region="长沙"))
    day.want(between("10:02", "10:02"), "raised red outage 长沙")
    day.at("10:03", alert(SURGE, "yellow", region="长沙", category="network"))
    day.at("10:10", alert(OUTAGE, "green", region="长沙"))
    day.want(between("10:10", "10:10"), "lowered yellow surge 长沙 network")
    assert day.incident.cause is not None
    assert day.incident.cause.rule == "outage"
    day.at("10:20", alert(SURGE, "green", region="长沙", category="network"))
    day.want(between("10:20", "10:20"), "resolved green surge 长沙 network")
    day.want_none("10:40")
    assert (day.incident.peak_level, day.incident.state) == ("red", IncidentState.RESOLVED)
    assert day.desk.incidents.counts() == {("red", IncidentState.RESOLVED): 1}


def test_what_fires_again_soon_is_the_same_incident() -> None:
    day = Timeline()
    day.at("10:00", alert(OUTAGE, "red", region="长沙"))
    day.want(between("10:00", "10:00"), "first red outage 长沙")
    day.at("10:05", alert(OUTAGE, "green", region="长沙"))
    day.want(between("10:05", "10:05"), "resolved green outage 长沙")
    id_ = day.incident.id
    day.at("10:15", alert(OUTAGE, "yellow", region="长沙"))
    day.want(between("10:15", "10:15"), "reopened yellow outage 长沙")
    assert (day.incident.id, day.incident.alerts, day.incident.opened_ms) == (id_, 2, clock("10:00"))
    assert day.desk.incidents.counts() == {("yellow", IncidentState.OPEN): 1}
    day.at("10:20", alert(OUTAGE, "green", region="长沙"))
    day.want(between("10:20", "10:20"), "resolved green outage 长沙")
    assert day.desk.incidents.counts() == {("red", IncidentState.RESOLVED): 1}


def test_what_fires_again_much_later_is_another_incident() -> None:
    day = Timeline()
    for start, over in (("10:00", "10:05"), ("10:30", "10:35")):
        day.at(start, alert(OUTAGE, "yellow", region="长沙"))
        day.want(between(start, start), "first yellow outage 长沙")
        day.at(over, alert(OUTAGE, "green", region="长沙"))
        day.want(between(over, over), "resolved green outage 长沙")
    assert len(day.incidents) == 2


def test_up_and_down_is_told_three_times_and_then_when_it_is_calm() -> None:
    day = Timeline()
    day.at("10:00", alert(OUTAGE, "yellow", region="长沙"))
    day.want(between("10:00", "10:00"), "first yellow outage 长沙")
    for minute in (2, 6, 10):  # three turns: with the third it flaps
        day.at(f"10:{minute:02}", alert(OUTAGE, "green", region="长沙"))
        day.want(between(f"10:{minute:02}", f"10:{minute:02}"), "resolved green outage 长沙")
        day.at(f"10:{minute + 2:02}", alert(OUTAGE, "yellow", region="长沙"))
        page = day.want(between(f"10:{minute + 2:02}", f"10:{minute + 2:02}"), "reopened yellow outage 长沙")
    assert page.facts.is_flapping
    for minute in (14, 18, 22):
        day.at(f"10:{minute}", alert(OUTAGE, "green", region="长沙"))
        day.at(f"10:{minute + 2}", alert(OUTAGE, "yellow", region="长沙"))
    day.at("10:26", alert(OUTAGE, "green", region="长沙"))
    day.want_none("10:35")
    day.want(between("10:36", "10:37"), "resolved green outage 长沙")
    day.want_none("11:00")


def test_flapping_never_hides_a_red() -> None:
    day = Timeline()
    day.at("10:00", alert(OUTAGE, "yellow", region="长沙"))
    for minute in range(1, 9, 2):
        day.at(f"10:0{minute}", alert(OUTAGE, "orange", region="长沙"))
        day.at(f"10:0{minute + 1}", alert(OUTAGE, "yellow", region="长沙"))
    day.pages.clear()
    assert day.incident.telling.is_flapping
    day.at("10:09", alert(OUTAGE, "red", region="长沙"))
    day.want(between("10:09", "10:09"), "raised red outage 长沙")
    day.at("10:10", alert(OUTAGE, "yellow", region="长沙"))
    day.at("10:11", alert(OUTAGE, "red", region="长沙"))  # the last word was red, and it still is
    day.want_none("10:14")
    day.at("10:15", alert(OUTAGE, "yellow", region="长沙"))
    day.want_none("10:24")
    day.want(between("10:25", "10:25"), "lowered yellow outage 长沙")


def test_whoever_was_told_hears_the_end_and_red_is_told_to_all_whom_a_red_alert_asks() -> None:
    outage = replace(OUTAGE, notify={"yellow": ("noc",), "orange": ("noc",), "red": ("noc",)})
    surge = replace(SURGE, notify={"yellow": ("centre",), "orange": ("centre",), "red": ("centre", "duty")})
    routing = Routing(
        channels=("noc", "centre", "pager"), receivers={"noc": ("noc",), "centre": ("centre",), "duty": ("pager",)}
    )
    day = Timeline(rules=(outage, surge), routing=routing)
    day.at("10:00", alert(outage, "orange", region="长沙"))
    day.at("10:01", alert(surge, "orange", region="长沙", category="network"))
    day.want_none("10:01")
    assert day.incident.telling.channels == ("noc",)
    day.at("10:02", alert(surge, "red", region="长沙", category="network"))
    day.want(between("10:02", "10:02"), "raised red outage 长沙")
    assert set(day.incident.telling.channels) == {"noc", "centre", "pager"}
    day.at("10:03", alert(surge, "green", region="长沙", category="network"))
    day.want(between("10:03", "10:03"), "lowered orange outage 长沙")
    day.at("10:04", alert(outage, "green", region="长沙"))
    day.want(between("10:04", "10:04"), "resolved green outage 长沙")


def test_comments_stand_in_the_timeline_with_their_author() -> None:
    day = Timeline()
    day.at("10:00", alert(OUTAGE, "yellow", region="长沙"))
    day.at("10:02", comment("光缆被挖断，抢修队已出发", by="王工"))
    day.at("10:30", alert(OUTAGE, "green", region="长沙"))
    day.at("10:40", comment("原因：施工", by="李工"))
    assert [(entry.by, entry.text) for entry in day.incident.timeline if entry.by] == [
        ("王工", "光缆被挖断，抢修队已出发"),
        ("李工", "原因：施工"),
    ]


def test_what_a_person_ends_is_over_until_it_gets_worse() -> None:
    day = Timeline()
    day.at("10:00", alert(OUTAGE, "orange", region="长沙"), alert(CELLS, "yellow", region="长沙", element="bts-1"))
    day.want(between("10:00", "10:00"), "first orange outage 长沙")
    day.at("10:05", end(by="王工"))
    day.want(between("10:05", "10:05"), "resolved green outage 长沙")
    assert (day.incident.state, day.incident.resolved_by) == (IncidentState.RESOLVED, "王工")
    day.at("10:10", alert(OUTAGE, "yellow", region="长沙"))
    day.at("10:12", alert(OUTAGE, "orange", region="长沙"))  # as bad as it was when 王工 ended it
    day.want_none("10:15")
    day.at("10:20", alert(OUTAGE, "red", region="长沙"))
    day.want(between("10:20", "10:20"), "reopened red outage 长沙")
    assert (day.incident.firing, day.incident.resolved_by) == (2, "")
    day.at("10:30", alert(OUTAGE, "green", region="长沙"))
    day.want(between("10:30", "10:30"), "lowered yellow cells 长沙 bts-1")
    day.at("10:31", alert(CELLS, "green", region="长沙", element="bts-1"))
    day.want(between("10:31", "10:31"), "resolved green cells 长沙 bts-1")
    assert day.desk.incidents.counts() == {("red", IncidentState.RESOLVED): 1}


def test_alerts_of_what_a_person_ended_go_without_a_word() -> None:
    day = Timeline()
    day.at("10:00", alert(OUTAGE, "orange", region="长沙"))
    day.want(between("10:00", "10:00"), "first orange outage 长沙")
    day.at("10:05", end(by="王工"), end(by="李工"))  # the second ends nothing
    day.want(between("10:05", "10:05"), "resolved green outage 长沙")
    day.at("10:30", alert(OUTAGE, "green", region="长沙"))
    day.want_none("11:00")
    assert len(day.incident.timeline) == 2


class Table:
    """A table of places with two levels above an outlet."""

    levels = ("outlet", "city", "province")

    def above(self, key: object) -> tuple[str, ...]:
        outlets = {"五一路": ("长沙", "湖南"), "南门": ("长沙", "湖南"), "红旗路": ("株洲", "湖南")}
        return outlets.get(key["outlet"], ()) if isinstance(key, dict) and "outlet" in key else ()


def test_the_table_of_places_says_what_belongs_together() -> None:
    shop = replace(CELLS, id="shop", by=("outlet",), measure=OUTLETS.measure)
    day = Timeline(rules=(*RULES, shop), site=Site(above=Table()))
    day.at("10:00", alert(shop, "yellow", outlet="五一路"))
    day.want(between("10:00", "10:00"), "first yellow shop 五一路")
    day.at("10:01", alert(shop, "yellow", outlet="南门"))  # the same city
    day.at("10:02", alert(SURGE, "yellow", region="长沙", category="network"))  # and its name under another field
    day.want_none("10:05")
    day.at("10:06", alert(shop, "yellow", outlet="红旗路"))
    day.want(between("10:06", "10:06"), "first yellow shop 红旗路")
