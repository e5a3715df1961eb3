"""A storm: ten thousand outlets go red within a minute. Few pages, and each red is in one."""

from __future__ import annotations

from alerts.desk import Desk
from alerts.notifications import Notification, Reason
from alerts.records import alert_record
from alerts.routing import Routing
from detectors.transition import Transition
from tests.alerting import CHINA
from tests.happenings import CELLS, DAY_MS, RULES

ALARMS = 10_000
REGIONS = 14
PAGES_MAX = 3 * REGIONS
"""A region: one page at once, and one a minute while more turns red."""


def test_a_storm_is_a_few_pages_and_each_red_is_in_one() -> None:
    desk = Desk(RULES, CHINA, Routing(channels=("pager",)))
    pages: list[Notification] = []
    for number in range(ALARMS):
        now_ms = DAY_MS + number * 6
        key = (f"region-{number % REGIONS}", f"outlet-{number}")
        red = Transition(CELLS.id, key, "red", "green", now_ms, now_ms, 30.0, 10.0, "raised")
        effects = [*desk.handle(alert_record(red, CELLS), now_ms), *(desk.beat(now_ms) if number % 150 == 0 else ())]
        pages += [each for each in effects if isinstance(each, Notification)]
    for second in range(61, 125):
        pages += [each for each in desk.beat(DAY_MS + second * 1_000) if isinstance(each, Notification)]
    assert len(pages) <= PAGES_MAX
    assert sum(1 if each.reason is Reason.FIRST else each.facts.newly_red for each in pages) == ALARMS
    assert len(desk.incidents) == REGIONS
