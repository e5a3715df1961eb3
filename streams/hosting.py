"""What a host is told and what it tells: settings, wirings, progress, tallies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from streams.access import OPEN, Access
from streams.stage import Stage
from streams.watchdog import Limits


@dataclass(frozen=True, slots=True)
class HostSettings:
    """How stages are hosted. Intervals in seconds."""

    bootstrap: Sequence[str]  # HOST:PORT of some brokers
    app_id: str = "tocsin"  # consumer group, and the owner of the snapshots
    snapshot_topic: str = "tocsin.snapshots"
    snapshot_every_s: float = 2.0
    beat_every_s: float = 1.0
    ask_ends_every_s: float = 5.0
    restore_timeout_s: float = 60.0
    stop_timeout_s: float = 4.0  # for each of: last snapshots, Faust's stop
    session_timeout_s: float = 30.0
    limits: Limits | None = field(default_factory=Limits)  # None: no watchdog
    access: Access = OPEN  # what lets us in


@dataclass(frozen=True, slots=True)
class Wiring:
    """Which stage reads a topic; `make` is given the partition and how many the topic has."""

    topic: str
    make: Callable[[int, int], Stage]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one partition is. `durable_offset` is where the newest snapshot goes on (None: none was written yet).

    `silent_s` is how long the broker has not said where the log ends, `unsaved_s` how long something is not durable.
    """

    topic: str
    partition: int
    next_offset: int
    end_offset: int
    durable_offset: int | None
    silent_s: float
    unsaved_s: float


@dataclass(slots=True)
class Tally:
    """What was counted since the start."""

    jumps: int = 0  # runs that got lost between broker and stage, and were read again
    repeats: int = 0  # runs that came twice, and were dropped
    missing: int = 0  # records gone from the log before we came to them
    restores: int = 0  # partitions taken up from a snapshot
    rebuilds: int = 0  # partitions begun at the start of the log
    snapshots: int = 0


class DataLost(RuntimeError):
    """A log that is not, or no longer, the one our state was made from."""
