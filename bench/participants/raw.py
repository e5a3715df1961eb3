"""The raw ceiling: confluent-kafka's consume by the batch, msgspec, one numpy window, and nothing that lasts."""

from __future__ import annotations

import sys

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from bench.job import PARTITIONS, Call, Window, thresholds
from bench.meter import Meter

_BATCH = 10_000
_PATIENCE_S = 0.05  # for a batch to be full; the last one is not, and must not be waited for
_BACKOFF_MS = 5  # how long librdkafka leaves off fetching when its queue is full: a second by default, most of it idle


def main(broker: str, topic: str, alerts: str, events: int) -> None:
    """Read the topic once."""
    settings: dict[str, str | int | bool] = {
        "bootstrap.servers": broker,
        "group.id": "raw",
        "enable.auto.commit": False,
        "fetch.queue.backoff.ms": _BACKOFF_MS,
    }
    consumer = Consumer(settings)
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in range(PARTITIONS)])
    producer = Producer({"bootstrap.servers": broker, "linger.ms": 20})
    decode = msgspec.json.Decoder(Call).decode
    window, meter = Window(thresholds(events)), Meter(events)
    done = False
    while not done:
        messages = consumer.consume(_BATCH, timeout=_PATIENCE_S)
        if not messages:
            continue
        meter.begin()
        calls = [decode(message.value() or b"") for message in messages]
        for moved in window.feed(calls):
            producer.produce(alerts, moved.record(), moved.outlet)
        producer.poll(0)
        done = meter.add(len(calls))
    producer.flush()
    meter.tell()
    consumer.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
