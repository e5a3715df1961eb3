"""Our topics on a real Kafka: created where they are missing, verified where they are there.

The embedded broker knows no CreateTopics request; there `plan` says what to declare to it.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from streams.access import OPEN, Access, knock

if TYPE_CHECKING:
    from kafka import KafkaAdminClient

PREFIX = "tocsin"
PARTIALS = f"{PREFIX}.partials"
ALERTS = f"{PREFIX}.alerts"
COMMANDS = f"{PREFIX}.commands"
AUDIT = f"{PREFIX}.audit"
DEADLETTERS = f"{PREFIX}.deadletters"
LATE_EVENTS = f"{PREFIX}.late"
SNAPSHOTS = f"{PREFIX}.snapshots"
NOTICES = f"{PREFIX}.notices"
HISTORY = f"{PREFIX}.history"
NOTIFICATIONS = f"{PREFIX}.notifications"
RETRIES = f"{PREFIX}.retries"

_DAY_MS = 86_400_000
HISTORY_DAYS = 400
"""So long is kept what happened: a year, and the month to compare it with."""

_MINUTE_MS = 60_000
_CONNECT_TIMEOUT_MS = 10_000


class TopicError(RuntimeError):
    """A topic is not as we need it; the text says what to do."""


class BrokerUnreachable(ConnectionError):
    """No broker answered."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as we want it. `settings` are Kafka's topic settings, used when it is created.

    `exact` refuses another number of partitions than ours: what is kept per partition would no longer be found.
    """

    name: str
    partitions: int
    settings: Mapping[str, str] = field(default_factory=dict)
    exact: bool = False


def stream_topic(stream: str) -> str:
    """Name the topic of a stream.

    >>> stream_topic("calls")
    'tocsin.calls'
    """
    return f"{PREFIX}.{stream}"


def retries() -> Topic:
    """The topic of what was sent again: made by workers, and by whoever sends again before there is one."""
    return Topic(RETRIES, 1, {"retention.ms": str(30 * _DAY_MS)})


def notifications() -> Topic:
    """The topic of what people are told: there where a channel writes to it."""
    return Topic(NOTIFICATIONS, 1, {"retention.ms": str(30 * _DAY_MS)})


def plan(streams: Iterable[str], *, stream_partitions: int, judge_partitions: int) -> list[Topic]:
    """List all our topics for these streams.

    >>> [(topic.name, topic.partitions) for topic in plan(["calls"], stream_partitions=8, judge_partitions=4)][:3]
    [('tocsin.calls', 8), ('tocsin.partials', 4), ('tocsin.alerts', 1)]
    """
    kept_for_days = {"retention.ms": str(30 * _DAY_MS)}
    kept_long = {"retention.ms": str(HISTORY_DAYS * _DAY_MS)}
    # A snapshot is replaced every few seconds, and a restore reads what compaction left: it shall come round soon.
    ring = {
        "cleanup.policy": "compact",
        "segment.bytes": str(16 * 1024 * 1024),
        "segment.ms": str(10 * _MINUTE_MS),
        "min.cleanable.dirty.ratio": "0.2",
    }
    return [
        *(Topic(stream_topic(stream), stream_partitions) for stream in streams),
        Topic(PARTIALS, judge_partitions, {"retention.ms": str(2 * _DAY_MS)}, exact=True),
        Topic(ALERTS, 1, kept_for_days, exact=True),
        Topic(COMMANDS, 1, kept_for_days, exact=True),
        Topic(AUDIT, 1, {"retention.ms": "-1"}, exact=True),  # who did what: for ever
        Topic(DEADLETTERS, 1, kept_for_days),
        Topic(LATE_EVENTS, 1, kept_for_days),
        Topic(NOTICES, 1, kept_long, exact=True),
        Topic(HISTORY, 1, kept_long, exact=True),
        retries(),
        Topic(SNAPSHOTS, judge_partitions, ring, exact=True),
    ]


def ensure(
    bootstrap: Sequence[str], topics: Iterable[Topic], *, replicas: int = -1, access: Access = OPEN
) -> list[str]:
    """Create the topics that are missing, verify the others; return the names of those created.

    `replicas` -1 is the broker's default. Raises `BrokerUnreachable`, `AccessRefused`, and `TopicError` naming each
    topic that is wrong.
    """
    from kafka import KafkaAdminClient
    from kafka.errors import KafkaError, TopicAlreadyExistsError

    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # it logs each failed try; our error says it once
    wanted = {topic.name: topic for topic in topics}
    if access is not OPEN:
        knock(access, bootstrap)
    try:
        admin = KafkaAdminClient(
            bootstrap_servers=list(bootstrap),
            client_id="tocsin-topics",
            bootstrap_timeout_ms=_CONNECT_TIMEOUT_MS,
            **access.arguments(),
        )
    except KafkaError as reason:
        knock(access, bootstrap)
        raise BrokerUnreachable(f"no Kafka broker answers at {', '.join(bootstrap)}") from reason
    try:
        there = set(admin.list_topics())
        missing = {name: as_asked(topic, replicas) for name, topic in wanted.items() if name not in there}
        if missing:
            # Another worker may be as fast: what it made is verified below like any other topic.
            with contextlib.suppress(TopicAlreadyExistsError):
                admin.create_topics(missing, wait_for_metadata=True)
        wrong = _wrong(admin, wanted)
    except KafkaError as reason:
        raise TopicError(f"Kafka refused to create or describe our topics: {reason}") from reason
    finally:
        admin.close()
    if wrong:
        raise TopicError("; ".join(wrong))
    return list(missing)


def as_asked(topic: Topic, replicas: int) -> dict[str, object]:
    """Give what Kafka is asked to make. Of three copies two must have what is acknowledged: any one may be lost."""
    settings = {"min.insync.replicas": "2"} if replicas > 2 else {}
    return {
        "num_partitions": topic.partitions,
        "replication_factor": replicas,
        "configs": {**settings, **topic.settings},
    }


def _wrong(admin: KafkaAdminClient, wanted: Mapping[str, Topic]) -> list[str]:
    """Say what is wrong with topics that are there."""
    from kafka.admin import ConfigResource

    wrong: list[str] = []
    for found in admin.describe_topics(list(wanted)):
        topic, partitions = wanted[found["name"]], len(found["partitions"])
        if partitions != topic.partitions and (topic.exact or not partitions):
            wrong.append(
                f"{topic.name} has {partitions} partitions, not {topic.partitions}: ask for as many as there are, or "
                "delete the topic to begin anew"
            )
    for topic in wanted.values():
        policy = topic.settings.get("cleanup.policy")
        if policy is not None:
            found = admin.describe_configs([ConfigResource("TOPIC", topic.name)], config_filter="all")
            if policy not in found["topic"][topic.name]["cleanup.policy"]["value"]:
                wrong.append(f"{topic.name} must have cleanup.policy={policy}: without it, it grows without end")
    return wrong
