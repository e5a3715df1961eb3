"""What a participant measures of itself and tells: one JSON object, as the one line it prints."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import perf_counter, process_time


class Meter:
    """Counts events and takes the time from the first batch handled to the last; the first one's own are not timed."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.count = 0
        self._before = 0  # events handled when the clock was started
        self._began_s: float | None = None
        self._ended_s = 0.0

    def add(self, count: int) -> bool:
        """Note that so many more were handled. Say whether that was all."""
        self._ended_s = perf_counter()
        self.count += count
        if self._began_s is None:
            self._before, self._began_s = self.count, self._ended_s
        return self.count >= self.expected

    def tell(self) -> None:
        """Print what was measured."""
        assert self._began_s is not None
        seconds = self._ended_s - self._began_s
        rate = (self.count - self._before) / seconds if seconds else 0.0  # a single batch has no rate
        tell(events=self.count, seconds=seconds, events_per_s=rate)


def tell(**told: float) -> None:
    """Print a line of figures, with the processor time this process took and the most memory it ever had."""
    line = {**told, "cpu_s": process_time(), "rss_mb": peak_mb()}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def peak_mb() -> float:
    """Say how much memory this process had at most. (What `getrusage` says begins with the parent's.)"""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024
