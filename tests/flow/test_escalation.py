"""Escalation as timelines: who is rung when, as long as nobody acts, and what stops it."""

from __future__ import annotations

import pytest

from alerts.audit import verify
from tests.happenings import between, clock, does
from tests.timeline import calling, crew, goes

whatever_restarts = pytest.mark.parametrize("restarts", [False, True], ids=["one desk", "a new desk after every step"])


@whatever_restarts
def test_without_an_answer_the_next_rung_is_rung_and_the_last_again_while_it_is_red(restarts: bool) -> None:
    day = calling(restarts=restarts)
    day.at("10:00", goes("red"))
    day.at("11:00")
    day.rang(between("10:00", "10:00"), "an", "first")
    day.rang(between("10:05", "10:05"), "bo", "unanswered")
    day.rang(between("10:15", "10:15"), "chen", "unanswered")
    day.rang(between("10:16", "11:00"), "chen", "unanswered", "unanswered")
    day.rang(between("10:35", "10:35"), "chen", "unanswered")
    day.rang(between("10:01", "11:00"), "an")


@whatever_restarts
def test_below_red_the_last_rung_is_rung_once(restarts: bool) -> None:
    day = calling(restarts=restarts)
    day.at("10:00", goes("orange"))
    day.at("12:00")
    day.rang(between("10:00", "12:00"), "chen", "unanswered")


@whatever_restarts
def test_an_acknowledgement_stops_it_until_it_expires(restarts: bool) -> None:
    day = calling(restarts=restarts)
    day.at("10:00", goes("red"))
    day.at("10:04", does("ack", "an", text="on my way"))
    day.at("11:03:59")
    day.rang_none("bo")
    assert day.incident.acknowledged_by == "an"
    day.at("11:04")
    day.rang(between("11:04", "11:04"), "bo", "expired")
    assert day.incident.acknowledged_by == ""
    day.at("11:14")
    day.rang(between("11:14", "11:14"), "chen", "unanswered")
    said = [(entry.what.value, entry.by, entry.text) for entry in day.incident.timeline]
    assert said == [
        ("opened", "", ""),
        ("acknowledged", "an", ""),
        ("commented", "an", "on my way"),
        ("released", "an", ""),
        ("escalated", "leader", "expired"),
        ("escalated", "boss", "unanswered"),
    ]


def test_an_orange_acknowledgement_holds_for_four_hours() -> None:
    day = calling()
    day.at("10:00", goes("orange"))
    day.at("10:01", does("ack", "an"))
    day.at("14:00:59")
    day.rang_none("bo")
    day.at("14:01")
    day.rang(between("14:01", "14:01"), "bo", "expired")


def test_the_same_person_again_makes_it_hold_anew() -> None:
    day = calling()
    day.at("10:00", goes("red"))
    day.at("10:01", does("ack", "an"))
    day.at("10:50", does("ack", "an"))
    day.at("11:49:59")
    day.rang_none("bo")
    day.at("11:50")
    day.rang(between("11:50", "11:50"), "bo", "expired")


def test_who_has_it_is_not_pushed_aside_but_taken_over_from() -> None:
    day = calling()
    day.at("10:00", goes("red"))
    day.at("10:01", does("ack", "an"))
    day.at("10:02", does("ack", "bo"))
    assert day.incident.acknowledged_by == "an"
    day.at("10:03", does("takeover", "bo"))
    assert day.incident.acknowledged_by == "bo"
    assert day.outcomes() == [
        "done",
        f"refused: an has incident {day.incident.id}: take it over instead",
        "done",
    ]
    day.at("11:03")
    day.rang(between("10:04", "11:03"), "bo", "expired")


def test_who_gives_it_back_has_the_rung_rung_again_at_once() -> None:
    day = calling()
    day.at("10:00", goes("red"))
    day.at("10:05")
    day.at("10:06", does("ack", "bo"))
    day.at("10:20", does("unack", "bo", text="not my area"))
    day.rang(between("10:20", "10:20"), "bo", "returned")
    day.at("10:30")
    day.rang(between("10:30", "10:30"), "chen", "unanswered")


