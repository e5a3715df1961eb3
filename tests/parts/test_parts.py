"""The parts themselves: what the other tests lean on is there, and does what its name says."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaConsumer
from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError
from prometheus_client import CollectorRegistry, Counter, start_http_server

from tests.parts.process import NotReady, Process, free_ports, wait_until

if TYPE_CHECKING:
    from tests.parts.alertmanager import Alertmanager
    from tests.parts.kafka import Kafka
    from tests.parts.prometheus import Prometheus


def _send(kafka: Kafka, topic: str, values: list[bytes]) -> None:
    with closing(KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")) as producer:
        for number, value in enumerate(values):
            producer.send(topic, value, partition=number % 2)
        producer.flush()


def _read(kafka: Kafka, topic: str, count: int) -> list[bytes]:
    settings = {"auto_offset_reset": "earliest", "consumer_timeout_ms": 10_000, "enable_auto_commit": False}
    with closing(KafkaConsumer(topic, bootstrap_servers=kafka.bootstrap, **settings)) as consumer:
        return sorted(next(consumer).value for _ in range(count))


def test_kafka_gives_back_what_it_was_sent(kafka: Kafka) -> None:
    kafka.create_topic("parts.plain", partitions=2)
    values = [b"%03d" % number for number in range(100)]
    _send(kafka, "parts.plain", values)
    assert _read(kafka, "parts.plain", 100) == values
    assert kafka.end_offsets("parts.plain") == {0: 50, 1: 50}


def test_kafka_makes_no_topic_that_nobody_declared(kafka: Kafka) -> None:
    with closing(KafkaProducer(bootstrap_servers=kafka.bootstrap, max_block_ms=500)) as producer:
        with pytest.raises(KafkaError):
            producer.send("parts.undeclared", b"x").get(timeout=2)
    with closing(kafka.admin()) as admin:
        assert "parts.undeclared" not in admin.list_topics()


async def test_kafka_shares_partitions_between_the_members_of_a_group(kafka: Kafka) -> None:
    kafka.create_topic("parts.group", partitions=4, config={"cleanup.policy": "compact"})

    def member() -> AIOKafkaConsumer:
        return AIOKafkaConsumer("parts.group", bootstrap_servers=kafka.bootstrap, group_id="parts")

    first, second = member(), member()
    async with asyncio.timeout(30):
        await first.start()
        assert len(first.assignment()) == 4
        await second.start()
        while len(first.assignment()) != 2:
            await first.getmany(timeout_ms=100)
    assert len(first.assignment() | second.assignment()) == 4
    await first.stop()
    await second.stop()


@pytest.mark.slow
def test_kafka_keeps_its_log_over_a_power_cut_and_answers_nothing_while_paused(tmp_path: Path, kafka: Kafka) -> None:
    from tests.parts.kafka import Kafka

    del kafka  # asked for only so that this test skips where there is no Kafka
    with Kafka(tmp_path, {"log.segment.bytes": "1048576"}) as own:
        own.create_topic("parts.kept", partitions=2)
        _send(own, "parts.kept", [b"a", b"b"])
        own.kill()
        own.restart()
        assert _read(own, "parts.kept", 2) == [b"a", b"b"]

        own.pause()
        with pytest.raises(KafkaError), closing(own.admin(request_timeout_ms=500, bootstrap_timeout_ms=500)):
            pass
        own.resume()
        assert own.end_offsets("parts.kept") == {0: 1, 1: 1}
        own.delete_topics("parts.kept")


def test_prometheus_scrapes_and_evaluates(prometheus: Callable[..., Prometheus], tmp_path: Path) -> None:
    registry = CollectorRegistry()
    Counter("parts_seen", "Seen.", ["region"], registry=registry).labels("长沙").inc(3)
    server, thread = start_http_server(0, addr="127.0.0.1", registry=registry)
    rules = tmp_path / "rules.yml"
    rules.write_text("groups: [{name: g, rules: [{record: parts_double, expr: 2 * parts_seen_total}]}]")
    try:
        running = prometheus([f"127.0.0.1:{server.server_port}"], rule_files=[rules])
        running.wait_for('parts_double{region="长沙"} == 6')
        assert running.value("up") == 1
        assert running.value("parts_unheard_of") is None
        assert [target["health"] for target in running.targets()] == ["up"]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_alertmanager_takes_alerts(alertmanager: Alertmanager) -> None:
    assert alertmanager.alerts() == []
    alertmanager.post([{"labels": {"alertname": "users-affected", "region": "长沙"}, "annotations": {"zh": "断网"}}])
    (alert,) = alertmanager.alerts()
    assert alert["labels"] == {"alertname": "users-affected", "region": "长沙"}
    assert alert["status"]["state"] in {"active", "unprocessed"}


def test_a_program_that_ends_at_once_says_why(tmp_path: Path) -> None:
    process = Process([sys.executable, "-c", "raise SystemExit('no such thing')"], tmp_path / "broken.log")
    with pytest.raises(NotReady, match=r"(?s)broken ended with exit code 1.*no such thing"):
        process.wait_ready(lambda: False)


def test_a_program_that_is_never_ready_is_ended(tmp_path: Path) -> None:
    process = Process([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "slow.log")
    with pytest.raises(NotReady, match=r"slow ready: not within 0\.2 s"):
        process.wait_ready(lambda: False, timeout_s=0.2)
    assert not process.alive()


def test_stop_ends_a_paused_program(tmp_path: Path) -> None:
    process = Process([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "paused.log")
    process.pause()
    started = time.monotonic()
    process.stop()
    assert not process.alive()
    assert time.monotonic() - started < 10


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends the children of a killed process")
def test_nothing_outlives_a_killed_test_run(tmp_path: Path) -> None:
    run = (
        "import sys, pathlib; from tests.parts.process import Process\n"
        f"print(Process(['sleep', '60'], pathlib.Path({str(tmp_path)!r}) / 'left.log').pid, flush=True)\n"
        "sys.stdin.read()"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", run], stdin=-1, stdout=-1, cwd=root, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        os.kill(child, 0)  # it lives
        parent.kill()
    wait_until(lambda: not _lives(child), what="child gone", timeout_s=5)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_free_ports_differ() -> None:
    assert len(set(free_ports(20))) == 20
