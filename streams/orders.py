"""What may be asked of one worker through its page's address: to read its rules again, to read poison on."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

from streams.api import shapes, table
from streams.api.answering import told
from streams.api.asking import body_of
from streams.api.serving import add

if TYPE_CHECKING:
    from aiohttp import web

    from streams.reloading import Reload


class Ordered(Protocol):
    """Who carries orders out."""

    async def reload(self) -> Reload:
        """Read the rule files again; take them if all of them are right."""

    def release(self, stream: str) -> int:
        """Read partitions of a stream on at full speed though next to nothing is usable; return how many."""

    def rules_told(self) -> Mapping[str, Any]:
        """Say by which rules this worker counts, and what came of the last reload."""


def add_orders(app: web.Application, ordered: Ordered) -> None:
    """Let `app` take orders for `ordered`."""

    async def reload(request: web.Request) -> web.StreamResponse:
        await body_of(request, shapes.NothingAsked)
        done = await ordered.reload()
        return told(done.as_data(), HTTPStatus.CONFLICT if done.problems else HTTPStatus.OK)

    async def release(request: web.Request) -> web.StreamResponse:
        stream = (await body_of(request, shapes.StreamAsked)).stream
        return told({"stream": stream, "partitions": ordered.release(stream)})

    async def rules(_request: web.Request) -> web.StreamResponse:
        return told(ordered.rules_told())

    add(app, table.RELOAD, reload)
    add(app, table.RELEASE, release)
    add(app, table.RULES, rules)
