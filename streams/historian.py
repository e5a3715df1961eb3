"""Follows the log into the file of history, by a consumer of its own and a thread of its own; answers questions.

Nobody waits for it: what it has not read yet lies in the log. Where Kafka or the disk do not do, it says so once and
tries again; a damaged file is made anew from the log.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from aiokafka.errors import KafkaError

from streams.access import OPEN, Access
from streams.historyfile import HistoryFile, remove
from streams.historyreads import HistoryReads
from streams.historyrows import TOPICS, Record, Statement, statements
from streams.topics import HISTORY_DAYS

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer, TopicPartition

RECORDS_MAX = 500  # in one step
POLL_MS = 500
RETRY_S = 5.0
TIDY_S = 600.0
BREATH_S = 0.05
"""Between two full steps: a history that is made anew must not hold up detection, which shares the processor."""

KEPT_MS = HISTORY_DAYS * 86_400_000

_DAMAGES = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

T = TypeVar("T")
_log = logging.getLogger(__name__)


class HistoryAway(Exception):
    """The history cannot be asked now: one line that says why."""


class HistoryMetrics(Protocol):
    """Who counts."""

    def set_history_lag(self, records: int) -> None:
        """Show how many records of the log are not in the history yet."""

    def count_history(self, result: str, count: int) -> None:
        """Count rows that were forgotten, and records that were none of ours."""


class Historian:
    """One file of history and who keeps it. Make and use it within one running event loop."""

    def __init__(  # noqa: PLR0913  where the log is, where the file is, and who hears
        self,
        bootstrap: Sequence[str],
        folder: Path,
        name: str,
        metrics: HistoryMetrics,
        *,
        now_ms: Callable[[], int],
        access: Access = OPEN,
    ) -> None:
        self.trouble: str | None = "it has not been opened yet"
        self._bootstrap = list(bootstrap)
        self._folder = folder
        self._name = name
        self._metrics = metrics
        self._now_ms = now_ms
        self._access = access
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tocsin-history")
        self._file: HistoryFile | None = None
        self._is_over = False  # the file is to be made anew
        self._was_said = False
        self._tidied_s = 0.0
        self.behind: int | None = None  # records of the log that are not in it yet; None: not known

    # What others ask.

    async def ask(self, question: Callable[[HistoryReads], T]) -> T:
        """Ask the history. Raise HistoryAway where there is none now, and what the question raises."""
        if self._file is None:
            raise HistoryAway(f"the history cannot be read now: {self.trouble or 'it is being made anew'}")
        try:
            return await self._in_thread(question, HistoryReads(self._file))
        except sqlite3.Error as error:
            self._is_over = self._is_over or _is_damage(error)
            raise HistoryAway(f"the history cannot be read now: {error}") from error

    def rebuild(self) -> None:
        """Have the file made anew from the log, from its beginning."""
        self._is_over = True
        self.behind = None

    # Work.

    async def run(self) -> None:
        """Follow the log for ever."""
        while True:
            try:
                await self._follow()
            except (KafkaError, OSError, sqlite3.Error) as error:
                self._say(str(error) or type(error).__name__)
                if isinstance(error, sqlite3.Error):
                    await self._drop(damaged=_is_damage(error))
            except Exception:  # noqa: BLE001  a bug of ours here costs the history, and not a page
                _log.exception("the history cannot be followed")
                self.trouble = "something went wrong; the log says what"
            await asyncio.sleep(RETRY_S)

    async def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            await self._in_thread(self._file.close)
            self._file = None
        self._thread.shutdown()

    async def _follow(self) -> None:
        from aiokafka import AIOKafkaConsumer, TopicPartition

        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=1 << 20,
            **self._access.arguments(),
        )
        try:
            await consumer.start()
            places = [TopicPartition(topic, 0) for topic in TOPICS]
            consumer.assign(places)
            await self._opened(consumer, places)
            while True:
                await self._step(consumer, places)
        finally:
            await consumer.stop()

    async def _step(self, consumer: AIOKafkaConsumer, places: Sequence[TopicPartition]) -> None:
        if self._is_over or (self._file is not None and not self._file.is_there):
            await self._drop(damaged=True)
            await self._opened(consumer, places)
            self._is_over = False
        file = self._file
        assert file is not None
        batches = await consumer.getmany(timeout_ms=POLL_MS, max_records=RECORDS_MAX)
        records = [Record(one.topic, one.value) for batch in batches.values() for one in batch]
        if records:
            goes_on = {place.topic: batch[-1].offset + 1 for place, batch in batches.items() if batch}
            foreign = await self._in_thread(take_up, file, records, goes_on)
            if foreign:
                self._metrics.count_history("foreign", foreign)
        await self._look(consumer, places)
        if self.trouble is not None and (records or self.behind == 0):
            if self._was_said:
                _log.warning("the history is followed again")
            self.trouble, self._was_said = None, False
        if time.monotonic() - self._tidied_s > TIDY_S:
            await self._tidy(file)
        if len(records) >= RECORDS_MAX:
            await asyncio.sleep(BREATH_S)

    async def _look(self, consumer: AIOKafkaConsumer, places: Sequence[TopicPartition]) -> None:
        """Show how far the log is ahead, as the broker last said."""
        ends = [consumer.highwater(place) for place in places]
        at = [await consumer.position(place) for place in places]
        if None not in ends:
            self.behind = sum(max(end - position, 0) for end, position in zip(ends, at, strict=True))
            self._metrics.set_history_lag(self.behind)

    async def _tidy(self, file: HistoryFile) -> None:
        self._tidied_s = time.monotonic()
        while forgotten := await self._in_thread(file.forget, self._now_ms() - KEPT_MS):
            self._metrics.count_history("forgotten", forgotten)

    async def _opened(self, consumer: AIOKafkaConsumer, places: Sequence[TopicPartition]) -> None:
        """Open the file, and go on in each topic where it ends."""
        if self._file is None:
            self._file = await self._in_thread(HistoryFile.open, self._folder, self._name)
        known = await self._in_thread(self._file.places)
        ends = await consumer.end_offsets(places)
        for place in places:
            offset = known.get(place.topic, 0)
            # Behind the end: the topic is another one of that name, and is read from its beginning.
            consumer.seek(place, offset if offset <= ends[place] else 0)

    async def _drop(self, *, damaged: bool) -> None:
        file, self._file = self._file, None
        if file is not None:
            await self._in_thread(file.close)
            if damaged:
                _log.warning("%s is made anew from the log", file.path)
                await self._in_thread(remove, file.path)

    def _say(self, why: str) -> None:
        if why != self.trouble:
            _log.error("the history cannot be followed: %s", why)
        self.trouble, self._was_said = why, True

    async def _in_thread(self, act: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, act, *arguments)


def take_up(file: HistoryFile, records: Sequence[Record], goes_on: dict[str, int]) -> int:
    """Take records up in one step; return how many of them are none of ours."""
    foreign = 0
    rows: list[Statement] = []
    for record in records:
        try:
            found = list(statements(record))
        except ValueError:
            found = None
        if found is not None and all(_fits(value) for _, row in found for value in row):
            rows += found
        else:
            foreign += 1  # it stays in its topic; who may write there is Kafka's to say
    file.write(rows, goes_on)
    return foreign


def _fits(value: object) -> bool:
    """Say whether SQLite has a place for a value."""
    if isinstance(value, int):
        return -(1 << 63) <= value < 1 << 63
    return value is None or isinstance(value, str | bytes | float)


def _is_damage(error: sqlite3.Error) -> bool:
    """Say whether the file is to blame, and not a disk that is full or away."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _DAMAGES
