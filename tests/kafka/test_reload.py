"""Rules read again by running workers: nothing is lost of those that stay, and a wrong file changes nothing."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from tests.parts.kafka import Kafka
from tests.parts.process import Process, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

BASE_S = 1_772_355_600
RULES = """
version: 1
rules:
  - {id: stays, title: {en: a, zh: a}, stream: complaints, measure: count, window: 10m, levels: {yellow: 10}}
  - {id: changes, title: {en: a, zh: a}, stream: complaints, measure: count, window: 1m, levels: {yellow: %s}}
"""
GOES = "  - {id: goes, title: {en: a, zh: a}, stream: complaints, measure: count, window: 10m, levels: {red: 5}}\n"


class Site:
    """Two workers on a Kafka of their own, and their rule file."""

    def __init__(self, kafka: Kafka, folder: Path, stack: ExitStack) -> None:
        self.kafka, self.folder, self.serial = kafka, folder, 0
        self.write(RULES % 1_000 + GOES)
        kafka.create_topic("tocsin.complaints", 2)
        self.workers = [self.start(number, stack) for number in range(2)]
        self.pages = [self.page(worker) for worker in self.workers]

    def write(self, text: str) -> None:
        (self.folder / "rules.yaml").write_text(text, encoding="utf-8")

    def start(self, number: int, stack: ExitStack) -> Process:
        log = self.folder / f"worker-{number}.log"
        command = [sys.executable, "app.py", "worker", "--broker", self.kafka.bootstrap, "--web-port", "0"]
        env = {"TOCSIN_STREAMS": "complaints", "TOCSIN_JUDGE_PARTITIONS": "2", "TOCSIN_LATENESS": "0s"}
        worker = Process([*command, "--rules", str(self.folder / "rules.yaml")], log, env)
        stack.callback(worker.stop)
        worker.wait_ready(lambda: "page http" in log.read_text())
        return worker

    def page(self, worker: Process) -> str:
        found = re.search(r"page (http://[^/]+)/", worker.log.read_text())
        assert found is not None
        return found[1]

    def send(self, start_s: int, count: int) -> None:
        """Send complaints, one a second, over both partitions; then let both partitions' time come to the end."""
        with closing(KafkaProducer(bootstrap_servers=self.kafka.bootstrap)) as producer:
            for number in range(count):
                self.serial += 1
                event = {"id": f"c{self.serial}", "time": BASE_S + start_s + number, "category": "network"}
                producer.send("tocsin.complaints", json.dumps(event).encode(), partition=number % 2)
            for partition in range(2):
                end = {"heartbeat": True, "time": BASE_S + start_s + count + 20}
                producer.send("tocsin.complaints", json.dumps(end).encode(), partition=partition)
            producer.flush()

    def alerts(self) -> list[tuple[str, str, str]]:
        with closing(KafkaConsumer(bootstrap_servers=self.kafka.bootstrap)) as consumer:
            place = TopicPartition("tocsin.alerts", 0)
            consumer.assign([place])
            consumer.seek_to_beginning(place)
            end = consumer.end_offsets([place])[place]
            got: list[Any] = []
            while consumer.position(place) < end:
                got += [json.loads(record.value) for batch in consumer.poll(500).values() for record in batch]
        return [(record["rule"], record["level"], record["reason"]) for record in got]

    def reload(self, *pages: str) -> tuple[int, list[dict[str, Any]]]:
        command = [sys.executable, "app.py", "reload", "--output", "json"]
        for page in pages:
            command += ["--page", page]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]

    def told(self, page: str, path: str = "/api/v1/rules") -> dict[str, Any]:
        from streams.asking import ask

        return ask(page, path)[1]

    def metric(self, page: str, name: str) -> float:
        import urllib.request

        text = urllib.request.urlopen(f"{page}/metrics", timeout=5).read().decode()
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        assert found is not None, name
        return float(found[1])


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        folder = tmp_path / "kafka"
        folder.mkdir()
        yield Site(stack.enter_context(Kafka(folder)), tmp_path, stack)


def test_rules_are_read_again_by_running_workers(site: Site) -> None:
    site.send(0, 12)
    wait_until(lambda: {("stays", "yellow", "raised"), ("goes", "red", "raised")} <= set(site.alerts()), what="alerts")

    site.write("version: 1\nrules:\n  - {id: broken\n")
    code, answers = site.reload(*site.pages)
    assert (code, [answer["result"] for answer in answers]) == (1, ["refused"] * 2)
    assert all("rules.yaml:" in answer["problems"][0] for answer in answers)
    assert site.told(site.pages[0])["rules"].keys() == {"stays", "changes", "goes"}
    assert site.metric(site.pages[0], 'tocsin_reloads_total{result="refused"}') == 1

    os.kill(site.workers[1].pid, signal.SIGHUP)
    wait_until(
        lambda: site.metric(site.pages[1], 'tocsin_reloads_total{result="refused"}') == 2, what="SIGHUP is heard"
    )
    last = site.told(site.pages[1])["last_reload"]
    assert (last["result"], "rules.yaml:" in last["problems"][0]) == ("refused", True), "shown, though nobody was told"
    assert site.told(site.pages[1])["rules"].keys() == {"stays", "changes", "goes"}
    assert "the rules were not taken, the old ones stay" in site.workers[1].log.read_text()

    site.write(RULES % 7)
    code, answers = site.reload(site.pages[0])
    assert (code, answers[0]["changed"], answers[0]["removed"]) == (0, ["changes"], ["goes"])
    # Until the other worker has it too, nobody judges it; then it is judged from there on.
    wait_until(lambda: any("changes" in site.told(page)["waiting"] for page in site.pages), what="one waits")
    os.kill(site.workers[1].pid, signal.SIGHUP)
    wait_until(lambda: not any(site.told(page)["waiting"] for page in site.pages), what="both count alike")
    wait_until(lambda: ("goes", "green", "unknown") in site.alerts(), what="the end of what goes")

    site.send(60, 12)
    wait_until(lambda: ("changes", "yellow", "raised") in site.alerts(), what="the changed rule raises")
    time.sleep(1)
    assert site.alerts().count(("stays", "yellow", "raised")) == 1, "it went on, and did not begin anew"
    assert ("stays", "green", "cleared") not in site.alerts()
    assert [one for one in site.alerts() if one[0] == "goes"] == [
        ("goes", "red", "raised"),
        ("goes", "green", "unknown"),
    ]
    assert all(worker.alive() for worker in site.workers)


def test_a_rule_of_a_stream_nobody_listens_to_is_refused(site: Site) -> None:
    site.write(RULES % 5 + GOES.replace("complaints", "shipments"))
    code, (answer,) = site.reload(site.pages[0])
    assert code == 1
    assert "rule goes reads the stream shipments, which this worker does not listen to" in answer["problems"][0]
    assert site.reload("http://127.0.0.1:1")[0] == 3
