"""What a worker under test dies of, loses or waits for: patches of a real one, at moments that chance seldom hits."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from aiokafka.consumer.group_coordinator import CoordinatorGroupRebalance, GroupCoordinator
from aiokafka.errors import UnknownError

from streams import transport
from streams.fetches import ChunkRecords, Fetched
from streams.publisher import Publisher
from streams.snapshots import SnapshotStore
from streams.topics import ALERTS

if TYPE_CHECKING:
    from streams.snapshots import Snapshot
    from streams.stage import Outgoing


MARK = "moment: "


class Moment(StrEnum):
    """When it dies: both are after an alert was acknowledged."""

    BEFORE_SNAPSHOT = "before-snapshot"  # the alert is told, the state that it follows from is not written down
    AFTER_SNAPSHOT = "after-snapshot"  # it is, and the group was not told how far we are


class GroupTrouble(StrEnum):
    """What goes wrong in the first rebalance: each stops a plain Faust for ever."""

    SYNC_FAILS = "sync-fails"  # aiokafka parks the error until somebody asks for it, and Faust never does
    SYNC_STALLS = "sync-stalls"  # no answer until the group has given the member up
    OFFSETS_STALL = "offsets-stall"  # no answer for longer than a request may take


def die(moment: Moment) -> None:
    """Die of SIGKILL at the first snapshot after an alert, before or after it is written."""
    alerts = 0
    send, write = Publisher.send, SnapshotStore.write

    async def sending(publisher: Publisher, record: Outgoing) -> asyncio.Future[object]:
        nonlocal alerts
        alerts += record.topic == ALERTS
        return await send(publisher, record)

    async def writing(store: SnapshotStore, snapshot: Snapshot) -> None:
        # All that the snapshot follows from is acknowledged by now, and no other one is written at the same time.
        if alerts and moment is Moment.BEFORE_SNAPSHOT:
            os.kill(os.getpid(), signal.SIGKILL)
        await write(store, snapshot)
        if alerts:
            os.kill(os.getpid(), signal.SIGKILL)

    patch.object(Publisher, "send", sending).start()
    patch.object(SnapshotStore, "write", writing).start()


def lose(share: float) -> None:
    """Lose a share of the runs of records between the fetch and the stage; reading goes on behind them."""
    rng = random.Random(4)

    class Lossy(ChunkRecords):
        def _unpack_records(self) -> Iterator[Fetched]:
            for run in super()._unpack_records():
                if rng.random() >= share:
                    yield run

    patch.object(transport, "ChunkRecords", Lossy).start()


def upset(trouble: GroupTrouble, stall_s: float) -> None:
    """Let the first rebalance go wrong; `stall_s` is how long an answer does not come."""
    owner, name = _WHERE[trouble]
    ask = getattr(owner, name)
    left = [trouble]

    async def asking(*arguments: Any) -> Any:
        if left:
            say(left.pop())
            if trouble is GroupTrouble.SYNC_FAILS:
                raise UnknownError
            await asyncio.sleep(stall_s)
        return await ask(*arguments)

    patch.object(owner, name, asking).start()


_WHERE = {
    GroupTrouble.SYNC_FAILS: (CoordinatorGroupRebalance, "_send_sync_group_request"),
    GroupTrouble.SYNC_STALLS: (CoordinatorGroupRebalance, "_send_sync_group_request"),
    GroupTrouble.OFFSETS_STALL: (GroupCoordinator, "_do_fetch_commit_offsets"),
}


def say(moment: str) -> None:
    """Say in the log that it has come: a fault that never struck shows nothing."""
    sys.stderr.write(f"{MARK}{moment}\n")


def has_come(moment: str, log: Path) -> bool:
    """Say whether the worker with this log met it."""
    return f"{MARK}{moment}\n" in log.read_text(errors="replace")
