"""A thread that ends a process which is alive but stuck; a supervisor starts it again.

It is a thread because tasks of a stuck event loop do not run, and Faust starts none before its first rebalance is over.
What is stuck is decided by `verdict`, which knows no clock and no thread.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

EXIT_STUCK = 70
"""The exit code of a process that was ended here (EX_SOFTWARE: the supervisor is to start it again)."""

_CHECK_EVERY_S = 0.5
_GROUP_TIMEOUT_S = 2.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long what may last, in seconds."""

    rebalance_s: float = 120.0  # twice the rebalance timeout: Faust's recovery has stopped for ever
    progress_s: float = 60.0  # without a record taken although there are some
    loop_lag_s: float = 20.0  # the event loop does not come round
    pause_s: float = 15.0  # half the session timeout: the process was stopped, others own its partitions by now
    group_errors_max: int = 10  # errors of the group coordinator since the last quiet minute
    quiet_s: float = 60.0


@dataclass(frozen=True, slots=True)
class PartitionSigns:
    """How far one partition is: its lag in records, and when it last moved (monotonic seconds)."""

    name: str
    lag: int
    moved_s: float


@dataclass(frozen=True, slots=True)
class Signs:
    """Signs of life, read without asking the event loop. Times are monotonic seconds."""

    loop_s: float  # when the event loop last came round
    rebalancing_since_s: float | None
    partitions: Sequence[PartitionSigns] = ()


def verdict(signs: Signs, limits: Limits, *, now_s: float, checked_s: float, group_errors: int) -> str | None:
    """Say what is stuck, or None if all is well. `checked_s` is when this was last asked."""
    pause_s = now_s - checked_s
    if pause_s > limits.pause_s:
        return f"the process was stopped for {pause_s:.0f} s; others own its partitions by now"
    if now_s - signs.loop_s > limits.loop_lag_s:
        return f"the event loop has not come round for {now_s - signs.loop_s:.0f} s"
    if group_errors > limits.group_errors_max:
        return f"the group coordinator failed {group_errors} times"
    if signs.rebalancing_since_s is not None:
        lasted_s = now_s - signs.rebalancing_since_s
        return f"a rebalance has lasted {lasted_s:.0f} s" if lasted_s > limits.rebalance_s else None
    for partition in signs.partitions:
        idle_s = now_s - partition.moved_s
        if partition.lag > 0 and idle_s > limits.progress_s:
            return f"{partition.name} has not moved for {idle_s:.0f} s with {partition.lag} records waiting"
    return None


class Watched(Protocol):
    """What the watchdog looks after. Both methods are called from its thread."""

    def signs(self) -> Signs:
        """Read the signs of life."""

    def check_group(self, timeout_s: float) -> None:
        """Raise the pending error of the group coordinator, if there is one."""


def end_process(reason: str) -> None:
    """Say why in one line and end the process at once: what is stuck cannot be asked to stop."""
    _log.critical("tocsin stops itself: %s", reason)
    logging.shutdown()
    os._exit(EXIT_STUCK)


class Watchdog(threading.Thread):
    """Looks at `watched` twice a second until `stop`; calls `end` once if something is stuck."""

    def __init__(self, watched: Watched, limits: Limits, end: Callable[[str], None] = end_process) -> None:
        super().__init__(name="tocsin-watchdog", daemon=True)
        self._watched = watched
        self._limits = limits
        self._end = end
        self._stopped = threading.Event()
        self._group_errors = 0
        self._group_error_s = 0.0

    def stop(self) -> None:
        """End the watch."""
        self._stopped.set()

    def run(self) -> None:
        """Watch."""
        checked_s = time.monotonic()
        while not self._stopped.wait(_CHECK_EVERY_S):
            now_s = time.monotonic()
            reason = verdict(
                self._watched.signs(),
                self._limits,
                now_s=now_s,
                checked_s=checked_s,
                group_errors=self._group_errors,
            )
            if reason is not None:
                self._end(reason)
                return
            checked_s = now_s
            self._ask_group(now_s)

    def _ask_group(self, now_s: float) -> None:
        if now_s - self._group_error_s > self._limits.quiet_s:
            self._group_errors = 0
        try:
            self._watched.check_group(_GROUP_TIMEOUT_S)
        except TimeoutError:
            return  # a loop that is stuck shows in its own sign
        except Exception as reason:  # noqa: BLE001  # whatever the coordinator met: hearing it lets it rejoin
            self._group_errors += 1
            self._group_error_s = now_s
            _log.warning("the group coordinator met an error and tries again: %r", reason)
