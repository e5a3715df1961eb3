"""Apprise: the many other services, by the addresses that library knows. An extra (`pip install 'tocsin[apprise]'`).

Not for the Chinese bots: it takes their "no" inside a success for a yes (they answer 200 whatever they think).
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from datetime import tzinfo
from typing import Any

from alerts.digests import clip, counted, digest, line, page
from alerts.notifications import OF_WINDOWS, Delivery, Notification, Result
from alerts.texts import Language, level_word

PER_MINUTE = 20
BYTES_MAX = 3_000

_OURS = {"wecombot": "wecom", "dingtalk": "dingtalk", "feishu": "feishu", "lark": "feishu"}


class AppriseSender:
    """Tells all addresses, each of which may hold a secret: they are shown nowhere.

    Raise ValueError for an address that is not to be used, or that Apprise does not know, and where Apprise is missing.
    """

    def __init__(self, addresses: Sequence[str], zone: tzinfo, language: Language) -> None:
        try:
            library: Any = importlib.import_module("apprise")
        except ImportError:
            raise ValueError("Apprise is not installed: pip install 'tocsin[apprise]'") from None
        self._apprise = library.Apprise()
        for number, address in enumerate(addresses, 1):
            self._apprise.add(address)
            service = address.partition("://")[0].lower()
            if len(self._apprise) == number:  # it takes addresses of web pages for bots too: what it made of it counts
                service = type(self._apprise[number - 1]).__module__.rpartition(".")[2]
            if service in _OURS:
                raise ValueError(f"address {number} is a bot whose refusals would be lost: use type {_OURS[service]}")
            if len(self._apprise) != number:
                raise ValueError(f"address {number} is none that Apprise knows")
        self._zone = zone
        self._language: Language = language

    async def send(self, notification: Notification) -> Delivery:
        """Tell it."""
        title = f"{level_word(notification.record.level)} {notification.record.title[self._language]}"
        if notification.reason in OF_WINDOWS:
            title = page(notification, self._zone, self._language).subject
        said = line(notification, self._zone, self._language)
        return await self._tell(title, clip("\n".join(filter(None, (said, notification.link))), BYTES_MAX))

    async def send_digest(self, notifications: Sequence[Notification]) -> Delivery:
        """Tell many in one message."""
        text = digest(notifications, self._zone, self._language, BYTES_MAX)
        return await self._tell(counted(notifications, self._language), text)

    async def close(self) -> None:
        """Nothing is held open."""

    async def _tell(self, title: str, body: str) -> Delivery:
        # It says no more than yes or no: a no may be for good, but is tried again, and falls back.
        told = await self._apprise.async_notify(title=title, body=body)
        return Delivery(Result.DELIVERED if told else Result.UNAVAILABLE)
