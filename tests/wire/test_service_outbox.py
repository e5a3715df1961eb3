"""The whole service on the embedded broker: what the desk decides goes out, and a disk that does not do is told."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer

from alerts.records import encode
from streams.broker import BrokerError, EmbeddedBroker
from streams.channelsettings import TopicChannel, WebhookChannel
from streams.hosting import Progress
from streams.rulefile import load
from streams.service import Service
from streams.settings import Heartbeat, Settings, Web
from streams.stage import Outgoing
from streams.topics import ALERTS, COMMANDS, NOTIFICATIONS, stream_topic
from tests.alerting import history, until
from tests.sink import Sink, sink, status

RULE = """
version: 1
rules:
  - {id: surge, title: {en: Surge, zh: 激增}, stream: complaints, measure: count, levels: {red: 4}}
"""
RED = history(["yellow", "red"])
pytestmark = pytest.mark.slow


def settings(folder: Path, bootstrap: str, server: Sink, **given: Any) -> Settings:
    (folder / "rules.yaml").write_text(RULE, encoding="utf-8")
    hook = WebhookChannel(type="webhook", url=server.url, private=True)
    return Settings.model_construct(
        **{name: field.get_default() for name, field in Settings.model_fields.items()}
        | {
            "broker": (bootstrap,),
            "rules": (folder / "rules.yaml",),
            "stream_partitions": 1,
            "judge_partitions": 1,
            "web": Web(port=0),
            "channels": {"hook": hook, "log": TopicChannel(type="kafka")},
            "state_dir": folder / "state",
        }
        | given
    )


@contextlib.asynccontextmanager
async def running(chosen: Settings, broker: EmbeddedBroker) -> AsyncIterator[Service]:
    service = Service(chosen, load(chosen.rules).rules, clock=lambda: time.time_ns() // 1_000_000)
    for topic in service.topics:
        with contextlib.suppress(BrokerError):  # started again, they are there
            broker.create(topic.name, topic.partitions)
    up = asyncio.Event()
    task = asyncio.create_task(service.run(up.set))
    try:
        await asyncio.wait_for(up.wait(), 60)
        yield service
    finally:
        service.stop()
        await task


def desk(service: Service) -> Progress:
    (found,) = [one for one in service.host.progress() if one.topic == COMMANDS]
    return found


async def test_what_the_desk_decides_goes_out_by_every_channel_and_the_heart_beats(tmp_path: Path) -> None:
    with EmbeddedBroker() as broker:
        async with sink(status(200)) as server, sink(status(200)) as outside:
            heart = Heartbeat.model_construct(url_file=tmp_path / "url", every=200, private=True)
            (tmp_path / "url").write_text(outside.url)
            (tmp_path / "url").chmod(0o600)
            chosen = settings(tmp_path, broker.bootstrap, server, heartbeat=heart)
            async with running(chosen, broker) as service:
                await service.host.publish(*(Outgoing(ALERTS, encode(record)) for record in RED))
                await until(lambda: len(server.requests) == 2)
                await until(lambda: (desk(service).durable_offset or 0) == 2)
                await until(lambda: outside.requests)
                assert service.reasons() == []
                assert service.beside is not None
                await service.beside.refresh()
                shown = service.metrics.registry.get_sample_value
                assert shown("tocsin_outbox_waiting", {"channel": "hook"}) == 0
                assert shown("tocsin_notifications_total", {"channel": "log", "result": "delivered"}) == 2
            reader = AIOKafkaConsumer(
                NOTIFICATIONS, bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest", group_id=None
            )
            await reader.start()
            told = [json.loads((await asyncio.wait_for(reader.getone(), 20)).value) for _ in RED]
            await reader.stop()
            levels = [json.loads(body)["commonLabels"]["level"] for _, body in server.requests]
    assert levels == ["yellow", "red"]
    assert [(each["channel"], each["record"]["level"]) for each in told] == [("log", "yellow"), ("log", "red")]
    assert json.loads(outside.requests[0][1])["commonLabels"]["alertname"] == "TocsinAlive"


async def test_without_a_disk_pages_go_out_the_state_waits_and_the_worker_says_so(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    with EmbeddedBroker() as broker:
        async with sink(status(200)) as server:
            async with running(settings(tmp_path, broker.bootstrap, server), broker) as service:
                await service.host.publish(*(Outgoing(ALERTS, encode(record)) for record in RED))
                await until(lambda: len(server.requests) == 2)
                assert service.reasons() == [f"the outbox in {tmp_path}/state cannot be written: File exists"]
                await until(lambda: desk(service).unsaved_s > 5)
                assert desk(service).durable_offset is None, "nothing goes past what is not on disk"
                (tmp_path / "state").unlink()
                await until(lambda: desk(service).durable_offset == 2)
                assert service.reasons() == []
            async with running(settings(tmp_path, broker.bootstrap, server), broker) as service:
                await until(lambda: desk(service).next_offset == 2)
                await asyncio.sleep(1)
    keys = [request.headers["Idempotency-Key"] for request, _ in server.requests]
    assert len(keys) == len(set(keys)) == 2, "started again, the outbox knows what it told"


async def test_a_plan_told_as_an_event_is_known_to_the_desk_and_to_whoever_takes_it_over(
    tmp_path: Path,
) -> None:
    now_s = time.time()
    plan = {"id": "p1", "time": now_s, "kind": "planned", "starts": now_s - 60, "ends": now_s + 3_600, "title": "割接"}

    def windows(service: Service) -> list[str]:
        now_ms = time.time_ns() // 1_000_000
        return [each.name for stage in service.overview.desks for each in stage.desk.windows(now_ms)]

    with EmbeddedBroker() as broker:
        async with sink(status(200)) as server:
            async with running(settings(tmp_path, broker.bootstrap, server), broker) as service:
                await service.host.publish(Outgoing(stream_topic("plans"), json.dumps(plan).encode()))
                await until(lambda: windows(service) == ["割接"])
                await until(lambda: len(server.requests) == 0 and desk(service).durable_offset == 1)
            async with running(settings(tmp_path, broker.bootstrap, server), broker) as service:
                await until(lambda: windows(service) == ["割接"])
    assert server.requests == [], "that a window begins is for people: a webhook counts alerts"
