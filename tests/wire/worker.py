"""A worker as a process of its own: `python -m tests.wire.worker BOOTSTRAP APP_ID` counts `numbers` into `said`."""

from __future__ import annotations

import asyncio
import logging
import sys
import time

from streams.host import Host, HostSettings, Wiring, run_until_signal
from streams.watchdog import Limits
from tests.wire.counting import CountingStage

SESSION_S = 6.0

log = logging.getLogger("tests.wire.worker")


def wiring(topic: str = "numbers", topic_out: str = "said") -> Wiring:
    """Count `topic` into `topic_out`."""
    return Wiring(topic, lambda partition, partitions: CountingStage(topic_out, partition, partitions))


async def main(bootstrap: str, app_id: str, topic: str, topic_out: str, snapshots: str) -> None:
    """Run until a signal."""
    host = Host(
        HostSettings(
            [bootstrap],
            app_id,
            snapshot_topic=snapshots,
            snapshot_every_s=0.5,
            session_timeout_s=SESSION_S,
            limits=Limits(pause_s=SESSION_S / 2),
        ),
        [wiring(topic, topic_out)],
        clock=lambda: time.time_ns() // 1_000_000,
        on_ready=lambda: log.info("ready"),
    )
    await run_until_signal(host)
    log.info("left in order: %s", host.tally)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    asyncio.run(main(*sys.argv[1:]))
