"""Feishu (飞书, Lark) group bots: a token in the address, a signature in the body; 100 a minute and 5 a second."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from alerts.notifications import Delivery
from alerts.senders.bot import judged

URL = "https://open.feishu.cn/open-apis/bot/v2/hook/"
PER_MINUTE = 100

_THROTTLED = {11232: 1_000, 99991400: 1_000}  # too often in a second
_BUSY = frozenset((-1,))


class Feishu:
    """How a Feishu bot is spoken to; `secret` is empty where the bot asks for a keyword or an address instead."""

    bytes_max = 8_000  # it takes some 20,000; nobody reads that in a chat

    def __init__(self, secret: str = "") -> None:
        self._secret = secret

    def query(self, now_ms: int) -> str:  # noqa: ARG002  the shape of a dialect
        """Give nothing: the token is part of the path."""
        return ""

    def body(self, text: str, now_ms: int) -> dict[str, Any]:
        """Write a message, signed where there is a secret."""
        message: dict[str, Any] = {"msg_type": "text", "content": {"text": text}}
        if self._secret:
            now_s = now_ms // 1000
            message |= {"timestamp": str(now_s), "sign": sign(self._secret, now_s)}
        return message

    def judge(self, answer: Mapping[str, Any]) -> Delivery:
        """Say what came of it; older bots answer with `StatusCode`."""
        return judged(answer.get("code", answer.get("StatusCode")), _THROTTLED, _BUSY)


def sign(secret: str, now_s: int) -> str:
    """Sign a time: time and secret are the key of an HMAC-SHA256 over nothing, in base64.

    >>> sign("SEC000", 1_772_356_830)
    'pIooVfZ2AbPKZ2zoyD1Sakx848ogUl2zK5iy0szjzvQ='
    """
    signature = hmac.new(f"{now_s}\n{secret}".encode(), b"", hashlib.sha256)
    return base64.b64encode(signature.digest()).decode()
