"""The gate of a source partition: every event is accepted, a duplicate, or late, row by row.

Whatever the split into batches, the answer is the same: each row is held against the events accepted before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np

from detectors.batch import Bool, Int64

HORIZON_MS = 3_600_000
"""How far apart in event time two events with one id are still the same event."""

_NEVER = -(1 << 62)

ACCEPTED, LATE, DUPLICATE = 0, 1, 2


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

    def touches(self, ids: Sequence[str]) -> bool:
        """Say whether any of the ids is known, or stands twice among them."""
        fresh = set(ids)
        return len(fresh) < len(ids) or not self._time_ms.keys().isdisjoint(fresh)

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

    def add_all(self, ids: Sequence[str], times_ms: list[int]) -> None:
        """Remember accepted events whose ids are all new."""
        self._time_ms.update(zip(ids, times_ms, strict=True))

    def forget(self, before_ms: int) -> None:
        """Drop ids from the front, the oldest by arrival, as far as they are older than `before_ms`."""
        while self._time_ms:
            front = list(islice(self._time_ms.items(), 1024))
            old = next((n for n, (_, time_ms) in enumerate(front) if time_ms >= before_ms), len(front))
            for id_, _ in front[:old]:
                del self._time_ms[id_]
                self._earlier.pop(id_, None)
            if old < len(front):
                return

    def state(self) -> dict[str, Any]:
        """Write down as plain data, oldest arrival first."""
        times = np.fromiter(self._time_ms.values(), np.int64, len(self._time_ms))
        return {"ids": list(self._time_ms), "times": times, "earlier": self._earlier}

    @classmethod
    def of(cls, state: dict[str, Any]) -> Seen:
        """Take up what `state` wrote."""
        seen = cls()
        seen.add_all(state["ids"], state["times"].tolist())
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
        mixed = len(streams) > 1
        names = set(streams)
        tables = {name: self._seen.setdefault(name, Seen()) for name in names}
        if mixed and len(names) > 1:
            by_stream = {name: [id_ for id_, of in zip(ids, streams, strict=True) if of == name] for name in names}
            suspicious = any(tables[name].touches(by_stream[name]) for name in names)
        else:
            suspicious = tables[streams[0]].touches(ids)
        if suspicious:
            verdict = self._one_by_one(streams if mixed else [streams[0]] * len(ids), ids, time_ms, tables)
        else:
            late = self._late(time_ms)
            verdict = np.where(late, LATE, ACCEPTED)
            kept = np.flatnonzero(~late).tolist()
            for name in names:
                rows = [row for row in kept if streams[row] == name] if mixed and len(names) > 1 else kept
                times: list[int] = time_ms[rows].tolist()
                tables[name].add_all([ids[row] for row in rows] if len(rows) < len(ids) else ids, times)
        for seen in tables.values():
            seen.forget(self.newest_ms - self.lateness_ms - HORIZON_MS)
        return verdict

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

    def _one_by_one(self, streams: Sequence[str], ids: Sequence[str], time_ms: Int64, tables: dict[str, Seen]) -> Int64:
        verdict = np.zeros(len(ids), np.int64)
        newest = self.newest_ms
        for row, (stream, id_, time) in enumerate(zip(streams, ids, time_ms.tolist(), strict=True)):
            watermark = newest - self.lateness_ms
            if tables[stream].has(id_, time, watermark):
                verdict[row] = DUPLICATE
            elif time < watermark:
                verdict[row] = LATE
            else:
                tables[stream].add(id_, time)
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
