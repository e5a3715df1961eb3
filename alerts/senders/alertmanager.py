"""Alertmanager: alerts posted to `/api/v2/alerts` and kept alive there, for sites that already run one.

Alertmanager tells alerts apart by their labels and routes by nothing else, so the level must be a label, and an alert
that changes its level is to Alertmanager another alert. Both go in one post: the new one fires and the old one ends at
that moment, so that none is left behind and no time passes between them. A route that groups by `alertname` and
the `key_…` labels tells both in one message, which stays "firing".

A posted alert ends by itself `hold` after the last post, should Tocsin fall silent: `refresh` is to be called about
once a minute with all that fires. The sender itself remembers nothing; a restart loses nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from alerts.notifications import ASIDES, Delivery, Notification, Result
from alerts.records import format_time
from alerts.senders.labels import labels, reading
from alerts.senders.poster import Poster, Reach

HOLD_MS = 15 * 60_000
"""Longer than a restart takes, so that a worker that is away does not look like a trouble that is over."""

POST_LEN_MAX = 500
_PATH = "/api/v2/alerts"


class AlertmanagerSender:
    """Posts alerts to the Alertmanager at `url`, which may lie in the site's own network."""

    def __init__(
        self, url: str, *, now_ms: Callable[[], int], hold_ms: int = HOLD_MS, reach: Reach | None = None
    ) -> None:
        self._poster = Poster(url.rstrip("/") + _PATH, reach or Reach(private=True), now_ms)
        self._now_ms = now_ms
        self._hold_ms = hold_ms

    async def send(self, notification: Notification) -> Delivery:
        """Post the alert at its level, and the end of what it was before."""
        if notification.reason in ASIDES:
            return Delivery(Result.DELIVERED)  # for people: what is silenced does not fire
        return await self._post(posted(notification, self._now_ms(), self._hold_ms))

    async def send_digest(self, notifications: Sequence[Notification]) -> Delivery:
        """Post many in few posts. Every change is in one: each also ends what an alert was before.

        What comes twice of one incident goes in posts one after the other: within one post the last would stand alone.
        """
        rounds: list[list[Notification]] = []
        seen: Counter[str] = Counter()
        for each in (one for one in notifications if one.reason not in ASIDES):
            place = seen[each.record.incident]
            seen[each.record.incident] += 1
            if place == len(rounds):
                rounds.append([])
            rounds[place].append(each)
        for part in rounds:
            now_ms = self._now_ms()
            delivery = await self._post([alert for each in part for alert in posted(each, now_ms, self._hold_ms)])
            if delivery.result is not Result.DELIVERED:
                return delivery
        return Delivery(Result.DELIVERED)

    async def refresh(self, firing: Sequence[Notification]) -> Delivery:
        """Post all that fires again, so that it is not forgotten. Return the first post that fails, and stop at it."""
        now_ms = self._now_ms()
        for first in range(0, len(firing), POST_LEN_MAX):
            part = firing[first : first + POST_LEN_MAX]
            delivery = await self._post([_alert(each, each.record.level, now_ms, self._hold_ms) for each in part])
            if delivery.result is not Result.DELIVERED:
                return delivery
        return Delivery(Result.DELIVERED)

    async def close(self) -> None:
        """Close the connections."""
        await self._poster.close()

    async def _post(self, alerts: list[dict[str, Any]]) -> Delivery:
        return await self._poster.post(msgspec.json.encode(alerts))


def posted(notification: Notification, now_ms: int, hold_ms: int) -> list[dict[str, Any]]:
    """Write what a change of level posts: the alert at the new level, if any, and the end of the one at the old."""
    record = notification.record
    fires = [] if record.level == "green" else [_alert(notification, record.level, now_ms, hold_ms)]
    ends = [] if record.was in ("green", record.level) else [_alert(notification, record.was, now_ms, 0)]
    return fires + ends


def _alert(notification: Notification, level: str, now_ms: int, hold_ms: int) -> dict[str, Any]:
    # Alertmanager refuses an alert that ends before it starts: event time may run ahead of this clock.
    record = notification.record
    source = {"generatorURL": notification.link} if notification.link else {}
    return {
        "labels": labels(record, level),
        "annotations": reading(record, notification.action),
        "startsAt": format_time(min(record.started_ms, now_ms)),
        "endsAt": format_time(now_ms + hold_ms),
        **source,
    }
