"""The webhook: Alertmanager's payload (version 4), signed, so that what receives Alertmanager's receives ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from alerts.digests import digest_key, shortened
from alerts.notifications import ASIDES, Delivery, Notification, Result
from alerts.senders.labels import labels, reading
from alerts.senders.poster import Poster, Reach
from alerts.senders.signing import signed

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
        if notification.reason in ASIDES:
            return Delivery(Result.DELIVERED)  # for people: what is silenced does not fire
        body = msgspec.json.encode(payload(notification))
        return await self._poster.post(body, signed(self._secret, self._now_ms(), body, notification.idempotency_key))

    async def send_digest(self, notifications: Sequence[Notification]) -> Delivery:
        """Post many as one group: every red, and of each other incident what is newest."""
        told = shortened([each for each in notifications if each.reason not in ASIDES])
        if not told:
            return Delivery(Result.DELIVERED)
        body = msgspec.json.encode(group(told))
        return await self._poster.post(body, signed(self._secret, self._now_ms(), body, digest_key(notifications)))

    async def close(self) -> None:
        """Close the connections."""
        await self._poster.close()


def group(notifications: Sequence[Notification]) -> dict[str, Any]:
    """Write many as Alertmanager would: one group, which fires as long as any of it does."""
    parts = [payload(each) for each in notifications]
    alerts = [alert for part in parts for alert in part["alerts"]]
    fires = any(alert["status"] == "firing" for alert in alerts)
    return {
        **parts[0],
        "groupKey": f"{{}}:{{digest={digest_key(notifications)}}}",
        "status": "firing" if fires else "resolved",
        "groupLabels": {},
        "commonLabels": _common([alert["labels"] for alert in alerts]),
        "commonAnnotations": _common([alert["annotations"] for alert in alerts]),
        "alerts": alerts,
    }


def _common(named: Sequence[dict[str, str]]) -> dict[str, str]:
    return {name: value for name, value in named[0].items() if all(each.get(name) == value for each in named)}


def payload(notification: Notification) -> dict[str, Any]:
    """Write a notification as Alertmanager would: a group of one alert."""
    record = notification.record
    resolved = record.level == "green"
    named = labels(record, record.was if resolved else record.level)
    told = reading(record, notification.action)
    status = "resolved" if resolved else "firing"
    alert = {
        "status": status,
        "labels": named,
        "annotations": told | ({"instead_of": notification.instead_of} if notification.instead_of else {}),
        "startsAt": record.started,
        "endsAt": record.time if resolved else _NO_END,
        "generatorURL": notification.link,
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
        "externalURL": notification.page,
        "alerts": [alert],
    }
