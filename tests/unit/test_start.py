"""`tocsin --help` answers at once: what is heavy is imported by the command that uses it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
START_MS_MAX = 500
HEAVY = {
    "aiohttp",
    "aiokafka",
    "confluent_kafka",
    "faust",
    "grafana_api",
    "kafka",
    "msgspec",
    "numpy",
    "pydantic",
    "rich",
}
# `import time: self [us] | cumulative | imported package`, indented by depth
_LINE = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \| +([\w.]+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def imported_us() -> dict[str, int]:
    """What `tocsin --help` imports: module → its own time, of the quickest of three starts."""
    runs = []
    for _ in range(3):
        command = [sys.executable, "-X", "importtime", "app.py", "--help"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "Usage" in done.stdout
        runs.append({name: int(us) for us, name in _LINE.findall(done.stderr)})
    return min(runs, key=lambda run: sum(run.values()))


def test_help_imports_nothing_heavy(imported_us: dict[str, int]) -> None:
    assert {name.partition(".")[0] for name in imported_us} & HEAVY == set()


def test_help_is_quick(imported_us: dict[str, int]) -> None:
    assert "click" in imported_us
    assert sum(imported_us.values()) / 1000 < START_MS_MAX
