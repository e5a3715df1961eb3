"""The writer: keeps the file of the outbox up to date from a thread of its own, and says when it cannot."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from alerts.outbox.file import KEPT_MS, DeadLetter, OutboxFile
from alerts.outbox.item import Ended, Item
from alerts.outbox.pace import MINUTE_MS

RETRY_S = 1.0
"""After a write that failed, the next is tried so much later."""

RETOLD_MS = 86_400_000
"""Ends no older than this are told again when a file is opened: whoever told them last may not have come to it."""

UNWRITTEN_LEN_MAX = 5_000
"""With more than this not on disk, nothing should be offered until there is room again."""

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Writer:
    """One file and its thread. `taken` hears of each item once it is on disk, or once it is certain that it is not.

    While the disk is full, read-only or away, items are given on all the same: a page that cannot be noted down is
    better told twice than not at all. What was offered stays unsafe until it is written, and `trouble` says why.
    """

    def __init__(  # noqa: PLR0913, PLR0917  where the file is, and who hears what it knows
        self,
        folder: Path,
        name: str,
        now_ms: Callable[[], int],
        taken: Callable[[Item], object],
        sent_before: Callable[[str, int], object],
        ended_before: Callable[[Ended], object] = lambda _: None,
    ) -> None:
        self.trouble: str | None = None
        self._folder = folder
        self._name = name
        self._now_ms = now_ms
        self._taken = taken
        self._sent_before = sent_before
        self._ended_before = ended_before
        self._file: OutboxFile | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tocsin-outbox")
        self._offered: list[Item] = []
        self._ended: list[Ended] = []
        self._live: dict[str, Item] = {}  # by key: offered and not ended
        self._offered_count = self._written_count = 0
        self._promises: deque[tuple[int, asyncio.Future[None]]] = deque()  # how many must be written, who waits for it
        self._changed = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()

    @property
    def has_room(self) -> bool:
        """Whether more may be offered."""
        return len(self._offered) < UNWRITTEN_LEN_MAX

    def offer(self, item: Item) -> bool:
        """Note an item down soon. Return False if it is on its way already."""
        if item.key in self._live:
            return False
        self._live[item.key] = item
        self._offered.append(item)
        self._offered_count += 1
        self._changed.set()
        return True

    def end(self, ended: Iterable[Ended]) -> None:
        """Note down soon what met its end."""
        for one in ended:
            self._live.pop(one.item.key, None)
            self._ended.append(one)
            self._changed.set()

    def safe(self) -> asyncio.Future[None] | None:
        """Give what is done once all that was offered so far is on disk; None if it is."""
        if self._written_count == self._offered_count:
            return None
        promise: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._promises.append((self._offered_count, promise))
        return promise

    async def run(self) -> None:
        """Write for ever."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if not await self.write():
                await asyncio.sleep(RETRY_S)
                self._changed.set()

    async def write(self) -> bool:
        """Write all there is to write now. Return whether it could be."""
        async with self._one_at_a_time:
            offered, self._offered = self._offered, []
            ended, self._ended = self._ended, []
            try:
                file = await self._opened(ended)
                known = await self._in_thread(file.write, offered, ended)
            except asyncio.CancelledError:  # we are closing: the last write takes it
                self._offered, self._ended = offered + self._offered, ended + self._ended
                raise
            except (sqlite3.Error, OSError) as error:
                await self._drop_file(error)
                self._offered, self._ended = offered + self._offered, ended + self._ended
                self._fail(error)
                for item in offered:
                    self._release(item)
                return False
            if self.trouble is not None:
                _log.warning("the outbox writes again")
            self.trouble = None
            for item in offered:
                if item.key in known and not item.is_released:
                    self._live.pop(item.key, None)  # told before, or waiting since before
                else:
                    self._release(item)
            self._written_count += len(offered)
            self._keep_promises()
            return True

    async def dead_letters(self) -> list[DeadLetter]:
        """Give what was given up, the oldest first. Raise OSError or sqlite3.Error where the disk does not do."""
        async with self._one_at_a_time:
            file = await self._opened(self._ended)
            return await self._in_thread(file.dead_letters)

    async def revive(self, keys: Sequence[str]) -> int:
        """Let what was given up be tried anew; return how much of it there was. Raises what `dead_letters` does."""
        async with self._one_at_a_time:
            file = await self._opened(self._ended)
            revived = await self._in_thread(file.revive, keys, self._now_ms())
        for item in revived:
            self._recover(item)
        return len(revived)

    async def tidy(self) -> None:
        """Open a file that was not there, take over what workers that are gone left behind, forget what is old."""
        async with self._one_at_a_time:
            try:
                file = await self._opened(self._ended)
                await self._in_thread(file.forget, self._now_ms() - KEPT_MS)
                adopted = await self._in_thread(file.adopt, self._name)
            except (sqlite3.Error, OSError) as error:
                await self._drop_file(error)
                self._fail(error)
                return
        for item in adopted:
            self._recover(item)

    async def close(self) -> None:
        """Write what there is and let go of the file."""
        if self._offered or self._ended:
            await self.write()
        if self._file is not None:
            await self._in_thread(self._file.close)
            self._file = None
        self._thread.shutdown()

    def _keep_promises(self) -> None:
        while self._promises and self._promises[0][0] <= self._written_count:
            _, promise = self._promises.popleft()
            if not promise.done():  # nobody waits any more
                promise.set_result(None)

    def _release(self, item: Item) -> None:
        if not item.is_released:
            item.is_released = True
            self._taken(item)

    def _recover(self, item: Item) -> None:
        """Take up an item that a file holds: it may have been offered again since, and is one and the same."""
        known = self._live.setdefault(item.key, item)
        known.offered_ms = min(known.offered_ms, item.offered_ms)
        self._release(known)

    def _fail(self, error: Exception) -> None:
        said = f"the outbox in {self._folder} cannot be written: {_reason(error)}"
        if said != self.trouble:
            _log.error("%s", said)
        self.trouble = said

    async def _opened(self, ended: Iterable[Ended]) -> OutboxFile:
        """Give the file. One just opened tells what waited in it, and is told what is on its way but not in it."""
        if self._file is None:
            on_their_way = [item for item in self._live.values() if item.is_released]
            file, waiting, sent, before = await self._in_thread(self._open, on_their_way)
            self._file = file
            for one in before:
                self._ended_before(one)
            for channel, time_ms in sent:
                self._sent_before(channel, time_ms)
            over = {one.item.key for one in ended}
            for item in waiting:
                if item.key not in over:
                    self._recover(item)
            return file
        return self._file

    def _open(self, on_their_way: Sequence[Item]) -> tuple[OutboxFile, list[Item], list[tuple[str, int]], list[Ended]]:
        now_ms = self._now_ms()
        file = OutboxFile.open(self._folder, self._name, now_ms)
        try:
            file.write(on_their_way, ())
            sent, before = file.delivered_since(now_ms - MINUTE_MS), file.ended_since(now_ms - RETOLD_MS)
            return file, file.waiting(), sent, before
        except BaseException:
            file.close()
            raise

    async def _drop_file(self, error: Exception) -> None:
        """Let go of a file that cannot be trusted. A full disk keeps it: nothing is wrong with the file."""
        if self._file is not None and getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_FULL:
            file, self._file = self._file, None
            await self._in_thread(file.close)

    async def _in_thread(self, act: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, act, *arguments)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
