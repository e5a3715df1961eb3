"""What waits in the outbox, and how it may end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from alerts.notifications import ASIDES, Notification

HOUR_MS = 3_600_000


class Outcome(StrEnum):
    """What is counted of a notification. The set is closed: it is a metric label."""

    DELIVERED = "delivered"
    RETRIED = "retried"  # one try did not do; another follows
    REFUSED = "refused"  # the receiver will never take it: a dead letter
    EXPIRED = "expired"  # it waited longer than it may: a dead letter
    DROPPED = "dropped"  # too many waited, and this one was not red: a dead letter
    FALLBACK = "fallback"  # handed to the channel behind this one


DEAD = (Outcome.REFUSED, Outcome.EXPIRED, Outcome.DROPPED)
"""The ends that make a dead letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelPolicy:
    """The bounds of one channel. Times are milliseconds."""

    fallback: str | None = None  # the channel that is told what this one does not take
    fallback_after_ms: int = 120_000  # what is about red is told there too if it waited this long
    per_minute: int | None = None  # messages in any minute; None: as many as there are
    digests: bool = False  # whether the sender can tell many notifications in one message
    digest_reds_max: int = 8  # in one message: each is named in it
    sends_max: int = 4  # at a time
    waiting_max: int = 20_000
    first_wait_ms: int = 1_000
    wait_ms_max: int = 300_000
    give_up_ms: int = 6 * HOUR_MS
    give_up_red_ms: int = 72 * HOUR_MS


@dataclass(slots=True, eq=False)
class Item:
    """A notification on its way, since `offered_ms`."""

    notification: Notification
    offered_ms: int
    fell_back: bool = False  # the channel behind was told too
    is_released: bool = False  # it may be sent

    @property
    def key(self) -> str:
        """What it is known by, here and at the receiver."""
        return self.notification.idempotency_key

    @property
    def is_red(self) -> bool:
        """Whether it says that something is red."""
        return self.notification.record.level == "red" and self.notification.reason not in ASIDES

    @property
    def is_about_red(self) -> bool:
        """Whether it says that something is red, or no longer is."""
        told = self.notification
        return "red" in (told.record.level, told.record.was) and told.reason not in ASIDES

    def gives_up_ms(self, policy: ChannelPolicy) -> int:
        """Say when it has waited too long."""
        return self.offered_ms + (policy.give_up_red_ms if self.is_about_red else policy.give_up_ms)


@dataclass(frozen=True, slots=True)
class Ended:
    """An item that met its end, and when."""

    item: Item
    outcome: Outcome
    time_ms: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for one channel: how many, and since when the oldest."""

    count: int = 0
    oldest_ms: int | None = None


NOTHING = Waiting()
