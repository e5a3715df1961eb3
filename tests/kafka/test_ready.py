"""`/healthz` and `/readyz` of a worker while it starts, and while no broker answers."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts.kafka import Kafka
from tests.parts.process import Process, free_ports, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
RULES = """
version: 1
rules:
  - {id: r, title: {en: a, zh: a}, stream: complaints, measure: count, levels: {red: 9}}
"""


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[Kafka]:
    folder = tmp_path / "kafka"
    folder.mkdir()
    with Kafka(folder) as kafka:
        yield kafka


def asked(page: str, path: str) -> tuple[int, object] | None:
    """Give status and answer; None as long as nobody listens."""
    try:
        with urllib.request.urlopen(f"{page}{path}", timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
    except OSError:
        return None


def reasons(page: str) -> list[str] | None:
    answer = asked(page, "/readyz")
    if answer is None:
        return None
    status, told = answer
    assert isinstance(told, dict)
    assert (status, told["ready"]) in {(200, True), (503, False)}
    assert told["ready"] is not bool(told["reasons"])
    said: list[str] = told["reasons"]
    return said


def test_it_says_why_it_is_not_ready_and_is_alive_all_the_time(own_kafka: Kafka, tmp_path: Path) -> None:
    rules, (port,) = tmp_path / "rules.yaml", free_ports(1)
    rules.write_text(RULES)
    command = [sys.executable, "app.py", "worker", "--broker", own_kafka.bootstrap, "--web-port", str(port)]
    worker = Process([*command, "--rules", str(rules)], tmp_path / "worker.log", {"TOCSIN_STREAMS": "complaints"})
    page = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: reasons(page) is not None, what="the page")
        assert reasons(page) == ["the partitions of the consumer group are being taken up"]
        assert asked(page, "/healthz") == (200, {"status": "ok"})
        wait_until(lambda: reasons(page) == [], what="ready")
        own_kafka.pause()
        wait_until(lambda: bool(reasons(page)), what="the broker is missed", timeout_s=40)
        (said,) = reasons(page) or [""]
        assert said.startswith("no broker has answered for ")
        assert said.endswith(" s")
        assert asked(page, "/healthz") == (200, {"status": "ok"})
        own_kafka.resume()
        wait_until(lambda: reasons(page) == [], what="ready again", timeout_s=60)
        assert worker.alive()
    finally:
        own_kafka.resume()
        worker.stop()
