"""Who hears a customer notice, and when: VIP customers first, the others after them, the end for those who knew.

The default order of `alerts.audiences`: vip, ten minutes later contract, ten minutes later everybody.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.audiences import SHIPPED, Audience, Audiences
from alerts.notices import notice_id
from alerts.notifications import Reason
from alerts.site import Site
from streams.topics import NOTICES
from tests.happenings import OUTAGE, Step, alert, asks, between, clock, silence
from tests.timeline import CALLED, Ear, Timeline, _of_log, calling

NOTICED = replace(OUTAGE, notice="outage", notify={})
TIERS = [each.tier for each in SHIPPED]


def goes(level: str) -> Step:
    return alert(NOTICED, level, region="长沙")


def about(verb: str, by: str = "刘", **body: Any) -> Step:
    """Let somebody ask something about the notice of the newest incident."""
    return asks(f"notice-{verb}", by, lambda line: notice_id(line.incidents[-1].id), **body)


APPROVED = about("approve")
PUBLISHED = about("publish")


@dataclass
class Case:
    """What happens when, and who must have been told what when: `10:00 vip first`."""

    happens: tuple[tuple[str, Step], ...]
    told: tuple[str, ...]
    state: str
    until: str = "10:40"
    audiences: Audiences = field(default_factory=Audiences)


def steps(*happens: tuple[str, Step]) -> tuple[tuple[str, Step], ...]:
    """Begin with an incident at 09:58 whose notice is approved at 09:59."""
    return (("09:58", goes("orange")), ("09:59", APPROVED), *happens)


AT_ONCE = Audiences(site=(Audience(tier="vip"), Audience(tier="gold"), Audience(tier="everybody")))
CASES = {
    "one after the other": Case(
        steps(("10:00", PUBLISHED)), ("10:00 vip first", "10:10 contract first", "10:20 everybody first"), "published"
    ),
    "one by hand, and nobody follows": Case(
        steps(("10:00", about("publish", audience="vip"))), ("10:00 vip first",), "publishing"
    ),
    "each by hand": Case(
        steps(
            ("10:00", about("publish", audience="vip")),
            ("10:01", about("publish", audience="contract")),
            ("10:30", about("publish", audience="everybody")),
        ),
        ("10:00 vip first", "10:01 contract first", "10:30 everybody first"),
        "published",
    ),
    "by hand, and later the others by themselves": Case(
        steps(("10:00", about("publish", audience="vip")), ("10:15", PUBLISHED)),
        ("10:00 vip first", "10:15 contract first", "10:25 everybody first"),
        "published",
    ),
    "hurried: the head start of the next goes from there": Case(
        steps(("10:00", PUBLISHED), ("10:05", about("publish", audience="contract"))),
        ("10:00 vip first", "10:05 contract first", "10:15 everybody first"),
        "published",
    ),
    "out of turn is refused": Case(
        steps(("10:00", about("publish", audience="everybody")), ("10:01", about("publish", audience="gold"))),
        (),
        "approved",
    ),
    "all at once, in their order": Case(
        steps(("10:00", about("publish", all=True))),
        ("10:00 vip first", "10:00 contract first", "10:00 everybody first"),
        "published",
    ),
    "all at once after the first": Case(
        steps(("10:00", PUBLISHED), ("10:03", about("publish", all=True))),
        ("10:00 vip first", "10:03 contract first", "10:03 everybody first"),
        "published",
    ),
    "a site without head starts": Case(
        steps(("10:00", PUBLISHED)),
        ("10:00 vip first", "10:00 gold first", "10:00 everybody first"),
        "published",
        audiences=AT_ONCE,
    ),
    "a template of its own order": Case(
        steps(("10:00", PUBLISHED)),
        ("10:00 everybody first",),
        "published",
        audiences=Audiences(templates={"outage": (Audience(tier="everybody"),)}),
    ),
    "it ends between: the end is for those who knew": Case(
        steps(
            ("10:00", PUBLISHED),
            ("10:12", goes("green")),
            ("10:20", APPROVED),
            ("10:21", PUBLISHED),
        ),
        ("10:00 vip first", "10:10 contract first", "10:21 vip all-clear", "10:31 contract all-clear"),
        "all-clear",
    ),
    "it ends between, and nobody who was not told can be told the end": Case(
        steps(
            ("10:00", PUBLISHED),
            ("10:02", goes("green")),
            ("10:03", APPROVED),
            ("10:04", about("publish", audience="everybody")),
            ("10:05", PUBLISHED),
        ),
        ("10:00 vip first", "10:05 vip all-clear"),
        "all-clear",
    ),
    "cancelled between: who knew hears the end": Case(
        steps(
            ("10:00", PUBLISHED),
            ("10:05", about("cancel")),
            ("10:30", goes("green")),
            ("10:31", APPROVED),
            ("10:32", PUBLISHED),
        ),
        ("10:00 vip first", "10:32 vip all-clear"),
        "all-clear",
    ),
    "cancelled between, and it goes on": Case(
        steps(("10:00", PUBLISHED), ("10:05", about("cancel"))), ("10:00 vip first",), "stopped"
    ),
    "worse between: no old words to the others, and the new ones are their first": Case(
        steps(
            ("10:00", PUBLISHED),
            ("10:05", goes("red")),
            ("10:12", APPROVED),
            ("10:13", PUBLISHED),
        ),
        ("10:00 vip first", "10:13 vip update", "10:23 contract update", "10:33 everybody update"),
        "updated",
    ),
    "an end that was none: the all-clear stops": Case(
        steps(
            ("10:00", about("publish", all=True)),
            ("10:10", goes("green")),
            ("10:11", APPROVED),
            ("10:12", PUBLISHED),
            ("10:15", goes("orange")),
            ("10:16", APPROVED),
            ("10:17", about("publish", all=True)),
        ),
        (
            *("10:00 vip first", "10:00 contract first", "10:00 everybody first"),
            "10:12 vip all-clear",
            *("10:17 vip update", "10:17 contract update", "10:17 everybody update"),
        ),
        "updated",
    ),
    "an all-clear on its way is owed": Case(
        steps(
            ("10:00", about("publish", all=True)),
            ("10:10", goes("green")),
            ("10:11", APPROVED),
            ("10:12", PUBLISHED),
            ("10:13", about("cancel")),
        ),
        (
            *("10:00 vip first", "10:00 contract first", "10:00 everybody first"),
            *("10:12 vip all-clear", "10:22 contract all-clear", "10:32 everybody all-clear"),
        ),
        "all-clear",
    ),
    "nothing unapproved": Case((("09:58", goes("orange")), ("10:00", PUBLISHED)), (), "draft"),
    "an update that was promised is drafted a quarter of an hour before": Case(
        steps(("10:00", about("publish", all=True)), ("10:50", APPROVED), ("10:51", about("publish", all=True))),
        (
            *("10:00 vip first", "10:00 contract first", "10:00 everybody first"),
            *("10:51 vip update", "10:51 contract update", "10:51 everybody update"),
        ),
        "updated",
        until="11:10",
    ),
}


def timeline(audiences: Audiences | None = None, **given: Any) -> Timeline:
    return Timeline((NOTICED,), Site(audiences=audiences or Audiences()), **given)


def records(line: Timeline) -> list[dict[str, Any]]:
    return [json.loads(each.value) for each in line.out if each.topic == NOTICES]


def told(line: Timeline) -> list[str]:
    """Write who was told: `10:00 vip first`."""
    return [f"{each['time'][11:16]} {each['audience']} {each['kind']}" for each in records(line) if each["audience"]]


@pytest.mark.parametrize("restarts", [False, True], ids=["one desk", "taken over after every step"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_who_is_told_when(case: Case, restarts: bool) -> None:
    line = timeline(case.audiences, restarts=restarts)
    for time, step in case.happens:
        line.at(time, step)
    line.pass_to(clock(case.until))
    assert told(line) == list(case.told)
    assert records(line)[-1]["state"] == case.state


def test_a_refusal_says_whose_turn_it_is() -> None:
    line = timeline()
    line.at("09:58", goes("orange"))
    line.at("09:59", APPROVED)
    line.at("10:00", about("publish", audience="everybody"), about("publish", audience="gold"))
    line.at("10:01", about("publish", audience="vip", all=True), about("publish", audience=3), PUBLISHED)
    line.at("10:02", about("publish", audience="vip"))
    said = [each.removeprefix("refused: ").replace(records(line)[0]["notice"], "N") for each in line.outcomes()]
    assert said == [
        "done",
        "cannot publish notice N to everybody: vip comes first",
        "cannot publish notice N to gold: it has no such audience; there are: vip, contract, everybody",
        'either "audience" or "all": the one that is named, or every one at once',
        '"audience" is the name of one, "all" is true or false',
        "done",
        "cannot publish notice N to vip: they were told",
    ]


def test_a_record_says_what_is_to_be_sent_to_whom() -> None:
    line = timeline()
    line.at("09:58", goes("orange"))
    line.at("09:59", APPROVED)
    line.at("10:00", PUBLISHED)
    line.at("10:12", goes("red"))
    line.at("10:13", APPROVED)
    line.at("10:14", about("publish", all=True))
    sent = [(each["audience"], each["message"]) for each in records(line) if each["audience"]]
    text = records(line)[-1]["text"]
    assert [tier for tier, _ in sent] == ["vip", "contract", "vip", "contract", "everybody"]
    assert sent[2][1] == {"zh": text["zh"]["short"], "en": text["en"]["short"]}
    assert sent[2][1]["zh"].startswith("【更新】")
    # They have heard nothing before: it is no update to them, and it is the long text.
    assert text["zh"]["headline"].startswith("【更新】")
    assert sent[4][1]["zh"] == f"{text['zh']['headline'].removeprefix('【更新】')}\n{text['zh']['body']}"
    assert [each["audience"] for each in records(line) if each["message"] is None] == [None] * 4


def test_a_desk_that_falls_back_between_two_audiences_writes_the_same_records() -> None:
    line = timeline()
    line.at("09:58", goes("orange"))
    line.at("09:59", APPROVED)
    line.at("10:00", PUBLISHED)
    line.save()
    steps = line.desk.steps
    line.pass_to(clock("10:25"))
    assert line.desk.steps == steps + 2, "each is a reason to save the state: no record tells of it"
    before = [each for each in line.out if each.topic == NOTICES]
    line.crash(away_s=600)
    line.pass_to(clock("10:40"))
    after = [each for each in line.out if each.topic == NOTICES][len(before) :]
    assert after == before[-2:]
    assert [json.loads(each.value)["time"][11:19] for each in after] == ["10:10:00", "10:20:00"]


@pytest.mark.parametrize(
    ("happens", "reached"),
    [
        pytest.param((("10:00", PUBLISHED),), [None, None, None, None, "10:20"], id="the last was told"),
        pytest.param((("10:00", PUBLISHED), ("10:05", about("cancel"))), [None, None, None, "10:00"], id="cancelled"),
        pytest.param((("10:00", goes("green")),), [None, None, None], id="nobody heard of it"),
    ],
)
def test_a_record_says_when_the_last_heard_of_it(happens: tuple[tuple[str, Step], ...], reached: list[str]) -> None:
    line = timeline()
    for time, step in steps(*happens):
        line.at(time, step)
    line.pass_to(clock("10:40"))
    assert [each["reached"] and each["reached"][11:16] for each in records(line)] == reached


def late(line: Timeline) -> list[str]:
    return [str(each)[:8] for each in line.told if each.notification.reason is Reason.NOTICE_LATE]


@pytest.mark.parametrize(
    ("happens", "at"),
    [
        pytest.param((), "12:58:01", id="nobody was told"),
        pytest.param((("12:50", PUBLISHED),), "12:58:01", id="the last would be told too late"),
        pytest.param((("12:50", about("publish", audience="vip")),), "12:58:01", id="the others were forgotten"),
        pytest.param((("12:37", PUBLISHED),), "", id="the last was told a minute before"),
        pytest.param((("12:50", about("publish", all=True)),), "", id="all at once"),
        pytest.param((("12:50", PUBLISHED), ("12:51", about("cancel"))), "", id="kept from the others on purpose"),
        pytest.param((("12:40", goes("green")),), "", id="it was over before"),
    ],
)
def test_an_audience_that_is_not_told_in_time_is_an_alert(happens: tuple[tuple[str, Step], ...], at: str) -> None:
    line = timeline(step_ms=1_000)
    line.at("09:58", goes("orange"))
    line.at("12:30", APPROVED)
    for time, step in happens:
        line.at(time, step)
    line.pass_to(clock("13:20"))
    assert late(line) == ([at] if at else [])


def test_the_alert_names_who_was_not_told_and_by_when() -> None:
    line = timeline()
    line.at("09:58", goes("orange"))
    line.at("12:50", APPROVED, about("publish", audience="vip"))
    line.pages.clear()
    page = line.want(between("12:58", "12:59"), "notice-late orange outage 长沙")
    name = records(line)[0]["notice"]
    assert page.facts.note == {
        "en": f"Notice {name}, due by 2026-03-02 20:58 +08:00, has not reached: contract, everybody",
        "zh": f"公告 {name} 应于 2026-03-02 20:58 +08:00 前发布，尚未告知：contract、everybody",
    }
    line.want_none("13:40")


def test_an_update_that_was_promised_and_is_not_out_is_an_alert_of_its_own() -> None:
    line = timeline()
    line.at("09:58", goes("orange"))
    line.at("09:59", APPROVED)
    line.at("10:00", PUBLISHED)  # everybody reads it at 10:20, and the first were promised more by 11:00
    line.pages.clear()
    page = line.want(between("11:00", "11:01"), "notice-late orange outage 长沙")
    assert "promised more by 2026-03-02 19:00 +08:00" in page.facts.note["en"]
    line.want_none("13:40")


def test_what_is_silenced_is_late_aloud_only_once_it_is_heard_again() -> None:
    line = timeline()
    line.at("09:58", goes("orange"))
    line.at("12:00", silence("s1", "13:30", region="长沙"))
    line.pass_to(clock("13:29"))
    assert late(line) == []
    line.pass_to(clock("13:40"))
    assert [each[:5] for each in late(line)] == ["13:30"]


def test_those_on_duty_are_told_whom_the_ladder_rang() -> None:
    line = calling(rules=(replace(CALLED, notice="outage"),), start="09:58")
    line.at("09:58", alert(CALLED, "orange", region="长沙"))
    line.at("10:00", asks("ack", "an", lambda line: line.last["长沙"]))
    line.pass_to(clock("12:59"))
    line.rang(between("12:50", "12:59"), "an", "notice-late")
    line.rang_none("bo", between("12:50", "12:59"))


MINUTES = st.integers(min_value=0, max_value=90)
WHAT: dict[str, Callable[[], Step]] = {
    "orange": lambda: goes("orange"),
    "red": lambda: goes("red"),
    "green": lambda: goes("green"),
    "approve": lambda: APPROVED,
    "publish": lambda: PUBLISHED,
    "one": lambda: about("publish", audience="contract"),
    "vip": lambda: about("publish", audience="vip"),
    "all": lambda: about("publish", all=True),
    "cancel": lambda: about("cancel"),
}
HISTORIES = st.lists(
    st.tuples(MINUTES, st.sampled_from(sorted(WHAT))) | st.tuples(MINUTES, st.sampled_from(["approve", "publish"])),
    max_size=14,
)


def lived(history: list[tuple[int, str]]) -> Timeline:
    """Let an incident begin at ten, and all this happen after it in the order of time."""
    line = timeline(step_ms=300_000)
    line.at("10:00", goes("orange"))
    for minute, what in sorted(history, key=lambda each: each[0]):
        line.pass_to(clock("10:00") + minute * 60_000)
        line.do(WHAT[what]())
    line.pass_to(clock("12:00"))
    return line


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(HISTORIES)
def test_the_order_is_never_turned_round_and_nobody_hears_a_text_twice(history: list[tuple[int, str]]) -> None:
    line = lived(history)
    rounds: dict[str, list[int]] = {}
    knew: set[tuple[str, str]] = set()
    for each in records(line):
        name, tier = each["notice"], each["audience"]
        if each["state"] == "draft":
            rounds[name] = []
        if tier:
            rounds[name].append(TIERS.index(tier))
            assert all(one < other for one, other in pairwise(rounds[name])), rounds[name]
            assert each["kind"] != "all-clear" or (name, tier) in knew, "the end is for those who knew"
            knew.add((name, tier))
        times = [step["time"] for step in each["steps"]]
        assert times == sorted(times)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(HISTORIES, st.lists(st.integers(min_value=1, max_value=4), min_size=1, max_size=6), st.booleans())
def test_any_split_of_the_log_gives_the_same_records(
    history: list[tuple[int, str]], sizes: list[int], anew: bool
) -> None:
    """The log alone, in pieces of any size and by desks that take over from each other, without a beat between."""
    line = lived(history)
    want = [each.value for each in line.out if each.topic == NOTICES]
    got: list[bytes] = []
    stage, first, turn = line._stage(Ear()), 0, 0
    while first < len(line.log):
        part = line.log[first : first + sizes[turn % len(sizes)]]
        got += [each.value for each in stage.feed(_of_log(*part, first=first), line.now_ms) if each.topic == NOTICES]
        first, turn = first + len(part), turn + 1
        if anew:
            blob, stage = stage.dump(), line._stage(Ear())
            stage.load(blob)
    got += [each.value for each in stage.beat(line.now_ms) if each.topic == NOTICES]
    assert got == want
