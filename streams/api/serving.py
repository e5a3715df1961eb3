"""Routes put to work: what is asked of all of them alike is asked here, before their handlers see a request."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from streams.api.asking import Refused, operator_of, refusal
from streams.api.pace import Pace
from streams.api.route import JSON, Route, Who
from streams.door import Door, is_own_site

if TYPE_CHECKING:
    from aiohttp.typedefs import Middleware

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Count = Callable[[int], None]
"""Counts an answer by its status."""

UNPACED = frozenset(("/healthz", "/readyz"))
"""Whoever floods us must not make a supervisor think that we are dead."""


def add(app: web.Application, route: Route, handler: Handler) -> None:
    """Serve a route."""

    async def asked(request: web.Request) -> web.StreamResponse:
        if route.changes and not is_own_site(request.headers.get("Origin"), request.headers.get("Host")):
            raise Refused(HTTPStatus.FORBIDDEN, "orders of other sites are not taken")
        if route.who is Who.OPERATOR:
            operator_of(request)
        if route.body is not None and request.content_type != JSON:
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a body is JSON")
        return await handler(request)

    if route.method == "GET":
        app.router.add_get(route.path, asked)
    else:
        app.router.add_route(route.method, route.path, asked)


def guard(door: Door, open_paths: frozenset[str], count: Count, pace: Pace | None = None) -> Middleware:
    """Make the middleware that lets callers in, in this order: by host name, by pace, by token."""
    pace = pace or Pace(time.monotonic)

    async def admitted(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not door.admits_host(request.headers.get("Host")):
            return refusal(request, HTTPStatus.FORBIDDEN, "this host name is not allowed")
        header = request.headers.get("Authorization")
        if request.path not in UNPACED and (wait_s := pace.wait_s(f"{door.name_of(header)}@{request.remote}")):
            refused = refusal(request, HTTPStatus.TOO_MANY_REQUESTS, "too many requests: come again later")
            refused.headers["Retry-After"] = str(wait_s)
            return refused
        if request.path not in open_paths and not door.admits_token(header):
            refused = refusal(request, HTTPStatus.UNAUTHORIZED, "a token is needed")
            refused.headers["WWW-Authenticate"] = "Bearer"
            return refused
        return await handler(request)

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await admitted(request, handler)
        except Refused as why:
            response = refusal(request, why.status, str(why))
        except web.HTTPException as error:
            response = refusal(request, HTTPStatus(error.status), error.reason)
            if "Allow" in error.headers:
                response.headers["Allow"] = error.headers["Allow"]
        except Exception:  # the outermost edge: what went wrong is for the log, not for a stranger
            log.exception("request failed: %s", request.path)
            response = refusal(request, HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong; the log says what")
        count(response.status)
        return response

    return guarded
