"""A real Chromium without a window, asked over its DevTools protocol what it shows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse

from tests.parts.process import Process, Server

_FLAGS = (
    "--headless",
    "--no-sandbox",  # the tests may run as root, in a container
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)


class Chrome(Server):
    """One browser. Each `page` of it is a tab with storage of its own."""

    def __init__(self, program: str, folder: Path) -> None:
        """Start it with its profile in `folder`. Raises NotReady."""
        told = folder / "DevToolsActivePort"
        self._process = Process([program, *_FLAGS, f"--user-data-dir={folder}", "about:blank"], folder / "chromium.log")
        self._process.wait_ready(lambda: told.exists() and told.read_text().count("\n") >= 1)
        port, path = told.read_text().split("\n")[:2]
        self._url = f"ws://127.0.0.1:{port}{path}"

    @asynccontextmanager
    async def page(self, url: str, width: int = 1280, height: int = 900) -> AsyncIterator[Page]:
        """Open a page in a window of this size, and close it afterwards."""
        async with ClientSession() as session, session.ws_connect(self._url, max_msg_size=0) as socket:
            page = Page(socket)
            context = (await page.call("Target.createBrowserContext"))["browserContextId"]
            target = await page.call("Target.createTarget", url="about:blank", browserContextId=context)
            attached = await page.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
            page.session = attached["sessionId"]
            await page.call(
                "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
            )
            await page.call("Page.navigate", url=url)
            await page.wait("location.href !== 'about:blank' && document.readyState === 'complete'")
            yield page
            page.session = None
            await page.call("Target.disposeBrowserContext", browserContextId=context)


class Page:
    """An open tab."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        """Speak over `socket`; for the whole browser until `session` is set.

        `complaints` are what the browser logged, once `Log.enable` was called.
        """
        self._socket = socket
        self._numbers = count(1)
        self.session: str | None = None
        self.complaints: list[dict[str, Any]] = []

    async def call(self, method: str, **params: object) -> dict[str, Any]:
        """Call the browser. Raises RuntimeError with its refusal."""
        number = next(self._numbers)
        request = {"id": number, "method": method, "params": params}
        await self._socket.send_json(request | ({"sessionId": self.session} if self.session else {}))
        while (answer := json.loads(await self._socket.receive_str())).get("id") != number:
            if answer.get("method") == "Log.entryAdded":
                self.complaints.append(answer["params"]["entry"])
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    async def value(self, expression: str) -> Any:
        """Evaluate JavaScript in the page."""
        answer = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"].get("description"))
        return answer["result"].get("value")

    async def text(self, selector: str) -> str:
        """Give the text a reader sees in an element, on one line."""
        seen = await self.value(f"document.querySelector({json.dumps(selector)}).innerText")
        return " ".join(str(seen).split())

    async def wait(self, expression: str, timeout_s: float = 15.0) -> None:
        """Wait until JavaScript is true in the page. Raises TimeoutError with the page's text."""
        try:
            async with asyncio.timeout(timeout_s):
                while not await self.value(f"Boolean({expression})"):  # noqa: ASYNC110  no event reaches us from there
                    await asyncio.sleep(0.05)
        except TimeoutError:
            seen = await self.text("body")
            raise TimeoutError(f"not within {timeout_s:g} s: {expression}; the page says: {seen}") from None
