"""What must have come of it: `tocsin replay` in memory, over the events in the order of their time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from alerts.records import alert_record, encode
from detectors.transition import Transition
from detectors.vocabulary import STREAMS
from streams.events import MixedDecoder
from streams.replay import Replay
from streams.rulefile import load

_BATCH_LEN = 5_000


def expected_alerts(rules: Path, accepted: Iterable[dict[str, Any]], end_ms: int) -> set[bytes]:
    """Give the records that must lie in `tocsin.alerts`, each once, when all time up to `end_ms` has passed."""
    found = load([rules])
    assert not found.problems
    decoder = MixedDecoder(list(STREAMS.values()))
    lines = [json.dumps(event).encode() for event in sorted(accepted, key=lambda event: event["time"])]
    last = json.dumps({"stream": "calls", "id": "last", "time": end_ms / 1000, "outcome": "answered"}).encode()
    replay = Replay(found.rules, lateness_ms=0)
    said: list[Transition] = []
    for first in range(0, len(lines), _BATCH_LEN):
        decoded = decoder.rows(lines[first : first + _BATCH_LEN], replay.fields)
        assert not decoded.refused
        said += replay.feed(decoded.time_ms, decoded.events)
    end = decoder.rows([last], replay.fields)
    said += replay.feed(end.time_ms, end.events)
    by_id = {rule.id: rule for rule in found.rules}
    assert replay.late == replay.duplicates == 0
    return {encode(alert_record(transition, by_id[transition.rule])) for transition in said}


def read_topic(bootstrap: str, topic: str) -> Sequence[Any]:
    """Read all partitions of a topic."""
    with closing(KafkaConsumer(bootstrap_servers=bootstrap)) as consumer:
        places = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        ends = consumer.end_offsets(places)
        got: list[Any] = []
        while any(consumer.position(place) < ends[place] for place in places):
            for records in consumer.poll(timeout_ms=500).values():
                got.extend(records)
        return got
