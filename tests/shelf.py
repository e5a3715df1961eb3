"""A history in our hands, and what an outbox gave up, as the API asks for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from alerts.outbox.file import DeadLetter
from alerts.outbox.item import Item, Outcome
from alerts.outbox.outbox import OutboxError
from streams.historian import HistoryAway
from streams.historyfile import HistoryFile
from streams.historyreads import HistoryReads
from tests.alerting import START_MS, notification

T = TypeVar("T")
LETTER = DeadLetter(Item(notification(), START_MS), Outcome.REFUSED, START_MS + 1_000)


@dataclass
class Shelf:
    """A history in our hands, which may be away; `make` makes its file in the thread that asks, whose it is."""

    file: HistoryFile | None = None
    make: Callable[[], HistoryFile] | None = None
    behind: int | None = 0
    error: Exception | None = None
    rebuilds: int = 0

    async def ask(self, question: Callable[[HistoryReads], T]) -> T:
        if self.error is not None:
            raise self.error
        if self.file is None and self.make is not None:
            self.file = self.make()
        if self.file is None:
            raise HistoryAway("the history cannot be read now: it has not been opened yet")
        return question(HistoryReads(self.file))

    def rebuild(self) -> None:
        self.rebuilds += 1


@dataclass
class Kept:
    retried: list[str] = field(default_factory=list)
    trouble: str = ""

    async def undelivered(self) -> Sequence[DeadLetter]:
        if self.trouble:
            raise OutboxError(self.trouble)
        return [LETTER]

    async def retry(self, keys: Sequence[str]) -> int:
        self.retried += keys
        return sum(key == LETTER.item.key for key in keys)
