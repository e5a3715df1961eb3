"""Dead letters in the log: found, newest first, and sent once more to where they came from.

A letter is sent again byte for byte to its own partition, so that an event which was accepted meanwhile is a duplicate
by its id there; what is refused again becomes a letter of its new place. What was sent again is written down in a
topic of its own, after the event is safe: a crash in between sends it twice, never not at all.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, Self

from detectors.vocabulary import STREAMS
from streams.access import OPEN, Access, knock
from streams.deadletters import DeadLetter, parse
from streams.sending import Unreachable
from streams.topics import DEADLETTERS, RETRIES, ensure, retries, stream_topic

if TYPE_CHECKING:
    from kafka import KafkaConsumer, KafkaProducer
    from kafka.consumer.fetcher import ConsumerRecord

REPLAY_HEADER = "x-replay-of"
SCANNED_MAX = 1_000_000
"""Records looked at for one question, newest first: filters may match few of many."""

_BLOCK_LEN = 2_000
_POLL_MS = 1_000
_SILENT_POLLS_MAX = 10
_ACK_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters are meant; what is empty does not matter. `since_ms` is when they were written, at the earliest."""

    keys: frozenset[str] = frozenset()
    stream: str | None = None
    reason: str | None = None
    since_ms: int = 0
    limit: int = 100

    def takes(self, letter: DeadLetter) -> bool:
        """Say whether a letter is meant."""
        return (
            (not self.keys or letter.key in self.keys)
            and self.stream in (None, letter.stream)
            and self.reason in (None, letter.reason)
        )


@dataclass(slots=True)
class Found:
    """What a question brought: letters, newest first, and records that are none."""

    letters: list[DeadLetter] = field(default_factory=list)
    rubbish: int = 0  # records of the topic that are no dead letters


class Letters:
    """The dead letters of one Kafka. A context manager."""

    def __init__(self, brokers: Sequence[str], access: Access = OPEN, *, timeout_ms: int = 10_000) -> None:
        """Connect. Raises Unreachable, AccessRefused."""
        from kafka import KafkaConsumer
        from kafka.errors import KafkaError

        self._brokers, self._access, self._timeout_ms = list(brokers), access, timeout_ms
        if access is not OPEN:
            knock(access, brokers)
        try:
            self._consumer: KafkaConsumer = KafkaConsumer(
                bootstrap_servers=self._brokers,
                bootstrap_timeout_ms=timeout_ms,
                group_id=None,
                enable_auto_commit=False,
                **access.arguments(),
            )
        except (KafkaError, OSError, ValueError) as error:
            knock(access, brokers)
            raise Unreachable(f"no Kafka broker answers at {', '.join(brokers)}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._consumer.close()

    def find(self, wanted: Wanted) -> Found:
        """Find letters, newest first, each place once. Raises Unreachable if the topic is not there, or goes silent."""
        found, seen = Found(), set[str]()
        for record in self._backwards(DEADLETTERS, wanted.since_ms):
            try:
                letter = parse(record.value or b"")
            except ValueError:
                found.rubbish += 1
                continue
            if letter.key not in seen and wanted.takes(letter):
                seen.add(letter.key)
                found.letters.append(letter)
            if len(found.letters) >= wanted.limit or (wanted.keys and seen == wanted.keys):
                break
        return found

    def retried(self) -> dict[str, int]:
        """Say which letters were sent again, and when last (milliseconds)."""
        if not self._consumer.partitions_for_topic(RETRIES):
            return {}  # as long as nothing was
        times: dict[str, int] = {}
        for record in self._backwards(RETRIES, 0):
            times.setdefault((record.key or b"").decode("utf-8", "replace"), record.timestamp)
        return times

    def retry(self, letters: Iterable[DeadLetter]) -> list[str]:
        """Send letters once more, and write down that they were; return their keys. Raises Unreachable if Kafka fails.

        `why_not` must have nothing against any. After a failure, those that are safe are written down all the same.
        """
        from kafka import KafkaProducer
        from kafka.errors import KafkaError

        ensure(self._brokers, [retries()], access=self._access)
        done: list[str] = []
        try:
            producer: KafkaProducer = KafkaProducer(
                bootstrap_servers=self._brokers,
                bootstrap_timeout_ms=self._timeout_ms,
                acks="all",
                enable_idempotence=True,
                allow_auto_create_topics=False,
                **self._access.arguments(),
            )
            try:
                for letter in letters:
                    event = {"value": letter.raw, "headers": [(REPLAY_HEADER, letter.key.encode())]}
                    sent = producer.send(stream_topic(letter.stream), partition=letter.partition, **event)
                    offset = sent.get(timeout=_ACK_TIMEOUT_S).offset
                    note = json.dumps({"letter": letter.key, "offset": offset}).encode()
                    producer.send(RETRIES, key=letter.key.encode(), value=note).get(timeout=_ACK_TIMEOUT_S)
                    done.append(letter.key)
            finally:
                with suppress(KafkaError):
                    producer.close(timeout=_ACK_TIMEOUT_S)
        except KafkaError as error:
            raise Unreachable(f"Kafka took {len(done)} letters and then failed: {type(error).__name__}") from error
        return done

    def _backwards(self, topic: str, since_ms: int) -> Iterator[ConsumerRecord]:
        """Walk a topic from its end to its beginning, or to the first record before `since_ms`."""
        from kafka import TopicPartition

        numbers = self._consumer.partitions_for_topic(topic)
        if not numbers:
            raise Unreachable(f"no topic {topic} at {', '.join(self._brokers)}: `tocsin worker` makes it")
        places = [TopicPartition(topic, number) for number in sorted(numbers)]
        begins, ends = self._consumer.beginning_offsets(places), self._consumer.end_offsets(places)
        for place in places:  # ours has one partition; where a site made more, each is walked in turn
            first = max(begins[place], ends[place] - SCANNED_MAX)
            for end in range(ends[place], first, -_BLOCK_LEN):
                block = self._block(place, max(first, end - _BLOCK_LEN), end)
                recent = [record for record in reversed(block) if record.timestamp >= since_ms]
                yield from recent
                if len(recent) < len(block):
                    break

    def _block(self, place: Any, start: int, end: int) -> list[ConsumerRecord]:
        self._consumer.assign([place])
        self._consumer.seek(place, start)
        block: list[ConsumerRecord] = []
        silent = 0
        while self._consumer.position(place) < end:
            records = list(chain.from_iterable(self._consumer.poll(timeout_ms=_POLL_MS).values()))
            block += [record for record in records if record.offset < end]
            silent = 0 if records else silent + 1
            if silent >= _SILENT_POLLS_MAX:
                raise Unreachable(f"{place.topic} at {', '.join(self._brokers)} does not answer")
        return block


def why_not(letter: DeadLetter, streams: Collection[str] = tuple(STREAMS)) -> str | None:
    """Say why a letter cannot be sent again; None if it can."""
    if letter.stream not in streams or letter.topic != stream_topic(letter.stream):
        return "it is of no stream of ours"
    if not letter.whole:
        return f"of its {letter.size:,} bytes only the first {len(letter.raw):,} were kept"
    return None
