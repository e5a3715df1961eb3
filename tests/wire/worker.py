"""A worker as a process of its own: `python -m tests.wire.worker BOOTSTRAP APP_ID NUMBERS SAID SNAPSHOTS`."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import time

from streams.host import Host
from streams.hosting import HostSettings, Wiring
from streams.watchdog import Limits
from tests.wire.counting import CountingStage

SESSION_S = 4.0

log = logging.getLogger("tests.wire.worker")


async def main(bootstrap: str, app_id: str, numbers: str, said: str, snapshots: str) -> None:
    """Count the topic `numbers` into `said` until a signal."""
    host = Host(
        HostSettings(
            [bootstrap],
            app_id,
            snapshot_topic=snapshots,
            snapshot_every_s=0.5,
            session_timeout_s=SESSION_S,
            limits=Limits(pause_s=SESSION_S),
        ),
        [Wiring(numbers, lambda partition, partitions: CountingStage(said, partition, partitions, f"{app_id}-beats"))],
        clock=lambda: time.time_ns() // 1_000_000,
        on_ready=lambda: log.info("ready"),
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, host.stop)
    await host.run()
    log.info("left in order: %s", host.tally)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    asyncio.run(main(*sys.argv[1:]))
