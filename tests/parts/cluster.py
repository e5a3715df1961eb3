"""Three Kafka nodes on this machine, each broker and controller: what is acknowledged lies on two of them at least."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Self

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from tests.parts.kafka import Kafka, Seat
from tests.parts.process import wait_until

REPLICAS = 3
_SETTINGS = {
    "default.replication.factor": str(REPLICAS),
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": str(REPLICAS),
    "transaction.state.log.replication.factor": str(REPLICAS),
    "transaction.state.log.min.isr": "2",
    "replica.lag.time.max.ms": "5000",  # as shipped 30 s: for so long a dead follower would hold up what is sent
    "controller.quorum.election.timeout.ms": "1000",
    "controller.quorum.fetch.timeout.ms": "2000",
}


class Cluster:
    """Nodes with one log in three copies. A context manager: leaving it ends them all."""

    def __init__(self, folder: Path) -> None:
        """Format the folders and start. Raises scripts.parts.Missing, NotReady."""
        self.nodes: list[Kafka] = []
        try:
            for seat in Seat.several(REPLICAS):
                own = folder / f"node-{seat.number}"
                own.mkdir()
                self.nodes.append(Kafka(own, _SETTINGS, seat=seat))
            self.wait_whole()
        except BaseException:
            self.stop()
            raise
        self.bootstrap = ",".join(node.bootstrap for node in self.nodes)

    def admin(self, **settings: object) -> Any:
        """Give a kafka-python admin client; the caller closes it."""
        return KafkaAdminClient(bootstrap_servers=[node.bootstrap for node in self.nodes], **settings)

    def create_topic(self, name: str, partitions: int = 1, config: Mapping[str, str] | None = None) -> None:
        """Create a topic in three copies and wait until every partition has its leader."""
        topic = {"num_partitions": partitions, "replication_factor": REPLICAS, "configs": dict(config or {})}
        with closing(self.admin()) as admin:
            admin.create_topics({name: topic}, wait_for_metadata=True)

    @property
    def controller(self) -> Kafka:
        """The node that leads the others. Ask while all of them run."""
        with closing(self.admin()) as admin:
            told = admin.describe_metadata_quorum()
        leaders: set[int] = {part["leader_id"] for topic in told["topics"] for part in topic["partitions"]}
        return self.nodes[leaders.pop() - 1]  # numbered from 1 on

    def wait_whole(self) -> None:
        """Wait until all nodes answer and all copies are up to date. Raises NotReady, TimeoutError."""
        for node in self.nodes:
            node.wait_ready()
        wait_until(self._is_whole, what="all copies are up to date", timeout_s=120)

    def _is_whole(self) -> bool:
        try:
            with closing(self.admin(request_timeout_ms=5_000, bootstrap_timeout_ms=5_000)) as admin:
                if len(admin.describe_cluster()["brokers"]) < REPLICAS:
                    return False
                topics = admin.describe_topics(list(admin.list_topics()))
        except (OSError, KafkaError):
            return False
        return all(len(part["isr_nodes"]) == REPLICAS for topic in topics for part in topic["partitions"])

    def stop(self) -> None:
        """End them all in order."""
        for node in self.nodes:
            node.stop()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """End them."""
        self.stop()
