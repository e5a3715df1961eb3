"""The audit: who asked for what, when, and what came of it, each record holding the hash of the one before.

A record that is changed, left out or put in later breaks the chain at its place. Whoever can write the whole topic
anew can write a new chain: keep the newest hash elsewhere (a report, a notebook) to find that too. The idea is that of
a hash-linked time stamp (Haber and Stornetta, J. Cryptology 3, 1991).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec
from msgspec.structs import replace

from alerts.commands import Command

BEGINNING = "0" * 64
"""What the first record holds as the hash before it."""


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One thing somebody asked for. `number` counts from 1; `outcome` is "done", or why it was refused."""

    number: int
    command: str
    time: str
    by: str
    what: str
    on: str
    body: dict[str, Any]
    outcome: str
    before: str
    hash: str = ""

    def encode(self) -> bytes:
        """Write it as one JSON record."""
        return _encoder.encode(self)


_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder(AuditRecord)


class AuditTrail:
    """The end of the chain: how many records there are, and the hash of the last."""

    def __init__(self) -> None:
        self.number = 0
        self.last = BEGINNING

    def note(self, command: Command, outcome: str) -> AuditRecord:
        """Add a command and what came of it to the chain."""
        bare = AuditRecord(
            number=self.number + 1,
            command=command.command,
            time=command.time,
            by=command.by,
            what=command.what.value,
            on=command.on,
            body=command.body,
            outcome=outcome,
            before=self.last,
        )
        record = replace(bare, hash=_hash(bare))
        self.number, self.last = record.number, record.hash
        return record

    def dump(self) -> Any:
        """Give the end of the chain as plain data."""
        return [self.number, self.last]

    def load(self, data: Any) -> None:
        """Take up what `dump` gave."""
        self.number, self.last = msgspec.convert(data, tuple[int, str])


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look through the chain found: `wrong` says what is not right, and where; None if all is."""

    records: int
    last: str
    wrong: str | None = None


def verify(lines: Iterable[bytes]) -> Verdict:
    """Look through a chain from its first line on.

    The same record twice is no fault: after a restart the desk says again what it had said. Where retention has deleted
    the beginning, the first record that is there is taken at its word.
    """
    number, last = 0, BEGINNING
    seen: dict[int, str] = {}
    for line in lines:
        try:
            record = _decoder.decode(line)
        except msgspec.MsgspecError as error:
            return Verdict(number, last, f"after record {number}: not an audit record: {error}")
        if record.hash != _hash(replace(record, hash="")):
            return Verdict(number, last, f"record {record.number} was changed: its hash is not that of what it says")
        if record.number in seen:
            if seen[record.number] != record.hash:
                return Verdict(number, last, f"record {record.number} is there twice, and not the same")
            continue
        if not seen and record.number > 1:
            number, last = record.number - 1, record.before
        if record.number != number + 1:
            return Verdict(number, last, f"record {number + 1} is missing: record {record.number} comes next")
        if record.before != last:
            return Verdict(number, last, f"record {record.number} does not follow record {number}: that was changed")
        number, last = record.number, record.hash
        seen[number] = last
    return Verdict(number, last)


def _hash(record: AuditRecord) -> str:
    return sha256(_encoder.encode(record)).hexdigest()
