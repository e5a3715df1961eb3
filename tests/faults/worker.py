"""A worker as `tocsin worker` is one, but for what a test changes: `python -m tests.faults.worker CHANGES worker …`.

CHANGES is the JSON of `Changes`. What it dies of and what it loses is in `moments`. The mutations are mistakes that a
program like ours is easily written with; a campaign that does not turn red with them shows nothing. They live here and
not behind a switch of the product: what is not in the product cannot be switched on in it.
"""

from __future__ import annotations

import sys
import time
from enum import StrEnum
from functools import partial
from typing import Any
from unittest.mock import patch

import msgspec

from detectors.gate import Gate
from streams import custodian, service
from streams.hosting import HostSettings
from streams.snapshots import Place, Snapshot
from streams.watchdog import Limits
from tests.faults import moments


class Mutation(StrEnum):
    """A mistake."""

    ACK_BEFORE_STATE = "ack-before-state"  # the offset is written ahead of the state it should belong to
    FORGET_IDS = "forget-ids"  # de-duplication does not survive a restart


class Changes(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is not as shipped."""

    session_s: float | None = None  # Kafka's session timeout: how long until a dead worker is noticed
    clock_ahead_s: float = 0.0
    mutation: Mutation | None = None
    fenced: bool = True  # whether it ends itself after it was stopped for longer than its session
    dies: moments.Moment | None = None  # of SIGKILL, at that moment
    loses: float = 0.0  # the share of what was fetched that gets lost on the way to the stage
    group: moments.GroupTrouble | None = None  # what goes wrong in its first rebalance


AS_SHIPPED = Changes()


def main(changes: Changes, arguments: list[str]) -> None:
    """Change, then run the command line."""
    if changes.session_s is not None or not changes.fenced:
        session_s = changes.session_s or HostSettings([]).session_timeout_s
        pause_s = session_s / 2 if changes.fenced else float("inf")
        limits = Limits(pause_s=pause_s, rebalance_s=6 * session_s)
        settings = partial(HostSettings, session_timeout_s=session_s, limits=limits)
        patch.object(service, "HostSettings", settings).start()
    if changes.dies is not None:
        moments.die(changes.dies)
    if changes.loses:
        moments.lose(changes.loses)
    if changes.group is not None:
        moments.upset(changes.group, stall_s=4 * (changes.session_s or HostSettings([]).session_timeout_s))
    if changes.clock_ahead_s:
        _shift_clock(changes.clock_ahead_s)
    if changes.mutation is Mutation.ACK_BEFORE_STATE:
        _be_hasty()
    if changes.mutation is Mutation.FORGET_IDS:
        patch.object(Gate, "state", _without_ids).start()
    from app import main as tocsin

    tocsin(arguments)


def _shift_clock(ahead_s: float) -> None:
    seconds, nanoseconds = time.time, time.time_ns
    time.time = lambda: seconds() + ahead_s
    time.time_ns = lambda: nanoseconds() + int(ahead_s * 1e9)


def _be_hasty() -> None:
    """Write hasty snapshots, but for the last: what is lost shall be lost by a crash."""
    hasty = patch.object(custodian, "Snapshot", _Hasty())
    let_go = custodian.Custodian.let_go

    async def in_order(keeper: custodian.Custodian, timeout_s: float) -> None:
        hasty.stop()
        await let_go(keeper, timeout_s)

    hasty.start()
    patch.object(custodian.Custodian, "let_go", in_order).start()


class _Hasty:
    """Writes the present offset with the state of the snapshot before."""

    def __init__(self) -> None:
        self._states: dict[Place, bytes] = {}

    def __call__(self, place: Place, partitions: int, next_offset: int, sequence: int, blob: bytes) -> Snapshot:
        older = self._states.get(place, blob)
        self._states[place] = blob
        return Snapshot(place, partitions, next_offset, sequence, older)


def _without_ids(gate: Gate) -> dict[str, Any]:
    return {"newest_ms": gate.newest_ms, "seen": {}}


if __name__ == "__main__":
    main(msgspec.json.decode(sys.argv[1], type=Changes), sys.argv[2:])
