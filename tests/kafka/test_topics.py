"""Our topics on a real Kafka."""

from __future__ import annotations

import uuid
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from streams.topics import PREFIX, BrokerUnreachable, Topic, TopicError, as_asked, ensure, plan

if TYPE_CHECKING:
    from tests.parts.kafka import Kafka


@pytest.fixture
def ours() -> list[Topic]:
    """Our topics under a prefix of this test's own."""
    prefix = f"test-{uuid.uuid4().hex[:8]}"
    topics = plan(["calls"], stream_partitions=3, judge_partitions=2)
    return [replace(topic, name=topic.name.replace(PREFIX, prefix, 1)) for topic in topics]


def test_what_is_missing_is_created_once(kafka: Kafka, ours: list[Topic]) -> None:
    assert ensure([kafka.bootstrap], ours) == [topic.name for topic in ours]
    assert ensure([kafka.bootstrap], ours) == []
    with closing(kafka.admin()) as admin:
        described = {
            topic["name"]: topic["partitions"] for topic in admin.describe_topics([each.name for each in ours])
        }
    assert {name: len(partitions) for name, partitions in described.items()} == {
        topic.name: topic.partitions for topic in ours
    }


def test_more_partitions_of_a_stream_are_welcome(kafka: Kafka, ours: list[Topic]) -> None:
    kafka.create_topic(ours[0].name, 5)
    assert ours[0].name not in ensure([kafka.bootstrap], ours)


def test_all_that_is_wrong_is_named(kafka: Kafka, ours: list[Topic]) -> None:
    by_role = {topic.name.rpartition(".")[2]: topic for topic in ours}
    kafka.create_topic(by_role["partials"].name, 7)
    kafka.create_topic(by_role["snapshots"].name, 2)
    with pytest.raises(TopicError) as refused:
        ensure([kafka.bootstrap], ours)
    assert "partials has 7 partitions, not 2: ask for as many as there are" in str(refused.value)
    assert "snapshots must have cleanup.policy=compact" in str(refused.value)


def test_of_three_copies_two_must_have_what_is_acknowledged() -> None:
    (topic, *_) = plan(["calls"], stream_partitions=3, judge_partitions=2)
    assert as_asked(topic, replicas=3)["configs"] == {"min.insync.replicas": "2"}
    assert as_asked(topic, replicas=1)["configs"] == {}
    kept = as_asked(plan(["calls"], stream_partitions=1, judge_partitions=1)[-1], replicas=-1)["configs"]
    assert "min.insync.replicas" not in kept, "the broker's own"


def test_more_replicas_than_brokers_are_refused_in_words(kafka: Kafka, ours: list[Topic]) -> None:
    with pytest.raises(TopicError, match="Kafka refused to create or describe our topics"):
        ensure([kafka.bootstrap], ours, replicas=3)


def test_no_broker_is_said(monkeypatch: pytest.MonkeyPatch, ours: list[Topic]) -> None:
    monkeypatch.setattr("streams.topics._CONNECT_TIMEOUT_MS", 500)
    with pytest.raises(BrokerUnreachable, match=r"no Kafka broker answers at 127\.0\.0\.1:1$"):
        ensure(["127.0.0.1:1"], ours)
