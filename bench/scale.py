"""Two workers on two cores against one; and how long partitions stay unjudged when workers come and go."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.backlog import publish
from bench.compare import forget
from bench.job import PARTITIONS, rule, thresholds
from bench.live import CALLS, Moves, Sender, Worker, handled
from bench.turns import Figures
from tests.parts.kafka import Kafka
from tests.parts.process import wait_until

Say = Callable[[str], None]

_RATE = 20_000
_STREAM_S_MAX = 600.0
_CALM_S = 6.0  # before and after each change
_TIMEOUT_S = 180.0
_JOIN_TOGETHER = {"group.initial.rebalance.delay.ms": "3000"}  # Kafka's own default: workers begin in one generation


def scale(*, quick: bool, runs: int, say: Say) -> dict[str, Any]:
    """Read a backlog with one worker and with two, in turns. Give events a second and the median ratio."""
    events = 400_000 if quick else 2_000_000
    figures = Figures()
    with _kafka(events) as (kafka, folder):
        publish(kafka.bootstrap, CALLS, events)
        for turn in range(runs):
            for number in (1, 2):
                told = _read(kafka, folder, number, events, f"{turn}-{number}")
                figures.add(f"workers_{number}", told)
                say(f"round {turn + 1} of {runs}: {number} workers {told['events_per_s']:,.0f} events/s")
    return {
        "events": events,
        "one_worker_events_per_s": figures.middle("workers_1"),
        "two_workers_events_per_s": figures.middle("workers_2"),
        "ratio": figures.ratio("workers_2", "workers_1"),
    }


def rebalance(*, quick: bool, say: Say) -> dict[str, Any]:
    """Let a worker join, leave, and (not in a quick run) be killed, under load. Say how long partitions paused."""
    with _kafka(_RATE * 1_800) as (kafka, folder), ExitStack() as stack:
        first = Worker(kafka, folder / "rules.yaml", folder, "first")
        stack.callback(first.process.stop)
        first.wait_holding(PARTITIONS)
        over = threading.Event()
        sender = Sender(kafka, 90_000)
        sending = threading.Thread(target=sender.steadily, args=(_RATE, _STREAM_S_MAX, over))
        sending.start()
        stack.callback(sending.join)
        stack.callback(over.set)
        time.sleep(_CALM_S)
        changes: dict[str, Callable[[Worker], None]] = {"leaves": lambda worker: worker.process.stop()}
        if not quick:
            changes["is_killed"] = lambda worker: worker.process.kill()
        pauses: dict[str, Any] = {"events_per_s": _RATE}
        workers = [first]
        for how, change in changes.items():
            began_s = time.time()
            second = Worker(kafka, folder / "rules.yaml", folder, f"second-{how}")
            workers.append(second)
            second.wait_holding(PARTITIONS // 2)
            time.sleep(_CALM_S)
            pauses.setdefault("a_worker_joins", _pauses(workers, began_s, time.time()))
            began_s = time.time()
            change(second)
            first.wait_holding(PARTITIONS)
            time.sleep(_CALM_S)
            pauses[f"a_worker_{how}"] = _pauses(workers, began_s, time.time())
            say(f"a worker {how}: {pauses[f'a_worker_{how}']}")
        over.set()
        sending.join()
        wait_until(lambda: handled(workers) >= sender.sent, what="all events are handled", timeout_s=_TIMEOUT_S)
    return pauses


@contextmanager
def _kafka(events: int) -> Iterator[tuple[Kafka, Path]]:
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as name:
        folder = Path(name)
        (folder / "rules.yaml").write_text(rule(thresholds(events)), encoding="utf-8")
        with Kafka(folder, _JOIN_TOGETHER) as kafka:
            kafka.create_topic(CALLS, PARTITIONS)
            yield kafka, folder


def _read(kafka: Kafka, folder: Path, number: int, events: int, name: str) -> dict[str, Any]:
    workers = [Worker(kafka, folder / "rules.yaml", folder, f"{name}-{at}", group=name) for at in range(number)]
    try:
        wait_until(lambda: handled(workers) >= events, what="the backlog is handled", timeout_s=_TIMEOUT_S)
    finally:
        for worker in workers:
            worker.process.stop()
    forget(kafka)
    steps = list(_steps(workers))
    first, last = next(step for step in steps if step.total), steps[-1]
    return {"events_per_s": (last.total - first.total) / (last.at_s - first.at_s)}


@dataclass(frozen=True, slots=True)
class Step:
    """What had been handled of all partitions at a moment, and which of them went further just then."""

    at_s: float
    total: int
    moved: frozenset[str]


def _steps(workers: Sequence[Worker]) -> Iterator[Step]:
    """Walk through what the workers wrote down, as one history; a partition only ever goes further."""
    furthest: dict[str, int] = {}
    moves: Moves = sorted((move for worker in workers for move in worker.moves()), key=lambda move: move[0])
    for at_s, places in moves:
        moved = frozenset(place for place, offset in places.items() if offset > furthest.get(place, 0))
        furthest.update({place: places[place] for place in moved})
        yield Step(at_s, sum(furthest.values()), moved)


def _pauses(workers: Sequence[Worker], since_s: float, until_s: float) -> dict[str, float]:
    """Say for how long at most a partition did not go further: the median partition, and the worst."""
    last: dict[str, float] = {}
    longest: dict[str, float] = {}
    for step in _steps(workers):
        for place in step.moved:
            if since_s <= step.at_s <= until_s:
                longest[place] = max(longest.get(place, 0.0), step.at_s - last.get(place, step.at_s))
            last[place] = step.at_s
    return {"median_pause_s": median(longest.values()), "longest_pause_s": max(longest.values())}
