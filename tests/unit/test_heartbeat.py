"""The heartbeat stops when the desk does, and only then."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from alerts.heartbeat import HeartbeatSender
from alerts.notifications import Delivery, Result
from alerts.senders.poster import Poster, Reach
from streams.hosting import Progress
from streams.pulse import Pulse
from streams.state import state_folder
from streams.topics import ALERTS
from tests.alerting import START_MS
from tests.sink import sink, status

if TYPE_CHECKING:
    import pytest


def at(next_offset: int, end_offset: int = 9, topic: str = ALERTS) -> Progress:
    return Progress(topic, 0, next_offset, end_offset, None, 0.0, 0.0)


def test_it_beats_while_all_moves_or_is_at_its_end() -> None:
    pulse = Pulse()
    calls = "tocsin.calls"
    assert pulse.beats([at(3), at(9, topic=calls)], [])
    assert pulse.beats([at(5), at(9, topic=calls)], [])
    assert not pulse.beats([at(5), at(9, topic=calls)], []), "there is more and it stands still"
    assert pulse.beats([at(9), at(9, topic=calls)], [])
    assert pulse.beats([at(9), at(9, topic=calls)], []), "nothing more to do is no standstill"
    assert not pulse.beats([at(9), at(9, 12, topic=calls)], []), "another partition stands still"
    assert not pulse.beats([at(9)], ["the outbox cannot be written"])


def test_who_does_not_hold_the_desk_has_no_pulse() -> None:
    assert not Pulse().beats([at(9, topic="tocsin.calls")], [])
    assert not Pulse().beats([], [])


async def test_it_is_an_alert_that_always_fires() -> None:
    async with sink(status(200)) as server:
        sender = HeartbeatSender(Poster(server.url, Reach(private=True), lambda: START_MS), lambda: START_MS)
        assert await sender.send() == Delivery(Result.DELIVERED)
        await sender.close()
    told = json.loads(server.requests[0][1])
    assert (told["version"], told["status"]) == ("4", "firing")
    assert told["alerts"][0]["labels"]["alertname"] == "TocsinAlive"
    assert told["alerts"][0]["annotations"]["time"] == "2026-03-01T09:18:00Z"


def test_where_state_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STATE_DIRECTORY", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/var/empty")
    assert state_folder(None) == Path("/var/empty/.local/state/tocsin")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert state_folder(None) == Path("/state/tocsin")
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/tocsin:/var/lib/other")
    assert state_folder(None) == Path("/var/lib/tocsin")
    assert state_folder(Path("here")) == Path("here")
