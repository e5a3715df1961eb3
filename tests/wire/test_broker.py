"""The embedded broker: topics as declared, and gone with the block."""

from __future__ import annotations

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

from streams.broker import BrokerError, EmbeddedBroker


async def partitions(bootstrap: str, topic: str) -> int:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        return len(await producer.partitions_for(topic))


async def test_topics_have_the_partitions_they_were_given() -> None:
    with EmbeddedBroker({"wide": 12, "narrow": 1}) as broker:
        broker.create("later", 3)
        assert [await partitions(broker.bootstrap, topic) for topic in ("wide", "narrow", "later")] == [12, 1, 3]


async def test_a_topic_nobody_declared_appears() -> None:
    with EmbeddedBroker() as broker:
        assert await partitions(broker.bootstrap, "unheard-of") == 4


def test_a_topic_is_created_once() -> None:
    with EmbeddedBroker({"calls": 2}) as broker, pytest.raises(BrokerError, match="refused the topic calls"):
        broker.create("calls", 2)


async def test_it_is_on_loopback_alone_and_gone_with_the_block() -> None:
    with EmbeddedBroker() as broker:
        assert broker.bootstrap.startswith("127.0.0.1:")
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap)
    with pytest.raises(KafkaConnectionError):
        await producer.start()
    await producer.stop()