@whatever_restarts
def test_a_promise_without_a_solution_in_half_an_hour_goes_up(restarts: bool) -> None:
    day = calling(restarts=restarts)
    day.at("10:00", goes("orange"))
    day.at("10:02", does("promise", "an", until="2026-03-02T12:00:00Z"))
    day.at("10:31:59")
    day.rang_none("bo")
    day.at("10:32")
    day.rang(between("10:32", "10:32"), "bo", "unsolved")
    assert day.incident.acknowledged_by == "an", "the promise still stands"


@whatever_restarts
def test_a_broken_promise_goes_to_the_superior_of_whoever_promised_until_the_customer_accepts(restarts: bool) -> None:
    day = calling(restarts=restarts)
    day.at("10:00", goes("red"))
    day.at("10:16")  # chen, two rungs up, was rung as well
    day.at("10:17", does("promise", "an", until="2026-03-02T10:40:00Z"))
    day.at("10:39:59")
    day.rang(between("10:17", "10:39:59"), "bo")
    day.at("10:40")
    day.rang(between("10:40", "10:40"), "bo", "broken")
    day.rang(between("10:17", "10:40"), "chen")
    day.at("10:41", does("ack", "bo"))
    day.at("10:45", goes("green"))
    day.at("11:15")
    day.rang(between("10:46", "11:15"), "bo", "unaccepted")
    day.at("11:16", does("accept", "bo", text="customer content"))
    day.at("15:00")
    day.rang(between("11:16", "15:00"), "bo")
    assert day.outcomes() == ["done"] * 3


def test_a_promise_that_is_kept_is_over_with_the_incident() -> None:
    day = calling()
    day.at("10:00", goes("red"))
    day.at("10:02", does("promise", "an"))
    day.at("10:20", goes("green"))
    day.at("12:00")
    day.rang_none("bo")
    day.rang(between("10:20", "12:00"), "an", "resolved")


def test_a_second_promise_stands_in_for_the_first() -> None:
    day = calling()
    day.at("10:00", goes("red"))
    day.at("10:02", does("promise", "an", until="2026-03-02T10:20:00Z"))
    day.at("10:15", does("promise", "an", until="2026-03-02T10:40:00Z"))
    day.at("10:39:59")
    day.rang_none("bo")
    day.at("10:40")
    day.rang(between("10:40", "10:40"), "bo", "broken")


def test_the_end_ends_it_and_all_who_were_rung_hear_of_it() -> None:
    day = calling()
    day.at("10:00", goes("red"))
    day.at("10:06", goes("green"))
    day.at("12:00")
    day.rang(between("10:06", "12:00"), "an", "resolved")
    day.rang(between("10:06", "12:00"), "bo", "resolved")
    day.rang_none("chen")


def test_a_rise_voids_an_acknowledgement_of_less() -> None:
    day = calling()
    day.at("10:00", goes("orange"))
    day.at("10:01", does("ack", "bo"))
    day.at("10:10", goes("red"))
    day.rang(between("10:10", "10:10"), "an", "raised")
    assert day.incident.acknowledged_by == ""
    day.at("10:15")
    day.rang(between("10:15", "10:15"), "bo", "unanswered")


def test_a_rise_does_not_slow_down_who_climbs_already() -> None:
    day = calling()
    day.at("10:00", goes("orange"))
    day.at("10:14", goes("red"))
    day.at("10:15")
    day.rang(between("10:15", "10:15"), "chen", "unanswered")
    day.rang(between("10:14", "10:14"), "an", "raised", level="red")


def test_below_the_levels_of_the_ladder_it_pauses() -> None:
    day = calling()
    day.at("10:00", goes("orange"))
    day.at("10:03", goes("yellow"))
    day.at("10:30")
    day.rang_none("bo")
    day.at("10:40", goes("orange"))
    day.at("10:45")
    day.rang(between("10:45", "10:45"), "bo", "unanswered")


