"""An Apache Kafka node (KRaft) on this machine: a real log, real groups, real restarts."""

from __future__ import annotations

import base64
import socket
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from scripts.parts import kafka_jars, program
from tests.parts.process import NotReady, Process, Server, free_ports

_JVM = [
    "-Xmx512m",
    "-XX:+UseSerialGC",  # one small heap on two cores: the parallel collectors only cost threads
    "-XX:TieredStopAtLevel=1",  # a broker that lives for a minute is not worth the second compiler
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
]
_DEFAULTS = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",  # a topic nobody declared is a mistake that must show
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "broker.session.timeout.ms": "2000",  # so long a restart after a power cut waits for its former self
    "broker.heartbeat.interval.ms": "500",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "log.cleaner.dedupe.buffer.size": str(4 << 20),  # 128 MiB of a 512 MiB heap by default
    "log.cleaner.backoff.ms": "1000",
}


@dataclass(frozen=True, slots=True)
class Seat:
    """A node's place in a cluster: its number, its ports, and the controllers (`N@HOST:PORT,…`) it votes with."""

    number: int
    broker: int
    controller: int
    voters: str
    cluster: str

    @classmethod
    def several(cls, count: int) -> list[Seat]:
        """Make the seats of one cluster."""
        ports = free_ports(2 * count)
        pairs = list(zip(ports[:count], ports[count:], strict=True))
        voters = ",".join(f"{number}@127.0.0.1:{controller}" for number, (_, controller) in enumerate(pairs, 1))
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "x")
        return [cls(number, *pair, voters, cluster) for number, pair in enumerate(pairs, 1)]


class Kafka(Server):
    """A broker with its own folder and ports, which stay its own over restarts.

    `settings` are broker settings that differ from ours, such as `{"log.segment.bytes": "1048576"}`. `listeners` are
    security protocols spoken besides PLAINTEXT, each at the address `addresses[protocol]`; `scram` are users in the
    form of Kafka's storage tool. With a `seat` it is one of several and answers once most of them are started: whoever
    starts them waits (`wait_ready`).
    """

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str] | None = None,
        *,
        listeners: Sequence[str] = (),
        scram: Sequence[str] = (),
        seat: Seat | None = None,
    ) -> None:
        """Format the folder and start. Raises scripts.parts.Missing, NotReady."""
        taken = seat or Seat.several(1)[0]
        more = free_ports(len(listeners))
        self.bootstrap = f"127.0.0.1:{taken.broker}"
        self.addresses = {name: f"127.0.0.1:{port}" for name, port in zip(listeners, more, strict=True)}
        open_ones = [f"{name}://{address}" for name, address in {"PLAINTEXT": self.bootstrap, **self.addresses}.items()]
        self._folder = folder
        self._java = [program("java"), *_JVM, "-cp", f"{kafka_jars()}/*"]
        self._properties = folder / "server.properties"
        lines = {
            **_DEFAULTS,
            "node.id": str(taken.number),
            "listeners": ",".join([*open_ones, f"CONTROLLER://127.0.0.1:{taken.controller}"]),
            "advertised.listeners": ",".join(open_ones),
            "listener.security.protocol.map": ",".join(
                ["PLAINTEXT:PLAINTEXT", "CONTROLLER:PLAINTEXT", *(f"{name}:{name}" for name in listeners)]
            ),
            "controller.quorum.voters": taken.voters,
            "log.dirs": str(folder / "log"),
            **(settings or {}),
        }
        self._properties.write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
        self._format(taken.cluster, scram)
        self.start()
        if seat is None:
            self.wait_ready()

    def _format(self, cluster: str, scram: Sequence[str]) -> None:
        command = [*self._java, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(self._properties)]
        for user in scram:
            command += ["--add-scram", user]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode:
            msg = f"the storage tool refused {self._folder}: {done.stdout}{done.stderr}"
            raise NotReady(msg)

    def start(self) -> None:
        """Start it, which must not run."""
        self._process = Process([*self._java, "kafka.Kafka", str(self._properties)], self._folder / "kafka.log")

    def wait_ready(self) -> None:
        """Wait until it answers. Raises NotReady."""
        self._process.wait_ready(self._answers)

    def _answers(self) -> bool:
        """Say whether a metadata request is answered."""
        host, _, port = self.bootstrap.partition(":")
        try:
            socket.create_connection(
                (host, int(port)), timeout=1
            ).close()  # the client is slow to learn that it is early
            with closing(self.admin(request_timeout_ms=2_000, bootstrap_timeout_ms=2_000)) as admin:
                return bool(admin.describe_cluster()["brokers"])
        except (OSError, KafkaError):
            return False

    def admin(self, **settings: object) -> Any:
        """Give a kafka-python admin client; the caller closes it."""
        return KafkaAdminClient(bootstrap_servers=self.bootstrap, **settings)

    def create_topic(self, name: str, partitions: int = 1, config: Mapping[str, str] | None = None) -> None:
        """Create a topic and wait until every partition has its leader."""
        topic = {"num_partitions": partitions, "replication_factor": 1, "configs": dict(config or {})}
        with closing(self.admin()) as admin:
            admin.create_topics({name: topic}, wait_for_metadata=True)

    def delete_topics(self, *names: str) -> None:
        """Delete topics, for tests whose topic names are given."""
        with closing(self.admin()) as admin:
            admin.delete_topics(list(names))

    def end_offsets(self, topic: str) -> dict[int, int]:
        """Say where each partition of a topic ends."""
        with closing(KafkaConsumer(bootstrap_servers=self.bootstrap)) as consumer:
            parts = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
            return {part.partition: offset for part, offset in consumer.end_offsets(parts).items()}

    def restart(self) -> None:
        """Start it again, ending it first if it runs, on the same ports and data."""
        self.stop()
        self.start()
        self.wait_ready()
