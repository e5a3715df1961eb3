"""What a participant measures of itself and tells: one JSON object, as the one line it prints."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import perf_counter, process_time


class Meter:
    """Counts events and takes the time from when the first batch is in hand to when the last is dealt with."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.count = 0
        self._began_s = 0.0
        self._ended_s = 0.0

    def begin(self) -> None:
        """Note that events are in hand; only the first time counts."""
        if not self._began_s:
            self._began_s = perf_counter()

    def add(self, count: int) -> bool:
        """Note that so many more are dealt with. Say whether that was all."""
        self._ended_s = perf_counter()
        self.count += count
        return self.count >= self.expected

    def tell(self) -> None:
        """Print what was measured."""
        seconds = self._ended_s - self._began_s
        tell(events=self.count, seconds=seconds, events_per_s=self.count / seconds)


def tell(**told: float) -> None:
    """Print a line of figures, with the processor time this process took and the most memory it ever had."""
    line = {**told, "cpu_s": process_time(), "rss_mb": peak_mb()}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def peak_mb() -> float:
    """Say how much memory this process had at most; what `getrusage` says begins with the parent's."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024
