"""A saved state taken up, or refused in words: what was written by another version must not end in a traceback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.snapshots import SnapshotError

if TYPE_CHECKING:
    from streams.snapshots import Snapshot
    from streams.stage import Stage

_OF_ANOTHER_SHAPE = (ValueError, TypeError, LookupError, AttributeError)
"""What taking a list or mapping of another shape apart raises."""


def take_up_state(stage: Stage, snapshot: Snapshot, partitions: int) -> None:
    """Let a new stage take a snapshot up; raise `SnapshotError` with advice if it is not one that it can go on from.

    `partitions` is how many the topic has now.
    """
    if snapshot.partitions != partitions:
        raise SnapshotError(
            f"{snapshot.place}: the state was made for {snapshot.partitions} partitions and the topic has {partitions} "
            "now; another group rebuilds the state from the log"
        )
    try:
        stage.load(snapshot.blob)
    except _OF_ANOTHER_SHAPE as reason:
        raise SnapshotError(
            f"{snapshot.place}: the stage does not take its snapshot up: {str(reason) or type(reason).__name__}; if "
            "another version wrote it, run that one; another group rebuilds the state from the log"
        ) from reason
