"""`tocsin deadletters` on a real Kafka: found, shown safely, sent again once."""

from __future__ import annotations

import json
import time
import uuid
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from streams import letters
from streams.commands.deadletters import command
from streams.deadletters import DeadLetter, build
from streams.decoded import Refused
from streams.faults import Reason

if TYPE_CHECKING:
    from tests.parts.kafka import Kafka

NOW_MS = time.time_ns() // 1_000_000


def letter(
    offset: int, raw: bytes = b"%% rubbish %%", reason: Reason = Reason.NOT_JSON, partition: int = 1
) -> DeadLetter:
    refused = Refused(index=0, part=0, stream="surveys", reason=reason, detail="bad \x1b[2J", raw=raw)
    return build(refused, topic="tocsin.surveys", partition=partition, offset=offset, arrived_ms=NOW_MS)


class Site:
    """A Kafka with topics of this test's own."""

    def __init__(self, kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kafka = kafka
        name = uuid.uuid4().hex[:8]
        self.letters, self.retries, self.surveys = f"{name}-letters", f"{name}-retries", f"{name}-surveys"
        kafka.create_topic(self.letters)
        kafka.create_topic(self.surveys, 3)
        monkeypatch.setattr(letters, "DEADLETTERS", self.letters)
        monkeypatch.setattr(letters, "RETRIES", self.retries)
        monkeypatch.setattr("streams.topics.RETRIES", self.retries)
        real = letters.stream_topic
        monkeypatch.setattr(
            letters, "stream_topic", lambda stream: self.surveys if stream == "surveys" else real(stream)
        )
        monkeypatch.setattr(letters, "why_not", lambda one, *_: None if one.whole else "not whole")

    def put(self, *found: DeadLetter | bytes) -> None:
        with closing(KafkaProducer(bootstrap_servers=self.kafka.bootstrap)) as producer:
            for one in found:
                raw = isinstance(one, bytes)
                producer.send(self.letters, value=one if raw else one.to_json(), key=None if raw else one.key.encode())
            producer.flush()

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(command, [*arguments, "--broker", self.kafka.bootstrap])

    def listed(self, *arguments: str) -> list[str]:
        result = self.run("list", "--output", "json", *arguments)
        assert result.exit_code == 0, result.output
        return [json.loads(line)["letter"] for line in result.stdout.splitlines()]

    def sent(self) -> list[Any]:
        """Read what was sent again, of every partition."""
        with closing(KafkaConsumer(bootstrap_servers=self.kafka.bootstrap)) as consumer:
            places = [TopicPartition(self.surveys, number) for number in range(3)]
            consumer.assign(places)
            consumer.seek_to_beginning(*places)
            got: list[Any] = []
            while any(consumer.position(place) < end for place, end in consumer.end_offsets(places).items()):
                got += [record for batch in consumer.poll(500).values() for record in batch]
            return got


@pytest.fixture
def site(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(kafka, monkeypatch)


def test_the_newest_are_listed_first_and_each_place_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters, "_BLOCK_LEN", 7)  # several blocks
    site.put(*(letter(n) for n in range(30)), letter(3), b"no letter")
    keys = site.listed("--limit", "5")
    assert keys == [f"tocsin.surveys:1:{n}:0" for n in (3, 29, 28, 27, 26)]
    assert len(site.listed()) == 30
    assert "1 records of the topic are no dead letters" in site.run("list").stderr


def test_filters(site: Site) -> None:
    site.put(letter(1), letter(2, reason=Reason.FUTURE), letter(3))
    assert site.listed("--reason", "future") == ["tocsin.surveys:1:2:0"]
    assert site.listed("--stream", "calls") == []
    assert len(site.listed("--since", "1h", "--stream", "surveys")) == 3
    time.sleep(0.01)
    assert site.listed("--since", "1ms") == []


def test_one_is_shown_with_nothing_that_moves_the_cursor(site: Site) -> None:
    site.put(letter(5, "长沙\n\x1b[2J".encode() + b"\xff"))
    result = site.run("show", "tocsin.surveys:1:5:0")
    assert result.exit_code == 0
    assert "bytes       长沙\\u000a\\u001b[2J\\xff" in result.stdout
    assert "reason      not-json: bad \\u001b[2J" in result.stdout
    assert "\x1b" not in result.stdout
    missing = site.run("show", "tocsin.surveys:1:6:0")
    assert (missing.exit_code, missing.stdout) == (1, "")


def test_what_is_sent_again_goes_to_its_place_and_once(site: Site) -> None:
    site.put(letter(1, b'{"id": "a"}'), letter(2, b'{"id": "b"}', partition=2), letter(3, b"x" * 70_000))
    first = site.run("retry", "--all")
    assert first.exit_code == 1
    assert first.stdout.split() == ["tocsin.surveys:1:1:0", "tocsin.surveys:2:2:0"]
    assert "tocsin.surveys:1:3:0 cannot be sent again: not whole" in first.stderr
    assert sorted((record.partition, record.value, record.headers) for record in site.sent()) == [
        (1, b'{"id": "a"}', [("x-replay-of", b"tocsin.surveys:1:1:0")]),
        (2, b'{"id": "b"}', [("x-replay-of", b"tocsin.surveys:2:2:0")]),
    ]
    second = site.run("retry", "tocsin.surveys:1:1:0")
    assert (second.exit_code, second.stdout) == (0, "")
    assert "tocsin.surveys:1:1:0 was sent again at " in second.stderr
    assert len(site.sent()) == 2
    assert site.run("retry", "tocsin.surveys:1:1:0", "--again").exit_code == 0
    assert len(site.sent()) == 3
    assert "sent again  2" in site.run("show", "tocsin.surveys:1:1:0").stdout


def test_what_is_asked_must_be_clear(site: Site) -> None:
    assert site.run("retry").exit_code == 2
    assert site.run("retry", "tocsin.surveys:1:1:0", "--all").exit_code == 2
    assert site.run("list", "--reason", "not-jsno").exit_code == 2
    assert site.run("retry", "tocsin.surveys:9:9:9").exit_code == 1


def test_no_topic_and_no_broker(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = CliRunner().invoke(command, ["list", "--broker", "127.0.0.1:1"])
    assert (nobody.exit_code, nobody.stderr) == (
        3,
        "tocsin deadletters: no Kafka broker answers at 127.0.0.1:1\n",
    )
    monkeypatch.setattr(letters, "DEADLETTERS", "tocsin.nowhere")
    assert site.run("list").exit_code == 3
