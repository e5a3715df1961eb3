"""Commands: what people ask of the desk, and what the judges tell it, as entries of one log (`tocsin.commands`).

The desk acts on nothing else, in the order in which they lie there: so any worker that takes the desk over comes to the
same state. An alert record is the judges' command to take note of it.
"""

from __future__ import annotations

from enum import StrEnum
from hashlib import blake2b
from typing import Any

import msgspec

from alerts.records import AlertRecord, format_time, parse_time

ID_LEN_MAX = 80
TEXT_LEN_MAX = 2_000
BODY_BYTES_MAX = 16_384


class CommandError(ValueError):
    """A person asked for what cannot be done now. One line, for them to read."""


class Verb(StrEnum):
    """What is asked. The set is closed: the audit and the API go by it."""

    ALERT = "alert"  # the judges: a change of level
    PLAN = "plan"  # an event of `plans`: `on` is its id
    ACK = "ack"
    UNACK = "unack"
    TAKEOVER = "takeover"
    COMMENT = "comment"
    PROMISE = "promise"
    RESOLVE = "resolve"
    FIND = "find"  # what it was, also after the end
    ACCEPT = "accept"  # the customer accepts the solution
    SILENCE_ADD = "silence-add"  # `on` is its id; without one, the id of the command is
    SILENCE_EXPIRE = "silence-expire"
    NOTICE_APPROVE = "notice-approve"
    NOTICE_PUBLISH = "notice-publish"
    NOTICE_CANCEL = "notice-cancel"


class Command(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry. `command` is its id: the same id again is the same command. `on` names what it is about.

    `time` is when it was accepted into the log, RFC 3339; `by` who asked; `body` what the verb needs besides.
    """

    command: str
    time: str
    by: str
    what: Verb
    on: str = ""
    body: dict[str, Any] = {}
    record: AlertRecord | None = None

    @property
    def time_ms(self) -> int:
        """When it was accepted, milliseconds since the epoch."""
        return parse_time(self.time)

    @property
    def text(self) -> str:
        """The comment that came with it."""
        text = self.body.get("text", "")
        return text[:TEXT_LEN_MAX] if isinstance(text, str) else ""

    def encode(self) -> bytes:
        """Write it as one JSON record."""
        return _encoder.encode(self)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Command)


def note_of(record: AlertRecord, now_ms: int) -> Command:
    """Enter an alert record into the log. The same record again has the same id, whatever the time."""
    told = f"{record.alert}\0{record.time}\0{record.level}"
    name = blake2b(told.encode(), digest_size=12, person=b"alert").hexdigest()
    return Command(command=name, time=format_time(now_ms), by="tocsin", what=Verb.ALERT, record=record)


def decode_command(value: bytes) -> Command:
    """Read an entry. Raise ValueError, in one line, if it is none."""
    try:
        command = _decoder.decode(value)
        command.time_ms  # noqa: B018  a time that cannot be read is refused here
        if command.record is not None:
            _ = command.record.time_ms, command.record.started_ms
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ValueError(f"not a command: {error}") from error
    for name, text in (("command", command.command), ("by", command.by)):
        if not 0 < len(text) <= ID_LEN_MAX or not text.isprintable():
            raise ValueError(f'not a command: "{name}" must be 1 to {ID_LEN_MAX} printable characters')
    if len(command.on) > ID_LEN_MAX or not command.on.isprintable():
        raise ValueError(f'not a command: "on" is longer than {ID_LEN_MAX} characters, or not printable')
    if (command.what is Verb.ALERT) != (command.record is not None):
        raise ValueError('not a command: "record" belongs to an alert, and to nothing else')
    if command.body and len(_encoder.encode(command.body)) > BODY_BYTES_MAX:
        raise ValueError(f'not a command: "body" is longer than {BODY_BYTES_MAX} bytes')
    return command
