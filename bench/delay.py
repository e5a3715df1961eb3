"""How long after event time reached a boundary its alert records are in Kafka: steadily, and in a storm."""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from bench.job import PARTITIONS, rule, thresholds
from bench.live import CALLS, Sender, Worker, handled
from streams.settings import Settings
from streams.topics import ALERTS
from tests.parts.kafka import Kafka
from tests.parts.process import wait_until

_RATE = 20_000
_STORM = 1_000_000
_WINDOW_MS, _HOP_MS, _WAVE_MS = 10_000, 1_000, 5_000  # short, so that many levels move
_AFTER_S = 12.0  # longer than the lateness and a window of the rule
_TIMEOUT_S = 120.0


def delay(*, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Run a worker under a steady stream, then a storm. Give p50 and p99 of both, in seconds."""
    steady_s, storm = (12.0, 200_000) if quick else (60.0, _STORM)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tocsin-bench-")))
        kafka = stack.enter_context(Kafka(folder))
        kafka.create_topic(CALLS, PARTITIONS)
        limits = thresholds(_RATE, 1_000, _WINDOW_MS)
        (folder / "rules.yaml").write_text(rule(limits, _WINDOW_MS, _HOP_MS), encoding="utf-8")
        worker = Worker(kafka, folder / "rules.yaml", folder, "worker")
        stack.callback(worker.process.stop)
        worker.wait_holding(PARTITIONS)
        say(f"{_RATE:,} events/s for {steady_s:g} s")
        sender = Sender(kafka, _WAVE_MS)
        full_s = time.time() + _WINDOW_MS / 1000
        sender.steadily(_RATE, steady_s)
        storm_s = time.time()
        say(f"{storm:,} events at once")
        sender.at_once(storm)
        sent_s = time.time()
        sender.steadily(_RATE, _AFTER_S)  # time must go on for the storm to be judged
        wait_until(lambda: handled([worker]) >= sender.sent, what="all events are handled", timeout_s=_TIMEOUT_S)
        over_s = time.time()
        told = _alerts(kafka)
    return {
        "lateness_s": Settings().lateness / 1000,
        "steady": {"events_per_s": _RATE, **_percentiles(told, full_s, storm_s)},
        "storm": {
            "events": storm,
            "sent_in_s": sent_s - storm_s,
            "all_handled_after_s": over_s - storm_s,
            **_percentiles(told, storm_s, sent_s + _AFTER_S),
        },
    }


def _alerts(kafka: Kafka) -> list[tuple[float, float]]:
    """Read the alert records: (boundary, when Kafka had it), in seconds."""
    with closing(KafkaConsumer(bootstrap_servers=kafka.bootstrap)) as consumer:
        place = TopicPartition(ALERTS, 0)
        consumer.assign([place])
        consumer.seek_to_beginning(place)
        end = consumer.end_offsets([place])[place]
        told: list[tuple[float, float]] = []
        while consumer.position(place) < end:
            for records in consumer.poll(timeout_ms=500).values():
                for record in records:
                    boundary = datetime.fromisoformat(json.loads(record.value)["time"]).timestamp()
                    told.append((boundary, record.timestamp / 1000))
        return told


def _percentiles(told: Sequence[tuple[float, float]], since_s: float, until_s: float) -> dict[str, float]:
    delays = sorted(at - boundary for boundary, at in told if since_s <= boundary < until_s)
    return {
        "alert_records": len(delays),
        "p50_s": percentile(delays, 0.5),
        "p99_s": percentile(delays, 0.99),
        "max_s": percentile(delays, 1.0),
    }


def percentile(ordered: Sequence[float], part: float) -> float:
    """Give the least value that `part` of all do not exceed.

    >>> percentile([1, 2, 3, 4], 0.5), percentile([1, 2, 3, 4], 0.99)
    (2, 4)
    """
    return ordered[max(math.ceil(part * len(ordered)), 1) - 1]
