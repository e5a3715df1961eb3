"""How far the group's durable state reaches: the offsets that workers report, against the ends of the logs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.topics import ALERTS, COMMANDS, PARTIALS, stream_topic
from tests.faults.traffic import STREAMS

Ends = dict[tuple[str, int], int]

_TIMEOUT_S = 5.0


class Progress:
    """A look at the group from outside it."""

    def __init__(self, bootstrap: str, group: str) -> None:
        self._client = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": group, "log_level": 0, "error_cb": lambda _: None,
             "reconnect.backoff.max.ms": 500, "enable.auto.commit": False}
        )  # fmt: skip

    def ends(self, *topics: str) -> Ends | None:
        """Say where the logs end; None as long as nobody answers, as while a broker comes up."""
        with suppress(KafkaException):
            return self._ends(topics)
        return None

    def _ends(self, topics: Sequence[str]) -> Ends:
        found: Ends = {}
        for topic in topics:
            count = len(self._client.list_topics(topic, timeout=_TIMEOUT_S).topics[topic].partitions)
            for number in range(count):
                place = TopicPartition(topic, number)
                found[topic, number] = self._client.get_watermark_offsets(place, timeout=_TIMEOUT_S)[1]
        return found

    def has_reached(self, ends: Ends) -> bool:
        """Say whether all before `ends` is durably counted in; no answer is no."""
        with suppress(KafkaException):
            places = [TopicPartition(*place) for place in ends]
            told = self._client.committed(places, timeout=_TIMEOUT_S)
            return all(place.offset >= ends[place.topic, place.partition] for place in told)
        return False

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def caught_up(self, *topics: str) -> Callable[[], bool]:
        """Ask, again and again, whether all that lay in these logs when they were first seen is counted in."""
        ends: Ends | None = None

        def ask() -> bool:
            nonlocal ends
            ends = ends or self.ends(*topics)
            return ends is not None and self.has_reached(ends)

        return ask


STEPS = (tuple(stream_topic(stream) for stream in STREAMS), (PARTIALS,), (ALERTS,), (COMMANDS,))
"""The topics of each step of the way: what one has counted in, the next finds in its log."""
