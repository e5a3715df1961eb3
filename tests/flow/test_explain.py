"""Days at the desk, explained: each golden text is what `tocsin explain` says of it, English first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from alerts.duty import Person
from alerts.outbox.item import Outcome
from alerts.routing import Routing
from alerts.windows import read_windows
from streams.explain import UnknownId, explanation
from streams.stage import Outgoing
from tests.alerting import CHINA
from tests.happenings import CELLS, CLAIMS, OUTAGE, PROVINCE, SURGE
from tests.recounted import Day, explained, history_of, rows_of
from tests.staging import chunk
from tests.timeline import NOTIFY, crew

Golden = Callable[[str, str], None]
TITLE = {"en": "Users affected", "zh": "受影响用户"}
CAREFUL = replace(OUTAGE, title=TITLE, for_ms=60_000, clear=0.9, clear_for_ms=120_000)
RUNG = replace(CAREFUL, notify=NOTIFY)


def test_a_paged_red(golden: Golden, tmp_path: Path) -> None:
    day = Day(rules=(RUNG,), crew=crew(), routing=Routing(channels=("pager",), receivers={"noc": ("pager",)}))
    day.pass_to("10:00")
    alert = day.alert(RUNG, "yellow", 12, region="长沙")
    day.pass_to("10:01")
    day.delivers()
    day.alert(RUNG, "red", 34.5, region="长沙")
    day.pass_to("10:07")
    day.delivers(together=3)
    day.command("ack", "bo", alert.incident, text="on my way")
    day.command("ack", "an", alert.incident)
    day.pass_to("10:20")
    day.command("promise", "bo", alert.incident, until="2026-03-02T19:00:00+08:00")
    day.pass_to("10:30")
    day.alert(RUNG, "green", 2, region="长沙")
    day.delivers()
    golden("explain/paged.txt", explained(day.log, alert.alert, tmp_path))
    golden("explain/paged-incident.txt", explained(day.log, alert.incident, tmp_path))


def test_an_alert_that_is_silenced(golden: Golden, tmp_path: Path) -> None:
    day = Day(rules=(CAREFUL,))
    day.pass_to("10:00")
    ends = "2026-03-02T20:00:00+08:00"
    day.command("silence-add", "王工", "s1", match={"region": "长沙"}, comment="割接", ends=ends)
    day.pass_to("10:05")
    alert = day.alert(CAREFUL, "orange", 21, region="长沙")
    day.pass_to("10:15")
    golden("explain/silenced.txt", explained(day.log, alert.alert, tmp_path))
    day.command("silence-expire", "李工", "s1")
    day.delivers()
    golden("explain/silenced-no-more.txt", explained(day.log, alert.alert, tmp_path))
    golden("explain/silence.txt", explained(day.log, "s1", tmp_path))


def test_a_silence_that_hid_no_red_is_not_why_nobody_was_paged(tmp_path: Path) -> None:
    day = Day(rules=(CAREFUL,), routing=Routing(channels=()))
    day.pass_to("10:00")
    ends = "2026-03-02T20:00:00+08:00"
    day.command("silence-add", "王工", "s1", match={"region": "长沙"}, comment="割接", ends=ends)
    alert = day.alert(CAREFUL, "orange", 21, region="长沙")
    day.pass_to("10:05")
    assert "Nobody was paged because of it: the silence s1" in explained(day.log, alert.alert, tmp_path)
    day.alert(CAREFUL, "red", 34, region="长沙")
    day.pass_to("10:10")
    told = explained(day.log, alert.alert, tmp_path)
    assert "Nobody was paged because of it: the silence" not in told
    assert "Nobody was paged because of it: whom the rule names at this level hears by no channel" in told


def test_an_alert_that_a_cause_explains(golden: Golden, tmp_path: Path) -> None:
    day = Day(rules=(CAREFUL, SURGE))
    day.pass_to("10:00")
    surge = day.alert(SURGE, "yellow", 11, region="长沙", category="network")
    day.delivers()
    other = day.alert(SURGE, "yellow", 11, region="株洲", category="network")
    day.pass_to("10:02")
    outage = day.alert(CAREFUL, "orange", 21, region="长沙")
    day.delivers()
    day.pass_to("10:04")
    joined = day.alert(SURGE, "yellow", 12, region="长沙", category="billing")
    day.pass_to("10:05")
    golden("explain/explained-late.txt", explained(day.log, surge.alert, tmp_path))
    golden("explain/symptom.txt", explained(day.log, joined.alert, tmp_path))
    assert outage.incident not in explained(day.log, other.alert, tmp_path)


def test_an_alert_that_a_wider_one_inhibits(golden: Golden, tmp_path: Path) -> None:
    day = Day(rules=(CAREFUL, PROVINCE))
    day.pass_to("10:00")
    narrow = day.alert(CAREFUL, "yellow", 11, region="长沙")
    day.delivers()
    day.pass_to("10:01")
    day.alert(PROVINCE, "orange", 22)
    day.pass_to("10:02")
    day.alert(CAREFUL, "orange", 21, region="长沙")
    day.pass_to("10:03")
    golden("explain/inhibited.txt", explained(day.log, narrow.alert, tmp_path))


def test_an_alert_in_a_maintenance_window(golden: Golden, tmp_path: Path) -> None:
    given = {"name": "core-upgrade", "match": {"region": "长沙"}, "from": "17:00", "to": "19:00"}
    day = Day(rules=(CAREFUL,), windows=read_windows([given], CHINA))
    day.pass_to("10:00")
    alert = day.alert(CAREFUL, "yellow", 12, region="长沙")
    day.pass_to("10:30")
    golden("explain/maintenance.txt", explained(day.log, alert.alert, tmp_path))
    day.pass_to("11:01")
    day.delivers()
    golden("explain/maintenance-over.txt", explained(day.log, alert.alert, tmp_path))


def test_an_alert_that_flaps(golden: Golden, tmp_path: Path) -> None:
    day = Day(rules=(CLAIMS,))
    alert = None
    for minute in range(0, 8, 2):
        day.pass_to(f"10:{minute:02}")
        alert = day.alert(CLAIMS, "orange", 21, region="长沙")
        day.delivers()
        day.pass_to(f"10:{minute + 1:02}")
        alert = day.alert(CLAIMS, "yellow", 11, region="长沙")
        day.delivers()
    assert alert is not None
    golden("explain/flapping.txt", explained(day.log, alert.alert, tmp_path))


def test_a_delivery_that_failed_and_was_told_by_the_channel_behind(golden: Golden, tmp_path: Path) -> None:
    day = Day(rules=(CAREFUL,))
    day.pass_to("10:00")
    alert = day.alert(CAREFUL, "orange", 21, region="长沙")
    (page,) = day.offered
    day.pass_to("10:01")
    day.delivers(Outcome.REFUSED)
    day.offered = [msgspec.structs.replace(page, channel="sms", instead_of="pager")]
    day.pass_to("10:02")
    day.delivers(channel="sms")
    golden("explain/fallback.txt", explained(day.log, alert.alert, tmp_path))
    golden("explain/page.txt", explained(day.log, page.idempotency_key, tmp_path))


def test_somebody_whose_quiet_hours_hold_a_ring_back(golden: Golden, tmp_path: Path) -> None:
    asleep = Person(id="an", quiet=(9 * 60, 19 * 60))
    day = Day(rules=(RUNG,), crew=crew(asleep), routing=Routing(channels=("pager",), receivers={"noc": ("pager",)}))
    day.pass_to("10:00")
    alert = day.alert(RUNG, "orange", 21, region="长沙")
    golden("explain/held.txt", explained(day.log, alert.alert, tmp_path))


def test_a_notice_and_its_steps(golden: Golden, tmp_path: Path) -> None:
    noticed = replace(CAREFUL, notice="outage")
    day = Day(rules=(noticed,))
    day.pass_to("10:00")
    alert = day.alert(noticed, "orange", 21, region="长沙")
    notice = "ntc-" + alert.incident.removeprefix("inc-")
    day.command("notice-publish", "刘", notice)
    day.command("notice-approve", "刘", notice)
    day.command("notice-publish", "刘", notice)
    day.pass_to("10:15")
    day.command("notice-publish", "刘", notice, all=True)
    golden("explain/notice.txt", explained(day.log, notice, tmp_path))


def test_what_the_desk_never_noted_is_said_to_be_unknown(golden: Golden, tmp_path: Path) -> None:
    day = Day(rules=(CAREFUL,))
    day.pass_to("10:00")
    alert = day.alert(CAREFUL, "orange", 21, region="长沙")
    only = [entry for entry in day.log if entry[0] == "tocsin.alerts"]
    golden("explain/unnoted.txt", explained(only, alert.alert, tmp_path))


def test_an_id_that_nothing_is_known_of(tmp_path: Path) -> None:
    with history_of([], tmp_path) as reads, pytest.raises(UnknownId, match="no alert, incident, page, silence"):
        explanation("nothing", CHINA)(reads)


def test_a_joined_alert_says_beside_what(tmp_path: Path) -> None:
    day = Day(rules=(CELLS,))
    day.pass_to("10:00")
    day.alert(CELLS, "yellow", region="长沙", element="bts-1")
    day.pass_to("10:01")
    second = day.alert(CELLS, "yellow", region="长沙", element="bts-2")
    told = explained(day.log, second.alert, tmp_path)
    assert "alerts of the same kind fired in the same area" in told
    assert "Nobody was paged because of it: the incident had been told at YELLOW already" in told


@pytest.mark.parametrize("kept", [0, 3, 7, 11, 15, 40])
def test_a_desk_that_reads_its_log_again_adds_nothing(kept: int, tmp_path: Path) -> None:
    """Killed after any record, the desk goes on from its last state; what time brought comes at another time then."""
    day = Day(rules=(RUNG,), crew=crew())
    day.pass_to("10:00")
    blob, entries = day.stage.dump(), len(day.entries)
    ends = "2026-03-02T18:10:00+08:00"
    day.command("silence-add", "王工", "s1", match={"region": "长沙"}, comment="割接", ends=ends)
    alert = day.alert(RUNG, "yellow", 12, region="长沙")
    day.command("comment", "bo", alert.incident, text="hm")
    day.pass_to("10:12")  # the silence is over, and what it hid is told
    day.alert(RUNG, "red", 34.5, region="长沙")
    day.pass_to("10:20")  # the second rung
    day.command("ack", "an", alert.incident)
    straight = list(day.log)
    assert len(day.offered) >= 3
    again = day.made()
    again.load(blob)
    out: list[Outgoing] = []
    for value in day.entries[entries:]:
        out += again.feed(chunk(value, topic="tocsin.commands"), day.now_ms)
    repeated = [(each.topic, each.value) for each in out]
    assert [each for each in repeated if each not in straight], "some of it is told of another time"
    once = rows_of(straight, tmp_path / "a")
    assert once == rows_of([*straight, *repeated[:kept]], tmp_path / "b")
