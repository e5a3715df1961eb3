"""The crew: worker processes under a supervisor that starts again what ends."""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tests.faults.traffic import PARTITIONS, RULES
from tests.faults.worker import AS_SHIPPED, Changes
from tests.parts.process import Process

READY = "page http://"
REFUSED = 2  # the exit code of a worker that asks for an operator: to start it again would not help
_AGAIN_AFTER_S = 1.0  # as a supervisor would
_ENV = {"TOCSIN_STREAM_PARTITIONS": str(PARTITIONS), "TOCSIN_JUDGE_PARTITIONS": "2"}


class Refused(Exception):
    """A worker asks for an operator. The message is the end of its log."""


@dataclass
class Crew:
    """Workers on one Kafka. Not threaded: `tend` is called by whoever waits, and starts again what ended."""

    bootstrap: str
    folder: Path
    changes: Changes = AS_SHIPPED
    group: str = "tocsin"
    wanted: int = 1
    workers: list[Process] = field(default_factory=list)
    exits: Counter[int] = field(default_factory=Counter)  # by exit code; negative: the signal
    started: int = 0
    _ended_s: float = 0.0

    def __post_init__(self) -> None:
        self.rules = self.folder / "rules.yaml"
        self.rules.write_text(RULES, encoding="utf-8")

    def start(self, changes: Changes | None = None) -> Process:
        """Start one worker, as shipped where nothing is changed about it."""
        changes = changes or self.changes
        program = ["app.py"] if changes == AS_SHIPPED else ["-m", "tests.faults.worker", _json(changes)]
        command = [sys.executable, *program, "worker", "--broker", f"kafka://{self.bootstrap}"]
        log = self.folder / f"worker-{self.started}.log"
        worker = Process(
            [*command, "--rules", str(self.rules), "--web-port", "0"], log, {**_ENV, "TOCSIN_GROUP": self.group}
        )
        self.workers.append(worker)
        self.started += 1
        return worker

    def tend(self) -> None:
        """Start again what ended, a moment later; more or fewer workers only as far as `wanted` says."""
        for worker in self.workers:
            if not worker.alive():
                if worker.exit_code == REFUSED:
                    raise Refused("\n".join(worker.log_tail()))
                self.exits[worker.exit_code or 0] += 1
                self._ended_s = time.monotonic()
        self.workers = [worker for worker in self.workers if worker.alive()]
        if len(self.workers) < self.wanted and time.monotonic() - self._ended_s >= _AGAIN_AFTER_S:
            self.start()

    def wait_until(self, holds: Callable[[], bool], *, what: str, timeout_s: float) -> None:
        """Tend the crew until it holds. Raise TimeoutError, naming what was waited for."""
        deadline_s = time.monotonic() + timeout_s
        while not holds():
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{what}: not within {timeout_s:g} s; exits {dict(self.exits)}; {self.last_words()}")
            self.tend()
            time.sleep(0.2)

    def all_ready(self) -> bool:
        """Say whether as many as wanted have said so."""
        return len(self.workers) == self.wanted and all(is_ready(worker) for worker in self.workers)

    def any(self, rng: random.Random) -> Process:
        """Choose one that runs."""
        self.tend()
        if not self.workers:
            self.start()
        return rng.choice(self.workers)

    def dismiss(self) -> None:
        """Ask all to end, and start none again."""
        self.wanted = 0
        for worker in self.workers:
            worker.stop()
        self.tend()

    def last_words(self) -> str:
        """Quote what workers said last that is no alert."""
        return " | ".join(line for worker in self.workers[:2] for line in worker.log_tail()[-2:])


def is_ready(worker: Process) -> bool:
    """Say whether a worker has taken its partitions up for the first time."""
    return READY in worker.log.read_text(errors="replace")


def _json(changes: Changes) -> str:
    return msgspec.json.encode(changes).decode()
