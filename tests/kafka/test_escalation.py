"""The worker that holds the desk is killed in the middle of an escalation: the next rung rings, once, on time."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from streams.asking import ask
from tests.kafka.test_worker import Worker, complaint, heartbeats, publish
from tests.parts.kafka import Kafka
from tests.parts.process import wait_until

RULES = """
version: 1
rules:
  - {id: surge, title: {en: Surge, zh: 激增}, stream: complaints, measure: count, by: [region], window: 10m, hop: 1s,
     levels: {red: 2}, notify: {red: ladder:short}}
"""
PEOPLE = """
version: 1
ladders: {short: {rungs: [{role: first, wait: 50s}, {role: second, wait: 10m}]}}
roles: {first: {people: [an]}, second: {people: [bo]}}
people: {an: {}, bo: {}}
"""
SETTINGS = """
streams: [complaints]
stream_partitions: 2
judge_partitions: 2
lateness: 1s
lang: en
web: {{port: 0}}
people: {people}
"""
WAIT_S = 50.0


def lines(worker: Worker, who: str) -> list[str]:
    return [line for line in worker.log.read_text("utf-8").splitlines() if re.search(rf"@{who}\b", line)]


def holds_the_desk(worker: Worker) -> bool:
    return bool(ask(f"http://{worker.address}", "/api/v1/incidents")[1]["incidents"])


@pytest.mark.slow
def test_the_next_rung_rings_once_and_on_time_at_another_worker(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    (tmp_path / "people.yaml").write_text(PEOPLE, encoding="utf-8")
    (tmp_path / "tocsin.yaml").write_text(SETTINGS.format(people=tmp_path / "people.yaml"), encoding="utf-8")
    with Kafka(tmp_path) as kafka:
        workers = [Worker(kafka, tmp_path, name) for name in ("one", "two")]
        base_s = int(time.time()) - 5
        publish(kafka, (0, complaint("a", base_s)), (1, complaint("b", base_s)), *heartbeats(base_s + 4))
        wait_until(lambda: any(lines(worker, "an") for worker in workers), what="the first rung")
        rung_s = time.monotonic()
        holder = next(worker for worker in workers if lines(worker, "an"))
        other = next(worker for worker in workers if worker is not holder)
        assert holds_the_desk(holder)
        time.sleep(4)  # a snapshot is written every two seconds
        holder.process.kill()
        wait_until(lambda: bool(lines(other, "bo")), what="the second rung at the other worker", timeout_s=100)
        late_s = time.monotonic() - rung_s - WAIT_S
        assert holds_the_desk(other)
        time.sleep(5)
        assert (len(lines(other, "bo")), lines(holder, "bo")) == (1, [])
        again = lines(other, "an")  # what was told and may not have arrived is told once more, by the same key
        assert len(again) <= 1
        assert all(" still " in line for line in again)
        assert -1.5 < late_s < 5, f"{late_s:.1f} s after its time"
        assert other.stop() == 0
