"""Whether the desk is alive: it is ready, and every partition in our hands moved since last asked, or is at its end."""

from __future__ import annotations

from collections.abc import Sequence

from streams.hosting import Progress
from streams.topics import ALERTS


class Pulse:
    """Remembers how far each partition was. A worker that does not hold the desk has no pulse: another one has."""

    def __init__(self) -> None:
        self._offsets: dict[tuple[str, int], int] = {}

    def beats(self, held: Sequence[Progress], reasons: Sequence[str]) -> bool:
        """Say whether all is well; `reasons` are why the worker is not ready."""
        before = self._offsets
        self._offsets = {(one.topic, one.partition): one.next_offset for one in held}
        if reasons or all(one.topic != ALERTS for one in held):
            return False
        return all(
            one.next_offset >= one.end_offset or one.next_offset > before.get((one.topic, one.partition), -1)
            for one in held
        )
