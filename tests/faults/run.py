"""The long campaign: `make faults SEED=… MINUTES=…`. It ends with exit code 1 if anything was lost, doubled or stuck.

A first run breaks workers and a single broker, a second one workers and a Kafka of three brokers with three copies of
everything; BROKERS=1 or BROKERS=3 chooses one of them. Workers run as shipped; SESSION=6 lets dead ones be noticed
sooner, so that more faults fit into the time. FAULT="…;…" names the faults to strike, in this order and no others;
FAULT=all strikes each once; without it the long ones of a single broker (`chaos.LONG_FAULTS`) are left out.
MUTATION=forget-ids puts a mistake into the workers: it must fail. DOCS=1 writes the tables into docs/reliability.md.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
from pathlib import Path

import click

from tests.faults.campaign import Campaign
from tests.faults.chaos import faults_on
from tests.faults.table import rows, write
from tests.faults.worker import Changes, Mutation
from tests.parts.cluster import REPLICAS, Cluster
from tests.parts.kafka import Kafka


def main() -> int:
    """Run it as the environment says."""
    brokers = [int(number) for number in (os.environ.get("BROKERS") or f"1,{REPLICAS}").split(",")]
    minutes = float(os.environ.get("MINUTES") or 15) / len(brokers)
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
    session_s = float(os.environ["SESSION"]) if os.environ.get("SESSION") else None
    mutation = Mutation(os.environ["MUTATION"]) if os.environ.get("MUTATION") else None
    names = [name for name in os.environ.get("FAULT", "").split(";") if name]
    tables, is_good = [], True
    for number in brokers:
        folder = Path(tempfile.mkdtemp(prefix="tocsin-faults-"))
        told = f"SEED={seed} MINUTES={minutes:g} BROKERS={number} SESSION={session_s or 'as shipped'}"
        click.echo(f"{told}, logs in {folder}")
        with Kafka(folder) if number == 1 else Cluster(folder) as kafka:
            campaign = Campaign(kafka, folder, seed, Changes(session_s=session_s, mutation=mutation), say=click.echo)
            found = campaign.run(_each(names, kafka, seed), minutes=minutes)
        tables.append(rows(campaign, found, names, minutes))
        click.echo(tables[-1])
        for problem in found.problems:
            click.echo(f"PROBLEM {problem}")
        is_good = is_good and not (found.problems or found.lost or found.doubled)
    if os.environ.get("DOCS") and is_good:
        write("\n\n".join(tables))
    return 0 if is_good else 1


def _each(names: list[str], kafka: Kafka | Cluster, seed: int) -> list[str]:
    """Name each fault, in an order of chance, where all are meant."""
    if names != ["all"]:
        return names
    each = list(faults_on(kafka))
    random.Random(seed).shuffle(each)
    return each


if __name__ == "__main__":
    sys.exit(main())
