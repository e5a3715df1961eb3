"""Quiet hours: nobody is told, all is shown; red is never hidden, and what still fires is told at their end."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from alerts.desk import Desk, Effect
from alerts.incidents import IncidentChange
from alerts.notices import NoticeChange
from alerts.notifications import Notification
from alerts.routing import Routing
from detectors.hours import Almanac, Span
from detectors.rules import Rule
from tests.alerting import CHINA, START_MS, SURGE, history

MINUTE_MS = 60_000
# The first record of a history comes at 17:18 in China, the next ones minutes later.
QUIET = replace(SURGE, quiet=(Span(hours=((17 * 60, 18 * 60),)),), notify={}, almanac=Almanac("Asia/Shanghai"))
END_MS = START_MS + 42 * MINUTE_MS  # 18:00


def desk(rule: Rule = QUIET) -> Desk:
    return Desk([rule], CHINA, Routing(channels=("hook",)))


def told(effects: list[Effect] | list[Notification]) -> list[str]:
    return [f"{each.reason.value} {each.record.level}" for each in effects if isinstance(each, Notification)]


def test_nobody_is_told_but_the_incident_and_its_notice_are_there() -> None:
    one = desk()
    effects = [effect for each in history(["yellow", "orange"]) for effect in one.handle(each, each.time_ms)]
    assert told(effects) == []
    changes = [each.what.value for each in effects if isinstance(each, IncidentChange)]
    assert changes == ["opened", "muted", "raised"]
    assert any(isinstance(each, NoticeChange) for each in effects)
    assert [incident.level for incident in one.incidents] == ["orange"]
    assert one.firing("hook") == []


def test_what_still_fires_when_they_end_is_told_then_once_as_it_stands() -> None:
    one = desk()
    for each in history(["yellow", "orange"]):
        one.handle(each, each.time_ms)
    assert told(one.beat(END_MS - 1)) == []
    assert told(one.beat(END_MS)) == ["first orange"]
    assert told(one.beat(END_MS + MINUTE_MS)) == []
    assert told(one.firing("hook")) == ["repeat orange"]


def test_what_came_and_went_within_them_is_never_told() -> None:
    one = desk()
    for each in history(["yellow", "green"]):
        assert told(one.handle(each, each.time_ms)) == []
    assert told(one.beat(END_MS)) == []


def test_red_is_never_hidden_nor_is_how_it_goes_on() -> None:
    one = desk()
    told_of = [told(one.handle(each, each.time_ms)) for each in history(["yellow", "red", "yellow", "green"])]
    assert told_of == [[], ["first red"], ["lowered yellow"], ["resolved green"]]
    assert told(one.beat(END_MS)) == []


@pytest.mark.parametrize(
    ("after", "said"),
    [
        pytest.param(["green"], ["resolved green"], id="who heard of its beginning hears of its end"),
        pytest.param(["orange"], ["raised orange"], id="and of how it stands"),
    ],
)
def test_who_was_told_before_hears_at_the_end(after: list[str], said: list[str]) -> None:
    start, *rest = history(["yellow", *after])
    # Its first record comes before they begin, the next within them.
    one = desk(replace(QUIET, quiet=_from_next_minute(start.time_ms)))
    assert told(one.handle(start, start.time_ms)) == ["first yellow"]
    assert [told(one.handle(each, each.time_ms)) for each in rest] == [[]]
    assert told(one.beat(END_MS)) == said
    assert told(one.beat(END_MS + MINUTE_MS)) == []


def _from_next_minute(time_ms: int) -> tuple[Span, ...]:
    minute = (time_ms // MINUTE_MS + 8 * 60) % 1440 + 1
    return (Span(hours=((minute, 18 * 60),)),)


def test_what_waits_outlives_a_restart_and_a_change_of_rules() -> None:
    one, other = desk(), desk()
    one.handle(history(["yellow"])[0], START_MS)
    other.load(msgspec.msgpack.decode(msgspec.msgpack.encode(one.dump())))
    assert told(other.beat(END_MS)) == ["first yellow"]
    gone = Desk([], CHINA, Routing(channels=("hook",)))
    gone.load(one.dump())
    assert told(gone.beat(START_MS)) == ["first yellow"]  # a rule that is gone has no quiet hours


def test_a_record_handled_again_is_not_told_again() -> None:
    one = desk()
    (start,) = history(["yellow"])
    one.handle(start, START_MS)
    one.beat(END_MS)
    assert one.handle(start, END_MS) == []
    assert told(one.beat(END_MS + MINUTE_MS)) == []
