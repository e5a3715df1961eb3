"""Chat bots that take a text by HTTP and answer "200" whatever they think of it: what came of it stands in the body."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from alerts.digests import clip, digest, page
from alerts.notifications import Delivery, Notification, Result
from alerts.texts import Language

if TYPE_CHECKING:
    from alerts.senders.poster import Poster


class Dialect(Protocol):
    """How one kind of bot is spoken to."""

    bytes_max: int
    """Of a text, in UTF-8."""

    def query(self, now_ms: int) -> str:
        """Give what follows the address: `?…`, encoded once, or nothing."""

    def body(self, text: str, now_ms: int) -> dict[str, Any]:
        """Write a message."""

    def judge(self, answer: Mapping[str, Any]) -> Delivery:
        """Say what came of it, by the body of a success."""


class BotSender:
    """Tells one bot, in one language. Its address and secrets are never shown."""

    def __init__(
        self,
        dialect: Dialect,
        poster: Poster,
        *,
        now_ms: Callable[[], int],
        zone: tzinfo,
        language: Language,
    ) -> None:
        self._dialect = dialect
        self._poster = poster
        self._now_ms = now_ms
        self._zone = zone
        self._language: Language = language

    async def send(self, notification: Notification) -> Delivery:
        """Tell it."""
        return await self._tell(clip(page(notification, self._zone, self._language).text, self._dialect.bytes_max))

    async def send_digest(self, notifications: Sequence[Notification]) -> Delivery:
        """Tell many in one message."""
        return await self._tell(digest(notifications, self._zone, self._language, self._dialect.bytes_max))

    async def close(self) -> None:
        """Close the connections."""
        await self._poster.close()

    async def _tell(self, text: str) -> Delivery:
        now_ms = self._now_ms()
        body = msgspec.json.encode(self._dialect.body(text, now_ms))
        delivery, answer = await self._poster.ask(body, self._dialect.query(now_ms))
        if delivery.result is not Result.DELIVERED:
            return delivery
        try:
            said = msgspec.json.decode(answer)
        except msgspec.DecodeError:
            said = None
        # Something else answered in its place: a proxy, a page that asks to log in. Nothing shows that it was told.
        return self._dialect.judge(said) if isinstance(said, dict) else Delivery(Result.UNAVAILABLE)


def judged(code: object, throttled: Mapping[int, int | None], busy: frozenset[int]) -> Delivery:
    """Judge by a code: 0 is success, `throttled` says how long (ms) to wait where it is known, `busy` passes."""
    if not isinstance(code, int) or isinstance(code, bool):
        return Delivery(Result.UNAVAILABLE)
    if code == 0:
        return Delivery(Result.DELIVERED)
    if code in throttled:
        return Delivery(Result.THROTTLED, throttled[code], code)
    return Delivery(Result.UNAVAILABLE if code in busy else Result.REFUSED, code=code)
