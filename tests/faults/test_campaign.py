"""Short campaigns; `make faults` runs long ones."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.faults.campaign import Campaign
from tests.faults.worker import Changes, Mutation
from tests.parts.kafka import Kafka

SESSION_S = 6.0
FAULTS = [
    "worker killed",
    "worker ended under load",
    "one worker, three, one",
    "broker killed",
    "broker frozen for 8 s",
    "all sent again, worker killed",
    "records of 1 MiB",
]
pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def test_nothing_is_lost_and_nothing_doubled(tmp_path: Path) -> None:
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"SEED={seed}")  # noqa: T201  shown where it fails
    faults = random.Random(seed).sample(FAULTS, len(FAULTS))
    with Kafka(tmp_path) as kafka:
        campaign = Campaign(kafka, tmp_path, seed, Changes(session_s=SESSION_S))
        found = campaign.run(faults)
    assert found.problems == []
    assert (found.lost, found.doubled) == (0, 0)
    assert found.alerts > 20
    print(found, {name: [round(s, 1) for s in took] for name, took in campaign.recovered_s.items()})


@pytest.mark.parametrize("mutation", list(Mutation))
def test_a_campaign_goes_red_with(mutation: Mutation, tmp_path: Path) -> None:
    with Kafka(tmp_path) as kafka:
        campaign = Campaign(kafka, tmp_path, 1, Changes(session_s=SESSION_S, mutation=mutation), per_s=400)
        found = campaign.run(["worker killed", "worker killed"])
    assert found.problems
    assert found.lost + found.doubled > 0
