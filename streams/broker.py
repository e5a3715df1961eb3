"""An embedded broker: speaks Kafka's protocol on loopback, keeps everything in memory, and is gone with the process.

It is librdkafka's own mock cluster, which comes inside the confluent-kafka wheel. The Python binding can start one but
not say how many partitions a topic has, so the few C functions needed are called directly. It has no retention by
time, no compaction and no CreateTopics request; topics that were not declared appear with four partitions on first use.
A consumer group that was left by all its members cannot be joined again: one run, one broker.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from types import TracebackType
from typing import Self

_PRODUCER = 0  # RD_KAFKA_PRODUCER: the kind of client handle the cluster hangs on; it never produces
_ERROR_TEXT_BYTES = 512


class BrokerError(RuntimeError):
    """The embedded broker did not start, or refused a topic."""


def _library() -> ctypes.CDLL:
    """Open librdkafka: symbols resolve through the extension module that links it, wherever the wheel put it."""
    from confluent_kafka import cimpl  # heavy: only who embeds a broker pays for it

    library = ctypes.CDLL(cimpl.__file__)
    library.rd_kafka_conf_new.restype = ctypes.c_void_p
    library.rd_kafka_conf_set.argtypes = [
        ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t,
    ]  # fmt: skip
    library.rd_kafka_new.restype = ctypes.c_void_p
    library.rd_kafka_new.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
    library.rd_kafka_mock_cluster_new.restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_new.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    library.rd_kafka_mock_cluster_bootstraps.argtypes = [ctypes.c_void_p]
    library.rd_kafka_mock_topic_create.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int]
    library.rd_kafka_mock_group_initial_rebalance_delay_ms.restype = None
    library.rd_kafka_mock_group_initial_rebalance_delay_ms.argtypes = [ctypes.c_void_p, ctypes.c_int32]
    library.rd_kafka_mock_cluster_destroy.restype = None
    library.rd_kafka_mock_cluster_destroy.argtypes = [ctypes.c_void_p]
    library.rd_kafka_destroy.restype = None
    library.rd_kafka_destroy.argtypes = [ctypes.c_void_p]
    return library


class EmbeddedBroker:
    """A broker for as long as the `with` block lasts. `topics` maps names to numbers of partitions."""

    def __init__(self, topics: Mapping[str, int] | None = None) -> None:
        self.topics = dict(topics or {})
        self.bootstrap = ""  # HOST:PORT once started

    def __enter__(self) -> Self:
        self._library = _library()
        reason = ctypes.create_string_buffer(_ERROR_TEXT_BYTES)
        settings = self._library.rd_kafka_conf_new()
        # The client has no broker to connect to, on purpose, and would say so on standard error.
        self._library.rd_kafka_conf_set(settings, b"log_level", b"3", reason, _ERROR_TEXT_BYTES)
        self._client = self._library.rd_kafka_new(_PRODUCER, settings, reason, _ERROR_TEXT_BYTES)
        if not self._client:
            raise BrokerError(f"the embedded broker did not start: {reason.value.decode()}")
        self._cluster = self._library.rd_kafka_mock_cluster_new(self._client, 1)
        if not self._cluster:
            self._library.rd_kafka_destroy(self._client)
            raise BrokerError("the embedded broker did not start: no port on loopback could be opened")
        # Nobody else will join: waiting three seconds for more members would only make the demo start late.
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)
        self.bootstrap = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        for name, partitions in self.topics.items():
            self.create(name, partitions)
        return self

    def create(self, topic: str, partitions: int) -> None:
        """Create `topic`; raise `BrokerError` if it is there already."""
        error = self._library.rd_kafka_mock_topic_create(self._cluster, topic.encode(), partitions, 1)
        if error:
            raise BrokerError(f"the embedded broker refused the topic {topic} (librdkafka error {error})")

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._client)
