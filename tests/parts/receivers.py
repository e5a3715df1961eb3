"""Receivers that behave as the world does: chat bots and gateways over HTTP, a mail server, each by a script."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

from aiohttp import web

from tests.sink import Answer

MAIL_DONE = 250


def says(body: object, code: int = 200) -> Answer:
    """Answer with a JSON body."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=code, text=json.dumps(body), content_type="application/json")

    return answer


async def huge(_request: web.Request) -> web.StreamResponse:
    """Answer with success and 10 MiB of it."""
    return web.Response(body=b" " * (10 * 1024 * 1024))


def in_turn(*answers: Answer) -> Answer:
    """Answer by each in turn, and then always by the last."""
    left: Iterator[Answer] = iter(answers[:-1])

    async def answer(request: web.Request) -> web.StreamResponse:
        return await next(left, answers[-1])(request)

    return answer


@dataclass
class MailServer:
    """What it answers to each recipient (250 if not said), and the mails it took: recipients and text."""

    port: int = 0
    recipients: dict[str, list[int]] = field(default_factory=dict)  # codes in turn, then 250
    greeting: list[int] = field(default_factory=list)  # codes in turn, then 220
    mails: list[tuple[list[str], str]] = field(default_factory=list)
    hangs: bool = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk SMTP with one client."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            try:
                await self._talk(reader, writer)
            finally:
                writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(code: int, text: str = "ok") -> None:
            writer.write(f"{code} {text}\r\n".encode())
            await writer.drain()

        if self.hangs:
            await reader.read()
            return
        await say(self.greeting.pop(0) if self.greeting else 220)
        taken: list[str] = []
        while command := (await reader.readline()).decode():
            verb = command[:4].upper()
            if verb == "RCPT":
                recipient = command.partition("<")[2].partition(">")[0]
                codes = self.recipients.get(recipient, [])
                code = codes.pop(0) if codes else MAIL_DONE
                taken += [recipient] if code == MAIL_DONE else []
                await say(code)
            elif verb == "DATA":
                await say(354)
                text = (await reader.readuntil(b"\r\n.\r\n")).decode()
                self.mails.append((taken, text))
                await say(MAIL_DONE)
            elif verb == "QUIT":
                await say(221)
                return
            else:
                taken = [] if verb in {"MAIL", "RSET"} else taken
                await say(MAIL_DONE)


@contextlib.asynccontextmanager
async def mail_server() -> AsyncIterator[MailServer]:
    """Serve mail on loopback for as long as the block lasts."""
    kept = MailServer()
    server = await asyncio.start_server(kept.serve, "127.0.0.1", 0)
    kept.port = server.sockets[0].getsockname()[1]
    try:
        yield kept
    finally:
        server.close()
