"""What the figures were taken on: the machine, and the versions that took part."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
from contextlib import suppress
from pathlib import Path

from bench import peers
from scripts.parts import KAFKA_VERSION
from streams.version import VERSION

_OWN = ("faust-streaming", "aiokafka", "confluent-kafka", "msgspec", "numpy")


def describe() -> str:
    """Name the processor, its cores and the memory."""
    cpu = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text(encoding="ascii"))
    gib = int(memory[1]) / 2**20 if memory else 0
    name = cpu[1].strip() if cpu else platform.machine()
    return f"{name}, {os.cpu_count()} cores, {gib:.0f} GiB, {platform.system()} {platform.release()}"


def versions() -> dict[str, str]:
    """Give the versions of everything that takes part."""
    found = {"tocsin": VERSION, "python": platform.python_version(), "kafka": KAFKA_VERSION}
    found.update({name: importlib.metadata.version(name) for name in _OWN})
    with suppress(peers.NoPeers):
        found.update(peers.versions(peers.python()))
    return found
