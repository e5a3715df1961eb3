"""The worker that holds the desk is killed between two audiences of a notice: the other tells the next, on time."""

from __future__ import annotations

import json
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition

from alerts.records import parse_time
from streams.asking import ask
from tests.kafka.test_worker import Worker, complaint, heartbeats, publish
from tests.parts.kafka import Kafka
from tests.parts.process import wait_until

RULES = """
version: 1
rules:
  - {id: surge, title: {en: Surge, zh: 激增}, stream: complaints, measure: count, by: [region], window: 10m, hop: 1s,
     levels: {red: 2}, notice: complaints}
"""
SETTINGS = """
streams: [complaints]
stream_partitions: 2
judge_partitions: 2
lateness: 1s
web: {port: 0}
notices: {audiences: [{tier: vip, text: short, then: 50s}, {tier: everybody}]}
"""
HEAD_START_MS = 50_000


def told(kafka: Kafka) -> list[dict[str, Any]]:
    """Read the records that tell somebody."""
    with closing(KafkaConsumer(bootstrap_servers=kafka.bootstrap)) as consumer:
        place = TopicPartition("tocsin.notices", 0)
        consumer.assign([place])
        consumer.seek_to_beginning(place)
        end = consumer.end_offsets([place])[place]
        got: list[dict[str, Any]] = []
        while consumer.position(place) < end:
            for records in consumer.poll(timeout_ms=500).values():
                got += [{**json.loads(each.value), "written_ms": each.timestamp} for each in records]
    return [each for each in got if each["audience"]]


def notices(worker: Worker) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ask(f"http://{worker.address}", "/api/v1/notices")[1]["notices"]
    return found


def say(worker: Worker, what: str, notice: str) -> None:
    assert ask(f"http://{worker.address}", "/api/v1/commands", {"what": what, "on": notice, "by": "liu"})[0] == 202


@pytest.mark.slow
def test_the_next_audience_is_told_on_time_by_another_worker(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    (tmp_path / "tocsin.yaml").write_text(SETTINGS, encoding="utf-8")
    with Kafka(tmp_path) as kafka:
        workers = [Worker(kafka, tmp_path, name) for name in ("one", "two")]
        base_s = int(time.time()) - 5
        publish(kafka, (0, complaint("a", base_s)), (1, complaint("b", base_s)), *heartbeats(base_s + 4))
        wait_until(lambda: any(notices(worker) for worker in workers), what="a draft")
        holder, other = sorted(workers, key=lambda worker: not notices(worker))
        (notice,) = notices(holder)
        say(other, "notice-approve", notice["id"])
        say(other, "notice-publish", notice["id"])
        wait_until(lambda: bool(told(kafka)), what="the first audience")
        time.sleep(4)  # a snapshot is written every two seconds
        holder.process.kill()
        wait_until(lambda: len(told(kafka)) > 1, what="the other audience, by the other worker", timeout_s=100)
        time.sleep(3)
        first, *rest = told(kafka)
        assert [each["audience"] for each in (first, *rest)] == ["vip", "everybody"]
        (then,) = rest
        assert parse_time(then["time"]) - parse_time(first["time"]) == HEAD_START_MS
        assert then["written_ms"] - parse_time(then["time"]) < 5_000, "told when it says, or soon after"
        assert notices(other)[0]["state"] == "published"
        assert other.stop() == 0
