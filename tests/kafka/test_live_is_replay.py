"""The same events through a real Kafka and two workers give the alerts that replay gives: same ids, times, values."""

from __future__ import annotations

import json
import random
import re
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from confluent_kafka import KafkaError, Message, Producer
from kafka import KafkaConsumer, TopicPartition

from streams.commands.replay import command as replay
from tests.parts.kafka import Kafka
from tests.parts.process import Process, wait_until

EVENTS = 200_000
PARTITIONS = 8
BASE_S = 1_772_355_600  # 2026-03-01T09:00:00Z
SPAN_S = 3_600
STREAMS = ("calls", "complaints", "network")

RULES = """
version: 1
rules:
  - {id: surge, title: {en: a, zh: a}, stream: complaints, measure: count, by: [region, category], window: 2m,
     levels: {yellow: 50, orange: 80, red: 160}, for: 20s, clear: 0.9, clear_for: 30s}
  - {id: wait, title: {en: a, zh: a}, stream: calls, measure: {mean: wait_s}, by: [queue], window: 1m, min_events: 20,
     levels: {yellow: 31, red: 60}}
  - {id: talk, title: {en: a, zh: a}, stream: calls, measure: {sum: talk_s}, window: 30s, levels: {yellow: 250000}}
  - {id: abandoned, title: {en: a, zh: a}, stream: calls, measure: {share: {outcome: abandoned}}, by: [region],
     window: 1m, min_events: 20, levels: {yellow: 0.35, orange: 0.45}}
  - {id: callers, title: {en: a, zh: a}, stream: calls, measure: {distinct: customer}, by: [region], window: 1m,
     levels: {yellow: 160}}
  - {id: longest, title: {en: a, zh: a}, stream: calls, measure: {max: wait_s}, by: [queue], window: 10s,
     levels: {red: 119.5}}
  - {id: users, title: {en: a, zh: a}, stream: network, where: {state: {not: up}}, measure: {now: sum, field: users},
     by: [region], levels: {yellow: 2000, orange: 3000, red: 4000}}
  - {id: outlets, title: {en: a, zh: a}, stream: network, where: {state: down}, measure: {now: distinct, field: outlet},
     levels: {yellow: 20, orange: 25, red: 28}}
  - {id: quiet, title: {en: a, zh: a}, stream: complaints, measure: count, by: [region], window: 1m,
     direction: below, levels: {yellow: 30, red: 10}}
"""


def events() -> Iterator[dict[str, Any]]:
    """An hour of three streams with two waves in it, each event up to three seconds out of order."""
    rng = random.Random(7)
    times = sorted(BASE_S + rng.random() * SPAN_S for _ in range(EVENTS))
    made = []
    for number, time in enumerate(times):
        minute = (time - BASE_S) / 60
        wave = 10 <= minute < 20 or 35 <= minute < 40
        region = rng.choice(["长沙", "株洲", "湘潭", "衡阳"])
        base = {"id": f"e{number}", "time": round(time, 3), "region": region}
        kind = rng.random()
        if kind < 0.1:
            category = rng.choice(["network", "billing"])
            if wave or rng.random() < 0.6:
                made.append({"stream": "complaints", **base, "category": category})
        elif kind < 0.2:
            element = f"n{rng.randrange(60)}"
            state = rng.choice(["down", "degraded", "up"] if wave else ["up", "up", "down"])
            outlet = f"o{rng.randrange(30)}"
            made.append(
                {"stream": "network", **base, "element": element, "state": state, "users": rng.randrange(300),
                 "outlet": outlet}
            )  # fmt: skip
            if rng.random() < 0.1:  # at the same moment, and mostly in another partition: the greatest id wins
                other = "up" if state != "up" else "down"
                made.append({**made[-1], "id": f"{rng.choice('az')}{number}", "state": other})
        else:
            outcome = "abandoned" if rng.random() < (0.45 if wave else 0.25) else "answered"
            made.append(
                {"stream": "calls", **base, "outcome": outcome, "queue": rng.choice("abc"),
                 "wait_s": round(rng.random() * (120 if wave else 60), 1), "talk_s": round(rng.random() * 400, 2),
                 "customer": f"c{rng.randrange(500)}"}
            )  # fmt: skip
    made.sort(key=lambda event: event["time"] + rng.random() * 3)
    return iter(made)


