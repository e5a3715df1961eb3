"""History through the same arithmetic as the live way: one partition, one watermark for all streams."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from operator import itemgetter

import numpy as np

from detectors.batch import Bool, Int64
from detectors.gate import ACCEPTED, DUPLICATE, LATE
from detectors.judge import Judge
from detectors.monitor import Monitor
from detectors.rules import Rule
from detectors.transition import Transition
from streams.decoded import Row
from streams.site import SHIPPED, Reading, Site

DRAIN_MS_MAX = 86_400_000
"""How far past the last event `drain` goes at most: a rule may never be green again."""

_stream, _id = itemgetter(0), itemgetter(1)


class Replay:
    """Feeds decoded events, in the order they arrived, through gate, monitor and judge in memory."""

    def __init__(self, rules: Sequence[Rule], *, lateness_ms: int, site: Site = SHIPPED) -> None:
        self._monitor = Monitor(rules, site.streams, lateness_ms=lateness_ms)
        self._judge = Judge(rules)
        self._rules = rules
        watched = dict.fromkeys(stream for rule in rules for stream in rule.streams)
        self._readings = {name: Reading(site, name, rules) for name in watched}
        self.fields = {name: reading.fields for name, reading in self._readings.items()}
        self._last_ms: int | None = None
        self.accepted = 0
        self.late = 0
        self.duplicates = 0

    def feed(self, time_ms: Int64, rows: Sequence[Row]) -> list[Transition]:
        """Count events in and judge as far as they bring time. Return the transitions, in order.

        Of each event there is a row: its stream, its id, and the `fields` of that stream.
        """
        if not rows:
            return []
        streams = list(map(_stream, rows))
        names = list(dict.fromkeys(streams))
        if None in names:
            return self._feed_in_parts(time_ms, rows, [at for at, name in enumerate(streams) if name is None])
        ids = list(map(_id, rows))
        verdict = self._monitor.gate.admit(streams if len(names) > 1 else names, ids, time_ms)
        kept = verdict == ACCEPTED
        self._count(verdict, time_ms[kept])
        for name in names:
            if name in self._readings:
                mine = kept if len(names) == 1 else kept & np.array([one == name for one in streams])
                self._feed_stream(name, time_ms, rows, mine)
        return self._catch_up()

    def _feed_stream(self, name: str, time_ms: Int64, rows: Sequence[Row], mine: Bool) -> None:
        if not mine.all():
            rows, time_ms = list(compress(rows, mine.tolist())), time_ms[mine]
        if rows:
            _, ids, *columns = map(list, zip(*rows, strict=True))
            reading = self._readings[name]
            self._monitor.feed(reading.batch(ids, time_ms, dict(zip(reading.fields, columns, strict=True))))

    @property
    def judge(self) -> Judge:
        """Who judges: for those who look on."""
        return self._judge

    def finish(self, *, drain: bool = False, until_ms: int = 0) -> list[Transition]:
        """Judge up to the first boundary after the last event, and to `until_ms` if that is later.

        With `drain` go on until all is green.
        """
        if self._last_ms is None:
            return []
        last_ms = self._last_ms
        ends = {rule.id: max(last_ms // rule.hop_ms + 1, until_ms // rule.hop_ms) * rule.hop_ms for rule in self._rules}
        for partial in self._monitor.close(max(ends.values())):
            self._judge.take(partial)
        said = self._judge.advance(lambda rule: ends[rule.id])
        end_ms = last_ms + DRAIN_MS_MAX
        while drain and not self._judge.all_green and (time_ms := self._judge.next_ms) <= end_ms:
            said.extend(self._judge.advance(time_ms))
        # Rules end at different boundaries: what one said last may lie after what another says first while draining.
        return sorted(said, key=lambda transition: transition.time_ms)

    def unknown_places(self) -> int:
        """Count the events that named a place the table of places lacks, since this was asked last."""
        return sum(reading.take_unknown() for reading in self._readings.values())

    @property
    def remembered(self) -> int:
        """How many ids are held for de-duplication."""
        return self._monitor.gate.remembered

    def _feed_in_parts(self, time_ms: Int64, rows: Sequence[Row], heartbeats: list[int]) -> list[Transition]:
        """Feed what lies between the heartbeats, and let time pass at each of them."""
        said: list[Transition] = []
        first = 0
        for at in heartbeats:
            said += self.feed(time_ms[first:at], rows[first:at])
            self._monitor.gate.heartbeat(int(time_ms[at]))
            first = at + 1
        return said + self.feed(time_ms[first:], rows[first:]) + self._catch_up()

    def _catch_up(self) -> list[Transition]:
        watermark_ms = self._monitor.gate.watermark_ms
        return [] if watermark_ms is None else self._advance(watermark_ms)

    def _advance(self, watermark_ms: int) -> list[Transition]:
        for partial in self._monitor.close(watermark_ms):
            self._judge.take(partial)
        return self._judge.advance(watermark_ms)

    def _count(self, verdict: Int64, accepted_ms: Int64) -> None:
        self.accepted += len(accepted_ms)
        self.late += int((verdict == LATE).sum())
        self.duplicates += int((verdict == DUPLICATE).sum())
        if len(accepted_ms):
            newest = int(accepted_ms.max())
            self._last_ms = newest if self._last_ms is None else max(self._last_ms, newest)
