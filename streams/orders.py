"""What may be asked of a running service through its page's address: to read its rules again, to read poison on.

An order needs what reading needs (the token, or to be on this machine), and comes as JSON: a foreign site cannot send
that through a visitor's browser without asking first, and is never answered.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from aiohttp import web

from streams.asking import RELEASE, RELOAD, RULES
from streams.web import host_name

if TYPE_CHECKING:
    from streams.reloading import Reload

_BODY_BYTES_MAX = 4_096


class Ordered(Protocol):
    """Who carries orders out."""

    async def reload(self) -> Reload:
        """Read the rule files again; take them if all of them are right."""

    def release(self, stream: str) -> int:
        """Read partitions of a stream on at full speed though next to nothing is usable; return how many."""

    def rules_told(self) -> Mapping[str, Any]:
        """Say by which rules this worker counts, and what came of the last reload."""


def add_orders(app: web.Application, ordered: Ordered) -> None:
    """Let `app` take orders for `ordered`. Its middleware has asked for the token by then."""

    async def reload(_request: web.Request) -> web.Response:
        done = await ordered.reload()
        return web.json_response(done.as_data(), status=HTTPStatus.CONFLICT if done.problems else HTTPStatus.OK)

    async def release(request: web.Request) -> web.Response:
        stream = (await _body(request)).get("stream")
        if not isinstance(stream, str):
            return refusal(HTTPStatus.BAD_REQUEST, "name a stream")
        return web.json_response({"stream": stream, "partitions": ordered.release(stream)})

    async def rules(_request: web.Request) -> web.Response:
        return web.json_response(ordered.rules_told())

    app.router.add_post(RELOAD, guarded(reload))
    app.router.add_post(RELEASE, guarded(release))
    app.router.add_get(RULES, rules)


_Handler = Callable[[web.Request], Awaitable[web.Response]]


def guarded(handler: _Handler) -> _Handler:
    """Refuse, before `handler` sees it, what a page of another site may have sent."""

    async def guarded(request: web.Request) -> web.Response:
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).hostname != host_name(request.headers.get("Host")):
            return refusal(HTTPStatus.FORBIDDEN, "orders of other sites are not taken")
        if request.content_type != "application/json":
            return refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "an order is JSON")
        return await handler(request)

    return guarded


async def _body(request: web.Request) -> Mapping[str, Any]:
    raw = await request.content.read(_BODY_BYTES_MAX)
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def refusal(status: HTTPStatus, why: str) -> web.Response:
    """Say in one line why not."""
    return web.json_response({"error": why}, status=status)
