"""A process that is a desk's outbox and nothing else, to be killed: `python -m tests.faults.outboxworker FOLDER URL N`.

It offers N alerts in a made-up log and writes down how far it is only when the outbox has them safe, as the desk's
snapshots do. It says "up" when it begins, "done" when all is delivered.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from pathlib import Path

from alerts.notifications import Notification, Reason
from alerts.outbox import circuit
from alerts.outbox.item import ChannelPolicy, Outcome
from alerts.outbox.outbox import Outbox, Surroundings
from alerts.senders.poster import Reach
from alerts.senders.webhook import WebhookSender
from tests.alerting import record, until

PORTION = 3  # alerts between two snapshots
TRIES_APART_MS = 20


def told(number: int) -> Notification:
    """Make the red alert at one place of the log."""
    red = record("red", "green", key=(f"网点{number}", "network"), minute=0, value=150.0)
    return Notification("hook", Reason.FIRST, 1, red, {})


class Uncounted:
    """Counts nothing."""

    def notified(self, channel: str, outcome: Outcome) -> None:
        """Hear of an outcome."""


async def run(folder: Path, url: str, count: int) -> None:
    """Offer from where the last snapshot says, until all is delivered."""
    now_ms = lambda: time.time_ns() // 1_000_000  # noqa: E731
    reach = Reach(private=True, connect_timeout_s=0.5, total_timeout_s=0.5)
    # What takes minutes in the world takes moments here.
    circuit.FIRST_REST_MS, circuit.REST_MS_MAX = TRIES_APART_MS, 4 * TRIES_APART_MS
    policy = ChannelPolicy(first_wait_ms=TRIES_APART_MS, wait_ms_max=4 * TRIES_APART_MS)
    around = Surroundings(now_ms=now_ms, folder=folder, chance=random.Random())
    outbox = Outbox({"hook": WebhookSender(url, now_ms=now_ms, reach=reach)}, {"hook": policy}, Uncounted(), around)
    loop = asyncio.get_running_loop()
    await outbox.open(lambda error: loop.call_exception_handler({"message": "the outbox ended", "exception": error}))
    print("up", flush=True)  # noqa: T201  it is how it speaks to the test
    snapshot = folder / "snapshot"
    place = int(snapshot.read_text()) if snapshot.exists() else 0
    while place < count:
        for number in range(place, min(place + PORTION, count)):
            outbox.offer(told(number))
        promise = outbox.safe()
        if promise is not None:
            await promise
        place = min(place + PORTION, count)
        fresh = snapshot.with_suffix(".new")
        fresh.write_text(str(place))
        fresh.rename(snapshot)
        await asyncio.sleep(0.02)
    await until(lambda: not outbox.waiting()["hook"].count)
    await outbox.close(1.0)
    print("done", flush=True)  # noqa: T201  the same


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
