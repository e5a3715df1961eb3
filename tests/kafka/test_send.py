"""`tocsin send` to a real Kafka: every event arrives once, where it belongs, and is counted."""

from __future__ import annotations

import json
import re
import uuid
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from kafka import KafkaConsumer, TopicPartition

from streams.commands.send import command
from streams.sending import Sender, Unreachable

if TYPE_CHECKING:
    from tests.parts.kafka import Kafka

PARTITIONS = 3


@pytest.fixture
def topic(kafka: Kafka) -> str:
    """The topic the command writes to; each test has its own name for it."""
    name = f"tocsin.surveys-{uuid.uuid4().hex[:8]}"
    kafka.create_topic(name, PARTITIONS)
    return name


def records(kafka: Kafka, topic: str, count: int) -> dict[int, list[tuple[bytes | None, bytes]]]:
    """Read what lies in each partition."""
    with closing(KafkaConsumer(bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest")) as consumer:
        consumer.assign([TopicPartition(topic, partition) for partition in range(PARTITIONS)])
        consumer.seek_to_beginning()
        got: dict[int, list[tuple[bytes | None, bytes]]] = {partition: [] for partition in range(PARTITIONS)}
        for _ in range(50):
            for place, batch in consumer.poll(timeout_ms=200).items():
                got[place.partition] += [(record.key, record.value) for record in batch]
            if sum(map(len, got.values())) >= count:
                break
    return got


def send(kafka: Kafka, topic: str, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    """Run the command with its topic put in place of the one all tests would share."""
    monkeypatch.setattr("streams.topics.stream_topic", lambda _stream: topic)
    result = CliRunner().invoke(command, ["surveys", *arguments, "--broker", f"kafka://{kafka.bootstrap}"])
    assert result.stdout == ""
    return result.exit_code, re.sub(r" in [\d.]+ s \([\d,]+/s\)", "", result.stderr)


def survey(n: int) -> bytes:
    return json.dumps({"id": f"s{n}", "time": 1_772_355_600 + n, "satisfied": True, "region": f"r{n % 7}"}).encode()


def test_every_event_arrives_once_and_in_turn(
    kafka: Kafka, topic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "surveys.jsonl"
    path.write_bytes(b"\n".join(survey(n) for n in range(9_000)))
    code, said = send(kafka, topic, monkeypatch, str(path))
    assert (code, said) == (0, "9,000 events sent to tocsin.surveys; 9,000 acknowledged\n")
    got = records(kafka, topic, 9_000)
    for partition, rows in got.items():
        assert [value for _, value in rows] == [survey(n) for n in range(partition, 9_000, PARTITIONS)]


def test_a_key_keeps_a_series_together(
    kafka: Kafka, topic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "surveys.jsonl"
    path.write_bytes(b"\n".join(survey(n) for n in range(700)))
    assert send(kafka, topic, monkeypatch, str(path), "--key", "region")[0] == 0
    places: dict[bytes | None, set[int]] = {}
    for partition, rows in records(kafka, topic, 700).items():
        for key, _ in rows:
            places.setdefault(key, set()).add(partition)
    assert set(places) == {f"r{n}".encode() for n in range(7)}
    assert all(len(partitions) == 1 for partitions in places.values())


def test_files_are_merged_and_refusals_told(
    kafka: Kafka, topic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.jsonl").write_bytes(survey(1) + b"\nnonsense\n" + survey(5))
    (tmp_path / "b.csv").write_bytes(b"id,time,satisfied\ns3,1772355603,yes\n")
    code, said = send(kafka, topic, monkeypatch, str(tmp_path / "a.jsonl"), str(tmp_path / "b.csv"))
    assert code == 1
    assert f"refused {tmp_path / 'a.jsonl'}:2: not-json: " in said
    assert said.endswith("3 events sent to tocsin.surveys; 3 acknowledged; 1 refused\n")
    got = records(kafka, topic, 3)
    assert [json.loads(got[n][0][1])["id"] for n in range(3)] == ["s1", "s3", "s5"]


def test_a_topic_that_is_not_there(kafka: Kafka) -> None:
    with pytest.raises(Unreachable, match=r"no topic tocsin\.nowhere at "):
        Sender([kafka.bootstrap], "tocsin.nowhere", timeout_ms=2_000)
