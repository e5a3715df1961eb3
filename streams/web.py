"""The service's web page, the same as JSON, `/metrics` and health; on loopback unless a token guards it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from importlib.resources import files
from typing import TYPE_CHECKING

from aiohttp import web

from streams.api import table
from streams.api.answering import told
from streams.api.asking import refusal
from streams.api.catalogue import CATALOGUE
from streams.api.document import document
from streams.api.pace import Pace
from streams.api.route import Route, Who
from streams.api.serving import Count, Handler, add, guard
from streams.door import DOOR, Door, ExposedError
from streams.feed import Feed, FullError
from streams.scrapes import Scrapes

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from streams.view import Readiness, View

log = logging.getLogger(__name__)

PAGE = {"/": "index.html", **{f"/{name}": name for name in ("wall.css", "wall.js", "words.js", "bell.svg")}}
TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
OPEN_PATHS = frozenset({*PAGE, *(route.path for route in CATALOGUE if route.who is Who.ANYBODY)})
HEARTBEAT_S = 15.0
STOP_S = 1.0
LAST_ID_CHARS_MAX = 16

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Server:
    """A page that is being served; `port` is the one it got."""

    port: int
    _runner: web.AppRunner

    async def stop(self) -> None:
        """Close the door, and every open page with it."""
        await self._runner.cleanup()


def make_app(  # noqa: PLR0913  its parts are what they are
    view: View,
    registry: CollectorRegistry,
    feed: Feed,
    readiness: Readiness,
    door: Door | None = None,
    *,
    count: Count = lambda _status: None,
    pace: Pace | None = None,
) -> web.Application:
    """Put the page together. Nothing in it changes anything in the service. `count` counts answers by their status."""
    door = door or Door()
    app = web.Application(middlewares=[guard(door, OPEN_PATHS, count, pace)])
    app[DOOR] = door
    app.on_response_prepare.append(_harden)

    async def close(_app: web.Application) -> None:
        feed.close()

    app.on_shutdown.append(close)
    for path, name in PAGE.items():
        app.router.add_get(path, partial(_file, name, files("streams").joinpath("page", name).read_bytes()))
    described = document(CATALOGUE)
    reads: Sequence[tuple[Route, Callable[[], object]]] = (
        (table.HEALTHZ, lambda: {"status": "ok"}),
        (table.INCIDENTS, lambda: {"incidents": view.incidents()}),
        (table.NOTICES, lambda: {"notices": view.notices()}),
        (table.LEVELS, lambda: {"levels": view.levels()}),
        (table.FLOW, lambda: {"rates": view.rates(), "lag": view.lag(), "now": view.now(), "zone": view.zone}),
        (table.DOCUMENT, lambda: described),
    )
    for route, read in reads:
        add(app, route, _reading(read))
    add(app, table.METRICS, Scrapes(registry).handle)
    add(app, table.READYZ, partial(_ready, readiness))
    add(app, table.EVENTS, partial(_events, feed))
    return app


async def serve(app: web.Application, host: str = "127.0.0.1", port: int = 0) -> Server:
    """Serve until `stop`; port 0 takes a free one.

    Raise ExposedError for an open address without a token, OSError when the address is taken.
    """
    if not app[DOOR].admits_bind(host):
        raise ExposedError(f"{host or 'every address'} can be reached from other machines: set a token first")
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_S)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    try:
        await site.start()
    except BaseException:
        await runner.cleanup()
        raise
    return Server(runner.addresses[0][1], runner)


async def _harden(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
    response.headers.popall("Server", None)


async def _file(name: str, body: bytes, _request: web.Request) -> web.Response:
    return web.Response(body=body, content_type=TYPES[name.rsplit(".", 1)[-1]], charset="utf-8")


def _reading(read: Callable[[], object]) -> Handler:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return told(read())

    return answer


async def _ready(readiness: Readiness, _request: web.Request) -> web.Response:
    reasons = list(readiness.reasons())
    status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
    told_of = {"ready": not reasons, "reasons": reasons, "warnings": list(readiness.warnings())}
    return told(told_of, status)


async def _events(feed: Feed, request: web.Request) -> web.StreamResponse:
    last = request.headers.get("Last-Event-ID", "")
    after = int(last) if last.isascii() and last.isdigit() and len(last) < LAST_ID_CHARS_MAX else 0
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
    try:
        with feed.listen(after) as listener:
            await response.prepare(request)
            await response.write(b"retry: 2000\n\n")
            while not listener.over:
                frame = await listener.next(HEARTBEAT_S)
                await response.write(b": still here\n\n" if frame is None else frame)
    except FullError:
        refused = refusal(request, HTTPStatus.SERVICE_UNAVAILABLE, "too many pages are open")
        refused.headers["Retry-After"] = "10"
        return refused
    except ConnectionResetError:
        log.debug("a page went away")
    return response