@pytest.mark.parametrize("restarts", [False, True])
def test_a_silence_stops_the_ladder_and_who_was_rung_hears_when_it_ends_early(restarts: bool) -> None:
    day = calling(restarts=restarts)
    day.at("10:00", goes("orange"))
    asked = {"match": {"region": "长沙"}, "comment": "割接", "ends": "2026-03-02T12:00:00Z"}
    day.at("10:02", does("silence-add", "an", **asked))
    day.at("10:30")
    day.rang(between("10:00:01", "10:30"), "*")
    day.at("10:30", does("silence-expire", "an"))
    day.rang(between("10:30", "10:30"), "an", "reopened")
    day.at("10:36")
    day.rang(between("10:31", "10:36"), "bo", "unanswered")
    assert day.outcomes() == ["done", "done"]


def test_a_silence_that_cannot_be_is_refused_in_the_audit() -> None:
    day = calling()
    day.at("10:00", goes("orange"))
    day.at("10:01", does("silence-add", "an", match={}, comment="x", ends="2026-03-02T12:00:00Z"))
    day.at("10:02", does("silence-expire", "an"))
    day.at("10:06")
    assert [each.startswith("refused: ") for each in day.outcomes()] == [True, True]
    day.rang(between("10:05", "10:05"), "bo", "unanswered")


def test_ended_by_hand_it_rings_nobody_and_opens_again_only_if_it_gets_worse() -> None:
    day = calling()
    day.at("10:00", goes("orange"))
    day.at("10:02", does("resolve", "an", text="known works"))
    day.at("10:10", goes("yellow"))
    day.at("10:20")
    assert day.incident.state.value == "resolved"
    day.rang(between("10:02", "10:20"), "an", "resolved")
    day.at("10:30", goes("red"))
    assert day.incident.state.value == "open"
    day.rang(between("10:30", "10:30"), "an", "reopened")
    day.at("10:35")
    day.rang(between("10:35", "10:35"), "bo", "unanswered")


def test_the_same_command_again_is_the_same() -> None:
    day = calling()
    day.at("10:00", goes("red"))
    day.at("10:01", does("ack", "an", command="once"))
    day.at("10:30", does("ack", "an", command="once"))
    day.at("11:01")
    day.rang(between("11:01", "11:01"), "bo", "expired")
    assert len(day.audit()) == 1


def test_what_cannot_be_done_changes_nothing_and_is_in_the_audit() -> None:
    day = calling()
    day.at("10:00", goes("red"))
    before = day.stage.desk.callout.dump()
    day.at(
        "10:01",
        does("unack", "an"),
        does("accept", "an"),
        does("comment", "an"),
        does("promise", "an", until="2026-03-02T09:00:00Z"),
        does("promise", "an", until="soon"),
        does("silence-add", "an"),
    )
    assert day.stage.desk.callout.dump() == before
    assert all(outcome.startswith("refused: ") for outcome in day.outcomes())
    assert len(day.audit()) == 6


def test_where_nobody_fills_a_role_the_role_is_told_by_every_channel() -> None:
    day = calling(crew(leader=()))
    day.at("10:00", goes("red"))
    day.at("10:05")
    day.rang(between("10:05", "10:05"), "leader", "unanswered")


def test_the_audit_is_a_chain() -> None:
    day = calling()
    day.at("10:00", goes("red"))
    day.at("10:01", does("ack", "an"), does("comment", "bo", text="查电源"), does("promise", "an"))
    lines = day.audit()
    verdict = verify(lines)
    assert (verdict.records, verdict.wrong) == (3, None)
    assert verify([*lines, *lines]).wrong is None, "a restart says again what was said"
    assert verify(lines[1:]).wrong is None, "retention may have taken the beginning"
    assert verify([lines[0], lines[2]]).wrong == "record 2 is missing: record 3 comes next"
    changed = [lines[0], lines[1].replace("查电源".encode(), b"nothing"), lines[2]]
    assert verify(changed).wrong == "record 2 was changed: its hash is not that of what it says"


