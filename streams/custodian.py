"""The custodian: keeps the stages of the partitions in our hands, with their state and their offsets.

A partition's state and the offset where it goes on are one snapshot, written after everything that follows from it is
safe. Whoever is given the partition takes up the newest snapshot and reads on from there; a run of records that got
lost on the way is noticed and read again. Kafka's committed offsets and Faust's acknowledgements play no part.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from aiokafka.errors import KafkaError

from streams.custody import Custody, Refusal, refuse
from streams.hosting import DataLost, Progress, Tally, Wiring
from streams.lostruns import LostRuns
from streams.snapshots import Place, Shelf, Snapshot
from streams.uptake import take_up_state
from streams.watchdog import PartitionSigns

if TYPE_CHECKING:
    from streams.fetches import Fetched
    from streams.logends import LogEnds
    from streams.publisher import Publisher
    from streams.snapshots import SnapshotStore
    from streams.stage import Chunk, Outgoing

SNAPSHOT_BYTES_PER_S = 1_000_000
"""What a partition may spend on snapshots: a state larger than this times the interval is written less often."""

ENTRUSTED_WAIT_S = 1.0
"""So long a snapshot waits for what a stage gave away to be safe; the next one tries again."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Links:
    """How the custodian speaks with Kafka. Whoever makes them starts and stops them."""

    publisher: Publisher
    store: SnapshotStore
    ends: LogEnds


class Reader(Protocol):
    """Who brings the records and hears of failures."""

    async def take_up(self, partition: Place, offset: int) -> None:
        """Read a partition from an offset on."""

    async def rest(self, partition: Place) -> None:
        """Bring nothing of a partition until it is taken up again."""

    def fail(self, reason: BaseException) -> None:
        """Hear of what cannot be gone on from."""


