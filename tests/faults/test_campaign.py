"""Short campaigns; `make faults` runs long ones."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.faults.campaign import Campaign
from tests.faults.worker import Changes, Mutation
from tests.parts.kafka import Kafka

SESSION_S = 6.0  # a dead worker is noticed sooner than as shipped
FAULTS = [
    "one worker, three, one",
    "worker killed between alert and snapshot",
    "SyncGroup answered with an error",
    "broker killed",
    "all sent again, worker killed",
    "records of 1 to 20 MiB",
    "senders with clocks ten minutes off",
]
_AFTER_SNAPSHOTS = ["records of 1 to 20 MiB", "5–50 % sent again", "worker killed"]  # each is over when it is durable
pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def test_nothing_is_lost_and_nothing_doubled(tmp_path: Path) -> None:
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
    faults = random.Random(seed).sample(FAULTS, len(FAULTS))
    with Kafka(tmp_path) as kafka:
        found = Campaign(kafka, tmp_path, seed, Changes(session_s=SESSION_S)).run(faults)
    assert found.problems == [], f"SEED={seed} shows it again: {faults}"
    assert (found.lost, found.doubled) == (0, 0)
    assert found.alerts > 100, "there was something to lose"


def test_a_campaign_goes_red_where_the_offset_is_written_ahead_of_the_state(tmp_path: Path) -> None:
    with Kafka(tmp_path) as kafka:
        changes = Changes(session_s=SESSION_S, mutation=Mutation.ACK_BEFORE_STATE)
        found = Campaign(kafka, tmp_path, 1, changes, per_s=400).run(_AFTER_SNAPSHOTS)
    assert found.lost > 0
    assert any("accepted in the books" in problem for problem in found.problems), found.problems
