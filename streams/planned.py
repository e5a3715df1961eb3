"""Plans on their way to the desk: events of `plans` as commands in its log, for whoever keeps it.

Every readable event is passed on, late ones and repeats too: which telling of a plan counts is the desk's to say.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec

from alerts.commands import ID_LEN_MAX, Command, Verb
from alerts.plans import Plan
from alerts.records import format_time
from streams.decoded import Gathered
from streams.event_types import MISSING
from streams.instants import to_ms
from streams.stage import Chunk, Outgoing
from streams.topics import COMMANDS

STREAM = "plans"
FIELDS = ("kind", "starts", "ends", "plan", "region", "title", "affects")
"""What is read of each event, whatever the rules need."""


def commands_of(chunk: Chunk, told: Gathered, now_ms: int) -> list[Outgoing]:
    """Write the commands of a chunk. Read again after a restart, each has the id it had."""
    offsets = (chunk.offsets[origin] for origin in told.origin.tolist())
    said = (told.columns[name] for name in FIELDS)
    rows = zip(offsets, told.ids, told.time_ms.tolist(), *said, strict=True)
    return [_command(chunk, offset, _plan(*fields), now_ms) for offset, *fields in rows]


def _command(chunk: Chunk, offset: int, plan: Plan, now_ms: int) -> Outgoing:
    place = f"{chunk.topic}\0{chunk.partition}\0{offset}\0".encode()
    name = blake2b(place + msgspec.json.encode(plan), digest_size=12, person=b"plan").hexdigest()
    time = format_time(now_ms)
    command = Command(command=name, time=time, by=STREAM, what=Verb.PLAN, on=plan.id, body=plan.as_body())
    return Outgoing(COMMANDS, command.encode(), name.encode())


def _plan(id_: str, time_ms: int, kind: str, starts: Any, ends: Any, *texts: Any) -> Plan:
    named, region, title, affects = ("" if text is MISSING else text for text in texts)
    return Plan(
        id=_name(named or id_),
        kind=kind,
        told_ms=time_ms,
        starts_ms=int(to_ms([starts])[0]),
        ends_ms=None if ends is MISSING else int(to_ms([ends])[0]),
        region=region,
        title=title,
        affects=affects,
    )


def _name(id_: str) -> str:
    """Name a plan as its event does, or by the id of that; by a hash of it, where the log takes no such name."""
    if len(id_) <= ID_LEN_MAX and id_.isprintable():
        return id_
    return blake2b(id_.encode("utf-8", "surrogatepass"), digest_size=12, person=b"plan").hexdigest()
