"""Who is rung: duty by rota, quiet hours, page budgets, digests; and what 10,000 alarms do to one person."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from alerts.duty import Override, Person, Post, Rota
from alerts.records import parse_time
from detectors.hours import Almanac, Span
from tests.alerting import CHINA
from tests.happenings import between, clock, does
from tests.timeline import CALLED, calling, crew, goes

NIGHT = (22 * 60, 7 * 60)


def test_the_rota_says_who_is_rung_when_it_rings() -> None:
    rota = Rota(people=("an", "chen"), start_ms=clock("08:00"), shift_ms=2 * 3_600_000)
    made = crew()
    roster = replace(made.roster, roles={**made.roster.roles, "leader": (Post(rota=rota),)})
    day = calling(replace(made, roster=roster))
    day.at("09:56", goes("red"))  # the leader is rung at 10:01, when chen's turn has begun
    day.at("10:01")
    day.rang(between("10:01", "10:01"), "chen", "unanswered")


def test_quiet_hours_hold_back_all_but_red_and_the_morning_tells_them_as_one() -> None:
    day = calling(crew(Person(id="an", quiet=NIGHT)), start="22:30")
    day.at("22:31", goes("orange", "长沙"), goes("orange", "株洲"))
    day.at("23:00", goes("red", "湘潭"))
    day.at("+1 06:59:59")
    day.rang(between("22:30", "+1 06:59:59"), "an", "first")  # the red
    day.at("+1 07:00")
    day.rang(between("+1 07:00", "+1 07:00"), "an", "digest")
    (digest,) = [one.notification for one in day.told if one.notification.reason.value == "digest"]
    assert {digest.record.key["region"], *(each.key["region"] for each in digest.also)} == {"长沙", "株洲"}


def test_the_next_rung_waits_for_who_is_quiet_to_hear_it() -> None:
    day = calling(crew(Person(id="an", quiet=NIGHT)), start="22:30")
    day.at("22:31", goes("orange"))
    day.at("+1 07:04:59")
    day.rang_none("bo")
    day.at("+1 07:05")
    day.rang(between("+1 07:05", "+1 07:05"), "bo", "unanswered")


def test_a_rise_to_red_wakes_who_was_left_to_sleep_and_the_ladder_goes_on_from_there() -> None:
    day = calling(crew(Person(id="an", quiet=NIGHT)), start="22:30")
    day.at("22:31", goes("orange"))
    day.at("23:00", goes("red"))
    day.rang(between("22:30", "23:00"), "an", "raised")
    day.at("23:05")
    day.rang(between("23:05", "23:05"), "bo", "unanswered")


def test_in_the_quiet_hours_of_a_rule_its_ladder_waits_as_well_and_red_does_not() -> None:
    quiet = replace(CALLED, quiet=(Span(hours=((12 * 60, 14 * 60),)),), almanac=Almanac("UTC"))
    day = calling(rules=(quiet,))
    day.at("12:30", goes("orange", "长沙"), goes("orange", "株洲"))
    day.at("12:40", does("comment", "bo", "长沙", text="seen"))
    day.at("13:00", goes("red", "株洲"))
    day.at("13:04:59")
    day.rang(between("12:00", "13:04:59"), "an", "first")
    day.at("13:05")
    day.rang(between("13:05", "13:05"), "bo", "unanswered", level="red")
    day.at("14:01")
    day.rang(between("14:00", "14:01"), "an", "first", level="orange")
    day.at("14:06")
    day.rang(between("14:04", "14:06"), "bo", "unanswered", level="orange")


def test_what_is_over_by_the_morning_is_not_told() -> None:
    day = calling(crew(Person(id="an", quiet=NIGHT)), start="22:30")
    day.at("22:31", goes("orange"))
    day.at("23:00", goes("green"))
    day.at("+1 08:00")
    day.rang_none("an")


def test_past_the_budget_a_digest_follows_when_there_is_room_again() -> None:
    day = calling(crew(Person(id="an", pages_max=2, pages_within_ms=10 * 60_000)))
    for number, region in enumerate(["长沙", "株洲", "湘潭", "衡阳"]):
        day.at(f"10:00:0{number}", goes("orange", region), does("ack", "bo", region))
    day.at("10:10:01")
    day.rang(between("10:00", "10:09:59"), "an", "first", "first")
    day.rang(between("10:10", "10:10:01"), "an", "digest")
    (digest,) = [one.notification for one in day.told if one.notification.reason.value == "digest"]
    assert len(digest.also) == 1


def test_who_was_not_told_of_it_is_not_told_its_end_either() -> None:
    day = calling(crew(Person(id="an", pages_max=1, pages_within_ms=60_000)))
    day.at("10:00:00", goes("orange", "长沙"))
    day.at("10:00:10", goes("orange", "株洲"))
    day.at("10:00:20", goes("green", "株洲"))
    day.at("10:03")
    day.rang(between("10:00", "10:03"), "an", "first")


def test_a_red_is_paged_past_any_budget() -> None:
    day = calling(crew(Person(id="an", pages_max=1)))
    for number, region in enumerate(["长沙", "株洲", "湘潭"]):
        day.at(f"10:00:0{number}", goes("orange", region))
    day.at("10:00:10", goes("red", "衡阳"))
    day.at("10:00:20", goes("red", "株洲"))
    day.rang(between("10:00:00", "10:00:20"), "an", "first", "first", "raised")
    day.rang(between("10:00:00", "10:00:20"), "an", "first", "raised", level="red")


@pytest.mark.parametrize("restarts", [False, True])
def test_a_storm_of_orange_pages_nobody_past_their_budget_and_every_red_is_in_a_page(restarts: bool) -> None:
    day = calling(crew(Person(id="an", pages_max=5)), restarts=restarts)
    reds = {f"县{number}" for number in range(0, 120, 40)}
    for number in range(120):
        region = f"县{number}"
        day.at(f"10:{number // 60:02d}:{number % 60:02d}", goes("red" if region in reds else "orange", region))
    pages = [one.notification for one in day.told if one.notification.to == "an"]
    assert {page.record.key["region"] for page in pages if page.record.level == "red"} == reds
    assert len([page for page in pages if page.record.level != "red"]) <= 5


# Who is on duty.

WEEK = Rota(people=("an", "bo"), start_ms=clock("08:00"), shift_ms=7 * 86_400_000)


@pytest.mark.parametrize(
    ("at", "who"),
    [
        pytest.param("07:59:59", (), id="before it starts"),
        pytest.param("08:00", ("an",), id="from its first moment"),
        pytest.param("+7 07:59:59", ("an",), id="to its last"),
        pytest.param("+7 08:00", ("bo",), id="the next"),
        pytest.param("+14 08:00", ("an",), id="and round again"),
    ],
)
def test_a_rota_goes_round(at: str, who: tuple[str, ...]) -> None:
    assert WEEK.on(clock(at), CHINA) == who


def test_the_last_override_counts_and_ends_when_it_says() -> None:
    stands_in = (Override(clock("20:00"), clock("22:00"), "bo"), Override(clock("21:00"), clock("21:30"), "chen"))
    rota = replace(WEEK, overrides=stands_in)
    on = [rota.on(clock(time), CHINA)[0] for time in ("19:59", "20:00", "21:00", "21:30", "22:00")]
    assert on == ["an", "bo", "chen", "bo", "an"]


def test_a_shift_of_days_changes_hands_at_the_same_hour_when_the_clocks_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    rota = Rota(people=("an", "bo"), start_ms=parse_time("2026-03-28T08:00:00+01:00"), shift_ms=86_400_000)
    assert rota.on(parse_time("2026-03-29T07:59:00+02:00"), berlin) == ("an",)  # summer time since 02:00
    assert rota.on(parse_time("2026-03-29T08:00:00+02:00"), berlin) == ("bo",)


def test_the_first_post_whose_place_agrees_and_that_is_held_counts() -> None:
    made = crew().roster
    late = Rota(people=("bo",), start_ms=clock("+1 00:00"), shift_ms=86_400_000)
    posts = (
        Post(where={"region": "长沙"}, rota=late),
        Post(where={"region": "长沙"}, people=("an",)),
        Post(people=("chen",)),
    )
    roster = replace(made, roles={"manager": posts})
    assert roster.on("manager", {"region": "长沙"}, clock("10:00")) == ("an",)
    assert roster.on("manager", {"region": "长沙"}, clock("+1 10:00")) == ("bo",)
    assert roster.on("manager", {"region": "株洲"}, clock("10:00")) == ("chen",)
    assert roster.on("nobody", {}, clock("10:00")) == ()


@pytest.mark.parametrize(
    ("at", "ends"),
    [("21:59", None), ("22:00", "+1 07:00"), ("23:30", "+1 07:00"), ("+1 06:59", "+1 07:00"), ("+1 07:00", None)],
)
def test_quiet_hours_end_in_the_morning(at: str, ends: str | None) -> None:
    roster = crew(Person(id="an", quiet=NIGHT)).roster
    assert roster.quiet_until("an", clock(at)) == (None if ends is None else clock(ends))
