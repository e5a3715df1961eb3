"""What the outbox of this worker gave up, to be looked at and tried again over its page.

The file itself is in the hands of the running worker alone, so that nobody else can write it under its feet.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

from alerts.outbox.file import DeadLetter
from alerts.outbox.outbox import OutboxError
from alerts.records import format_time
from streams.api import history_shapes as shapes
from streams.api import history_table as table
from streams.api.answering import told
from streams.api.asking import Refused, body_of
from streams.api.serving import Handler, add

if TYPE_CHECKING:
    from aiohttp import web

SHOWN_LEN_MAX = 5_000

_log = logging.getLogger(__name__)


class Undelivered(Protocol):
    """The outbox."""

    async def undelivered(self) -> Sequence[DeadLetter]:
        """Give what was given up, the oldest first."""

    async def retry(self, keys: Sequence[str]) -> int:
        """Try anew what was given up, by its keys; return how many there were."""


def add_undelivered(app: web.Application, outbox: Callable[[], Undelivered | None]) -> None:
    """Let `app` show and retry what was given up."""

    async def shown(_: web.Request, kept: Undelivered) -> web.StreamResponse:
        letters = await kept.undelivered()
        rows = [as_data(each) for each in letters[-SHOWN_LEN_MAX:]]
        return await asyncio.to_thread(told, {"undelivered": rows})

    async def retried(request: web.Request, kept: Undelivered) -> web.StreamResponse:
        count = await kept.retry((await body_of(request, shapes.RetryAsked)).keys)
        _log.warning("%d notifications that were given up are tried again", count)
        return told({"retried": count})

    add(app, table.UNDELIVERED, _kept(shown, outbox))
    add(app, table.RETRY, _kept(retried, outbox))


def as_data(letter: DeadLetter) -> dict[str, Any]:
    """Give one as plain data."""
    told = letter.item.notification
    return {
        "key": letter.item.key,
        "channel": told.channel,
        "to": told.to,
        "reason": told.reason.value,
        "level": told.record.level,
        "rule": told.record.rule,
        "of": dict(told.record.key),
        "incident": told.record.incident,
        "offered": format_time(letter.item.offered_ms),
        "ended": format_time(letter.ended_ms),
        "outcome": letter.outcome.value,
    }


def _kept(
    handler: Callable[[web.Request, Undelivered], Awaitable[web.StreamResponse]],
    outbox: Callable[[], Undelivered | None],
) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        kept = outbox()
        if kept is None:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "the outbox is not open yet")
        try:
            return await handler(request, kept)
        except OutboxError as error:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from error

    return handle
