"""The stage of `tocsin.alerts`: enters each alert record into the desk's log, where people's commands lie too.

Two topics have no order between them, so what the desk acts on goes through one. This stage keeps nothing: entered
again after a restart, a record is one that the desk knows.
"""

from __future__ import annotations

from alerts.commands import note_of
from alerts.records import decode
from streams.pack import pack, unpack
from streams.stage import Chunk, Outgoing
from streams.topics import COMMANDS

_STATE = "notes"


class NoteStage:
    """Passes alert records on, stamped with the time at which they were accepted."""

    def feed(self, chunk: Chunk, now_ms: int) -> list[Outgoing]:
        """Pass records on. One that is not ours ends the worker: nobody else writes there."""
        notes = [note_of(decode(value), now_ms) for value in chunk.values if value is not None]
        return [Outgoing(COMMANDS, note.encode(), note.command.encode()) for note in notes]

    def beat(self, now_ms: int) -> list[Outgoing]:  # noqa: ARG002  the shape of a stage
        """Time alone says nothing."""
        return []

    def dump(self) -> bytes:
        """Write down that there is nothing to keep."""
        return pack(_STATE)

    def load(self, blob: bytes) -> None:
        """Take that up. A desk, which this topic had in older states, is none of ours."""
        if unpack(blob) != _STATE:
            raise ValueError("not the state of a stage that keeps nothing")
