"""Whatever happens: red is told, the end is told once, and a desk taken over anywhere goes on the same."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.desk import Desk, Effect
from alerts.notifications import ASIDES, Notification, Reason
from alerts.records import AlertRecord, alert_record
from alerts.routing import Routing
from alerts.site import Site
from alerts.windows import read_windows
from detectors.rules import LEVEL_CODE
from detectors.transition import Transition
from tests.alerting import CHINA
from tests.happenings import CELLS, DAY_MS, OUTAGE, PROVINCE, QUEUE, RULES, SURGE, silence_of

SERIES = (
    (OUTAGE, ("长沙",)),
    (OUTAGE, ("株洲",)),
    (PROVINCE, ()),
    (CELLS, ("长沙", "bts-1")),
    (CELLS, ("株洲", "bts-2")),
    (SURGE, ("长沙", "network")),
    (SURGE, ("株洲", "billing")),
    (QUEUE, ("vip",)),
)
MINUTE_MS = 60_000
SITE = Site(windows=read_windows([{"name": "w", "match": {"region": "长沙"}, "from": "08:00", "to": "09:00"}], CHINA))


@st.composite
def days(draw: st.DrawFn) -> list[tuple[int, AlertRecord]]:
    """Records of several series, each at its minute, in order; all are green in the end."""
    steps = draw(
        st.lists(st.tuples(st.integers(0, len(SERIES) - 1), st.integers(0, 3), st.integers(0, 8)), max_size=40)
    )
    levels = ("green", "yellow", "orange", "red")
    at: dict[int, tuple[str, int]] = {}
    now_ms = DAY_MS
    told = []
    for which, level, pause in [*steps, *((number, 0, 0) for number in range(len(SERIES)))]:
        now_ms += pause * MINUTE_MS + 1_000
        was, started_ms = at.get(which, ("green", now_ms))
        new = levels[level]
        if new == was:
            continue
        started_ms = now_ms if was == "green" else started_ms
        at[which] = (new, started_ms)
        rule, key = SERIES[which]
        reason = "raised" if LEVEL_CODE[new] > LEVEL_CODE[was] else "lowered"
        moved = Transition(rule.id, key, new, was, now_ms, started_ms, 1.0, 1.0, reason)
        told.append((now_ms, alert_record(moved, rule)))
    return told


def made() -> Desk:
    return Desk(RULES, CHINA, Routing(channels=("pager",)), site=SITE)


def pages(effects: list[Effect]) -> list[Notification]:
    return [each for each in effects if isinstance(each, Notification) and each.reason not in ASIDES]


def walk(desk: Desk, day: list[tuple[int, AlertRecord]]) -> list[Effect]:
    effects: list[Effect] = []
    for now_ms, record in day:
        effects += [*desk.beat(now_ms), *desk.handle(record, now_ms)]
    return effects


@given(days())
@settings(max_examples=200)
def test_each_red_alert_is_in_a_page_within_the_digest_whatever_mutes_its_incident(
    day: list[tuple[int, AlertRecord]],
) -> None:
    desk = made()
    desk.silence(silence_of("s1", DAY_MS, "06:00", region="株洲"), DAY_MS)
    named: set[str] = set()
    fresh: dict[str, str] = {}  # red alert that is in no page yet → its incident
    for now_ms, record in day:
        told = pages([*desk.beat(now_ms), *desk.handle(record, now_ms)])
        if record.level == "red" and record.alert not in named:
            fresh[record.alert] = next(
                each.id for each in desk.incidents if desk.incidents.members(each.id).get(record.alert)
            )
        for page in told:
            if page.record.level == "red" or page.facts.newly_red:
                named |= {alert for alert, home in fresh.items() if home == page.record.incident}
                named |= {each.record.alert for each in desk.incidents.members(page.record.incident) if each.is_red}
                fresh = {alert: home for alert, home in fresh.items() if home != page.record.incident}
        waiting = {each.id: each.telling.newly_red for each in desk.incidents}
        for home in fresh.values():
            assert list(fresh.values()).count(home) <= waiting[home], "told at once, or with the next digest"


@given(days())
@settings(max_examples=100)
def test_all_that_was_told_ends_and_ends_once(day: list[tuple[int, AlertRecord]]) -> None:
    desk = made()
    told = pages(walk(desk, day))
    for minute in range(1, 120):
        told += pages(desk.beat((day[-1][0] if day else DAY_MS) + minute * MINUTE_MS))
    standing: dict[str, str] = {}
    for page in told:
        incident = page.record.incident
        if page.reason is Reason.RESOLVED:
            assert standing.get(incident) != "over", "what is over ends no more"
            standing[incident] = "over"
        else:
            standing[incident] = page.record.level
    assert set(standing.values()) <= {"over"}
    assert desk.firing("pager") == []
    assert sum(desk.incidents.counts().values()) == len(desk.incidents)


@given(days(), st.data())
@settings(max_examples=100)
def test_a_desk_taken_over_anywhere_goes_on_the_same(day: list[tuple[int, AlertRecord]], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(day)))
    whole, first, second = made(), made(), made()
    for desk in (whole, first):
        desk.silence(silence_of("s1", DAY_MS, "01:00", region="株洲"), DAY_MS)
    before = walk(first, day[:cut])
    second.load(msgspec.json.decode(msgspec.json.encode(first.dump())))
    for _, record in day[:cut]:  # some of it comes again
        assert second.handle(record, day[cut - 1][0]) == []
    assert before + walk(second, day[cut:]) == walk(whole, day)
    assert second.dump() == whole.dump()
