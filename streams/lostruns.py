"""Runs of records that got lost between the broker and a stage: noticed, and read again.

Faust throws away what it fetched before a rebalance or a pause, and whatever else loses a run in the memory of this
process does not lose it in the log. A run that arrives ahead of where a partition goes on shows it; where nothing
arrives any more, standing still does, while the broker says that there is something to read.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Protocol

from aiokafka.errors import KafkaError

from streams.hosting import DataLost

if TYPE_CHECKING:
    from streams.custody import Custody
    from streams.hosting import Tally
    from streams.logends import LogEnds
    from streams.snapshots import Place

_SEEK_AGAIN_S = 5.0
"""For so long after a seek what arrives ahead of it was under way before."""

_STANDSTILL_S = 10.0
"""So long nothing may come though there is something: well under the watchdog's minute, which costs a restart."""

_SEEKS_MAX = 10

_log = logging.getLogger(__name__)


class Seeker(Protocol):
    """Who brings the records."""

    async def take_up(self, partition: Place, offset: int) -> None:
        """Read a partition from an offset on."""


class LostRuns:
    """Goes back for what is missing. The lock of the custody is held by whoever calls."""

    def __init__(self, ends: LogEnds, reader: Seeker, tally: Tally) -> None:
        self._ends = ends
        self._reader = reader
        self._tally = tally

    async def go_back(self, held: Custody, arrived: int) -> None:
        """Read again from where the partition goes on, since `arrived` came instead.

        Raise `DataLost` where that is of no use: it was asked for again and again.
        """
        now_s = time.monotonic()
        if held.sought_s is not None and now_s - held.sought_s < _SEEK_AGAIN_S:
            return  # on its way: what was under way before the seek still arrives
        if held.sought_s is not None:
            starts = await self._ends.first([held.place])
            if self.skip_missing(held, starts[held.place]):
                held.seeks = 0
        held.seeks += 1
        if held.seeks > _SEEKS_MAX:
            raise DataLost(f"{held.place}: asked for offset {held.next_offset}, got {arrived}, {_SEEKS_MAX} times over")
        await self._seek(held, now_s)

    async def ask_again(self, held: Custody, now_s: float) -> None:
        """Read again where nothing comes though there is something: the last run of all shows no gap if it is lost."""
        since_s = max(held.moved_s, held.sought_s or 0.0)
        if held.resting or held.end_offset <= held.next_offset or now_s - since_s < _STANDSTILL_S:
            return
        try:
            starts = await self._ends.first([held.place])
        except KafkaError as reason:
            _log.info("%s stands still, and the broker does not answer: %r", held.place, reason)
            held.sought_s = now_s
            return
        self.skip_missing(held, starts[held.place])
        await self._seek(held, now_s)

    async def _seek(self, held: Custody, now_s: float) -> None:
        held.sought_s = now_s
        self._tally.jumps += 1
        await self._reader.take_up(held.place, held.next_offset)

    def skip_missing(self, held: Custody, start: int) -> bool:
        """Go on at the start of the log if that is past where we should go on; say whether it is."""
        missing = start - held.next_offset
        if missing <= 0:
            return False
        self._tally.missing += missing
        held.next_offset = start
        _log.error("%s: %d records were deleted before they were read: retention is too short", held.place, missing)
        return True
