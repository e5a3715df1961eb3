"""The faults. Each is over when its function returns: what was stopped runs again, what was killed lies dead."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from urllib.request import urlopen

import msgspec

from tests.faults.campaign import Campaign
from tests.faults.moments import GroupTrouble, Moment, has_come
from tests.parts.cluster import Cluster
from tests.parts.kafka import Kafka
from tests.parts.process import Process

_SHORT_S = 6.0  # a session timeout for what would last minutes with that as shipped
STOP_MAX_S = 10.0
"""How long a worker may take to end in order."""
NO_BROKER = 3  # the exit code of a worker that finds no broker when it starts


def kill_worker(on: Campaign) -> None:
    """SIGKILL in the middle of it."""
    on.crew.any(on.rng).kill()


def kill_workers(on: Campaign) -> None:
    """SIGKILL, and again before it has come up, and again."""
    for _ in range(3):
        on.crew.any(on.rng).kill()
        on.rest(on.rng.uniform(0, 5))


def end_worker(on: Campaign) -> None:
    """SIGTERM under load: it ends within ten seconds, in order."""
    worker = on.crew.any(on.rng)
    on.crew.wait_until(on.crew.all_ready, what="it is ready before it is ended", timeout_s=120)
    if worker not in on.crew.workers:
        worker = on.crew.workers[0]
    began_s = time.monotonic()
    worker.stop(timeout_s=2 * STOP_MAX_S)
    took_s = time.monotonic() - began_s
    if worker.exit_code != 0 or took_s > STOP_MAX_S:
        on.notes.append(f"SIGTERM: exit code {worker.exit_code} after {took_s:.1f} s")


def freeze_worker(on: Campaign) -> None:
    """SIGSTOP for longer than the session: others own its partitions when it comes round again."""
    worker = on.crew.any(on.rng)
    on.crew.wanted = 2
    worker.pause()
    on.rest(1.2 * on.session_s)
    worker.resume()
    on.crew.wait_until(lambda: not worker.alive(), what="the frozen worker ends itself", timeout_s=60)
    on.crew.wanted = 1


def freeze_unfenced(on: Campaign) -> None:
    """The same for a worker that does not end itself: it wakes with old partitions and an old state, and writes it."""
    worker = _changed(on, fenced=False)
    on.crew.wanted = 2
    worker.pause()
    on.rest(1.2 * on.session_s)
    worker.resume()
    on.rest(on.session_s)
    if not worker.alive():
        on.notes.append(f"a worker without a fence ended by itself: {worker.log_tail()[-1:]}")
    on.crew.wanted = 1
    worker.stop()


def die_before_snapshot(on: Campaign) -> None:
    """SIGKILL when an alert is told and the state it follows from is not written down."""
    _await_death(on, _changed(on, dies=Moment.BEFORE_SNAPSHOT))


def die_after_snapshot(on: Campaign) -> None:
    """SIGKILL when the state is written down and Kafka's group was not told how far we are."""
    _await_death(on, _changed(on, dies=Moment.AFTER_SNAPSHOT))


def lose_runs(on: Campaign) -> None:
    """One in ten of the runs of records gets lost between the fetch and the stage: each is read again."""
    worker = _changed(on, loses=0.1)
    on.crew.wait_until(lambda: reread(worker) >= 3, what="three runs were lost and noticed", timeout_s=120)


def fail_sync(on: Campaign) -> None:
    """The broker answers the first SyncGroup with an error nobody asks for: it is heard, and the worker joins."""
    _upset(on, GroupTrouble.SYNC_FAILS)


def stall_sync(on: Campaign) -> None:
    """The first SyncGroup is answered when the group has given the member up."""
    _upset(on, GroupTrouble.SYNC_STALLS)


def stall_offsets(on: Campaign) -> None:
    """The first OffsetFetch is not answered for longer than a request may take."""
    _upset(on, GroupTrouble.OFFSETS_STALL)


def _upset(on: Campaign, trouble: GroupTrouble) -> None:
    worker = _changed(on, group=trouble, session_s=_SHORT_S)
    on.crew.wait_until(lambda: has_come(trouble, worker.log), what=trouble, timeout_s=60)


def reread(worker: Process) -> int:
    """Say how many runs of records a worker had to read again; 0 before it shows its page."""
    page = re.search(r"metrics (http://\S+)", worker.log.read_text(errors="replace"))
    if page is None or not worker.alive():
        return 0
    with urlopen(page[1], timeout=5) as answer:
        (count,) = re.findall(rb"^tocsin_runs_reread_total (\S+)$", answer.read(), re.MULTILINE)
    return int(float(count))


def _changed(on: Campaign, **changes: object) -> Process:
    """Let a worker with these changes take over from one that ends."""
    leaver = on.crew.any(on.rng)
    leaver.stop()
    on.crew.workers.remove(leaver)
    return on.crew.start(msgspec.structs.replace(on.changes, **changes))


def _await_death(on: Campaign, worker: Process) -> None:
    on.crew.wait_until(lambda: not worker.alive(), what="the worker meets its moment", timeout_s=120)
    if worker.exit_code != -9:
        on.notes.append(f"it should have died of SIGKILL, not of {worker.exit_code}: {worker.log_tail()[-1:]}")


def doze_worker(on: Campaign) -> None:
    """SIGSTOP for so short that nobody minds."""
    worker = on.crew.any(on.rng)
    worker.pause()
    on.rest(on.rng.uniform(0.5, on.session_s / 4))
    worker.resume()


