"""Faults of a Kafka of three brokers, whose copies are to hold what one broker would lose or hold up."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.faults.campaign import Campaign
from tests.parts.cluster import Cluster
from tests.parts.kafka import Kafka


def kill_one(on: Campaign) -> None:
    """SIGKILL of one broker: others lead its partitions, and it comes back to catch up."""
    _lose(on, on.rng.choice(_cluster(on).nodes), seconds=on.rng.uniform(5, 15))


def kill_controller(on: Campaign) -> None:
    """SIGKILL of the broker that leads the others, and of a worker that has to join a group meanwhile."""
    controller = _cluster(on).controller
    on.crew.any(on.rng).kill()
    _lose(on, controller, seconds=on.rng.uniform(5, 15))


def freeze_one(on: Campaign) -> None:
    """SIGSTOP of one broker: it wakes as the leader of partitions that others have written since."""
    node = on.rng.choice(_cluster(on).nodes)
    node.pause()
    on.rest(on.rng.uniform(8, 20))
    node.resume()
    _whole(on)


def kill_two(on: Campaign) -> None:
    """SIGKILL of two: one copy is too few to acknowledge, so nothing goes on until one is back."""
    nodes = on.rng.sample(_cluster(on).nodes, 2)
    for node in nodes:
        node.kill()
    on.rest(on.rng.uniform(5, 15))
    for node in nodes:
        node.start()
    _whole(on)


def kill_all(on: Campaign) -> None:
    """SIGKILL of all at once: the power cut."""
    for node in _cluster(on).nodes:
        node.kill()
    on.rest(on.rng.uniform(1, 10))
    for node in _cluster(on).nodes:
        node.start()
    _whole(on)


def restart_in_turn(on: Campaign) -> None:
    """Each broker ends in order and comes again, the next one once all copies are whole: an upgrade."""
    for node in _cluster(on).nodes:
        node.stop()
        node.start()
        _whole(on)


def _lose(on: Campaign, node: Kafka, seconds: float) -> None:
    node.kill()
    on.rest(seconds)
    node.start()
    _whole(on)


def _whole(on: Campaign) -> None:
    _cluster(on).wait_whole()


def _cluster(on: Campaign) -> Cluster:
    assert isinstance(on.kafka, Cluster)
    return on.kafka


CLUSTER_FAULTS: Mapping[str, Callable[[Campaign], None]] = {
    "one of three brokers killed": kill_one,
    "controller and worker killed": kill_controller,
    "one of three brokers frozen": freeze_one,
    "two of three brokers killed": kill_two,
    "all three brokers killed": kill_all,
    "three brokers restarted in turn": restart_in_turn,
}