def publish(bootstrap: str, made: list[dict[str, Any]]) -> dict[str, set[int]]:
    """Write the events under keys of chance, and end each partition with a heartbeat.

    Give the partitions in which the events of each network element lie.
    """
    lie_in: dict[str, set[int]] = {}
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 20, "queue.buffering.max.messages": 500_000})
    rng = random.Random(8)
    for event in made:
        body = json.dumps({name: value for name, value in event.items() if name != "stream"}, ensure_ascii=False)
        heard = partial(note, lie_in.setdefault(event.get("element", ""), set()))
        producer.produce(f"tocsin.{event['stream']}", body.encode(), key=rng.randbytes(8), on_delivery=heard)
        producer.poll(0)
    end = {"heartbeat": True, "time": BASE_S + SPAN_S + 120}
    for stream in STREAMS:
        for partition in range(PARTITIONS):
            producer.produce(f"tocsin.{stream}", json.dumps(end).encode(), partition=partition)
    assert producer.flush(60) == 0
    return lie_in


def note(partitions: set[int], error: KafkaError | None, message: Message) -> None:
    assert error is None
    partitions.add(message.partition() or 0)


def alerts(bootstrap: str) -> list[dict[str, Any]]:
    """Read the whole topic of alerts."""
    with closing(KafkaConsumer(bootstrap_servers=bootstrap)) as consumer:
        place = TopicPartition("tocsin.alerts", 0)
        consumer.assign([place])
        consumer.seek_to_beginning(place)
        end = consumer.end_offsets([place])[place]
        got: list[dict[str, Any]] = []
        while consumer.position(place) < end:
            for records in consumer.poll(timeout_ms=500).values():
                got.extend(json.loads(record.value) for record in records)
        return got


def worker(folder: Path, kafka: Kafka, number: int) -> Process:
    command = [sys.executable, "app.py", "worker", "--broker", f"kafka://{kafka.bootstrap}"]
    command += ["--rules", str(folder / "rules.yaml"), "--web-port", "0"]
    return Process(command, folder / f"worker-{number}.log")


def shares(worker: Process) -> set[str]:
    """Name the streams of which a worker holds partitions: those whose watermark it knows."""
    found = re.search(r"http://127\.0\.0\.1:\d+/metrics", worker.log.read_text())
    if not found:
        return set()
    with urllib.request.urlopen(found[0], timeout=5) as answer:
        shown = answer.read().decode()
    return set(re.findall(r'^tocsin_watermark_lag_seconds\{stream="(\w+)"\} [0-9]', shown, re.MULTILINE))


def caught_up(kafka: Kafka, expected: int) -> bool:
    return sum(kafka.end_offsets("tocsin.alerts").values()) >= expected


@pytest.mark.kafka
@pytest.mark.slow
def test_two_workers_and_eight_partitions_give_what_replay_gives(tmp_path: Path) -> None:
    made = list(events())
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    lines = "\n".join(json.dumps(event, ensure_ascii=False) for event in made)
    (tmp_path / "events.jsonl").write_text(lines, encoding="utf-8")
    arguments = [str(tmp_path / "events.jsonl"), "--rules", str(tmp_path / "rules.yaml"), "--lateness", "5s"]
    result = CliRunner().invoke(replay, arguments)
    assert result.exit_code == 0, result.stderr
    expected = [json.loads(line) for line in result.stdout.splitlines()]
    assert {record["rule"] for record in expected} == set(re.findall(r"id: (\w+)", RULES)), "each has something to say"
    last = max(record["time"] for record in expected)

    with ExitStack() as stack:
        kafka = stack.enter_context(Kafka(tmp_path))
        for stream in STREAMS:
            kafka.create_topic(f"tocsin.{stream}", PARTITIONS)
        lie_in = publish(kafka.bootstrap, made)
        assert all(lie_in[f"n{number}"] == set(range(PARTITIONS)) for number in range(60)), "nothing lies together"
        workers = [worker(tmp_path, kafka, number) for number in range(2)]
        for one in workers:
            stack.callback(one.stop)
        alive = lambda: all(one.alive() for one in workers)  # noqa: E731
        wait_until(lambda: alive() and complete(kafka, expected), what="all alerts", timeout_s=120)
        live = alerts(kafka.bootstrap)
        wait_until(lambda: all(shares(one) == set(STREAMS) for one in workers), what="both have their share")
    told = {json.dumps(record, sort_keys=True) for record in live if record["time"] <= last}
    assert told == {json.dumps(record, sort_keys=True) for record in expected}


def complete(kafka: Kafka, expected: list[dict[str, Any]]) -> bool:
    """Whether as many alert records were written as replay gave, and the judges are done."""
    if not caught_up(kafka, len(expected)):
        return False
    seen = {(record["alert"], record["time"]) for record in alerts(kafka.bootstrap)}
    return all((record["alert"], record["time"]) in seen for record in expected)
