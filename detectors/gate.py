"""The gate of a source partition: every event is accepted, a duplicate, or late, row by row.

Whatever the split into batches, the answer is the same: each row is held against the events accepted before it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from detectors.batch import Bool, Int64

HORIZON_MS = 3_600_000
"""How far apart in event time two events with one id are still the same event."""

_NEVER = -(1 << 62)

ACCEPTED, LATE, DUPLICATE = 0, 1, 2

_FORGET_LEN = 1024


class Seen:
    """The ids accepted in one stream, each with its event time, as long as they can matter.

    An event that is not late lies at or after the watermark, so an id older than the watermark less the horizon can
    no longer meet its duplicate: it is forgotten. Held is the latest time of each id; earlier ones count only when
    lateness is allowed to exceed the horizon, and are kept beside.
    """

    def __init__(self) -> None:
        self._time_ms: dict[str, int] = {}
        self._earlier: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return len(self._time_ms)

    def add_if_new(self, ids: Sequence[str], times_ms: Sequence[int]) -> bool:
        """Remember accepted events if every id is new, and twice the same none; else change nothing.

        One pass over the table, which is large and seldom in the cache.
        """
        before = len(self._time_ms)
        deque(map(self._time_ms.setdefault, ids, times_ms), maxlen=0)
        if len(self._time_ms) == before + len(ids):
            return True
        for _ in range(len(self._time_ms) - before):  # a dict keeps the order of insertion: the new ones are last
            self._time_ms.popitem()
        return False

    def has(self, id_: str, time_ms: int, watermark_ms: int) -> bool:
        """Say whether an event with this id was accepted within the horizon of this time."""
        known = self._time_ms.get(id_)
        if known is None:
            return False
        oldest = watermark_ms - HORIZON_MS
        times = (known, *self._earlier.get(id_, ()))
        return any(abs(time_ms - time) <= HORIZON_MS and time >= oldest for time in times)

    def add(self, id_: str, time_ms: int) -> None:
        """Remember one accepted event."""
        known = self._time_ms.pop(id_, None)
        if known is not None:
            self._earlier.setdefault(id_, []).append(min(known, time_ms))
            time_ms = max(known, time_ms)
        self._time_ms[id_] = time_ms

    def drop(self, ids: Iterable[str]) -> None:
        """Forget ids that were added last."""
        for id_ in ids:
            del self._time_ms[id_]

    def forget(self, before_ms: int) -> None:
        """Drop ids from the front, the oldest by arrival, as far as they are older than `before_ms`."""
        while self._time_ms and next(iter(self._time_ms.values())) < before_ms:
            front = list(islice(self._time_ms.items(), _FORGET_LEN))
            old = next((n for n, (_, time_ms) in enumerate(front) if time_ms >= before_ms), len(front))
            for id_, _ in front[:old]:
                del self._time_ms[id_]
                self._earlier.pop(id_, None)

    def state(self) -> dict[str, Any]:
        """Write down as plain data, oldest arrival first."""
        times = np.fromiter(self._time_ms.values(), np.int64, len(self._time_ms))
        return {"ids": list(self._time_ms), "times": times, "earlier": self._earlier}

    @classmethod
    def of(cls, state: dict[str, Any]) -> Seen:
        """Take up what `state` wrote."""
        seen = cls()
        seen._time_ms = dict(zip(state["ids"], state["times"].tolist(), strict=True))
        seen._earlier = {id_: list(times) for id_, times in state["earlier"].items()}
        return seen


class Gate:
    """De-duplication, lateness and the watermark of one source partition.

    In replay several streams share one gate: one watermark for all, ids apart by stream.
    """

    def __init__(self, lateness_ms: int) -> None:
        if lateness_ms < 0:
            msg = f"lateness_ms must be ≥ 0, not {lateness_ms}"
            raise ValueError(msg)
        self.lateness_ms = lateness_ms
        self.newest_ms = _NEVER
        self._seen: dict[str, Seen] = {}

    @property
    def watermark_ms(self) -> int | None:
        """Event time taken as complete; None before the first event."""
        return None if self.newest_ms == _NEVER else self.newest_ms - self.lateness_ms

    @property
    def remembered(self) -> int:
        """How many ids are held for de-duplication."""
        return sum(map(len, self._seen.values()))

    def heartbeat(self, time_ms: int) -> None:
        """Let time pass without an event."""
        self.newest_ms = max(self.newest_ms, time_ms)

    def admit(self, streams: Sequence[str], ids: Sequence[str], time_ms: Int64) -> Int64:
        """Judge n events in arrival order. Return (n,) of ACCEPTED, LATE or DUPLICATE.

        `streams` names the stream of each row, or holds the one name of all.
        """
        kinds = list(dict.fromkeys(streams))
        for kind in kinds:
            self._seen.setdefault(kind, Seen())
        if len(kinds) == 1:
            rows_of = {kinds[0]: np.arange(len(ids))}
        else:
            number = {kind: place for place, kind in enumerate(kinds)}
            places = np.fromiter(map(number.__getitem__, streams), np.int64, len(ids))
            rows_of = {kind: np.flatnonzero(places == place) for kind, place in number.items()}
        verdict = self._all_new(rows_of, ids, time_ms)
        if verdict is None:
            own = streams if len(streams) == len(ids) else [kinds[0]] * len(ids)
            verdict = self._one_by_one(own, ids, time_ms)
        for kind in kinds:
            self._seen[kind].forget(self.newest_ms - self.lateness_ms - HORIZON_MS)
        return verdict

    def _all_new(self, rows_of: Mapping[str, Int64], ids: Sequence[str], time_ms: Int64) -> Int64 | None:
        """Judge events, rows by stream, if there is no duplicate among them; None if there may be one."""
        added: list[tuple[Seen, Sequence[str]]] = []
        for stream, rows in rows_of.items():
            own = ids if len(rows) == len(ids) else [ids[row] for row in rows.tolist()]
            if not self._seen[stream].add_if_new(own, time_ms[rows].tolist()):
                for seen, theirs in added:
                    seen.drop(theirs)
                return None
            added.append((self._seen[stream], own))
        late = self._late(time_ms)
        if late.any():
            for stream, rows in rows_of.items():
                self._seen[stream].drop(ids[row] for row in rows[late[rows]].tolist())
        return np.where(late, LATE, ACCEPTED)

    def _late(self, time_ms: Int64) -> Bool:
        """Find the late rows of a batch without duplicates, and move the frontier."""
        if not len(time_ms):
            return np.zeros(0, np.bool_)
        # A late row lies below the frontier, so it cannot raise it: the frontier of all rows is that of the accepted.
        frontier = np.maximum.accumulate(np.maximum(time_ms, self.newest_ms))
        before = np.concatenate(([self.newest_ms], frontier[:-1]))
        self.newest_ms = int(frontier[-1])
        late: Bool = time_ms < before - self.lateness_ms
        return late

    def _one_by_one(self, streams: Sequence[str], ids: Sequence[str], time_ms: Int64) -> Int64:
        verdict = np.zeros(len(ids), np.int64)
        newest = self.newest_ms
        for row, (stream, id_, time) in enumerate(zip(streams, ids, time_ms.tolist(), strict=True)):
            watermark = newest - self.lateness_ms
            if self._seen[stream].has(id_, time, watermark):
                verdict[row] = DUPLICATE
            elif time < watermark:
                verdict[row] = LATE
            else:
                self._seen[stream].add(id_, time)
                newest = max(newest, time)
        self.newest_ms = newest
        return verdict

    def state(self) -> dict[str, Any]:
        """Write down as plain data."""
        return {"newest_ms": self.newest_ms, "seen": {name: seen.state() for name, seen in self._seen.items()}}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `state` wrote."""
        self.newest_ms = state["newest_ms"]
        self._seen = {name: Seen.of(seen) for name, seen in state["seen"].items()}
