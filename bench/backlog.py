"""The backlog: calls of half an hour, made up from a seed, in a topic of eight partitions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from confluent_kafka import Producer

from bench.job import BEGIN_MS, SERIES, SPAN_MS, WAVES, partition_of

_BLOCK = 100_000
_WAVE_PART = 20  # one outlet in so many is hit by a wave
_DISORDER_MS = 1_000
_CALL = (
    '{"id":"c%012d","time":%.3f,"outcome":"%s","line":"10086","queue":"q%02d","region":"%s","outlet":"o%04d",'
    '"purpose":"%s","wait_s":%d.5,"talk_s":%d,"wrap_s":8,"agent":"a%04d","customer":"k%06d","tier":"gold","brand":"easy"}'
)
_OUTCOMES = ("answered",) * 8 + ("abandoned", "blocked")
_REGIONS = (
    "长沙",
    "株洲",
    "湘潭",
    "衡阳",
    "邵阳",
    "岳阳",
    "常德",
    "张家界",
    "益阳",
    "郴州",
    "永州",
    "怀化",
    "娄底",
    "湘西",
)
_PURPOSES = ("inquiry",) * 6 + ("complaint", "order", "internal")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of event time with calls in it, evenly but for the waves. Ids count on from `first_id`."""

    events: int
    series: int = SERIES
    begin_ms: int = BEGIN_MS
    span_ms: int = SPAN_MS
    wave_ms: int = 90_000
    first_id: int = 0


def calls(stretch: Stretch) -> Iterator[tuple[int, bytes]]:
    """Give (outlet, event) nearly in the order of their times: none comes more than a second late."""
    series, begin_ms = stretch.series, stretch.begin_ms
    draw = np.random.default_rng(stretch.first_id)
    for first in range(0, stretch.events, _BLOCK):
        size = min(_BLOCK, stretch.events - first)
        in_order = begin_ms + (np.arange(first, first + size) * (stretch.span_ms / stretch.events)).astype(np.int64)
        time_s = (in_order - draw.integers(0, min(_DISORDER_MS, stretch.span_ms), size)) / 1000
        wave = in_order // stretch.wave_ms % _WAVE_PART
        hit = draw.integers(0, max(series // _WAVE_PART, 1), size) * _WAVE_PART + wave
        outlet = np.where(draw.random(size) < WAVES, hit % series, draw.integers(0, series, size)).tolist()
        number = draw.integers(0, 2**31, size).tolist()
        rows = zip(time_s.tolist(), outlet, number, strict=True)
        for at, (when, where, some) in enumerate(rows, stretch.first_id + first):
            fields = (
                at, when, _OUTCOMES[some % 10], where % 40, _REGIONS[where % 14], where, _PURPOSES[some % 9],
                some % 61, some % 601, some % 997, some % 99_991,
            )  # fmt: skip
            yield where, (_CALL % fields).encode()


def publish(broker: str, topic: str, events: int) -> None:
    """Write a backlog, each event where its outlet belongs, keyed by the outlet."""
    producer = Producer({"bootstrap.servers": broker, "linger.ms": 50, "batch.size": 1_000_000})
    for outlet, event in calls(Stretch(events)):
        while True:
            try:
                producer.produce(topic, event, b"o%04d" % outlet, partition_of(outlet))
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(120) == 0
