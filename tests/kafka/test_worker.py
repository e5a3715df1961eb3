"""`tocsin worker` on a real Kafka, scraped by a real Prometheus, telling a webhook and a real Alertmanager."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from kafka import KafkaProducer

from tests.kafka.test_live_is_replay import alerts
from tests.parts.kafka import Kafka
from tests.parts.process import Process, wait_until
from tests.sink import sink, status

if TYPE_CHECKING:
    from tests.parts.alertmanager import Alertmanager
    from tests.parts.prometheus import Prometheus

RULES = """
version: 1
rules:
  - {id: surge, title: {en: Surge, zh: 激增}, stream: complaints, measure: count, by: [region], window: 10s, hop: 1s,
     levels: {yellow: 2, red: 4}}
"""
SETTINGS = """
streams: [complaints]
stream_partitions: 2
judge_partitions: 2
lateness: 1s
web: {{port: 0}}
channels:
  hook: {{type: webhook, url: "{hook}", secret_file: {secret}, private: true}}
  alertmanager: {{type: alertmanager, url: "{alertmanager}"}}
"""


def command(*options: str | Path) -> list[str]:
    return [sys.executable, "app.py", "worker", *map(str, options)]


class Worker:
    """A worker with the settings in `folder`, and its log."""

    def __init__(self, kafka: Kafka, folder: Path, name: str) -> None:
        self.log = folder / f"{name}.log"
        options = ("--broker", f"kafka://{kafka.bootstrap}", "--rules", folder / "rules.yaml")
        self.process = Process(command(*options, "--settings", folder / "tocsin.yaml"), self.log)
        self.process.wait_ready(lambda: "/metrics" in self.log.read_text(), timeout_s=30)
        found = re.search(r"http://(127\.0\.0\.1:\d+)/", self.log.read_text())
        assert found
        self.address = found[1]

    def stop(self) -> int:
        """Ask it to end; give its exit code and say that it was quick."""
        began_s = time.monotonic()
        self.process.stop()
        assert time.monotonic() - began_s < 10
        code: int = self.process._popen.returncode
        return code


def publish(kafka: Kafka, *records: tuple[int, dict[str, Any] | bytes]) -> None:
    """Write (partition, event or bytes) to the topic of complaints."""
    with closing(KafkaProducer(bootstrap_servers=kafka.bootstrap)) as producer:
        for partition, event in records:
            value = event if isinstance(event, bytes) else json.dumps(event).encode()
            producer.send("tocsin.complaints", value=value, partition=partition)
        producer.flush()


def complaint(id_: str, time_s: float) -> dict[str, Any]:
    return {"id": id_, "time": time_s, "category": "network", "region": "长沙"}


def heartbeats(time_s: float) -> list[tuple[int, dict[str, Any] | bytes]]:
    return [(partition, {"heartbeat": True, "time": time_s}) for partition in range(2)]


@pytest.mark.slow
async def test_events_become_metrics_and_messages_and_a_restart_counts_nothing_twice(
    tmp_path: Path,
    prometheus: Callable[..., Prometheus],
    alertmanager: Alertmanager,
) -> None:
    async with sink(status(200)) as hook:
        (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
        secret = tmp_path / "secret"
        secret.write_text("s3cret")
        secret.chmod(0o600)
        text = SETTINGS.format(hook=hook.url, secret=secret, alertmanager=alertmanager.url)
        (tmp_path / "tocsin.yaml").write_text(text, encoding="utf-8")
        with Kafka(tmp_path) as kafka:  # of our own: the names of our topics are given
            await asyncio.to_thread(_live, kafka, tmp_path, prometheus, alertmanager)
        told = [json.loads(body) for _, body in hook.requests]
        assert [one["alerts"][0]["labels"]["severity"] for one in told] == ["warning", "critical"]
        assert all("sha256=" in str(request.headers) for request, _ in hook.requests)


def _live(kafka: Kafka, folder: Path, prometheus: Callable[..., Prometheus], alertmanager: Alertmanager) -> None:
    base_s = int(time.time()) - 20
    first = Worker(kafka, folder, "first")
    source = prometheus([first.address])
    publish(
        kafka,
        (0, complaint("a", base_s)),
        (1, complaint("b", base_s)),
        (1, complaint("b", base_s)),
        (0, b"%% link test %%"),
        (0, {"id": "c", "time": base_s}),
        (1, complaint("d", base_s + 3600)),
        *heartbeats(base_s + 3),
        (0, complaint("e", base_s - 30)),
    )
    source.wait_for('tocsin_level{rule="surge", series="长沙"} == 1')
    source.wait_for("tocsin_detection_delay_seconds_count == 1")
    for result, number in {"accepted": 2, "duplicate": 1, "late": 1, "rejected": 3}.items():
        source.wait_for(f'tocsin_events_total{{stream="complaints", result="{result}"}} == {number}')
    for reason in ("not-json", "missing-field", "future"):
        source.wait_for(f'tocsin_dead_letters_total{{stream="complaints", reason="{reason}"}} == 1')
    assert kafka.end_offsets("tocsin.deadletters") == {0: 3}
    assert kafka.end_offsets("tocsin.late") == {0: 1}
    lag_s = source.value('tocsin_watermark_lag_seconds{stream="complaints"}')
    assert lag_s is not None
    assert 15 < lag_s < 60, "the watermark stands at two seconds after the base, which was twenty seconds ago"
    assert source.value('tocsin_measure{rule="surge", series="长沙"}') == 2
    source.wait_for('tocsin_notifications_total{channel="hook", result="delivered"} == 1')
    source.wait_for('tocsin_incidents{level="yellow", state="open"} == 1')
    wait_until(lambda: len(alertmanager.alerts()) == 1, what="Alertmanager was told")
    assert first.stop() == 0

    publish(kafka, (0, complaint("f", base_s + 3)), (1, complaint("g", base_s + 3)), *heartbeats(base_s + 6))
    second = Worker(kafka, folder, "second")
    wait_until(lambda: len(alerts(kafka.bootstrap)) == 2, what="the alert is raised")
    source = prometheus([second.address])
    source.wait_for('tocsin_level{rule="surge", series="长沙"} == 3')
    source.wait_for('tocsin_events_total{stream="complaints", result="accepted"} == 2')
    source.wait_for('tocsin_notifications_total{channel="hook", result="delivered"} == 1')
    severities = {alert["labels"]["severity"] for alert in alertmanager.alerts()}
    assert "critical" in severities
    assert second.stop() == 0
    records = alerts(kafka.bootstrap)
    assert [(record["level"], record["value"]) for record in records] == [("yellow", 2.0), ("red", 4.0)]
    assert len({record["alert"] for record in records}) == 1
    for word in ("Traceback", "s3cret"):
        assert word not in first.log.read_text() + second.log.read_text()
    _refuses_another_number_of_judges(kafka, folder)


def _refuses_another_number_of_judges(kafka: Kafka, folder: Path) -> None:
    (folder / "three.yaml").write_text("judge_partitions: 3\nweb: {port: 0}\n", encoding="utf-8")
    done = run("--broker", f"kafka://{kafka.bootstrap}", "--settings", folder / "three.yaml")
    assert done.returncode == 2
    assert done.stderr.startswith("tocsin worker: tocsin.")
    assert "tocsin.partials has 2 partitions, not 3: ask for as many as there are" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def run(*options: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*options), capture_output=True, text=True, timeout=40, check=False)


def test_a_broker_that_is_not_there() -> None:
    began_s = time.monotonic()
    done = run("--broker", "kafka://127.0.0.1:1")
    assert time.monotonic() - began_s < 20
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "tocsin worker: no Kafka broker answers at 127.0.0.1:1\n"


def test_bad_rules_are_told_all_at_once(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES.replace("complaints", "complaint").replace("window", "windw"), encoding="utf-8")
    done = run("--rules", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        f'tocsin worker: {path}:4:53: rules[0].stream: unknown stream "complaint": did you mean "complaints"?',
        f'tocsin worker: {path}:4:94: rules[0].windw: unknown key "windw": did you mean "window"?',
    ]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        pytest.param("latenes: 5s", "{}:1:1: latenes: unknown key", id="a key"),
        pytest.param(
            "channels: {a: {type: webhook, url: 'ftp://x'}}",
            "channels.a: an address must be http:// or https:// with a host",
            id="an address",
        ),
        pytest.param(
            "channels: {a: {type: webhook, url: 'https://x', secret_file: /nowhere/s}}",
            "channels.a: /nowhere/s: the secret cannot be read: no such file or directory",
            id="a secret",
        ),
    ],
)
def test_bad_settings_are_one_clear_line(tmp_path: Path, settings: str, said: str) -> None:
    path = tmp_path / "tocsin.yaml"
    path.write_text(settings, encoding="utf-8")
    done = run("--settings", path, "--broker", "127.0.0.1:1")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"tocsin worker: {said.format(path)}")
