"""The heartbeat: an alert that always fires, posted to somebody outside who raises an alarm once it stops coming."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from alerts.notifications import Delivery
from alerts.records import format_time
from alerts.senders.poster import Poster


class HeartbeatSender:
    """Posts the heartbeat, in the form of Alertmanager's webhook. One that is lost is not tried again: the next is."""

    def __init__(self, poster: Poster, now_ms: Callable[[], int]) -> None:
        self._poster = poster
        self._now_ms = now_ms
        self._started_ms = now_ms()

    async def send(self) -> Delivery:
        """Post it once."""
        labels = {"alertname": "TocsinAlive", "severity": "none"}
        alert = {
            "status": "firing",
            "labels": labels,
            "annotations": {"time": format_time(self._now_ms())},
            "startsAt": format_time(self._started_ms),
        }
        told = {"version": "4", "status": "firing", "groupLabels": labels, "commonLabels": labels, "alerts": [alert]}
        return await self._poster.post(msgspec.json.encode(told))

    async def close(self) -> None:
        """Close the connections."""
        await self._poster.close()
