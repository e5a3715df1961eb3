"""A campaign: traffic, workers, a seeded schedule of faults, and what was found afterwards."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from streams.topics import stream_topic
from tests.faults.crew import Crew
from tests.faults.findings import Findings, find
from tests.faults.ledger import Ledger
from tests.faults.oracle import expected_alerts
from tests.faults.progress import STEPS, Progress
from tests.faults.settling import settle
from tests.faults.traffic import PARTITIONS, RECORD_BYTES_MAX, STREAMS, Traffic
from tests.faults.worker import AS_SHIPPED, Changes
from tests.parts.cluster import Cluster
from tests.parts.kafka import Kafka

PER_S = 800
SESSION_S = 30.0
"""Kafka's session timeout of a worker as shipped."""

_RECOVER_TIMEOUT_S = 240.0


@dataclass
class Campaign:
    """One run on a Kafka of its own, whose topics of ours are not there yet."""

    kafka: Kafka | Cluster
    folder: Path
    seed: int
    changes: Changes = AS_SHIPPED
    per_s: int = PER_S
    say: Callable[[str], object] = str  # who hears how it goes; nobody
    recovered_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))  # by fault
    notes: list[str] = field(default_factory=list)  # what a fault itself found wrong

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.session_s = self.changes.session_s or SESSION_S
        self.crew = Crew(self.kafka.bootstrap, self.folder, self.changes)
        self.traffic = Traffic(self.seed)
        for stream in STREAMS:
            config = {"max.message.bytes": str(RECORD_BYTES_MAX)}
            self.kafka.create_topic(stream_topic(stream), PARTITIONS, config)
        self.ledger = Ledger(self.kafka.bootstrap, self.traffic, per_s=self.per_s)

    def run(self, faults: Sequence[str] = (), *, minutes: float = 0.0) -> Findings:
        """Strike these faults in this order, or all but the long ones in turns for so long; then let all end."""
        from tests.faults.chaos import LONG_FAULTS, faults_on

        known = faults_on(self.kafka)
        with closing(Progress(self.kafka.bootstrap, self.crew.group)) as progress:
            self.crew.start()
            self.ledger.start()
            self.crew.wait_until(self.crew.all_ready, what="the first worker is ready", timeout_s=120)
            until_s = time.monotonic() + minutes * 60
            for name in faults or self._in_turns([name for name in known if name not in LONG_FAULTS]):
                if not faults and time.monotonic() > until_s:
                    break
                self.rest(self.rng.uniform(0.5, 3))
                known[name](self)
                self.recovered_s[name].append(self._recovered(progress, name))
                self.say(f"{name}: recovered in {self.recovered_s[name][-1]:.1f} s")
            self.ledger.finish()
            expected = expected_alerts(self.crew.rules, self.traffic.accepted, self.traffic.end_ms)
            settle(self.crew, progress, expected, timeout_s=_RECOVER_TIMEOUT_S)
            self.crew.dismiss()
        found = find(self.kafka.bootstrap, self.crew.rules, self.ledger, expected, self.crew.group)
        found.problems += self.notes
        return found

    def _in_turns(self, names: list[str]) -> Iterator[str]:
        """Give all names, in an order of chance, again and again."""
        while True:
            yield from self.rng.sample(names, len(names))

    def rest(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            self.crew.tend()
            time.sleep(0.1)

    def _recovered(self, progress: Progress, what: str) -> float:
        """Wait until all that was sent by now, acknowledged or not, is counted in, durably; say how long that took.

        Of a broker that was away, the log alone would tell too little: all that lies in it may be counted in already.
        """
        over_s, sent = time.monotonic(), self.ledger.sent
        what = f"recovered from {what}"
        self.crew.wait_until(lambda: self.ledger.heard_of(sent), what=what, timeout_s=_RECOVER_TIMEOUT_S)
        self.crew.wait_until(progress.caught_up(*STEPS[0]), what=what, timeout_s=_RECOVER_TIMEOUT_S)
        return time.monotonic() - over_s
