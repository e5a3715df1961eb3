"""DingTalk (钉钉) group bots: token and signature in the address; muted for ten minutes after 20 a minute."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from alerts.notifications import Delivery
from alerts.senders.bot import judged

URL = "https://oapi.dingtalk.com/robot/send"
PER_MINUTE = 20
MUTED_MS = 600_000

_THROTTLED = {130101: MUTED_MS, 410100: MUTED_MS}
_BUSY = frozenset((-1,))


class DingTalk:
    """How a DingTalk bot is spoken to; `secret` is empty where the bot asks for a keyword or an address instead."""

    bytes_max = 8_000  # it takes some 20,000; nobody reads that in a chat

    def __init__(self, token: str, secret: str = "") -> None:
        self._token = token
        self._secret = secret

    def query(self, now_ms: int) -> str:
        """Give token, time and signature, encoded once: twice is what `310000 sign not match` mostly means."""
        parts = {"access_token": self._token}
        if self._secret:
            parts |= {"timestamp": str(now_ms), "sign": sign(self._secret, now_ms)}
        return "?" + urlencode(parts)

    def body(self, text: str, now_ms: int) -> dict[str, Any]:  # noqa: ARG002  the shape of a dialect
        """Write a message."""
        return {"msgtype": "text", "text": {"content": text}}

    def judge(self, answer: Mapping[str, Any]) -> Delivery:
        """Say what came of it."""
        return judged(answer.get("errcode"), _THROTTLED, _BUSY)


def sign(secret: str, now_ms: int) -> str:
    """Sign a time: HMAC-SHA256 by the secret over time and secret, in base64.

    >>> sign("SEC000", 1_772_356_830_000)
    'eXSxmzAlxDoMVOIBLsNv/+1ef7eILkJEqomS19CVVVA='
    """
    signature = hmac.new(secret.encode(), f"{now_ms}\n{secret}".encode(), hashlib.sha256)
    return base64.b64encode(signature.digest()).decode()