def scale(on: Campaign) -> None:
    """One worker, then three, then one, which the others leave in the middle of it."""
    on.crew.wanted = 3
    on.crew.wait_until(on.crew.all_ready, what="three workers are ready", timeout_s=120)
    on.rest(on.rng.uniform(0, 3))
    on.crew.wanted = 1
    while len(on.crew.workers) > 1:
        leaver = on.crew.any(on.rng)
        (leaver.stop if on.rng.random() < 0.5 else leaver.kill)()
        on.crew.tend()


def shift_clock(on: Campaign) -> None:
    """A worker whose clock is an hour off takes over."""
    changed = msgspec.structs.replace(on.changes, clock_ahead_s=on.rng.choice((-3_600.0, 3_600.0)))
    on.crew.any(on.rng).stop()
    on.crew.tend()
    on.crew.start(changed)


def pause_broker(on: Campaign) -> None:
    """SIGSTOP of the broker for 8 to 25 seconds: connections stay open, and nothing answers."""
    broker = _broker(on)
    broker.pause()
    on.rest(on.rng.uniform(8, 25))
    broker.resume()


def pause_broker_long(on: Campaign) -> None:
    """SIGSTOP of the broker for two minutes: longer than sessions, requests and the patience of the watchdog."""
    broker = _broker(on)
    broker.pause()
    on.rest(120)
    broker.resume()


def kill_broker(on: Campaign) -> None:
    """SIGKILL of the broker; it comes up again on what its log holds."""
    _broker(on).kill()
    _broker(on).restart()


def restart_broker(on: Campaign) -> None:
    """The broker ends in order and comes again, with workers at work all the time."""
    _broker(on).restart()


def lose_broker(on: Campaign) -> None:
    """No broker for longer than a silent partition is waited for; the workers stay up or start again."""
    _broker(on).kill()
    on.rest(on.rng.uniform(25, 45))
    _broker(on).restart()


def lose_broker_long(on: Campaign) -> None:
    """No broker for five minutes, and a worker that is there all the time, started again as often as it ends."""
    _broker(on).kill()
    on.rest(300)
    _broker(on).restart()


def kill_both(on: Campaign) -> None:
    """SIGKILL of broker and worker at once: the worker starts before the broker, says so and ends, again and again."""
    ended = on.crew.exits[NO_BROKER]
    on.crew.any(on.rng).kill()
    _broker(on).kill()
    on.rest(on.rng.uniform(3, 15))
    on.crew.wait_until(lambda: on.crew.exits[NO_BROKER] > ended, what="a worker starts before its broker", timeout_s=60)
    _broker(on).restart()


def _broker(on: Campaign) -> Kafka:
    assert isinstance(on.kafka, Kafka)
    return on.kafka


def send_again(on: Campaign) -> None:
    """Duplicates: a share of what was sent lately once more."""
    on.ledger.more(on.traffic.storm(on.rng.uniform(0.05, 0.5)))


def send_all_again(on: Campaign) -> None:
    """Duplicates: everything that was sent lately once more, and a worker killed in the middle of it."""
    on.ledger.more(on.traffic.storm(1.0))
    on.rest(on.rng.uniform(0, 1))
    on.crew.any(on.rng).kill()


def send_heavy(on: Campaign) -> None:
    """Records of nearly as many bytes as Kafka takes by default, and of 5 and 20 MiB where a topic takes them."""
    on.ledger.more(on.traffic.heavy())


def send_skewed(on: Campaign) -> None:
    """Senders whose clocks are ten minutes off, and a worker with the right one: it is what stamps are held against."""
    _changed(on)
    on.crew.wait_until(on.crew.all_ready, what="a worker with the right clock", timeout_s=120)
    on.ledger.more(on.traffic.skewed(time.time_ns() // 1_000_000))


WORKER_FAULTS: Mapping[str, Callable[[Campaign], None]] = {
    "worker killed": kill_worker,
    "worker killed three times over": kill_workers,
    "worker killed between alert and snapshot": die_before_snapshot,
    "worker killed between snapshot and report": die_after_snapshot,
    "worker ended under load": end_worker,
    "worker frozen beyond its session": freeze_worker,
    "worker frozen beyond its session without a fence": freeze_unfenced,
    "worker frozen for a moment": doze_worker,
    "one worker, three, one": scale,
    "worker with a clock an hour off": shift_clock,
    "runs of records lost on the way": lose_runs,
    "SyncGroup answered with an error": fail_sync,
    "SyncGroup not answered": stall_sync,
    "OffsetFetch not answered": stall_offsets,
    "5–50 % sent again": send_again,
    "all sent again, worker killed": send_all_again,
    "records of 1 to 20 MiB": send_heavy,
    "senders with clocks ten minutes off": send_skewed,
}
BROKER_FAULTS: Mapping[str, Callable[[Campaign], None]] = {
    "broker frozen for 8 to 25 s": pause_broker,
    "broker killed": kill_broker,
    "broker restarted": restart_broker,
    "broker away for half a minute": lose_broker,
    "broker and worker killed": kill_both,
}

LONG_FAULTS: Mapping[str, Callable[[Campaign], None]] = {
    "broker frozen for two minutes": pause_broker_long,
    "broker away for five minutes": lose_broker_long,
}
"""Struck where they are named, or all are meant: each takes as long as many others."""


def faults_on(kafka: Kafka | Cluster) -> Mapping[str, Callable[[Campaign], None]]:
    """Give the faults that a Kafka can meet, by the names they have in the table."""
    from tests.faults.clusterchaos import CLUSTER_FAULTS

    return {**WORKER_FAULTS, **(CLUSTER_FAULTS if isinstance(kafka, Cluster) else {**BROKER_FAULTS, **LONG_FAULTS})}
