"""The worker that holds the desk is killed and the files of history are deleted: history answers the same."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from streams.asking import NoAnswer, Refused, ask
from tests.kafka.test_worker import Worker, complaint, heartbeats, publish
from tests.parts.kafka import Kafka
from tests.parts.process import wait_until

RULES = """
version: 1
rules:
  - {id: surge, title: {en: Surge, zh: 激增}, stream: complaints, measure: count, by: [region], window: 10m, hop: 1s,
     levels: {yellow: 2, red: 4}}
"""
SETTINGS = """
streams: [complaints]
stream_partitions: 2
judge_partitions: 2
lateness: 1s
lang: en
web: {{port: 0}}
state_dir: {state}
"""


def told(worker: Worker, path: str) -> Any:
    """Ask; nothing where there is no answer yet."""
    try:
        return ask(f"http://{worker.address}", path)[1]
    except (NoAnswer, Refused):
        return None


def page(worker: Worker, path: str) -> Any:
    found = told(worker, path)
    return found if found is not None and "error" not in found else None


def everything(worker: Worker, incident: str, alert: str) -> list[Any]:
    paths = (
        "/api/v1/history/incidents",
        f"/api/v1/history/incidents/{incident}",
        "/api/v1/history/alerts",
        "/api/v1/history/notifications",
        f"/api/v1/explain/{incident}",
        f"/api/v1/explain/{alert}",
    )
    found = [page(worker, path) for path in paths]
    if any(each is None or each.get("behind", 0) for each in found):  # it has not come to the end of the log
        return [None]
    return found


@pytest.mark.slow
def test_history_is_the_same_without_the_worker_that_wrote_it_and_without_its_file(tmp_path: Path) -> None:
    state = tmp_path / "state"
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    (tmp_path / "tocsin.yaml").write_text(SETTINGS.format(state=state), encoding="utf-8")
    with Kafka(tmp_path) as kafka:
        workers = [Worker(kafka, tmp_path, name) for name in ("one", "two")]
        base_s = int(time.time()) - 5
        early = [(n, complaint(f"a{n}", base_s)) for n in range(2)]
        late = [(n % 2, complaint(f"b{n}", base_s + 2)) for n in range(3)]
        publish(kafka, *early, *heartbeats(base_s + 2), *late, *heartbeats(base_s + 5))

        def delivered(worker: Worker) -> int:
            rows = page(worker, "/api/v1/history/notifications") or {"notifications": []}
            return sum(any(end["outcome"] == "delivered" for end in row["deliveries"]) for row in rows["notifications"])

        for worker in workers:
            wait_until(lambda worker=worker: delivered(worker) == 2, what="both pages and their ends", timeout_s=60)
        holder = next(one for one in workers if ask(f"http://{one.address}", "/api/v1/incidents")[1]["incidents"])
        (other,) = [one for one in workers if one is not holder]
        row = page(other, "/api/v1/history/incidents")["incidents"][0]
        alert = page(other, "/api/v1/history/alerts")["alerts"][0]["alert"]
        assert (row["peak_level"], row["rule"]) == ("red", "surge")
        wait_until(lambda: None not in everything(other, row["incident"], alert), what="the end of the log")
        before = everything(other, row["incident"], alert)
        assert None not in before
        wait_until(lambda: everything(holder, row["incident"], alert) == before, what="the same answers by any worker")
        time.sleep(4)  # a snapshot is written every two seconds

        holder.process.kill()
        files = sorted(state.glob("*-history*.sqlite"))
        assert len(files) == 2
        for file in files:
            for each in state.glob(f"{file.name}*"):
                each.unlink()
        wait_until(lambda: everything(other, row["incident"], alert) == before, what="the same answers", timeout_s=60)
        wait_until(
            lambda: bool(ask(f"http://{other.address}", "/api/v1/incidents")[1]["incidents"]),
            what="the desk at the other worker",
            timeout_s=100,
        )
        third = Worker(kafka, tmp_path, "three")
        wait_until(
            lambda: everything(third, row["incident"], alert) == before, what="the same of a new one", timeout_s=60
        )
        assert everything(other, row["incident"], alert) == before, "what the desk said again was known"
        assert "history cannot be followed" not in other.log.read_text("utf-8")
        assert (third.stop(), other.stop()) == (0, 0)
