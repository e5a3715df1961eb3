"""A Kafka topic: each notification as a line of JSON, for programs of the site."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from alerts.notifications import Delivery, Notification, Result

Publish = Callable[[bytes, bytes], Awaitable[bool]]
"""Writes a value under a key; says whether it is safe."""


class TopicSender:
    """Writes to one topic, by whatever writes to Kafka."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish

    async def send(self, notification: Notification) -> Delivery:
        """Write it, under the id of its alert: what is said of one alert keeps its order."""
        safe = await self._publish(written(notification), notification.record.alert.encode())
        return Delivery(Result.DELIVERED if safe else Result.UNAVAILABLE)

    async def close(self) -> None:
        """Whoever writes to Kafka is closed by others."""


def written(notification: Notification) -> bytes:
    """Write a notification as the topic holds it; `key` knows a repeat."""
    return msgspec.json.encode(
        {"key": notification.idempotency_key} | msgspec.to_builtins(notification) | {"version": 1}
    )
