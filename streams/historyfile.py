"""The file of history: SQLite, made from the log and nothing else. Damaged, of another layout or lost, it is made anew.

All of it is called from one thread. What was taken and where each topic goes on are one transaction, so that a crash
between two of them loses nothing and repeats nothing; of records with one id the first counts.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

LAYOUT = 2
"""Of the tables below, and of what is written into them. A file of another one is made anew."""

SLOTS_MAX = 64
"""Workers on one machine that may share a folder: each has a file of its own."""

ASK_S_MAX = 5.0
"""A question that takes longer is given up: the log is not followed meanwhile."""

FORGET_ROWS_MAX = 5_000
"""Rows that are forgotten in one step."""

TIMED: Mapping[str, str] = {
    "alerts": "time_ms",
    "happenings": "time_ms",
    "incidents": "updated_ms",
    "notices": "time_ms",
    "figures": "time_ms",
    "audit": "time_ms",
}
"""The tables, and by what column a row is old."""

_SCHEMA = """
CREATE TABLE places (topic TEXT PRIMARY KEY, next_offset INTEGER NOT NULL);
CREATE TABLE alerts (                     -- one row a change of level
    alert TEXT NOT NULL, time_ms INTEGER NOT NULL, level TEXT NOT NULL, rule TEXT NOT NULL, series TEXT NOT NULL,
    said TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (alert, time_ms)
);
CREATE INDEX alerts_time ON alerts (time_ms, alert);
CREATE INDEX alerts_series ON alerts (rule, series, time_ms);
CREATE TABLE happenings (                 -- `about`: the key of a page or a delivery; `origin`: of the page it is for
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, incident TEXT NOT NULL, alert TEXT NOT NULL, about TEXT NOT NULL,
    origin TEXT NOT NULL, time_ms INTEGER NOT NULL, level TEXT NOT NULL,
    detail TEXT NOT NULL,                 -- the channel, or what keeps an alert quiet
    body BLOB NOT NULL
);
CREATE INDEX happenings_incident ON happenings (incident, time_ms);
CREATE INDEX happenings_alert ON happenings (alert, time_ms) WHERE alert <> '';
CREATE INDEX happenings_about ON happenings (about) WHERE about <> '';
CREATE INDEX happenings_origin ON happenings (origin) WHERE origin <> '';
CREATE INDEX happenings_time ON happenings (kind, time_ms, id);
CREATE TABLE incidents (                  -- as the last of its changes left it
    incident TEXT PRIMARY KEY, opened_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, peak TEXT NOT NULL,
    rule TEXT NOT NULL, said TEXT NOT NULL, body BLOB NOT NULL
);
CREATE INDEX incidents_time ON incidents (opened_ms, incident);
CREATE INDEX incidents_updated ON incidents (updated_ms);
CREATE TABLE notices (
    notice TEXT NOT NULL, step INTEGER NOT NULL, time_ms INTEGER NOT NULL, incident TEXT NOT NULL,
    body BLOB NOT NULL, PRIMARY KEY (notice, step)
);
CREATE INDEX notices_time ON notices (time_ms);
CREATE INDEX notices_incident ON notices (incident);
CREATE TABLE figures (                    -- what a series of a rule with targets measured when a day ended
    id TEXT PRIMARY KEY, rule TEXT NOT NULL, series TEXT NOT NULL, time_ms INTEGER NOT NULL, body BLOB NOT NULL
);
CREATE INDEX figures_time ON figures (time_ms);
CREATE TABLE audit (                      -- `about` is what was asked for: an incident, a silence, a notice
    hash TEXT PRIMARY KEY, number INTEGER NOT NULL, time_ms INTEGER NOT NULL, about TEXT NOT NULL, body BLOB NOT NULL
);
CREATE INDEX audit_about ON audit (about, number);
CREATE INDEX audit_time ON audit (time_ms);
"""

_log = logging.getLogger(__name__)

Row = tuple[Any, ...]


class TooLong(Exception):
    """A question took too long, and was given up."""


class FilesTaken(OSError):
    """Every file of the folder is in the hands of a running worker."""


class HistoryFile:
    """One open file, in our hands alone."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._inode = path.stat().st_ino

    @property
    def is_there(self) -> bool:
        """Whether nobody has deleted it: what is written into a file that was is not found again."""
        try:
            return self.path.stat().st_ino == self._inode
        except OSError:
            return False

    @classmethod
    def open(cls, folder: Path, name: str) -> HistoryFile:
        """Open the first file of the folder that no running worker holds; make it where there is none, or anew.

        Raise OSError or sqlite3.Error where that cannot be done.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for slot in range(SLOTS_MAX):
            path = folder / f"{name}-history{slot or ''}.sqlite"
            try:
                return cls(path, _connected(path))
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    raise
            except sqlite3.DatabaseError as error:
                _log.warning("%s is not usable (%s): it is made anew from the log", path, error)
                remove(path)
                return cls(path, _connected(path))
        raise FilesTaken(f"{folder}: all {SLOTS_MAX} files of history are in use")

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def places(self) -> dict[str, int]:
        """Say where each topic goes on."""
        return dict(self._connection.execute("SELECT topic, next_offset FROM places"))

    def write(self, statements: Iterable[tuple[str, Row]], places: Mapping[str, int]) -> None:
        """Do all of it, and note where the topics go on, in one step."""
        with self._connection as connection:
            for statement, row in statements:
                connection.execute(statement, row)
            connection.executemany(
                "INSERT INTO places VALUES (?,?) ON CONFLICT (topic) DO UPDATE SET next_offset = excluded.next_offset",
                list(places.items()),
            )

    def ask(self, question: str, values: Sequence[object] = ()) -> list[Row]:
        """Ask. Raise TooLong if it takes longer than `ASK_S_MAX`."""
        end_s = time.monotonic() + ASK_S_MAX
        self._connection.set_progress_handler(lambda: time.monotonic() > end_s, 10_000)
        try:
            return self._connection.execute(question, tuple(values)).fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                raise TooLong(f"this takes longer than {ASK_S_MAX:.0f} s: ask for a shorter span of time") from error
            raise
        finally:
            self._connection.set_progress_handler(None, 0)

    def forget(self, before_ms: int) -> int:
        """Forget some of what is older; return how many rows. Ask again until there are none."""
        forgotten = 0
        with self._connection as connection:
            for table, column in TIMED.items():
                forgotten += connection.execute(
                    f"DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} WHERE {column} < ? LIMIT ?)",  # noqa: S608
                    (before_ms, FORGET_ROWS_MAX),
                ).rowcount
        return forgotten

    def rows(self) -> dict[str, list[Row]]:
        """Give all there is, in an order of its own: two files that know the same give the same."""
        return {
            table: sorted(self._connection.execute(f"SELECT * FROM {table}").fetchall(), key=repr)  # noqa: S608
            for table in TIMED
        }


def remove(path: Path) -> None:
    """Delete a file of history, and what SQLite keeps beside it."""
    for each in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        with suppress(FileNotFoundError):
            each.unlink()


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=0, isolation_level="IMMEDIATE", check_same_thread=False)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")  # what a crash of the machine takes away is in the log
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            (layout,) = connection.execute("PRAGMA user_version").fetchone()
            if layout == 0 and not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                for statement in _SCHEMA.split(";\n"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {LAYOUT}")
            elif layout != LAYOUT:
                raise sqlite3.DatabaseError(f"layout {layout}, and this version writes {LAYOUT}")  # noqa: TRY301
            elif (found := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                raise sqlite3.DatabaseError(found)  # noqa: TRY301
        path.chmod(0o600)
    except BaseException:
        connection.close()
        raise
    return connection
