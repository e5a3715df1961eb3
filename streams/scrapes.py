"""Answers scrapes of `/metrics` without holding up the event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client.exposition import choose_encoder

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


class Scrapes:
    """Writes the metrics in a thread, one writing at a time: scrapers that come meanwhile share it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._running: dict[str, asyncio.Task[bytes]] = {}  # content type → the writing under way

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one scrape in the format it asks for."""
        try:
            encode, content_type = choose_encoder(",".join(request.headers.getall("Accept", [])))
        except (TypeError, ValueError):  # a version that is no version
            encode, content_type = choose_encoder("")
        task = self._running.get(content_type)
        if task is None:
            task = asyncio.ensure_future(asyncio.to_thread(encode, self._registry))
            self._running[content_type] = task
            task.add_done_callback(lambda _: self._running.pop(content_type, None))
        # One scraper going away must not take the writing from the others.
        response = web.Response(body=await asyncio.shield(task), headers={"Content-Type": content_type})
        response.enable_compression()
        return response
