"""A worker on a broker, with a stream and places that only its settings know."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest

from alerts.notices import NoticeChange
from alerts.records import AlertRecord
from streams.broker import EmbeddedBroker
from streams.commands.joining import joined
from streams.settingsfile import read_settings
from streams.stage import Outgoing
from tests.flow.test_places import RULES, SETTINGS, TABLE, events

pytestmark = pytest.mark.slow


class Heard:
    """Keeps what the desk decides."""

    def __init__(self) -> None:
        self.records: list[AlertRecord] = []
        self.red = asyncio.Event()

    def alert(self, record: AlertRecord) -> None:
        self.records.append(record)
        if record.key == {"province": "湖南"} and record.level == "red":
            self.red.set()

    def notice(self, change: NoticeChange) -> None:
        """Ours are not asked for."""


@pytest.fixture
def site_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    more = "lateness: 0s\nstream_partitions: 1\njudge_partitions: 1\nstreams: []\nrules: rules.yaml\nweb: {port: 0}\n"
    Path("site.yaml").write_text(SETTINGS + more + "channels: {}\n", encoding="utf-8")
    Path("topology.csv").write_text(TABLE, encoding="utf-8")
    Path("rules.yaml").write_text(RULES, encoding="utf-8")


@pytest.mark.usefixtures("site_files")
async def test_events_of_a_declared_stream_become_alerts_with_their_places() -> None:
    with EmbeddedBroker() as broker:
        settings = read_settings(Path("site.yaml"), {"broker": (broker.bootstrap,)})
        service = joined(settings, clock=lambda: time.time_ns() // 1_000_000)
        assert service.streams == ("lockers",)
        for topic in service.topics:
            broker.create(topic.name, topic.partitions)
        heard, up = Heard(), asyncio.Event()
        service.listeners.others.append(heard)
        running = asyncio.create_task(service.run(up.set))
        try:
            await asyncio.wait_for(up.wait(), 30)
            await service.host.publish(*(Outgoing("tocsin.lockers", json.dumps(one).encode()) for one in events()))
            await asyncio.wait_for(heard.red.wait(), 30)
            unknown = service.metrics.registry.get_sample_value("tocsin_unknown_places_total", {"stream": "lockers"})
        finally:
            service.stop()
            await running
    assert unknown == sum(one.get("outlet") in ("o10", "o11") for one in events())
    red = next(record for record in heard.records if record.level == "red")
    assert "in Hunan · mainly outlet o" in red.summary["en"]
