"""The custodian without a broker: what is sent before what is written down, and what happens when records get lost."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from aiokafka.errors import KafkaConnectionError
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from streams import custodian, lostruns
from streams.custodian import Custodian, Links
from streams.fetches import Fetched
from streams.hosting import DataLost, Wiring
from streams.recordbatches import KeptRecords
from streams.snapshots import Place, Shelf, Snapshot, SnapshotError, pack
from streams.stage import Outgoing
from tests.wire.counting import CountingStage

PLACE = Place("numbers", 0)


@dataclass
class Kafka:
    """All that the custodian asks of Kafka, in memory. Sent records wait for `acknowledge`."""

    start: int = 0
    end: int = 0
    partitions: int = 1
    log: list[str] = field(default_factory=list)
    unacknowledged: list[asyncio.Future[object]] = field(default_factory=list)
    written: list[Snapshot] = field(default_factory=list)
    failed: list[BaseException] = field(default_factory=list)
    at_once: bool = True

    async def send(self, record: Outgoing) -> asyncio.Future[object]:
        self.log.append(f"send {record.topic}")
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        if self.at_once:
            future.set_result(None)
        else:
            self.unacknowledged.append(future)
        return future

    async def partitions_of(self, _topic: str) -> int:
        return self.partitions

    async def write(self, snapshot: Snapshot) -> None:
        self.log.append(f"write {snapshot.next_offset}")
        self.written.append(snapshot)

    async def read(self, _places: Sequence[Place]) -> Shelf:
        shelf = Shelf("app")
        for snapshot in self.written:
            for record in pack(snapshot, app_id="app", topic="snaps", partition=0):
                shelf.put(record.key, record.value)
        return shelf

    async def first(self, places: Sequence[Place]) -> Mapping[Place, int]:
        return dict.fromkeys(places, self.start)

    async def next(self, places: Sequence[Place]) -> Mapping[Place, int]:
        return dict.fromkeys(places, self.end)

    async def take_up(self, place: Place, offset: int) -> None:
        self.log.append(f"seek {place} {offset}")

    async def rest(self, place: Place) -> None:
        self.log.append(f"rest {place}")

    def fail(self, reason: BaseException) -> None:
        self.failed.append(reason)


def custodian_of(kafka: Kafka) -> Custodian:
    anything = cast("Any", kafka)
    wiring = Wiring(PLACE.topic, lambda partition, partitions: CountingStage("said", partition, partitions))
    return Custodian([wiring], Links(anything, anything, anything), kafka, clock=lambda: 0)


def run(first: int, end: int, value: bytes = b"1") -> Fetched:
    builder = DefaultRecordBatchBuilder(2, 0, False, -1, 0, 0, 1 << 20)
    for offset in range(end - first):
        builder.append(offset, 0, None, value, [])
    built = bytearray(builder.build())
    built[:8] = first.to_bytes(8, "big")  # not part of the checksum
    return Fetched(*PLACE, first, end, [KeptRecords(bytes(built)).take()])


async def restored(kafka: Kafka) -> Custodian:
    keeper = custodian_of(kafka)
    await keeper.restore([PLACE])
    return keeper


async def test_without_a_snapshot_the_log_is_read_from_its_start() -> None:
    kafka = Kafka(start=7, end=9)
    keeper = await restored(kafka)
    assert kafka.log == ["seek numbers[0] 7"]
    assert keeper.position(PLACE) == 7
    assert (keeper.tally.rebuilds, keeper.tally.restores, keeper.tally.missing) == (1, 0, 0)


async def test_a_state_that_time_alone_has_changed_is_written_down() -> None:
    class Waking(CountingStage):
        rung = False

        def beat(self, now_ms: int) -> list[Outgoing]:  # noqa: ARG002
            self.rung = True
            return []

        def moved(self) -> bool:
            return self.rung

    kafka = Kafka(end=0)
    anything = cast("Any", kafka)
    wiring = Wiring(PLACE.topic, lambda partition, partitions: Waking("said", partition, partitions))
    keeper = Custodian([wiring], Links(anything, anything, anything), kafka, clock=lambda: 0)
    await keeper.restore([PLACE])
    await keeper.write_snapshots()
    assert kafka.written == []
    await keeper.beat()
    await keeper.write_snapshots()
    assert len(kafka.written) == 1


async def test_state_and_offset_come_back_together() -> None:
    kafka = Kafka(end=9)
    keeper = await restored(kafka)
    await keeper.take(run(0, 5))
    await keeper.write_snapshots()
    await keeper.take(run(5, 9))  # not written down any more
    other = await restored(kafka)
    assert other.position(PLACE) == 5
    await other.take(run(5, 9))
    await other.let_go(1)
    assert kafka.written[-1].next_offset == 9
    assert kafka.written[-1].blob == b"[9, 9, 9, 0]"
    assert other.position(PLACE) is None


async def test_a_snapshot_waits_for_all_that_follows_from_it() -> None:
    kafka = Kafka(end=9, at_once=False)
    keeper = await restored(kafka)
    await keeper.take(run(0, 5))
    writing = asyncio.create_task(keeper.write_snapshots())
    await asyncio.sleep(0.01)
    assert kafka.written == []
    await keeper.take(run(5, 6))  # what comes after need not be waited for
    kafka.unacknowledged[0].set_result(None)
    await writing
    assert [snapshot.next_offset for snapshot in kafka.written] == [5]


async def test_what_could_not_be_sent_ends_the_run_and_is_not_written_down() -> None:
    kafka = Kafka(end=9, at_once=False)
    keeper = await restored(kafka)
    await keeper.take(run(0, 5))
    kafka.unacknowledged[0].set_exception(OSError("no broker"))
    await asyncio.sleep(0)
    assert [str(reason) for reason in kafka.failed] == ["no broker"]
    await keeper.let_go(1)
    assert kafka.written == []


async def test_interrupted_between_feeding_and_sending_nothing_is_written_down() -> None:
    kafka = Kafka(end=9)
    keeper = await restored(kafka)
    never = asyncio.Event()

    async def stuck(_record: Outgoing) -> asyncio.Future[object]:
        await never.wait()
        raise AssertionError

    kafka.send = stuck  # type: ignore[method-assign]
    taking = asyncio.create_task(keeper.take(run(0, 5)))
    await asyncio.sleep(0.01)
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)
    await keeper.let_go(1)
    assert kafka.written == []


async def test_a_run_a_stage_breaks_on_is_never_passed_over() -> None:
    kafka = Kafka(end=9)
    keeper = await restored(kafka)
    await keeper.take(run(0, 3))
    with pytest.raises(ValueError, match="no number"):
        await keeper.take(run(3, 4, b"no number"))
    await keeper.let_go(1)
    assert kafka.written == []


async def test_repeats_are_dropped_and_overlaps_cut() -> None:
    kafka = Kafka(end=9)
    keeper = await restored(kafka)
    for fetched in (run(0, 5), run(0, 5), run(3, 7), run(2, 6), run(7, 9)):
        await keeper.take(fetched)
    await keeper.let_go(1)
    assert kafka.written[-1].blob == b"[9, 9, 9, 0]"
    assert keeper.tally.repeats == 2


async def test_a_lost_run_is_read_again_and_asked_for_once() -> None:
    kafka = Kafka(end=30)
    keeper = await restored(kafka)
    for fetched in (run(0, 5), run(10, 15), run(15, 20), run(5, 10), run(10, 15), run(15, 20), run(20, 30)):
        await keeper.take(fetched)
    assert kafka.log.count("seek numbers[0] 5") == 1
    await keeper.let_go(1)
    assert kafka.written[-1].blob == b"[30, 30, 30, 0]"
    assert keeper.tally.jumps == 1


async def test_the_last_run_of_all_is_asked_for_again_when_nothing_shows_that_it_is_lost() -> None:
    kafka = Kafka(end=5)
    keeper = await restored(kafka)
    await keeper.take(run(0, 5))
    kafka.end = 9
    await keeper.ask_ends()
    await keeper.beat()
    assert kafka.log.count("seek numbers[0] 5") == 0, "it may be on its way"
    keeper._held[PLACE].moved_s -= lostruns._STANDSTILL_S
    for _ in range(3):
        await keeper.beat()
    assert kafka.log.count("seek numbers[0] 5") == 1, "and now it may be on its way again"
    keeper._held[PLACE].sought_s = 0.0
    kafka.start = 7  # what we wait for will never come
    await keeper.beat()
    assert kafka.log.count("seek numbers[0] 7") == 1
    assert (keeper.tally.jumps, keeper.tally.missing) == (2, 2)
    await keeper.take(run(7, 9))
    keeper._held[PLACE].moved_s -= lostruns._STANDSTILL_S
    await keeper.beat()
    assert keeper.tally.jumps == 2, "nothing waits"


async def test_a_standstill_while_no_broker_answers_is_no_loss() -> None:
    kafka = Kafka(end=5)
    keeper = await restored(kafka)

    async def away(_places: Sequence[Place]) -> Mapping[Place, int]:
        raise KafkaConnectionError

    kafka.first = away  # type: ignore[method-assign]
    for _ in range(30):
        keeper._held[PLACE].moved_s = keeper._held[PLACE].sought_s = 0.0
        await keeper.beat()
    assert keeper.tally.jumps == 0
    assert kafka.failed == []


async def test_records_that_were_deleted_are_counted_and_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lostruns, "_SEEK_AGAIN_S", 0.0)
    kafka = Kafka(end=30)
    keeper = await restored(kafka)
    await keeper.take(run(0, 5))
    kafka.start = 12  # retention overtook us
    for fetched in (run(12, 20), run(12, 20), run(12, 20)):
        await keeper.take(fetched)
    assert keeper.position(PLACE) == 20
    assert keeper.tally.missing == 7


async def test_an_offset_that_never_comes_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lostruns, "_SEEK_AGAIN_S", 0.0)
    keeper = await restored(Kafka(end=30))
    for _ in range(10):
        await keeper.take(run(9, 20))
    with pytest.raises(DataLost, match=r"numbers\[0\]: asked for offset 0, got 9, 10 times over"):
        await keeper.take(run(9, 20))


async def test_what_was_deleted_before_the_restart_is_counted() -> None:
    kafka = Kafka(end=30)
    keeper = await restored(kafka)
    await keeper.take(run(0, 5))
    await keeper.let_go(1)
    kafka.start = 9
    other = await restored(kafka)
    assert other.position(PLACE) == 9
    assert other.tally.missing == 4


async def test_a_topic_made_anew_is_not_taken_for_the_old_one() -> None:
    kafka = Kafka(end=30)
    keeper = await restored(kafka)
    await keeper.take(run(0, 30))
    await keeper.let_go(1)
    kafka.end = 3
    with pytest.raises(DataLost, match=r"numbers\[0\]: no snapshot fits the log, which ends at 3"):
        await restored(kafka)


async def test_a_log_that_lost_its_end_while_we_read_it_ends_the_run() -> None:
    kafka = Kafka(end=30)
    keeper = await restored(kafka)
    await keeper.take(run(0, 30))
    kafka.end = 3  # whoever leads the partition now never had the rest, and what is written next gets its offsets
    await keeper.ask_ends()  # one answer may be an old one
    with pytest.raises(DataLost, match=r"numbers\[0\]: the log ends at 3, and it was read up to 30"):
        await keeper.ask_ends()


async def test_an_end_that_was_asked_for_before_more_came_is_no_loss() -> None:
    kafka = Kafka(end=30)
    keeper = await restored(kafka)

    async def slow(places: Sequence[Place]) -> Mapping[Place, int]:
        ends = dict.fromkeys(places, keeper.position(PLACE) or 0)
        await keeper.take(run(keeper.position(PLACE) or 0, (keeper.position(PLACE) or 0) + 5))
        return ends

    kafka.next = slow  # type: ignore[method-assign]
    for _ in range(4):
        await keeper.ask_ends()
    assert keeper.position(PLACE) == 20


async def test_another_number_of_partitions_is_refused() -> None:
    kafka = Kafka(end=30)
    keeper = await restored(kafka)
    await keeper.take(run(0, 30))
    await keeper.let_go(1)
    kafka.partitions = 2
    with pytest.raises(SnapshotError, match="made for 1 partitions and the topic has 2"):
        await restored(kafka)


async def test_a_state_the_stage_does_not_know_is_refused() -> None:
    kafka = Kafka(end=30, written=[Snapshot(PLACE, 1, 5, 0, b"not JSON")])
    with pytest.raises(SnapshotError, match=r"numbers\[0\]: the stage does not take its snapshot up: Expecting value"):
        await restored(kafka)


@pytest.mark.parametrize("blob", [b"[1, 2]", b"[1, 2, 3, 4, 5]", b"17", b'{"count": 1}'])
async def test_a_state_of_another_shape_is_refused_in_words(blob: bytes) -> None:
    kafka = Kafka(end=30, written=[Snapshot(PLACE, 1, 5, 0, blob)])
    with pytest.raises(SnapshotError, match=r"if another version wrote it, run that one; another group") as refused:
        await restored(kafka)
    assert str(refused.value).startswith("numbers[0]: the stage does not take its snapshot up: ")


async def test_a_large_state_is_written_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(custodian, "SNAPSHOT_BYTES_PER_S", 0.001)  # so that a state of some bytes is large
    kafka = Kafka(end=9)
    keeper = await restored(kafka)
    await keeper.take(run(0, 5))
    await keeper.write_snapshots()
    await keeper.take(run(5, 9))
    await keeper.write_snapshots()
    assert [snapshot.next_offset for snapshot in kafka.written] == [5], "its turn has not come"
    await keeper.let_go(1)
    assert [snapshot.next_offset for snapshot in kafka.written] == [5, 9], "the last one is written all the same"


async def test_how_old_the_saved_state_is() -> None:
    kafka = Kafka(end=9)
    keeper = await restored(kafka)
    await keeper.take(run(0, 5))
    held = keeper._held[PLACE]
    held.saved_s -= 40
    assert 40 <= keeper.progress()[0].unsaved_s < 42
    await keeper.write_snapshots()
    assert keeper.progress()[0].unsaved_s == 0
    held.saved_s -= 40
    await keeper.write_snapshots()
    assert keeper.progress()[0].unsaved_s == 0, "what did not change needs no saving"
    held.heard_s -= 30
    assert 30 <= keeper.progress()[0].silent_s < 32
    await keeper.ask_ends()
    assert keeper.progress()[0].silent_s < 2


async def test_a_run_of_markers_only_moves_on() -> None:
    kafka = Kafka(end=9)
    keeper = await restored(kafka)
    await keeper.take(Fetched(*PLACE, 0, 3, []))
    assert keeper.position(PLACE) == 3
    assert kafka.log == ["seek numbers[0] 0"]


async def test_time_passes_for_a_partition_without_records() -> None:
    kafka = Kafka()
    keeper = await restored(kafka)
    for _ in range(4):
        await keeper.beat()
    assert kafka.log.count("send beats") == 2
    await keeper.write_snapshots()
    assert len(kafka.written) == 1  # what a beat said changes the state too


async def test_records_for_a_partition_that_is_not_ours_are_left_alone() -> None:
    kafka = Kafka(end=9)
    keeper = custodian_of(kafka)
    await keeper.take(run(0, 5))
    assert kafka.log == []


async def test_a_late_acknowledgement_does_not_hold_up_leaving() -> None:
    kafka = Kafka(end=9, at_once=False)
    keeper = await restored(kafka)
    await keeper.take(run(0, 5))
    await keeper.let_go(0.05)
    assert kafka.written == []
    assert kafka.failed == []


async def test_progress_says_what_is_behind() -> None:
    kafka = Kafka(end=9)
    keeper = await restored(kafka)
    await keeper.take(run(0, 5))
    kafka.end = 12
    await keeper.ask_ends()
    (progress,) = keeper.progress()
    assert (progress.next_offset, progress.end_offset, progress.durable_offset) == (5, 12, None)
    (sign,) = keeper.signs()
    assert (sign.name, sign.lag) == ("numbers[0]", 7)


@dataclass
class Picky(CountingStage):
    """A stage that takes as many records as it is told to."""

    wants: int | None = None

    def appetite(self, _now_ms: int) -> int | None:
        return self.wants


async def test_what_a_stage_leaves_is_read_again_later() -> None:
    kafka = Kafka(end=10)
    picky = Picky("said", 0, 1, wants=4)
    anything = cast("Any", kafka)
    links = Links(anything, anything, anything)
    keeper = Custodian([Wiring(PLACE.topic, lambda *_: picky)], links, kafka, clock=lambda: 0)
    await keeper.restore([PLACE])
    await keeper.take(run(0, 10))
    assert (picky.count, keeper.position(PLACE)) == (4, 4)
    assert kafka.log[-1] == "rest numbers[0]"
    await keeper.take(run(10, 20))  # was on its way
    assert (picky.count, keeper.position(PLACE)) == (4, 4)
    picky.wants = 0
    await keeper.beat()
    assert "seek numbers[0] 4" not in kafka.log
    picky.wants = None
    await keeper.beat()
    assert kafka.log[-1] == "seek numbers[0] 4"
    await keeper.take(run(20, 30))  # was on its way too: no reason to seek again
    await keeper.take(run(4, 20))
    assert (picky.count, picky.gaps, keeper.position(PLACE)) == (20, 0, 20)
    assert (keeper.tally.jumps, kafka.failed) == (0, [])


@dataclass
class Entrusting(CountingStage):
    """A stage that gives away what follows, to somebody who keeps it when told to."""

    promise: asyncio.Future[None] | None = None

    def entrusted(self) -> asyncio.Future[None] | None:
        return self.promise


async def test_no_state_goes_past_what_others_do_not_have_safe_and_nobody_else_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(custodian, "ENTRUSTED_WAIT_S", 0.01)
    kafka = Kafka(end=9)
    stage = Entrusting("said", 0, 1, promise=asyncio.get_running_loop().create_future())
    other = Place("others", 0)
    anything = cast("Any", kafka)
    wirings = [Wiring(PLACE.topic, lambda *_: stage), Wiring(other.topic, lambda *_: CountingStage("said", 0, 1))]
    keeper = Custodian(wirings, Links(anything, anything, anything), kafka, clock=lambda: 0)
    await keeper.restore([PLACE, other])
    await keeper.take(run(0, 5))
    await keeper.take(Fetched(*other, 0, 3, run(0, 3).batches))
    for _ in range(3):
        await keeper.write_snapshots()
    assert [(snapshot.place, snapshot.next_offset) for snapshot in kafka.written] == [(other, 3)]
    (progress,) = [one for one in keeper.progress() if one.topic == PLACE.topic]
    assert progress.unsaved_s > 0, "what is not saved is told"
    assert progress.durable_offset is None
    assert stage.promise is not None
    stage.promise.set_result(None)
    await keeper.write_snapshots()
    assert [snapshot.next_offset for snapshot in kafka.written] == [3, 5]
    stage.promise = None
    await keeper.take(run(5, 9))
    await keeper.let_go(1)
    assert kafka.written[-1].next_offset == 9


async def test_a_stage_that_wants_nothing_is_not_stuck() -> None:
    kafka = Kafka(end=10)
    picky = Picky("said", 0, 1, wants=0)
    anything = cast("Any", kafka)
    keeper = Custodian(
        [Wiring(PLACE.topic, lambda *_: picky)], Links(anything, anything, anything), kafka, clock=lambda: 0
    )
    await keeper.restore([PLACE])
    await keeper.take(run(0, 10))
    (held,) = keeper._held.values()
    held.moved_s -= 100
    (before,) = keeper.signs()
    await keeper.beat()
    (after,) = keeper.signs()
    assert after.lag == 10
    assert after.moved_s - before.moved_s > 99
