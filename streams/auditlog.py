"""The audit, read from its topic from beginning to end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from streams.access import OPEN, Access, knock
from streams.sending import Unreachable
from streams.topics import AUDIT

_POLL_MS = 1_000
_SILENT_POLLS_MAX = 10


def read_audit(brokers: Sequence[str], access: Access = OPEN, *, timeout_ms: int = 10_000) -> Iterator[bytes]:
    """Read every record of the topic as it is now. Raise Unreachable, AccessRefused."""
    from kafka import KafkaConsumer, TopicPartition
    from kafka.errors import KafkaError

    if access is not OPEN:
        knock(access, brokers)
    try:
        consumer = KafkaConsumer(
            bootstrap_servers=list(brokers),
            enable_auto_commit=False,
            bootstrap_timeout_ms=timeout_ms,
            **access.arguments(),
        )
    except KafkaError as error:
        raise Unreachable(f"no Kafka broker answers at {', '.join(brokers)}") from error
    try:
        place = TopicPartition(AUDIT, 0)
        if not consumer.partitions_for_topic(AUDIT):
            raise Unreachable(f"no topic {AUDIT} at {', '.join(brokers)}: `tocsin worker` makes it")
        consumer.assign([place])
        consumer.seek_to_beginning(place)
        end, silent = consumer.end_offsets([place])[place], 0
        while consumer.position(place) < end:
            records = [record for batch in consumer.poll(timeout_ms=_POLL_MS).values() for record in batch]
            yield from (record.value for record in records if record.value is not None)
            silent = 0 if records else silent + 1
            if silent >= _SILENT_POLLS_MAX:
                raise Unreachable(f"{AUDIT} at {', '.join(brokers)} does not answer")
    except KafkaError as error:
        raise Unreachable(f"{AUDIT} cannot be read: {type(error).__name__}") from error
    finally:
        consumer.close()
