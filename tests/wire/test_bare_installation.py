"""A worker with no settings and no rules of its own: what comes with Tocsin is whole, and starts cleanly."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from pathlib import Path

import pytest
import yaml

from alerts.ladders import PREFIX
from alerts.notices import NoticeChange
from alerts.records import AlertRecord
from detectors.rules import Rule
from streams.broker import EmbeddedBroker
from streams.commands.joining import configured
from streams.peoplefile import SHIPPED as SHIPPED_LADDERS
from streams.rulefile import load
from streams.settings import DEFAULT_RULES, SHIPPED_RULES
from streams.stage import Outgoing

RULES = load([SHIPPED_RULES]).rules
LADDERS = set(yaml.safe_load(SHIPPED_LADDERS.read_text(encoding="utf-8"))["ladders"])


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.notify], ids=lambda rule: rule.id)
def test_every_ladder_that_a_pack_names_is_there(rule: Rule) -> None:
    named = {name for receivers in rule.notify.values() for name in receivers if name.startswith(PREFIX)}
    assert {name.removeprefix(PREFIX) for name in named} <= LADDERS


class Heard:
    """Keeps what the desk decides."""

    def __init__(self) -> None:
        self.records: list[AlertRecord] = []
        self.raised = asyncio.Event()

    def alert(self, record: AlertRecord) -> None:
        self.records.append(record)
        self.raised.set()

    def notice(self, change: NoticeChange) -> None:
        """Ours are not asked for."""


@pytest.mark.slow
async def test_a_worker_without_settings_starts_and_tells_of_an_outage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    with EmbeddedBroker() as broker:
        service = configured(None, broker=f"kafka://{broker.bootstrap}", web_port=0)
        assert {rule.id for rule in service.rules} == {rule.id for rule in load(DEFAULT_RULES).rules}
        assert {"plans", "cases"} <= set(service.streams)
        for topic in service.topics:
            broker.create(topic.name, 1 if topic.name.startswith("tocsin.network") else topic.partitions)
        heard, up = Heard(), asyncio.Event()
        service.listeners.others.append(heard)
        with caplog.at_level(logging.WARNING):
            running = asyncio.create_task(service.run(up.set))
            try:
                await asyncio.wait_for(up.wait(), 60)
                assert not [record.getMessage() for record in caplog.records if record.name.startswith("streams")]
                now_s = time.time() - 60
                down = {"element": "bts-1", "state": "down", "users": 20_000, "region": "长沙", "kind": "cell"}
                events = [{"id": "1", "time": now_s, **down}]
                events += [{"id": str(n), "time": now_s + n, "element": f"e{n}", "state": "up"} for n in range(2, 60)]
                await service.host.publish(*(Outgoing("tocsin.network", json.dumps(one).encode()) for one in events))
                await asyncio.wait_for(heard.raised.wait(), 60)
            finally:
                service.stop()
                await running
    assert "users-affected" in {record.rule for record in heard.records}
