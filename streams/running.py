"""A service in its event loop, from start to signal."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from streams.memory import keep_freed_memory
from streams.quiet import quiet_libraries
from streams.service import Service

INTERRUPTED = 130


def run(
    service: Service, on_ready: Callable[[], None], *beside: Coroutine[Any, Any, None], takes_hangup: bool = False
) -> int:
    """Run until SIGINT or SIGTERM; give the exit code. `beside` runs in the same loop and is ended with it.

    With `takes_hangup` SIGHUP has the rules read again; without, it ends the process, as when a terminal is closed.

    Raise what the service raises, or what `beside` does.
    """
    quiet_libraries()
    keep_freed_memory()
    return asyncio.run(_run(service, on_ready, beside, takes_hangup=takes_hangup))


async def _run(
    service: Service, on_ready: Callable[[], None], beside: tuple[Coroutine[Any, Any, None], ...], *, takes_hangup: bool
) -> int:
    code = 0

    def stop(signal_: signal.Signals) -> None:
        nonlocal code
        code = INTERRUPTED if signal_ is signal.SIGINT else 0
        service.stop()

    loop = asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, stop, one)
    tasks: list[asyncio.Task[Any]] = []

    def start(work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        task.add_done_callback(lambda done: None if done.cancelled() or not done.exception() else service.stop())
        tasks.append(task)

    if takes_hangup:
        loop.add_signal_handler(signal.SIGHUP, lambda: start(service.reload()))
    for work in beside:
        start(work)
    try:
        await service.run(on_ready)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result
    return code
