"""How far the group's durable state reaches: the offsets that workers report, against the ends of the logs."""

from __future__ import annotations

from contextlib import suppress

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.topics import ALERTS, PARTIALS, stream_topic
from tests.faults.traffic import PARTITIONS, STREAMS

Ends = dict[tuple[str, int], int]

SOURCES = tuple((stream_topic(stream), number) for stream in STREAMS for number in range(PARTITIONS))
_TIMEOUT_S = 5.0


class Progress:
    """A look at the group from outside it."""

    def __init__(self, bootstrap: str, group: str) -> None:
        self._client = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": group, "log_level": 0, "error_cb": lambda _: None,
             "reconnect.backoff.max.ms": 500, "enable.auto.commit": False}
        )  # fmt: skip

    def ends(self, *topics: str) -> Ends:
        """Say where the logs end. Raise KafkaException if nobody answers."""
        found: Ends = {}
        for topic in topics:
            count = len(self._client.list_topics(topic, timeout=_TIMEOUT_S).topics[topic].partitions)
            for number in range(count):
                place = TopicPartition(topic, number)
                found[topic, number] = self._client.get_watermark_offsets(place, timeout=_TIMEOUT_S)[1]
        return found

    def has_reached(self, ends: Ends) -> bool:
        """Say whether all before `ends` is durably counted in; no answer is a no."""
        with suppress(KafkaException):
            places = [TopicPartition(*place) for place in ends]
            told = self._client.committed(places, timeout=_TIMEOUT_S)
            return all(place.offset >= ends[place.topic, place.partition] for place in told)
        return False

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


STEPS = (tuple(stream_topic(stream) for stream in STREAMS), (PARTIALS,), (ALERTS,))
"""The topics of each step of the way: what one has counted in, the next finds in its log."""
