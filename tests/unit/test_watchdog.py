"""What counts as stuck, and that it ends the process once."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time

import pytest

from streams.watchdog import EXIT_STUCK, Limits, PartitionSigns, Signs, Watchdog, verdict

NOW_S = 1_000.0
LIMITS = Limits()


def signs(*partitions: PartitionSigns, loop_s: float = NOW_S, rebalancing_since_s: float | None = None) -> Signs:
    return Signs(loop_s, rebalancing_since_s, partitions)


@pytest.mark.parametrize(
    ("seen", "checked_s", "group_errors", "said"),
    [
        pytest.param(signs(), NOW_S - 0.5, 0, None, id="all is well"),
        pytest.param(signs(), NOW_S - 16, 0, "the process was stopped for 16 s", id="SIGSTOP and SIGCONT"),
        pytest.param(signs(loop_s=NOW_S - 19), NOW_S, 0, None, id="a slow loop"),
        pytest.param(
            signs(loop_s=NOW_S - 21), NOW_S, 0, "the event loop has not come round for 21 s", id="a stuck loop"
        ),
        pytest.param(signs(), NOW_S, 10, None, id="some errors of the group"),
        pytest.param(signs(), NOW_S, 11, "the group coordinator failed 11 times", id="too many errors of the group"),
        pytest.param(signs(rebalancing_since_s=NOW_S - 119), NOW_S, 0, None, id="a long rebalance"),
        pytest.param(
            signs(rebalancing_since_s=NOW_S - 121), NOW_S, 0, "a rebalance has lasted 121 s", id="an endless rebalance"
        ),
        pytest.param(
            signs(PartitionSigns("t[0]", 5, NOW_S - 99), rebalancing_since_s=NOW_S - 9),
            NOW_S,
            0,
            None,
            id="nothing moves during a rebalance",
        ),
        pytest.param(signs(PartitionSigns("t[0]", 0, NOW_S - 999)), NOW_S, 0, None, id="a quiet stream"),
        pytest.param(signs(PartitionSigns("t[0]", 9, NOW_S - 59)), NOW_S, 0, None, id="behind for a while"),
        pytest.param(
            signs(PartitionSigns("t[0]", 9, NOW_S), PartitionSigns("t[1]", 7, NOW_S - 61)),
            NOW_S,
            0,
            "t[1] has not moved for 61 s with 7 records waiting",
            id="one partition stands still",
        ),
    ],
)
def test_verdict(seen: Signs, checked_s: float, group_errors: int, said: str | None) -> None:
    told = verdict(seen, LIMITS, now_s=NOW_S, checked_s=checked_s, group_errors=group_errors)
    assert told is None if said is None else (told or "").startswith(said)


class Watched:
    """Something to watch, whose coordinator fails while `errors` last."""

    def __init__(self, *, errors: int = 0, loop_s: float | None = None) -> None:
        self.errors = errors
        self.loop_s = loop_s
        self.asked = threading.Event()

    def signs(self) -> Signs:
        return Signs(time.monotonic() if self.loop_s is None else self.loop_s, None)

    def check_group(self, timeout_s: float) -> None:
        self.asked.set()
        if self.errors:
            self.errors -= 1
            raise RuntimeError("the coordinator is not there")
        raise TimeoutError(timeout_s)


def watch(watched: Watched, limits: Limits) -> tuple[Watchdog, list[str], threading.Event]:
    said: list[str] = []
    ended = threading.Event()

    def end(reason: str) -> None:
        said.append(reason)
        ended.set()

    dog = Watchdog(watched, limits, end)
    dog.start()
    return dog, said, ended


def test_it_ends_the_process_once() -> None:
    dog, said, ended = watch(Watched(loop_s=time.monotonic() - 100), LIMITS)
    assert ended.wait(10)
    dog.join(10)
    assert len(said) == 1
    assert said[0].startswith("the event loop has not come round")


def test_errors_of_the_group_are_heard_and_counted() -> None:
    dog, said, ended = watch(Watched(errors=3), Limits(group_errors_max=1))
    assert ended.wait(10)
    dog.join(10)
    assert said == ["the group coordinator failed 2 times"]


def test_it_stops_when_told() -> None:
    watched = Watched()
    dog, said, _ = watch(watched, LIMITS)
    assert watched.asked.wait(10)
    dog.stop()
    dog.join(10)
    assert not dog.is_alive()
    assert said == []


STUCK = """
import asyncio, time
from streams.watchdog import Limits, Signs, Watchdog

class Stuck:
    came_round_s = time.monotonic()
    def signs(self): return Signs(self.came_round_s, None)
    def check_group(self, timeout_s): pass

async def main():
    Watchdog(Stuck(), Limits(loop_lag_s=1.0)).start()
    time.sleep(60)  # a loop that does not come round

asyncio.run(main())
"""


def test_a_loop_that_is_stuck_ends_the_process_with_a_line_and_the_code_for_it() -> None:
    done = subprocess.run([sys.executable, "-c", STUCK], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == EXIT_STUCK
    (line,) = done.stderr.splitlines()
    assert re.fullmatch(r"tocsin stops itself: the event loop has not come round for \d s", line)
