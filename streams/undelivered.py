"""What the outbox of this worker gave up, to be looked at and tried again over its page.

The file itself is in the hands of the running worker alone, so that nobody else can write it under its feet.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Protocol

from aiohttp import web

from alerts.outbox.file import DeadLetter
from alerts.outbox.outbox import OutboxError
from alerts.records import format_time
from streams.orders import guarded, refusal
from streams.web import DOOR

UNDELIVERED = "/api/v1/notifications/undelivered"
KEYS_LEN_MAX = 1_000
SHOWN_LEN_MAX = 5_000
_BODY_BYTES_MAX = 65_536

_log = logging.getLogger(__name__)


class Undelivered(Protocol):
    """The outbox."""

    async def undelivered(self) -> Sequence[DeadLetter]:
        """Give what was given up, the oldest first."""

    async def retry(self, keys: Sequence[str]) -> int:
        """Try anew what was given up, by its keys; return how many there were."""


def add_undelivered(app: web.Application, outbox: Callable[[], Undelivered | None]) -> None:
    """Let `app` show and retry what was given up. Its middleware has asked for a token by then."""

    async def shown(_: web.Request, kept: Undelivered) -> web.Response:
        letters = await kept.undelivered()
        return web.json_response({"undelivered": [as_data(each) for each in letters[-SHOWN_LEN_MAX:]]})

    async def retried(request: web.Request, kept: Undelivered) -> web.Response:
        door = request.app[DOOR]
        caller = door.caller(request.headers.get("Authorization"))
        if door.operators and (caller is None or caller.role == "viewer"):
            return refusal(HTTPStatus.FORBIDDEN, "this needs the token of an operator")
        keys = await _keys(request)
        if keys is None:
            return refusal(HTTPStatus.BAD_REQUEST, f'name up to {KEYS_LEN_MAX} in "keys", a list of texts')
        count = await kept.retry(keys)
        _log.warning("%d notifications that were given up are tried again", count)
        return web.json_response({"retried": count})

    app.router.add_get(UNDELIVERED, _kept(shown, outbox))
    app.router.add_post(UNDELIVERED, guarded(_kept(retried, outbox)))


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


_Handler = Callable[[web.Request, Undelivered], Awaitable[web.Response]]


def _kept(
    handler: _Handler, outbox: Callable[[], Undelivered | None]
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        kept = outbox()
        if kept is None:
            return refusal(HTTPStatus.SERVICE_UNAVAILABLE, "the outbox is not open yet")
        try:
            return await handler(request, kept)
        except OutboxError as error:
            return refusal(HTTPStatus.SERVICE_UNAVAILABLE, str(error))

    return handle


async def _keys(request: web.Request) -> list[str] | None:
    raw = bytearray()
    async for block in request.content.iter_chunked(_BODY_BYTES_MAX):
        raw += block
        if len(raw) > _BODY_BYTES_MAX:
            return None
    try:
        body: Mapping[str, Any] | Any = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    keys = body.get("keys") if isinstance(body, dict) else None
    if not isinstance(keys, list) or not all(isinstance(each, str) for each in keys) or len(keys) > KEYS_LEN_MAX:
        return None
    return keys
