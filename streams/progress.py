"""A progress bar on standard error: what is done, how fast, how long still."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

PATIENCE_S = 2.0
_EVERY_S = 0.2


@contextmanager
def shown(state: Callable[[], tuple[int, int | None, int]]) -> Iterator[None]:
    """Show a bar while the block runs, once it has run for two seconds.

    `state` gives bytes done, bytes in all (None = nobody knows), and events so far; it is asked from another thread.
    """
    done = threading.Event()
    thread = threading.Thread(target=_show, args=(state, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _show(state: Callable[[], tuple[int, int | None, int]], done: threading.Event) -> None:
    if done.wait(PATIENCE_S):
        return
    columns = (
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[events]:,} events, {task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
    )
    waited_s = PATIENCE_S
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None, events=0, rate=0.0)
        while True:
            bytes_done, bytes_all, events = state()
            progress.update(task, completed=bytes_done, total=bytes_all, events=events, rate=events / waited_s)
            if done.wait(_EVERY_S):
                return
            waited_s += _EVERY_S
