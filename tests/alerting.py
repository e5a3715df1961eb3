"""Makers of alert material: a rule, its transitions, records, and whole histories of one alert."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from alerts.commands import note_of
from alerts.notifications import Delivery, Notification, Reason, Result
from alerts.outbox.item import Outcome
from alerts.records import AlertRecord, alert_record
from detectors.rules import Kind, Measure, Rule
from detectors.transition import Key, Transition

CHINA = ZoneInfo("Asia/Shanghai")
START_MS = 1_772_356_680_000  # 2026-03-01T09:18:00Z, 17:18 in China

SURGE = Rule(
    id="complaint-surge",
    stream="complaints",
    measure=Measure(Kind.COUNT),
    levels=(("yellow", 30), ("orange", 60), ("red", 120)),
    title={"en": "Complaint surge", "zh": "投诉激增"},
    by=("region", "category"),
    window_ms=600_000,
    summary={"en": "{value} {category} complaints in {region}", "zh": "{region} {category} 投诉 {value} 件"},
    action={"en": "Find the cause in {region}", "zh": "核查{region}投诉原因"},
    notify={"yellow": ("noc",), "orange": ("noc", "duty"), "red": ("ladder:provincial",)},
    notice="outage",
)
THRESHOLD = dict(SURGE.levels)
ORDER = ("green", "yellow", "orange", "red")


def transition(  # the defaults are the example of the contract
    level: str = "orange",
    was: str = "yellow",
    *,
    minute: float = 2.5,
    key: Key = ("长沙", "network"),
    value: float | None = 63.0,
    started_ms: int = START_MS,
) -> Transition:
    rising = ORDER.index(level) > ORDER.index(was)
    reason = "unknown" if value is None else "raised" if rising else "cleared" if level == "green" else "lowered"
    return Transition(
        rule=SURGE.id,
        key=key,
        level=level,
        was=was,
        time_ms=started_ms + round(minute * 60_000),
        started_ms=started_ms,
        value=value,
        threshold=THRESHOLD[level if rising else was],
        reason=reason,
    )


def record(level: str = "orange", was: str = "yellow", **changed: object) -> AlertRecord:
    return alert_record(transition(level, was, **changed), SURGE)  # type: ignore[arg-type]


def history(levels: Sequence[str], *, region: str = "长沙", started_ms: int = START_MS) -> list[AlertRecord]:
    """One alert that takes the given levels, one a minute, the first as it starts."""
    return [
        record(level, was, minute=minute, key=(region, "network"), started_ms=started_ms)
        for minute, (was, level) in enumerate(zip(["green", *levels], levels, strict=False))
    ]


def entry(told: AlertRecord, at_ms: int | None = None) -> bytes:
    """Write a record as it lies in the desk's log, accepted at a time: by default that of the record."""
    return note_of(told, told.time_ms if at_ms is None else at_ms).encode()


def notification(
    told: AlertRecord | None = None, *, channel: str = "hook", reason: Reason = Reason.RAISED
) -> Notification:
    action = {"en": "Find the cause in 长沙", "zh": "核查长沙投诉原因"}
    return Notification(channel=channel, reason=reason, revision=2, record=told or record(), action=action)


@dataclass
class Pager:
    """A sender that answers as told, then with success, and keeps what it was sent."""

    answers: list[Delivery] = field(default_factory=list)
    sent: list[Notification] = field(default_factory=list)
    closed: bool = False

    async def send(self, notification: Notification) -> Delivery:
        self.sent.append(notification)
        return self.answers.pop(0) if self.answers else Delivery(Result.DELIVERED)

    async def close(self) -> None:
        self.closed = True


@dataclass
class Tally:
    """Counts outcomes in order."""

    told: list[tuple[str, str]] = field(default_factory=list)

    def notified(self, channel: str, outcome: Outcome) -> None:
        self.told.append((channel, outcome.value))


@dataclass
class Roomy:
    """Takes whatever a desk offers, as an outbox would, and knows a repeat; `promise` is when it is safe."""

    offered: list[Notification] = field(default_factory=list)
    has_room: bool = True
    promise: asyncio.Future[None] | None = None

    def offer(self, notification: Notification) -> None:
        if notification.idempotency_key not in {each.idempotency_key for each in self.offered}:
            self.offered.append(notification)

    def safe(self) -> asyncio.Future[None] | None:
        return self.promise


async def until(holds: Callable[[], object]) -> None:
    """Let others work until it holds; a test that waits for ever is ended by whoever runs it."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110  nothing tells it
            await asyncio.sleep(0.005)
