"""The host: runs stages on Kafka, one for each partition that the consumer group gives us.

Faust is the consumer runtime: membership, assignment, agents; the custodian keeps state and offsets. Whatever is not
expected ends the run: `Host.run` raises, the process exits, and a supervisor starts it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

from faust.types import TP

from streams.custodian import Custodian, Links
from streams.fetches import Fetched
from streams.hosting import HostSettings, Progress, Tally, Wiring
from streams.logends import LogEnds
from streams.publisher import Publisher
from streams.snapshots import Place, SnapshotStore
from streams.transport import SCHEME, AsItIs, ChunkApp, ChunkConsumer
from streams.watchdog import Signs, Watchdog

if TYPE_CHECKING:
    from streams.stage import Outgoing

_log = logging.getLogger(__name__)


class Host:
    """Hosts the stages of `wirings` until `stop`, or until something fails.

    `clock` gives the wall time in milliseconds; `on_ready` is called once, when all that was first assigned runs.
    """

    def __init__(
        self,
        settings: HostSettings,
        wirings: Iterable[Wiring],
        *,
        clock: Callable[[], int],
        on_ready: Callable[[], None] | None = None,
    ) -> None:
        wired = list(wirings)
        self._settings = settings
        self._topics = [wiring.topic for wiring in wired]
        self._on_ready = on_ready
        access = settings.access
        self._publisher = Publisher(settings.bootstrap, access)
        self._ends = LogEnds(settings.bootstrap, access)
        store = SnapshotStore(settings.app_id, settings.snapshot_topic, self._publisher, settings.bootstrap, access)
        self._custodian = Custodian(wired, Links(self._publisher, store, self._ends), self, clock=clock)
        self._app: ChunkApp | None = None
        self._restoring: asyncio.Task[None] | None = None
        self._ready = False
        self._closing = False
        self._came_round_s = 0.0  # when the event loop last did (monotonic)
        self._rebalanced_s = 0.0  # when the last rebalance began (monotonic)
        self._end: asyncio.Future[None] | None = None

    # What others ask.

    @property
    def ready(self) -> bool:
        """Whether every assigned partition is restored and running."""
        return self._ready

    @property
    def tally(self) -> Tally:
        """What was counted since the start."""
        return self._custodian.tally

    def progress(self) -> list[Progress]:
        """Say how far each partition in our hands is."""
        return self._custodian.progress()

    async def publish(self, *records: Outgoing) -> None:
        """Write records of one's own and wait until they are safe; raise aiokafka's `KafkaError` if not."""
        await self._publisher.publish(*records)

    def stop(self) -> None:
        """Ask `run` to write the last snapshots, leave the group and return."""
        self._closing = True
        if self._end is not None and not self._end.done():
            self._end.set_result(None)

    async def run(self) -> None:
        """Host until `stop`; raise what failed. aiokafka's `KafkaConnectionError` if no broker answers at the start."""
        self._end = asyncio.get_running_loop().create_future()
        if self._closing:
            return
        async with contextlib.AsyncExitStack() as stack:
            for client in (self._publisher, self._ends):
                await client.start()
                stack.push_async_callback(client.stop)
            self._app = app = self._new_app()
            self._came_round_s = self._rebalanced_s = time.monotonic()  # joining the group is the first rebalance
            if self._settings.limits is not None:
                watchdog = Watchdog(self, self._settings.limits)
                watchdog.start()
                stack.callback(watchdog.stop)
            stack.push_async_callback(self._close, app, [asyncio.create_task(work) for work in self._works(app)])
            await self._end

    # What Faust's consumer asks (`streams.transport.Owner`), and the custodian (`streams.custodian.Reader`).

    def position(self, partition: TP) -> int | None:
        """Say where a restored partition goes on."""
        return self._custodian.position(Place(*partition))

    async def take_up(self, partition: Place, offset: int) -> None:
        """Read a partition from an offset on (asked by the custodian)."""
        await self._consumer.take_up(TP(*partition), offset)

    async def rest(self, partition: Place) -> None:
        """Bring nothing of a partition until it is taken up again (asked by the custodian)."""
        self._consumer.pause_partitions({TP(*partition)})

    def fail(self, reason: BaseException) -> None:
        """End the run with `reason` (asked by both)."""
        self._ready = False
        if self._end is not None and not self._end.done():
            self._end.set_exception(reason)

    # What the watchdog asks, from its thread.

    def signs(self) -> Signs:
        """Read the signs of life."""
        rebalancing = not self._ready or (self._app is not None and self._app.rebalancing)
        return Signs(self._came_round_s, self._rebalanced_s if rebalancing else None, self._custodian.signs())

    def check_group(self, timeout_s: float) -> None:
        """Raise the pending error of the group coordinator, if there is one."""
        if self._app is not None and self._app.rebalancing_count:  # before that there is none to ask
            self._consumer.check_group(timeout_s)

    # Background work.

    def _works(self, app: ChunkApp) -> list[Coroutine[None, None, None]]:
        settings = self._settings
        return [
            self._guard(app.start()),
            self._guard(_every(settings.beat_every_s, self._come_round)),
            self._guard(_every(settings.beat_every_s, self._custodian.beat)),
            self._guard(_every(settings.snapshot_every_s, self._write_snapshots)),
            self._guard(_every(settings.ask_ends_every_s, self._custodian.ask_ends)),
        ]

    async def _guard(self, work: Awaitable[object]) -> None:
        """Do background work; what it raises ends the run."""
        try:
            await work
        except Exception as reason:  # noqa: BLE001  # not swallowed: `run` raises it
            self.fail(reason)

    async def _come_round(self) -> None:
        # Apart from the beat of the stages, which waits for the broker: while that is away, we are not stuck.
        self._came_round_s = time.monotonic()

    async def _write_snapshots(self) -> None:
        await self._custodian.write_snapshots()
        if self._ready:
            durable = {
                TP(partition.topic, partition.partition): partition.durable_offset
                for partition in self.progress()
                if partition.durable_offset is not None
            }
            await self._consumer.report(durable)

    async def _close(self, app: ChunkApp, tasks: Sequence[asyncio.Task[None]]) -> None:
        """Write the last snapshots and leave the group, as far as time allows."""
        self._ready, self._closing = False, True
        working = [*tasks, *([self._restoring] if self._restoring is not None else [])]
        for task in working[1:]:
            task.cancel()
        await self._custodian.let_go(self._settings.stop_timeout_s)
        leaving = asyncio.create_task(app.stop())
        await asyncio.wait([leaving], timeout=self._settings.stop_timeout_s)
        for task in (leaving, working[0]):
            task.cancel()
        await asyncio.gather(leaving, *working, return_exceptions=True)

    # Faust.

    def _new_app(self) -> ChunkApp:
        settings = self._settings
        app = ChunkApp(
            settings.app_id,
            owner=self,
            broker=[f"{SCHEME}://{address}" for address in settings.bootstrap],
            broker_credentials=settings.access.credentials(),
            processing_guarantee="at_least_once",
            store="memory://",
            autodiscover=False,
            web_enabled=False,
            worker_redirect_stdouts=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
            table_standby_replicas=0,
            producer_threaded=False,
            producer_request_timeout=30.0,
            consumer_auto_offset_reset="earliest",
            stream_wait_empty=False,
            consumer_max_fetch_size=2 << 20,
            stream_buffer_maxsize=32,  # runs of records
            broker_session_timeout=settings.session_timeout_s,
            broker_heartbeat_interval=settings.session_timeout_s / 10,
            broker_rebalance_timeout=2 * settings.session_timeout_s,
            broker_request_timeout=3 * settings.session_timeout_s,
        )
        for topic in self._topics:
            channel = app.topic(topic, value_serializer=AsItIs(), acks=False)
            app.agent(channel, name=f"stage-{topic}", concurrency=1)(self._read)
        # Faust declares signal handlers by their widest signature; ours name what they are given.
        app.on_partitions_revoked.connect(cast("Any", self._on_revoked))
        app.on_partitions_assigned.connect(cast("Any", self._on_assigned))
        return app

    @property
    def _consumer(self) -> ChunkConsumer:
        if self._app is None or not isinstance(self._app.consumer, ChunkConsumer):
            raise RuntimeError("the host is not running")
        return self._app.consumer

    async def _read(self, stream: AsyncIterable[Fetched]) -> None:
        """Be Faust's agent of one topic. What a stage raises is our bug and ends the run."""
        async for fetched in stream:
            try:
                await self._custodian.take(fetched)
            except Exception as reason:  # noqa: BLE001  # not swallowed: `run` raises it
                self.fail(reason)

    async def _on_revoked(self, _app: object, revoked: set[TP], **_: object) -> None:
        self._ready = False
        self._rebalanced_s = time.monotonic()
        if self._restoring is not None:
            self._restoring.cancel()
        if revoked and not self._closing:
            await self._custodian.let_go(self._settings.session_timeout_s / 2)

    async def _on_assigned(self, _app: object, assigned: set[TP], **_: object) -> None:
        # Not awaited: Faust gives this callback little time, and its recovery would stop for ever if that ran out.
        self._restoring = asyncio.create_task(self._guard(self._restore(assigned)))

    async def _restore(self, assigned: set[TP]) -> None:
        async with asyncio.timeout(self._settings.restore_timeout_s):
            await self._custodian.restore(Place(*partition) for partition in assigned)
        self._ready = True
        _log.info("%d partitions are restored and running", len(assigned))
        if self._on_ready is not None:
            ready, self._on_ready = self._on_ready, None
            ready()


async def _every(interval_s: float, act: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(interval_s)
        await act()