class Custodian:
    """Keeps the partitions that it is told to restore, until it is told to let go."""

    def __init__(self, wirings: Iterable[Wiring], links: Links, reader: Reader, *, clock: Callable[[], int]) -> None:
        self.tally = Tally()
        self._wirings = {wiring.topic: wiring for wiring in wirings}
        self._links = links
        self._reader = reader
        self._lost = LostRuns(links.ends, reader, self.tally)
        self._clock = clock
        self._held: dict[Place, Custody] = {}

    def position(self, partition: Place) -> int | None:
        """Say where a restored partition goes on; None if it is not in our hands."""
        held = self._held.get(partition)
        return None if held is None else held.next_offset

    def progress(self) -> list[Progress]:
        """Say how far each partition is (from any thread)."""
        now_s = time.monotonic()
        return [
            Progress(
                *held.place,
                held.next_offset,
                held.end_offset,
                held.durable_offset,
                now_s - held.heard_s,
                held.unsaved_s(now_s),
            )
            for held in list(self._held.values())
        ]

    def signs(self) -> list[PartitionSigns]:
        """Say how far each partition is behind and when it moved, for the watchdog (from any thread)."""
        return [
            PartitionSigns(str(held.place), held.end_offset - held.next_offset, held.moved_s)
            for held in list(self._held.values())
        ]

    # Taking partitions up and giving them up.

    async def restore(self, assigned: Iterable[Place]) -> None:
        """Take partitions up: newest snapshot, then the records after it.

        Raises `DataLost` and `SnapshotError` with advice for the operator.
        """
        partitions = sorted(assigned)
        if not partitions:
            return
        shelf = await self._links.store.read(partitions)
        counts = {topic: await self._links.publisher.partitions_of(topic) for topic in {tp.topic for tp in partitions}}
        starts = await self._links.ends.first(partitions)
        ends = await self._links.ends.next(partitions)
        for partition in partitions:
            held = self._restored(partition, shelf, counts[partition.topic], starts[partition], ends[partition])
            self._held[partition] = held
            await self._reader.take_up(partition, held.next_offset)

    def _restored(self, place: Place, shelf: Shelf, partitions: int, start: int, end: int) -> Custody:
        stage = self._wirings[place.topic].make(place.partition, partitions)
        snapshot = shelf.newest(place, end_offset=end)
        last_sequence = shelf.last_sequence(place)
        if snapshot is None:
            if last_sequence >= 0:
                raise DataLost(
                    f"{place}: no snapshot fits the log, which ends at {end}: the topic was made anew, or the "
                    "snapshots are damaged; another group rebuilds the state from the log"
                )
            self.tally.rebuilds += 1
        else:
            take_up_state(stage, snapshot, partitions)
            self.tally.restores += 1
        held = Custody(
            place=place,
            partitions=partitions,
            stage=stage,
            next_offset=start if snapshot is None else snapshot.next_offset,
            sequence=last_sequence + 1,
            end_offset=end,
            moved_s=time.monotonic(),
            heard_s=time.monotonic(),
            durable_offset=None if snapshot is None else snapshot.next_offset,
        )
        self._lost.skip_missing(held, start)
        return held

    async def let_go(self, timeout_s: float) -> None:
        """Give all partitions up. Last snapshots are written as far as time allows: an older one serves as well."""
        given_up = [held for held in self._held.values() if held.changed]
        self._held.clear()
        if not given_up:
            return
        writing = [asyncio.create_task(self._write_snapshot(held)) for held in given_up]
        _, late = await asyncio.wait(writing, timeout=timeout_s)
        for task in late:
            task.cancel()
        for outcome in await asyncio.gather(*writing, return_exceptions=True):
            if isinstance(outcome, BaseException):
                _log.warning("a last snapshot was not written; the records since are read again: %r", outcome)

    # Records and time.

    async def take(self, fetched: Fetched) -> None:
        """Feed a run of records to its stage, if it is ours and news; send what follows."""
        held = self._held.get(Place(fetched.topic, fetched.partition))
        if held is None:
            return  # not restored yet, or given up: it is read again by whoever takes the partition up
        async with held.lock:
            if held.resting or self._held.get(held.place) is not held:
                return  # it is read again later; or given up while we waited for the lock
            refusal = refuse(fetched, held.next_offset)
            if refusal is Refusal.REPEAT:
                self.tally.repeats += 1
            elif refusal is Refusal.JUMP:
                await self._lost.go_back(held, fetched.first_offset)
            else:
                for chunk in fetched.chunks(held.next_offset):
                    if not await self._feed(held, chunk):
                        break

    async def _feed(self, held: Custody, chunk: Chunk) -> bool:
        """Feed a stage as much of a chunk as it takes; after less than that let it rest. Say whether it was all."""
        appetite = held.appetite(self._clock())
        portion = chunk if appetite is None else chunk.head(appetite)
        if portion.next_offset > held.next_offset:
            held.taken(portion, time.monotonic())
        if portion.values:  # a stage need not know of runs that hold nothing but markers
            await self._let(held, partial(held.stage.feed, portion, self._clock()))
        if portion is not chunk:
            held.resting = True
            await self._reader.rest(held.place)
        return portion is chunk

    async def beat(self) -> None:
        """Let every stage know that time passes; send what follows."""
        for held in list(self._held.values()):
            async with held.lock:
                held.listen(time.monotonic())
                await self._let(held, partial(held.stage.beat, self._clock()))
                held.beaten()
                if held.resting and held.appetite(self._clock()) == 0:
                    held.moved_s = time.monotonic()  # it stands still because its stage wants it to
                elif held.resting:
                    held.resting = False
                    held.sought_s = time.monotonic()  # what was under way before it rested may still arrive
                    await self._reader.take_up(held.place, held.next_offset)
                await self._lost.ask_again(held, time.monotonic())

    async def _let(self, held: Custody, act: Callable[[], list[Outgoing]]) -> None:
        """Let a stage act and send what follows. Broken off in between, its state must never be written down."""
        try:
            for record in act():
                held.changed = True
                future = await self._links.publisher.send(record)
                held.pending.add(future)
                future.add_done_callback(partial(self._sent, held))
        except BaseException:
            held.spoilt = True
            raise

    def _sent(self, held: Custody, future: asyncio.Future[object]) -> None:
        held.pending.discard(future)
        reason = ConnectionError("a record was given up") if future.cancelled() else future.exception()
        if reason is not None:
            held.spoilt = True
            self._reader.fail(reason)

    # Snapshots and ends.

    async def write_snapshots(self) -> None:
        """Write a snapshot of each partition that changed since its last one."""
        for held in list(self._held.values()):
            if not held.changed:
                held.saved_s = time.monotonic()
            elif time.monotonic() >= held.due_s:
                await self._write_snapshot(held)

    async def _write_snapshot(self, held: Custody) -> None:
        async with held.lock:
            if held.spoilt:
                return
            snapshot = Snapshot(held.place, held.partitions, held.next_offset, held.sequence, held.stage.dump())
            held.sequence += 1
            held.changed, held.is_saving, taken_s = False, True, time.monotonic()
            held.due_s = taken_s + len(snapshot.blob) / SNAPSHOT_BYTES_PER_S
            unsafe = list(held.pending)
            entrusted = held.entrusted()
        if entrusted is not None and not (await asyncio.wait([entrusted], timeout=ENTRUSTED_WAIT_S))[0]:
            # What follows is in nobody's keeping yet: started again, the records since the last snapshot tell it again.
            held.changed, held.is_saving = True, False
            return
        if unsafe:
            await asyncio.wait(unsafe)
        if any(future.cancelled() or future.exception() is not None for future in unsafe):
            return  # the run is ending for this reason
        await self._links.store.write(snapshot)
        held.durable_offset = snapshot.next_offset
        held.saved_s, held.is_saving = taken_s, False
        self.tally.snapshots += 1

    async def ask_ends(self) -> None:
        """Ask the broker how long the logs are by now; raise `DataLost` for one that lost its end.

        While it does not answer, what it said last stands.
        """
        asked_at = {place: held.next_offset for place, held in self._held.items()}
        if not asked_at:
            return
        try:
            ends = await self._links.ends.next(list(asked_at))
        except KafkaError as reason:
            _log.warning("the broker does not say where the logs end: %r", reason)
            return
        now_s = time.monotonic()
        for partition, end in ends.items():
            held = self._held.get(Place(*partition))
            if held is not None:
                held.heard(end, now_s, asked_at=asked_at[held.place])
