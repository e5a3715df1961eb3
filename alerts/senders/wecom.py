"""WeCom (企业微信) group bots. The key in the address is all that lets us in; 20 messages a minute for each bot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from alerts.notifications import Delivery
from alerts.senders.bot import judged

URL = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send"
PER_MINUTE = 20

_THROTTLED = {45009: 60_000, 45033: None}  # too often in a minute; too many at once
_BUSY = frozenset((-1,))


class WeCom:
    """How a WeCom bot is spoken to."""

    bytes_max = 2_048  # longer texts are refused, and it counts bytes

    def __init__(self, key: str) -> None:
        self._query = "?" + urlencode({"key": key})

    def query(self, now_ms: int) -> str:  # noqa: ARG002  the shape of a dialect
        """Give the key."""
        return self._query

    def body(self, text: str, now_ms: int) -> dict[str, Any]:  # noqa: ARG002  the same
        """Write a message."""
        return {"msgtype": "text", "text": {"content": text}}

    def judge(self, answer: Mapping[str, Any]) -> Delivery:
        """Say what came of it."""
        return judged(answer.get("errcode"), _THROTTLED, _BUSY)
