"""A partition that turns to poison: it is read slowly and loudly, nothing is lost, and it goes on after the mending."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from tests.parts.kafka import Kafka
from tests.parts.process import Process, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

RULES = """
version: 1
rules:
  - {id: r, title: {en: a, zh: a}, stream: complaints, measure: count, levels: {red: 9}}
"""
POISON = 30_000
GOOD = 2_000


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def metric(page: str, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", get(f"{page}/metrics")[1], re.MULTILINE)
    assert found is not None, name
    return float(found[1])


def letters(kafka: Kafka) -> list[dict[str, Any]]:
    with closing(KafkaConsumer(bootstrap_servers=kafka.bootstrap)) as consumer:
        place = TopicPartition("tocsin.deadletters", 0)
        consumer.assign([place])
        consumer.seek_to_beginning(place)
        end = consumer.end_offsets([place])[place]
        got: list[dict[str, Any]] = []
        while consumer.position(place) < end:
            got += [json.loads(record.value) for batch in consumer.poll(500).values() for record in batch]
        return got


@pytest.fixture
def kafka_of_its_own(tmp_path: Path) -> Iterator[Kafka]:
    folder = tmp_path / "kafka"
    folder.mkdir()
    with Kafka(folder) as kafka:
        kafka.create_topic("tocsin.complaints", 1)
        yield kafka


def test_poison_is_read_slowly_until_somebody_lets_it_through(kafka_of_its_own: Kafka, tmp_path: Path) -> None:
    kafka = kafka_of_its_own
    with closing(KafkaProducer(bootstrap_servers=kafka.bootstrap, linger_ms=20)) as producer:
        for number in range(POISON):
            producer.send("tocsin.complaints", b"%%%% rubbish %d %%%%" % number)
        for number in range(GOOD):
            event = {"id": f"g{number}", "time": 1_772_355_600 + number / 100, "category": "network"}
            producer.send("tocsin.complaints", json.dumps(event).encode())
        producer.flush()
    log = tmp_path / "worker.log"
    with ExitStack() as stack:
        command = [sys.executable, "app.py", "worker", "--broker", kafka.bootstrap, "--web-port", "0"]
        rules = tmp_path / "rules.yaml"
        rules.write_text(RULES)
        worker = Process([*command, "--rules", str(rules)], log, {"TOCSIN_STREAMS": "complaints"})
        stack.callback(worker.stop)
        worker.wait_ready(lambda: "page http" in log.read_text())
        found = re.search(r"page (http://[^/]+)/", log.read_text())
        assert found is not None
        page = found[1]
        wait_until(lambda: metric(page, 'tocsin_breaker_open{stream="complaints"}') == 1, what="the breaker opens")
        status, told = get(f"{page}/readyz")
        assert (status, "next to nothing in tocsin.complaints [0] can be used" in told) == (503, True)
        assert get(f"{page}/healthz")[0] == 200
        time.sleep(6)  # a portion more, at least
        slowly = len(letters(kafka))
        assert 1_000 <= slowly <= 8_192 + 3_000, "read slowly"
        release = [sys.executable, "app.py", "deadletters", "release", "complaints", "--page", page]
        subprocess.run(release, check=True, capture_output=True)
        accepted = 'tocsin_events_total{result="accepted",stream="complaints"}'
        wait_until(lambda: metric(page, accepted) == GOOD, what="the good events behind it")
        wait_until(lambda: get(f"{page}/readyz")[0] == 200, what="it is ready again")
        wait_until(lambda: metric(page, 'tocsin_breaker_open{stream="complaints"}') == 0, what="it is shown")
        assert worker.alive()
    kept = letters(kafka)
    assert [letter["offset"] for letter in kept] == list(range(POISON)), "every one of them once, in its order"
    assert {letter["reason"] for letter in kept} == {"not-json"}
    said = log.read_text()
    assert said.count("nearly nothing can be used") == 1
    assert said.count("usable again") == 1


def test_a_letter_sent_again_is_a_letter_of_its_new_place_or_a_duplicate(
    kafka_of_its_own: Kafka, tmp_path: Path
) -> None:
    kafka = kafka_of_its_own
    log, rules = tmp_path / "worker.log", tmp_path / "rules.yaml"
    rules.write_text(RULES)
    soon_s = time.time() + 303  # in the future by three seconds more than is taken
    future = {"id": "soon", "time": soon_s, "category": "network"}
    with closing(KafkaProducer(bootstrap_servers=kafka.bootstrap)) as producer:
        producer.send("tocsin.complaints", b"%% rubbish %%")
        producer.send("tocsin.complaints", json.dumps(future).encode())
        producer.flush()

    def retry(*arguments: str) -> list[str]:
        command = [sys.executable, "app.py", "deadletters", "retry", *arguments, "--broker", kafka.bootstrap]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()

    with ExitStack() as stack:
        command = [sys.executable, "app.py", "worker", "--broker", kafka.bootstrap, "--web-port", "0"]
        worker = Process([*command, "--rules", str(rules)], log, {"TOCSIN_STREAMS": "complaints"})
        stack.callback(worker.stop)
        worker.wait_ready(lambda: "page http" in log.read_text())
        wait_until(lambda: len(letters(kafka)) == 2, what="two letters")
        assert {letter["reason"] for letter in letters(kafka)} == {"not-json", "future"}
        wait_until(lambda: time.time() > soon_s - 299, what="its time comes")
        first, second = "tocsin.complaints:0:0:0", "tocsin.complaints:0:1:0"
        assert retry("--all") == [first, second]
        assert retry(first, second) == []
        wait_until(lambda: len(letters(kafka)) == 3, what="what is refused again")
        again = letters(kafka)[-1]
        assert (again["reason"], again["offset"]) == ("not-json", 2)
        assert retry(second, "--again") == [second]
        found = re.search(r"page (http://[^/]+)/", log.read_text())
        assert found is not None
        duplicates = 'tocsin_events_total{result="duplicate",stream="complaints"}'
        wait_until(lambda: metric(found[1], duplicates) == 1, what="the same event once more")
        assert metric(found[1], 'tocsin_events_total{result="accepted",stream="complaints"}') == 1
