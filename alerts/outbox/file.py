"""The file of the outbox: SQLite, one table, one row for each notification from being offered to some days after.

All of it is called from one thread. A row is safe when `write` returns: the log is synced before (`synchronous=FULL`).
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from alerts.notifications import Notification
from alerts.outbox.item import DEAD, Ended, Item, Outcome

KEPT_MS = 7 * 86_400_000
"""For so long the end of a notification is remembered, and one offered again is known."""

SLOTS_MAX = 64
"""Workers on one machine that may share a folder."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS notifications (
    key TEXT PRIMARY KEY,        -- what the receiver knows it by
    channel TEXT NOT NULL,
    offered_ms INTEGER NOT NULL,
    body BLOB NOT NULL,          -- the notification as JSON
    outcome TEXT,                -- NULL while it waits
    ended_ms INTEGER
);
CREATE INDEX IF NOT EXISTS waiting ON notifications (offered_ms) WHERE outcome IS NULL;
CREATE INDEX IF NOT EXISTS ended ON notifications (ended_ms) WHERE outcome IS NOT NULL;
"""
_LAYOUT = 1

_log = logging.getLogger(__name__)
_decoder = msgspec.json.Decoder(Notification)


class FilesTaken(OSError):
    """Every file of the folder is in the hands of a running worker."""


class FileGone(OSError):
    """The file under an open outbox was deleted."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A notification that was given up."""

    item: Item
    outcome: Outcome
    ended_ms: int


class OutboxFile:
    """One open file, in our hands alone. `name` tells it from those of other services in the same folder."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._inode = path.stat().st_ino

    @classmethod
    def open(cls, folder: Path, name: str, now_ms: int) -> OutboxFile:
        """Open the first file of the folder that no running worker holds; make folder and file where there is none.

        A file that is damaged is put aside and said. Raise OSError or sqlite3.Error where that cannot be done.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for slot in range(SLOTS_MAX):
            path = _path(folder, name, slot)
            try:
                return cls(path, _connected(path))
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    raise
            except sqlite3.DatabaseError as error:
                aside = path.with_name(f"{path.name}.damaged-{now_ms}")
                _log.error("%s is damaged (%s): put aside as %s", path, error, aside.name)
                path.rename(aside)
                return cls(path, _connected(path))
        raise FilesTaken(f"{folder}: all {SLOTS_MAX} outboxes are in use")

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def write(self, offered: Sequence[Item], ended: Sequence[Ended]) -> set[str]:
        """Keep what was offered and what ended, in one step; return the keys that were known before.

        Raise FileGone if somebody deleted the file: what is written into it would not be found again.
        """
        if not self._is_there():
            raise FileGone(f"{self.path} was deleted")
        known: set[str] = set()
        with self._connection as connection:
            for item in offered:
                body = msgspec.json.encode(item.notification)
                row = (item.key, item.notification.channel, item.offered_ms, body)
                if not connection.execute(
                    "INSERT OR IGNORE INTO notifications VALUES (?,?,?,?,NULL,NULL)", row
                ).rowcount:
                    known.add(item.key)
            connection.executemany(
                "UPDATE notifications SET outcome = ?, ended_ms = ? WHERE key = ?",
                [(one.outcome, one.time_ms, one.item.key) for one in ended],
            )
        return known

    def waiting(self) -> list[Item]:
        """Give what waits, the longest first."""
        rows = self._connection.execute(
            "SELECT body, offered_ms FROM notifications WHERE outcome IS NULL ORDER BY offered_ms, rowid"
        )
        return [Item(_decoder.decode(body), offered_ms) for body, offered_ms in rows]

    def delivered_since(self, time_ms: int) -> list[tuple[str, int]]:
        """Say when each channel delivered since then; what went out in one message has one time."""
        return self._connection.execute(
            "SELECT DISTINCT channel, ended_ms FROM notifications WHERE outcome = ? AND ended_ms > ? ORDER BY ended_ms",
            (Outcome.DELIVERED, time_ms),
        ).fetchall()

    def ended_since(self, time_ms: int) -> list[Ended]:
        """Give what met its end since then, the oldest end first."""
        rows = self._connection.execute(
            "SELECT body, offered_ms, outcome, ended_ms FROM notifications WHERE outcome IS NOT NULL AND ended_ms > ? "
            "ORDER BY ended_ms, rowid",
            (time_ms,),
        )
        return [Ended(Item(_decoder.decode(body), at), Outcome(outcome), end) for body, at, outcome, end in rows]

    def dead_letters(self) -> list[DeadLetter]:
        """Give what was given up and is still kept."""
        marks = ",".join("?" * len(DEAD))
        rows = self._connection.execute(
            f"SELECT body, offered_ms, outcome, ended_ms FROM notifications WHERE outcome IN ({marks}) "  # noqa: S608
            "ORDER BY ended_ms, rowid",
            DEAD,
        )
        return [DeadLetter(Item(_decoder.decode(body), at), Outcome(outcome), end) for body, at, outcome, end in rows]

    def revive(self, keys: Sequence[str], now_ms: int) -> list[Item]:
        """Let notifications that were given up wait anew, from now on; return those there are."""
        marks = ",".join("?" * len(DEAD))
        found: list[Item] = []
        with self._connection as connection:
            for key in keys:
                row = connection.execute(
                    "UPDATE notifications SET outcome = NULL, ended_ms = NULL, offered_ms = ? "  # noqa: S608
                    f"WHERE key = ? AND outcome IN ({marks}) RETURNING body",
                    (now_ms, key, *DEAD),
                ).fetchone()
                if row is not None:
                    found.append(Item(_decoder.decode(row[0]), now_ms))
        return found

    def forget(self, before_ms: int) -> None:
        """Forget what ended before then."""
        with self._connection as connection:
            connection.execute("DELETE FROM notifications WHERE outcome IS NOT NULL AND ended_ms < ?", (before_ms,))

    def adopt(self, name: str) -> list[Item]:
        """Take over what waits in files of workers that are gone; return it.

        Ended in between, it is in both files, and is taken over again: known by its key.
        """
        adopted: list[Item] = []
        for path in _others(self.path, name):
            try:
                other = OutboxFile(path, _connected(path))
            except sqlite3.Error:
                continue  # a running worker's, or damaged: whoever opens it to write puts it aside
            try:
                items = other.waiting()
                if items:
                    known = self.write(items, ())
                    with other._connection as connection:
                        connection.execute("DELETE FROM notifications WHERE outcome IS NULL")
                    adopted += [item for item in items if item.key not in known]
            finally:
                other.close()
        return adopted

    def _is_there(self) -> bool:
        try:
            return self.path.stat().st_ino == self._inode
        except FileNotFoundError:
            return False


def _path(folder: Path, name: str, slot: int) -> Path:
    return folder / f"{name}-outbox{slot or ''}.sqlite"


def _others(path: Path, name: str) -> Iterator[Path]:
    for slot in range(SLOTS_MAX):
        other = _path(path.parent, name, slot)
        if other != path and other.exists():
            yield other


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=0, isolation_level="IMMEDIATE")
    try:
        # Exclusive: what a running worker waits for is its own; the kernel lets go of the file with the process.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            (layout,) = connection.execute("PRAGMA user_version").fetchone()
            if layout not in (0, _LAYOUT):
                raise sqlite3.DatabaseError(f"layout {layout}, and this version knows {_LAYOUT}")  # noqa: TRY301
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {_LAYOUT}")
        path.chmod(0o600)
    except BaseException:
        connection.close()
        raise
    return connection
