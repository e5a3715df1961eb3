"""Running participants: one subprocess each, one after the other, in turns."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
_LOG_TAIL_CHARS = 2_000
_STOP_S = 10.0


class Failed(RuntimeError):
    """A participant did not do the job. The message says which, and how its log ends."""


def run(command: Sequence[str], log: Path, *, timeout_s: float, env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run a participant until it has told its line of figures, then end it. Adds `wall_s`. Raises Failed.

    It runs where its log is: plain Faust makes a folder for its tables wherever it is started.
    """
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
    began_s = perf_counter()
    with (
        log.open("w") as talk,
        subprocess.Popen(
            command, cwd=log.parent, stdout=subprocess.PIPE, stderr=talk, text=True, env=surroundings
        ) as process,
    ):
        too_long = threading.Timer(timeout_s, process.kill)
        too_long.start()
        try:
            assert process.stdout is not None
            line = next((line for line in process.stdout if line.startswith("{")), "")
            wall_s = perf_counter() - began_s
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):  # then it is killed
                process.wait(_STOP_S)
        finally:
            too_long.cancel()
            process.kill()
    if not line:
        raise Failed(f"{log.stem} told nothing within {timeout_s:g} s: …{log.read_text()[-_LOG_TAIL_CHARS:]}")
    told: dict[str, Any] = json.loads(line)
    return {**told, "wall_s": wall_s}


@dataclass(slots=True)
class Figures:
    """What the rounds gave: a list of figures of each participant, the same rounds in the same order."""

    rounds: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, name: str, told: dict[str, Any]) -> None:
        """Note what a participant told in this round."""
        self.rounds.setdefault(name, []).append(told)

    def middle(self, name: str, figure: str = "events_per_s") -> float:
        """Give the median of a figure."""
        return median(self._values(name, figure))

    def ratio(self, name: str, base: str, figure: str = "events_per_s") -> float:
        """Give the median of the rounds' ratios, each of two runs that were neighbours in time."""
        pairs = zip(self._values(name, figure), self._values(base, figure), strict=True)
        return median(mine / other for mine, other in pairs)

    def spread(self, name: str, figure: str = "events_per_s") -> tuple[float, float]:
        """Give the least and the greatest."""
        values = self._values(name, figure)
        return min(values), max(values)

    def _values(self, name: str, figure: str) -> list[float]:
        return [float(told[figure]) for told in self.rounds[name]]


def rounded(value: float) -> float:
    """Keep four digits: no more of a measured figure means anything.

    >>> rounded(572_913.7), rounded(0.98765), rounded(3)
    (572900.0, 0.9877, 3.0)
    """
    return float(f"{value:.4g}")
