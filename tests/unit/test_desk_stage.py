"""The stage of the desk: alert records in; incidents, notifications and notices out, each once."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field

import pytest

from alerts.chronicle import Change, Page, decode
from alerts.desk import Desk
from alerts.notices import NoticeChange
from alerts.notifications import Notification
from alerts.records import AlertRecord
from alerts.routing import Routing
from streams.desk_stage import DeskStage
from streams.stage import Outgoing
from streams.topics import HISTORY, NOTICES
from tests.alerting import CHINA, START_MS, SURGE, Roomy, entry, history
from tests.staging import chunk

LOG = [entry(record) for record in history(["yellow", "orange", "red", "orange", "green"])]


@dataclass
class Ear:
    """Hears what the desk decides, and what is to be sent."""

    alerts: list[AlertRecord] = field(default_factory=list)
    notices: list[NoticeChange] = field(default_factory=list)
    outlet: Roomy = field(default_factory=Roomy)

    @property
    def offered(self) -> list[Notification]:
        return self.outlet.offered

    def alert(self, record: AlertRecord) -> None:
        self.alerts.append(record)

    def notice(self, change: NoticeChange) -> None:
        self.notices.append(change)

    def stage(self) -> DeskStage:
        return DeskStage(Desk([SURGE], CHINA, Routing(channels=("hook",))), self.outlet, self)


def test_a_record_becomes_an_incident_a_notification_and_a_notice() -> None:
    ear = Ear()
    stage = ear.stage()
    out = stage.feed(chunk(*LOG, topic="tocsin.commands"), START_MS)
    assert [record.level for record in ear.alerts] == ["yellow", "orange", "red", "orange", "green"]
    assert [each.reason.value for each in ear.offered] == ["first", "raised", "raised", "lowered", "resolved"]
    assert [change.notice.state.value for change in ear.notices] == ["draft", "draft", "withdrawn"]
    notices = [record for record in out if record.topic == NOTICES]
    assert len({record.key for record in notices}) == 1
    assert [json.loads(record.value)["state"] for record in notices] == ["draft", "draft", "withdrawn"]
    happened = [decode(record.value) for record in out if record.topic == HISTORY]
    assert [each.what for each in happened if isinstance(each, Change)] == [
        *("opened", "raised", "raised", "lowered", "resolved"),
    ]
    assert [each.id for each in happened if isinstance(each, Page)] == [each.idempotency_key for each in ear.offered]
    assert len({each.id for each in happened}) == len(happened)
    (incident,) = stage.desk.incidents
    assert (incident.state.value, incident.peak_level) == ("resolved", "red")


@pytest.mark.parametrize("cut", range(len(LOG) + 1))
def test_a_restart_or_a_repeat_at_any_point_changes_nothing(cut: int) -> None:
    ear = Ear()
    expected = ear.stage().feed(chunk(*LOG), START_MS)
    again = Ear()
    first = again.stage()
    out: list[Outgoing] = first.feed(chunk(*LOG[:cut]), START_MS)
    second = again.stage()
    second.load(first.dump())
    out += second.feed(chunk(*LOG), START_MS)
    assert out == expected
    assert (again.alerts, again.offered) == (ear.alerts, ear.offered)
    assert second.beat(START_MS) == []


def test_a_tombstone_says_nothing() -> None:
    ear = Ear()
    assert ear.stage().feed(chunk(None), START_MS) == []
    assert ear == Ear()


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"rubbish", id="not JSON"),
        pytest.param(b"{}", id="nothing in it"),
        pytest.param(b"[" * 5_000, id="too deep"),
        pytest.param(b'{"command":"","time":"2026-03-01T00:00:00Z","by":"li","what":"ack"}', id="no id"),
        pytest.param(b'{"command":"a","time":"2026-03-01T00:00:00","by":"li","what":"ack"}', id="no offset"),
        pytest.param(b'{"command":"a","time":"2026-03-01T00:00:00Z","by":"li","what":"dance"}', id="no such verb"),
        pytest.param(b'{"command":"a","time":"2026-03-01T00:00:00Z","by":"li","what":"alert"}', id="no record"),
        pytest.param(b'{"command":"a","time":"2026-03-01T00:00:00Z","by":"\\n","what":"ack"}', id="no name"),
    ],
)
def test_what_is_no_entry_is_a_dead_letter_and_harms_no_neighbour(value: bytes) -> None:
    ear = Ear()
    (letter, *rest) = ear.stage().feed(chunk(value, LOG[0], topic="tocsin.commands"), START_MS)
    told = json.loads(letter.value)
    assert (letter.topic, told["stream"], told["reason"], told["offset"]) == (
        "tocsin.deadletters",
        "commands",
        "bad-value",
        0,
    )
    assert told["detail"].startswith("not a command")
    assert (len(ear.alerts), {each.topic for each in rest}) == (1, {HISTORY})


@pytest.mark.parametrize("blob", [b"", b"\x90", b"\x82\xa9incidents\x90\xa7notices\x90"])
def test_the_state_of_somebody_else_is_refused(blob: bytes) -> None:
    with pytest.raises(ValueError, match="not a"):
        Ear().stage().load(blob)


def test_with_no_room_in_the_outbox_records_stay_in_the_log() -> None:
    ear = Ear()
    stage = ear.stage()
    assert stage.appetite(START_MS) is None
    ear.outlet.has_room = False
    assert stage.appetite(START_MS) == 0


def test_what_is_no_entry_is_counted() -> None:
    ear, counted = Ear(), []
    desk = Desk([SURGE], CHINA, Routing(channels=("hook",)))
    DeskStage(desk, ear.outlet, ear, counted.append).feed(chunk(b"%%", LOG[0], b"{}"), START_MS)
    assert counted == ["bad-value"] * 2
    assert len(ear.offered) == 1


async def test_its_state_waits_for_the_outbox() -> None:
    ear = Ear()
    stage = ear.stage()
    assert stage.entrusted() is None
    ear.outlet.promise = asyncio.get_running_loop().create_future()
    assert stage.entrusted() is ear.outlet.promise


@pytest.mark.parametrize(("levels", "told"), [(["yellow", "red"], ["red"]), (["red", "orange"], []), ([], [])])
def test_whoever_takes_it_over_says_again_what_is_red_by_the_same_key(levels: list[str], told: list[str]) -> None:
    before, after = Ear(), Ear()
    stage = before.stage()
    stage.feed(chunk(*[entry(record) for record in history(levels)]), START_MS)
    after.stage().load(stage.dump())
    assert [each.record.level for each in after.offered] == told
    known = {each.idempotency_key for each in before.offered}
    assert {each.idempotency_key for each in after.offered} <= known
