"""Why a worker is not ready: each reason a line that says what, where and since when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from streams.hosting import Progress
from streams.snapshots import Place
from streams.topics import stream_topic

SILENT_MAX_S = 15.0
"""The broker is asked every five seconds where the logs end; one answer may be slow."""

UNSAVED_MAX_S = 60.0
"""A snapshot is written every two seconds, a large one less often."""


def unready(
    *, is_ready: bool, held: Sequence[Progress], slow: Mapping[str, Sequence[int]], trouble: str | None = None
) -> list[str]:
    """Give the reasons; none is readiness. `slow` are the partitions of each stream that the breaker holds back.

    `trouble` is the outbox's.
    """
    said = [] if trouble is None else [trouble]
    if not is_ready:
        return ["the partitions of the consumer group are being taken up", *said]
    silent_s = max((one.silent_s for one in held), default=0.0)
    if silent_s > SILENT_MAX_S:
        said.append(f"no broker has answered for {silent_s:.0f} s")
    oldest = max(held, key=lambda one: one.unsaved_s, default=None)
    if oldest is not None and oldest.unsaved_s > UNSAVED_MAX_S:
        place = Place(oldest.topic, oldest.partition)
        said.append(f"the state of {place} was last saved {oldest.unsaved_s:.0f} s ago")
    for stream, partitions in slow.items():
        if partitions:
            said.append(f"next to nothing in {stream_topic(stream)} {partitions} can be used: it is read slowly")
    return said
