"""The long campaign: `make faults SEED=… MINUTES=…`. It ends with exit code 1 if anything was lost, doubled or stuck.

Workers run as shipped; SESSION=6 lets dead ones be noticed sooner, so that more faults fit into the time. FAULT="…"
names the faults to strike, in this order and no others. MUTATION=forget-ids puts a mistake into the workers: it must
fail. DOCS=1 writes the table into docs/reliability.md.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
from pathlib import Path

import click

from tests.faults.campaign import Campaign
from tests.faults.table import rows, write
from tests.faults.worker import Changes, Mutation
from tests.parts.kafka import Kafka


def main() -> int:
    """Run it as the environment says."""
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
    minutes = float(os.environ.get("MINUTES") or 15)
    session_s = float(os.environ["SESSION"]) if os.environ.get("SESSION") else None
    mutation = Mutation(os.environ["MUTATION"]) if os.environ.get("MUTATION") else None
    names = [name for name in os.environ.get("FAULT", "").split(",") if name]
    folder = Path(tempfile.mkdtemp(prefix="tocsin-faults-"))
    click.echo(f"SEED={seed} MINUTES={minutes:g} SESSION={session_s or 'as shipped'}, logs in {folder}")
    with Kafka(folder) as kafka:
        campaign = Campaign(kafka, folder, seed, Changes(session_s=session_s, mutation=mutation), say=click.echo)
        found = campaign.run(names, minutes=minutes)
    table = rows(campaign, found, minutes)
    click.echo(table)
    for problem in found.problems:
        click.echo(f"PROBLEM {problem}")
    if os.environ.get("DOCS") and not found.problems:
        write(table)
    return 1 if found.problems or found.lost or found.doubled else 0


if __name__ == "__main__":
    sys.exit(main())
