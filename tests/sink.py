"""A web server on loopback that answers as a test tells it to, and keeps what it was sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Sink:
    """Where it listens, and each request with its body."""

    url: str = ""
    requests: list[tuple[web.Request, bytes]] = field(default_factory=list)


@asynccontextmanager
async def sink(answer: Answer) -> AsyncIterator[Sink]:
    """Serve for as long as the block lasts."""
    kept = Sink()

    async def handle(request: web.Request) -> web.StreamResponse:
        kept.requests.append((request, await request.read()))
        return await answer(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    # A handler that hangs ends when its client goes; a timeout of 0 would mean to wait for ever.
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    kept.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield kept
    finally:
        await runner.cleanup()


def status(code: int, **headers: str) -> Answer:
    """Answer with a status and headers (`retry_after` → `Retry-After`)."""
    named = {name.replace("_", "-").title(): value for name, value in headers.items()}

    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=code, headers=named)

    return answer


async def hang(_request: web.Request) -> web.StreamResponse:
    """Never answer."""
    await asyncio.Event().wait()
    raise AssertionError


async def hang_after_success(request: web.Request) -> web.StreamResponse:
    """Answer with success and promise a body that does not come."""
    await web.StreamResponse(headers={"Content-Length": "9"}).prepare(request)
    return await hang(request)


async def reset(request: web.Request) -> web.StreamResponse:
    """Break the connection off."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def endless(request: web.Request) -> web.StreamResponse:
    """Answer with success and a body that does not end."""
    response = web.StreamResponse()
    await response.prepare(request)
    try:
        while True:
            await response.write(b"x" * 65_536)
    except ConnectionError:
        return response
