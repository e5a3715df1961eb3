"""The service's own web page, its read-only API, `/metrics` and health; on loopback unless a token guards it."""

from __future__ import annotations

import hmac
import ipaddress
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import web

from streams.feed import Feed, FullError
from streams.scrapes import Scrapes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from prometheus_client import CollectorRegistry

    from streams.view import Readiness, View

log = logging.getLogger(__name__)

PAGE = {"/": "index.html", **{f"/{name}": name for name in ("wall.css", "wall.js", "words.js", "bell.svg")}}
TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
OPEN_PATHS = frozenset({*PAGE, "/healthz", "/readyz"})  # nothing of the site's data is in them
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


class ExposedError(Exception):
    """The page would be open to the network without a token."""


@dataclass(frozen=True, slots=True)
class Caller:
    """An operator, known by a token: what the audit calls them, and what they may do."""

    name: str
    role: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Door:
    """Who may come in: anybody on this machine, and with a token from anywhere.

    `hosts` are names under which the page may be asked for besides loopback; others are refused, so that a foreign
    site cannot point its own name at this machine and read the page through a visitor's browser.
    """

    token: str | None = field(default=None, repr=False)
    hosts: tuple[str, ...] = ()
    operators: tuple[Caller, ...] = ()

    def admits_bind(self, host: str) -> bool:
        """Say whether the page may listen on this address."""
        return self.token is not None or is_loopback(host)

    def admits_host(self, header: str | None) -> bool:
        """Say whether a request with this `Host` header may go on.

        >>> Door(hosts=("noc.example",)).admits_host("noc.example:8010"), Door().admits_host("evil.example")
        (True, False)
        """
        name = host_name(header)
        # With a token a foreign site has nothing to read; Prometheus finds its targets by bare address.
        return name is not None and (
            is_loopback(name)
            or name in map(str.lower, self.hosts)
            or (self.token is not None and _address(name) is not None)
        )

    def admits_token(self, header: str | None) -> bool:
        """Say whether an `Authorization` header carries the token, where one is asked for."""
        return self.token is None or _carries(header, self.token) or self.caller(header) is not None

    def caller(self, header: str | None) -> Caller | None:
        """Find the operator whose token an `Authorization` header carries."""
        found = [each for each in self.operators if _carries(header, each.token)]  # all are compared, in any case
        return found[0] if found else None


def _carries(header: str | None, token: str) -> bool:
    given = (header or "").encode("utf-8", "surrogateescape")
    return hmac.compare_digest(given, f"Bearer {token}".encode())


def host_name(header: str | None) -> str | None:
    """Take the name out of a `Host` header, without port; None if it is none.

    >>> host_name("[::1]:8010"), host_name("LocalHost"), host_name("a b"), host_name(None)
    ('::1', 'localhost', None, None)
    """
    if not header or not header.isascii() or any(char in header for char in " /?#@\\"):
        return None
    try:
        return urlsplit(f"//{header}").hostname
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine itself.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0"), is_loopback("")
    (True, True, False, False)
    """
    address = _address(host)
    return address.is_loopback if address is not None else host == "localhost"


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Server:
    """A page that is being served; `port` is the one it got."""

    port: int
    _runner: web.AppRunner

    async def stop(self) -> None:
        """Close the door, and every open page with it."""
        await self._runner.cleanup()


DOOR = web.AppKey("door", Door)


def make_app(
    view: View, registry: CollectorRegistry, feed: Feed, readiness: Readiness, door: Door | None = None
) -> web.Application:
    """Put the page together. Nothing in it changes anything in the service."""
    door = door or Door()
    app = web.Application(middlewares=[_middleware(door)])
    app[DOOR] = door
    app.on_response_prepare.append(_harden)

    async def close(_app: web.Application) -> None:
        feed.close()

    app.on_shutdown.append(close)
    for path, name in PAGE.items():
        app.router.add_get(path, partial(_file, name, files("streams").joinpath("page", name).read_bytes()))
    app.router.add_get("/metrics", Scrapes(registry).handle)
    app.router.add_get("/healthz", partial(_json, lambda: {"status": "ok"}))
    app.router.add_get("/readyz", partial(_ready, readiness))
    app.router.add_get("/api/v1/incidents", partial(_json, lambda: {"incidents": view.incidents()}))
    app.router.add_get("/api/v1/notices", partial(_json, lambda: {"notices": view.notices()}))
    app.router.add_get("/api/v1/levels", partial(_json, lambda: {"levels": view.levels()}))
    app.router.add_get("/api/v1/flow", partial(_json, lambda: _flow(view)))
    app.router.add_get("/api/v1/events", partial(_events, feed))
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


def _middleware(door: Door) -> Callable[..., Awaitable[web.StreamResponse]]:
    @web.middleware
    async def guard(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if not door.admits_host(request.headers.get("Host")):
            return _refusal(HTTPStatus.FORBIDDEN, "this host name is not allowed")
        if request.path not in OPEN_PATHS and not door.admits_token(request.headers.get("Authorization")):
            response = _refusal(HTTPStatus.UNAUTHORIZED, "a token is needed")
            response.headers["WWW-Authenticate"] = "Bearer"
            return response
        try:
            return await handler(request)
        except web.HTTPException as error:
            response = _refusal(HTTPStatus(error.status), error.reason)
            if "Allow" in error.headers:
                response.headers["Allow"] = error.headers["Allow"]
            return response
        except Exception:  # the outermost edge: what went wrong is for the log, not for a stranger
            log.exception("request failed: %s", request.path)
            return _refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong; the log says what")

    return guard


async def _harden(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
    response.headers.popall("Server", None)


def _refusal(status: HTTPStatus, why: str) -> web.Response:
    return web.json_response({"error": why}, status=status)


async def _file(name: str, body: bytes, _request: web.Request) -> web.Response:
    return web.Response(body=body, content_type=TYPES[name.rsplit(".", 1)[-1]], charset="utf-8")


async def _json(read: Callable[[], Mapping[str, object]], _request: web.Request) -> web.Response:
    # ASCII escapes carry any text an event may hold, lone surrogates too.
    response = web.json_response(_finite(read()), dumps=partial(json.dumps, allow_nan=False))
    response.enable_compression()
    return response


def _finite(value: object) -> object:
    """Replace NaN and infinities, which JSON has no word for, with None."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, Mapping):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return value


def _flow(view: View) -> Mapping[str, object]:
    return {"rates": view.rates(), "lag": view.lag(), "now": view.now(), "zone": view.zone}


async def _ready(readiness: Readiness, _request: web.Request) -> web.Response:
    reasons = list(readiness.reasons())
    status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
    told = {"ready": not reasons, "reasons": reasons, "warnings": list(readiness.warnings())}
    return web.json_response(told, status=status)


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
        refusal = _refusal(HTTPStatus.SERVICE_UNAVAILABLE, "too many pages are open")
        refusal.headers["Retry-After"] = "10"
        return refusal
    except ConnectionResetError:
        log.debug("a page went away")
    return response