def test_a_ring_is_to_be_written_down_though_no_record_leaves() -> None:
    day = calling()
    day.at("10:00", goes("red"))
    day.at("10:04:59")
    assert not day.stage.moved()
    day.at("10:05")
    assert day.stage.moved()
    assert not day.stage.moved(), "once is enough"


def test_who_forgets_what_is_not_said_again_hears_of_what_only_a_ladder_was_told() -> None:
    day = calling()
    day.at("10:00", goes("red"))
    assert [each.reason.value for each in day.stage.desk.firing("pager")] == ["repeat"]
    day.at("10:10", goes("green"))
    assert day.stage.desk.firing("pager") == []


# Failover: another worker goes on in the middle of an escalation.


def test_after_a_crash_the_next_rung_rings_once_and_on_time() -> None:
    day = calling()
    day.save()
    day.at("10:00", goes("red"))
    day.at("10:04:50")
    day.crash(away_s=7)  # over the time of the ring, with a state from before the alert
    day.at("10:20")
    day.rang(between("10:04:57", "10:05:05"), "bo", "unanswered")
    day.rang(between("10:15", "10:15"), "chen", "unanswered")
    day.rang(between("10:05:06", "10:20"), "bo")
    firsts = [one.notification for one in day.told if one.notification.to == "an"]
    assert len({one.idempotency_key for one in firsts}) == 1, "told again with the same key, so that it is told once"


def test_what_was_rung_before_the_crash_has_the_same_key_after_it() -> None:
    day = calling()
    day.at("10:00", goes("red"))
    day.save()
    day.at("10:06")
    day.crash(away_s=3)
    day.at("10:14")
    rings = [one.notification.idempotency_key for one in day.told if one.notification.to == "bo"]
    assert len(rings) == 2
    assert len(set(rings)) == 1
    day.at("10:15")
    day.rang(between("10:15", "10:15"), "chen", "unanswered")


def test_an_acknowledgement_is_not_lost_with_the_state() -> None:
    day = calling()
    day.save()
    day.at("10:00", goes("red"))
    day.at("10:03", does("ack", "an"))
    day.at("10:04")
    day.crash(away_s=300)
    day.at("10:50")
    day.rang_none("bo")
    assert day.incident.acknowledged_by == "an"


def test_after_a_long_time_away_nobody_is_woken_for_what_another_had_no_chance_to_answer() -> None:
    day = calling()
    day.at("10:00", goes("red"))
    day.at("10:01")
    day.save()
    day.crash(away_s=3_600)
    day.at("11:10")
    day.rang(between("11:01", "11:01:05"), "bo", "unanswered")
    day.rang_none("chen", between("10:00", "11:10"))
    day.at("11:12")
    day.rang(between("11:11", "11:11:05"), "chen", "unanswered")


@pytest.mark.parametrize("seed", range(5))
def test_wherever_it_crashes_everybody_hears_the_same_once_by_key(seed: int) -> None:
    def run(*, crashes: bool) -> list[tuple[str, str, str]]:
        day = calling()
        steps = [
            ("10:00", goes("orange")),
            ("10:03", does("comment", "an", text="looking")),
            ("10:07", goes("red")),
            ("10:12", does("ack", "bo")),
            ("10:20", does("promise", "bo", until="2026-03-02T10:45:00Z")),
            ("10:50", goes("green")),
            ("11:30", does("accept", "chen")),
        ]
        for number, (time, happening) in enumerate(steps):
            day.at(time, happening)
            if crashes and number % 5 == seed:
                day.crash(away_s=4)
            elif number % 2 == seed % 2:
                day.save()
        day.pass_to(clock("13:00"))
        unique = {one.notification.idempotency_key: one.notification for one in reversed(day.told)}
        return sorted((one.to, one.reason.value, one.idempotency_key) for one in unique.values())

    assert run(crashes=True) == run(crashes=False)
