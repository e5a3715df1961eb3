"""What docs/reliability.md says is tried is a test or a fault of the campaign."""

from __future__ import annotations

import re
from pathlib import Path

from tests.faults.chaos import BROKER_FAULTS, LONG_FAULTS, WORKER_FAULTS
from tests.faults.clusterchaos import CLUSTER_FAULTS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
TRIED = PAGE.partition("## What is tried")[2].partition("*Time to recover*")[0]
FAULTS = {*WORKER_FAULTS, *BROKER_FAULTS, *LONG_FAULTS, *CLUSTER_FAULTS}


def test_every_fault_of_the_campaign_is_named_and_no_other() -> None:
    rows = [line for line in TRIED.splitlines() if line.startswith("|")]
    assert set(re.findall(r'"([^"]+)"', "\n".join(rows))) == FAULTS


def test_every_test_it_names_is_there() -> None:
    named = re.findall(r"`(tests/[a-z_/]+\.py)::(\w+)`", TRIED)
    assert len(named) > 10
    for file, name in named:
        assert re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE), name


def test_the_faults_of_its_examples_are_known() -> None:
    told = {name for names in re.findall(r'FAULT="([^"]+)"', PAGE) for name in names.split(";")}
    assert told - {"…"}
    assert told <= FAULTS | {"…"}
