"""Plans: from events of `plans` into the desk's log, and what the desk makes of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from alerts.commands import Command, Verb, decode_command
from alerts.plans import OPEN_MS, OVER_LEN_MAX, PLANS_LEN_MAX, Plan, PlanBook, PlanError, read_plan
from alerts.records import parse_time
from streams.source_stage import Place, SourceStage, Ways
from streams.stage import Outgoing
from streams.topics import COMMANDS
from tests.staging import NOW_MS, Counts, chunk

HOUR_MS = 3_600_000
WORK = Plan(
    id="p1",
    kind="planned",
    told_ms=NOW_MS,
    starts_ms=NOW_MS + HOUR_MS,
    ends_ms=NOW_MS + 2 * HOUR_MS,
    region="长沙",
    title="光缆割接",
    affects="bts-7",
)


def event(**changed: Any) -> bytes:
    said = {"id": "p1", "time": NOW_MS / 1000, "kind": "planned", "starts": "2026-03-01T20:00:00+08:00", **changed}
    return json.dumps(said).encode()


def stage() -> SourceStage:
    return SourceStage(Place("plans", 0, 1), (), Counts(), Ways(1, 0))


def commands(out: list[Outgoing]) -> list[Command]:
    return [decode_command(each.value) for each in out if each.topic == COMMANDS]


# From events to the log.


def test_an_event_is_passed_on_with_all_it_says() -> None:
    said = event(ends="2026-03-01T14:00:00Z", region="长沙", title="光缆割接", affects="bts-7")
    (command,) = commands(stage().feed(chunk(said, topic="tocsin.plans"), NOW_MS))
    assert (command.what, command.by, command.on, command.time_ms) == (Verb.PLAN, "plans", "p1", NOW_MS)
    starts_ms = parse_time("2026-03-01T12:00:00Z")
    assert read_plan(command.on, command.body) == replace(WORK, starts_ms=starts_ms, ends_ms=starts_ms + 2 * HOUR_MS)


def test_a_plan_that_has_a_name_is_told_again_under_it() -> None:
    log = [event(plan="w1"), event(id="p9", plan="w1", told=True), event(id="p2", plan="")]
    assert [each.on for each in commands(stage().feed(chunk(*log, topic="tocsin.plans"), NOW_MS))] == ["w1", "w1", "p2"]


def test_what_is_read_again_after_a_restart_has_the_id_it_had() -> None:
    log = [event(), event(id="p2"), event(id="p2", title="moved")]
    first = commands(stage().feed(chunk(*log, topic="tocsin.plans"), NOW_MS))
    again = commands(stage().feed(chunk(*log[1:], topic="tocsin.plans", first=1), NOW_MS + 5_000))
    assert [each.command for each in first[1:]] == [each.command for each in again]
    assert len({each.command for each in first}) == 3


def test_a_plan_told_late_or_twice_is_passed_on_and_what_cannot_be_read_is_not() -> None:
    log = [event(time=NOW_MS / 1000 + 60), event(id="old"), event(), event(kind="party"), event(starts="soon"), b"%%"]
    out = stage().feed(chunk(*log, topic="tocsin.plans"), NOW_MS)
    assert [each.on for each in commands(out)] == ["p1", "old", "p1"]
    assert len([each for each in out if each.topic == "tocsin.deadletters"]) == 3


@pytest.mark.parametrize("id_", ["x" * 81, "a\u202eb"], ids=["long", "turned round"])
def test_an_id_that_the_log_does_not_take_is_known_by_its_hash(id_: str) -> None:
    first, second = commands(stage().feed(chunk(event(id=id_), event(id=id_), topic="tocsin.plans"), NOW_MS))
    assert first.on == second.on != id_


def test_other_streams_say_nothing_of_plans() -> None:
    one = SourceStage(Place("calls", 0, 1), (), Counts(), Ways(1, 0))
    assert commands(one.feed(chunk(event(outcome="answered")), NOW_MS)) == []


# What the desk keeps.


def test_a_plan_comes_back_from_the_log_as_it_was() -> None:
    for each in (WORK, replace(WORK, ends_ms=None, region="", affects=""), replace(WORK, kind="outside", title="")):
        assert read_plan(each.id, json.loads(json.dumps(each.as_body()))) == each


@pytest.mark.parametrize("body", [{}, {"kind": "planned", "told": "now", "starts": "now"}], ids=["nothing", "no times"])
def test_what_is_no_plan_is_refused(body: dict[str, str]) -> None:
    with pytest.raises(PlanError, match="not a plan"):
        read_plan("p1", body)


def test_of_a_plan_the_newest_telling_counts_in_whatever_order_they_come() -> None:
    moved = replace(WORK, told_ms=NOW_MS + 1, starts_ms=WORK.starts_ms + HOUR_MS, ends_ms=NOW_MS + 3 * HOUR_MS)
    for told in ((WORK, moved), (moved, WORK)):
        book = PlanBook()
        for each in told:
            book.take(each, NOW_MS)
        ((id_, window),) = book.windows()
        assert (id_, window.starts_ms, window.ends_ms) == ("p1", moved.starts_ms, moved.ends_ms)


def test_a_plan_whose_end_has_passed_is_withdrawn_and_an_older_telling_does_not_bring_it_back() -> None:
    book = PlanBook()
    book.take(WORK, NOW_MS)
    book.take(replace(WORK, told_ms=NOW_MS + 2, ends_ms=NOW_MS), NOW_MS + 2)
    assert list(book.windows()) == []
    book.take(replace(WORK, told_ms=NOW_MS + 1), NOW_MS + 3)
    assert list(book.windows()) == []


def test_what_is_no_planned_work_with_an_end_is_no_window() -> None:
    assert replace(WORK, kind="outside").window() is None
    assert replace(WORK, ends_ms=None).window() is None


def test_plans_are_bounded_and_those_that_are_over_go_first() -> None:
    book = PlanBook()
    for number in range(OVER_LEN_MAX + 5):
        book.take(replace(WORK, id=f"over{number}", told_ms=number, ends_ms=NOW_MS - 1), NOW_MS)
    for number in range(PLANS_LEN_MAX):
        book.take(replace(WORK, id=f"p{number}"), NOW_MS)
    with pytest.raises(PlanError, match="2000 plans are known"):
        book.take(replace(WORK, id="more"), NOW_MS)
    book.take(replace(WORK, id="p7", title="moved", told_ms=NOW_MS + 1), NOW_MS)  # one that is known is always taken
    assert len(book.dump()) == OVER_LEN_MAX + PLANS_LEN_MAX
    book.take(replace(WORK, id="more"), NOW_MS + 3 * HOUR_MS)  # by then all are over
    assert len(book.dump()) <= OVER_LEN_MAX + 1


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 9), st.integers(0, 9)), max_size=12),
    st.lists(st.integers(0, 10), min_size=1, max_size=30),
)
def test_what_holds_is_what_looking_at_each_would_say(told: list[tuple[str, int, int]], asked: list[int]) -> None:
    book = PlanBook()
    for number, (id_, starts, ends) in enumerate(told):
        book.take(replace(WORK, id=id_, told_ms=number, starts_ms=starts, ends_ms=ends), 0)
        now_ms = asked[number % len(asked)]
        assert book.active(now_ms) == [(name, each) for name, each in book.windows() if each.is_active(now_ms)]
    for now_ms in asked:
        assert book.active(now_ms) == [(name, each) for name, each in book.windows() if each.is_active(now_ms)]


def test_as_long_as_none_begins_or_ends_it_looks_at_none(monkeypatch: pytest.MonkeyPatch) -> None:
    book = PlanBook()
    book.take(WORK, NOW_MS)
    assert book.active(WORK.starts_ms) == list(book.windows())
    monkeypatch.setattr("alerts.windows.Window.is_active", None)
    assert book.active(WORK.starts_ms + HOUR_MS - 1) == list(book.windows())


def test_a_book_is_taken_up_as_it_was() -> None:
    book, other = PlanBook(), PlanBook()
    book.take(WORK, NOW_MS)
    book.take(replace(WORK, id="p2", kind="outside"), NOW_MS)
    other.load(book.dump())
    assert other.dump() == book.dump()
    assert list(other.windows()) == list(book.windows())
    assert other.active(WORK.starts_ms) == list(book.windows())
    other.load({})
    assert (other.dump(), other.active(WORK.starts_ms)) == ([], []), "as states before plans said it"
    with pytest.raises(ValueError, match="not a book of plans"):
        other.load(["p1"])


def test_around_a_place_are_its_plans_and_those_of_wider_places_while_they_last() -> None:
    book = PlanBook()
    book.take(WORK, NOW_MS)
    book.take(replace(WORK, id="fair", kind="outside", title="交易会", region="", ends_ms=None), NOW_MS)
    book.take(replace(WORK, id="far", region="株洲"), NOW_MS)
    during, after = WORK.starts_ms + 1, WORK.starts_ms + HOUR_MS
    assert book.around(("长沙", "湖南", ""), during, during) == (("outside", "交易会"), ("planned", "光缆割接"))
    assert book.around(("长沙", ""), after, after) == (("outside", "交易会"),)
    assert book.around(("长沙",), 0, NOW_MS) == ()
    assert book.around(("",), during + OPEN_MS, during + OPEN_MS) == (), "without an end it lasts a day"
