"""The webhook: Alertmanager's payload (version 4), signed, so that what receives Alertmanager's receives ours."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import msgspec

from alerts.notifications import Delivery, Notification
from alerts.senders.labels import labels, reading
from alerts.senders.poster import Poster, Reach

SIGNATURE_HEADER = "X-Tocsin-Signature"
TIMESTAMP_HEADER = "X-Tocsin-Timestamp"

_NO_END = "0001-01-01T00:00:00Z"  # how Alertmanager writes that an alert has not ended


class WebhookSender:
    """Posts each notification to one address, signed with `secret` where there is one.

    The signature is `sha256=` and the hex HMAC-SHA256 of the timestamp header, a full stop, and the body; a receiver
    refuses old timestamps, and knows a repeat by `Idempotency-Key`.
    """

    def __init__(self, url: str, *, now_ms: Callable[[], int], secret: str = "", reach: Reach | None = None) -> None:
        self._poster = Poster(url, reach or Reach(), now_ms)
        self._secret = secret.encode()
        self._now_ms = now_ms

    async def send(self, notification: Notification) -> Delivery:
        """Post it once."""
        body = msgspec.json.encode(payload(notification))
        timestamp = str(self._now_ms() // 1000)
        headers = {"Idempotency-Key": notification.idempotency_key, TIMESTAMP_HEADER: timestamp}
        if self._secret:
            headers[SIGNATURE_HEADER] = sign(self._secret, timestamp, body)
        return await self._poster.post(body, headers)

    async def close(self) -> None:
        """Close the connections."""
        await self._poster.close()


def sign(secret: bytes, timestamp: str, body: bytes) -> str:
    """Sign a body as sent at `timestamp` (Unix seconds, as in its header).

    >>> sign(b"key", "1772356830", b"{}")[:23]
    'sha256=d7d2b58e73c86461'
    """
    signature = hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256)
    return "sha256=" + signature.hexdigest()


def payload(notification: Notification) -> dict[str, Any]:
    """Write a notification as Alertmanager would: a group of one alert."""
    record = notification.record
    resolved = record.level == "green"
    named = labels(record, record.was if resolved else record.level)
    told = reading(notification)
    status = "resolved" if resolved else "firing"
    alert = {
        "status": status,
        "labels": named,
        "annotations": told,
        "startsAt": record.started,
        "endsAt": record.time if resolved else _NO_END,
        "generatorURL": "",
        "fingerprint": record.alert[:16],
    }
    return {
        "version": "4",
        "groupKey": f"{{}}:{{incident={record.incident}}}",
        "truncatedAlerts": 0,
        "status": status,
        "receiver": notification.channel,
        "groupLabels": {"alertname": record.rule},
        "commonLabels": named,
        "commonAnnotations": told,
        "externalURL": "",
        "alerts": [alert],
    }
