"""The judge: partials of all source partitions become values at boundaries, and values become levels.

A rule is judged only at boundaries where something can change: a pane enters or leaves a window, a hold runs out, a
series begins. Between them values stand still, and the levels say themselves when they would not.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from detectors.batch import Int64
from detectors.contributors import Top, top_of_panes, top_of_things
from detectors.latest import LatestStates
from detectors.levels import FOREVER, Levels
from detectors.partial import Partial, merge
from detectors.rules import Kind, Rule
from detectors.transition import Key, Transition
from detectors.windows import window_of

_NEVER = -FOREVER


class RuleJudge:
    """One rule, all its series."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.keys: list[Key] = []
        self.levels = Levels(rule)
        self.judged_ms = _NEVER
        self._rows: dict[Key, int] = {}
        self._now = LatestStates(rule.measure.kind) if rule.measure.kind.is_now else None
        self._window = None if self._now is not None else window_of(rule.measure, rule.min_events)
        self._texts: dict[int, Sequence[str]] = {}  # of things: what each has in the contributors' fields
        self._names = ("green", *(name for name, _ in rule.levels))
        self._start_ms = np.zeros(0, np.int64)  # `below`: the first boundary a whole window after the first event
        self._waiting: dict[int, list[Partial]] = {}
        self._ends: list[int] = []  # heap of the keys of _waiting
        self._inside: deque[tuple[int, Int64, Partial]] = deque()  # panes in the window: leaving time, series, pane

    def take(self, partial: Partial) -> bool:
        """Accept a partial for judging. Return False if its boundary is judged already: it came too late."""
        if partial.end_ms <= self.judged_ms:
            return False
        if partial.end_ms not in self._waiting:
            heapq.heappush(self._ends, partial.end_ms)
        self._waiting.setdefault(partial.end_ms, []).append(partial)
        return True

    @property
    def next_ms(self) -> int:
        """The next boundary at which something can change."""
        entering = self._ends[0] if self._ends else FOREVER
        leaving = self._inside[0][0] if self._inside else FOREVER
        return min(entering, leaving, self._waking_ms)

    @property
    def _waking_ms(self) -> int:
        """The next boundary at which a hold runs out or a series begins."""
        return int(self.levels.wake_ms.min()) if len(self.levels.wake_ms) else FOREVER

    @property
    def all_green(self) -> bool:
        """Whether no series has a level."""
        return not self.levels.rank.any()

    def advance(self, watermark_ms: int) -> list[Transition]:
        """Judge every boundary up to the watermark. Return the transitions, by time and then by key."""
        said: list[Transition] = []
        while (time_ms := self.next_ms) <= watermark_ms:
            said.extend(self._boundary(time_ms))
        self.judged_ms = max(self.judged_ms, watermark_ms // self.rule.hop_ms * self.rule.hop_ms)
        return said

    def _boundary(self, time_ms: int) -> list[Transition]:
        touched = []
        if self._waking_ms <= time_ms:
            touched.append(np.flatnonzero(self.levels.wake_ms <= time_ms))
        while self._inside and self._inside[0][0] <= time_ms:
            _, rows, pane = self._inside.popleft()
            if self._window is not None:
                self._window.leave(rows, pane)
            touched.append(rows)
        if self._ends and self._ends[0] <= time_ms:
            heapq.heappop(self._ends)
            touched.append(self._enter(merge(self._waiting.pop(time_ms))))
        rows = touched[0] if len(touched) == 1 else np.unique(np.concatenate(touched))
        if self.rule.below:
            # Not yet judged: woken at its start by what `_number` wrote into wake_ms.
            rows = rows[self._start_ms[rows] <= time_ms]
        if self.rule.at:
            placed = np.array([self._is_placed(self.keys[row]) for row in rows.tolist()], np.bool_)
            self.levels.wake_ms[rows[~placed]] = FOREVER
            rows = rows[placed]
        values = self._now.values(rows) if self._now is not None else self._value_of(rows)
        changed, was, unknown = self.levels.judge(rows, values, time_ms)
        tops = self._tops(changed) if self.rule.contributors and len(changed) else {}
        said = [
            self._transition(row, old, time_ms, for_want=for_want, top=tops.get(row, ()))
            for row, old, for_want in zip(changed.tolist(), was.tolist(), unknown.tolist(), strict=True)
        ]
        return sorted(said, key=lambda transition: tuple(map(str, transition.key)))

    def _is_placed(self, key: Key) -> bool:
        """Say whether a series is one of a place: at a level, what happened nowhere is counted and not judged."""
        return not self.rule.at or key[1] != ""

    def _value_of(self, rows: Int64) -> Any:
        assert self._window is not None
        return self._window.values(rows)

    def _enter(self, pane: Partial) -> Int64:
        rows = np.array([self._number(key) for key in pane.keys], np.int64)
        size = len(self.keys)
        self.levels.grow(size)
        if self.rule.below:
            self._schedule(rows, pane)
        if self._now is not None:
            self._now.grow(size)
            if self.rule.contributors:
                self._describe(pane)
            return np.unique(np.concatenate((rows, self._now.enter(rows, pane))))
        assert self._window is not None
        self._window.grow(size)
        self._window.enter(rows, pane)
        self._inside.append((pane.end_ms + self.rule.window_ms, rows, pane))
        return rows

    def _describe(self, pane: Partial) -> None:
        """Note what the things that count have in the fields asked for."""
        assert pane.things is not None
        things = pane.things
        for code, matched, texts in zip(things.code.tolist(), things.matched.tolist(), things.texts, strict=True):
            if matched:
                self._texts[code] = texts
            else:
                self._texts.pop(code, None)

    def _number(self, key: Key) -> int:
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = len(self.keys)
            self.keys.append(key)
        return row

    def _schedule(self, rows: Int64, pane: Partial) -> None:
        """Note when new series of a `below` rule may first be judged, and wake them then."""
        old = len(self._start_ms)
        new = rows >= old
        if not new.any():
            return
        self._start_ms = np.concatenate((self._start_ms, np.zeros(len(self.keys) - old, np.int64)))
        hop = self.rule.hop_ms
        start = -(-(pane.columns["first_ms"][new] + self.rule.window_ms) // hop) * hop
        self._start_ms[rows[new]] = start
        self.levels.wake_ms[rows[new]] = np.maximum(start, pane.end_ms)

    def _tops(self, rows: Int64) -> dict[int, Top]:
        """Name who drives these series now; at a level, not the place itself."""
        fields = self.rule.contributors
        if self._now is None:
            panes = ((own, pane.parts) for _, own, pane in self._inside if pane.parts is not None)
            tops = top_of_panes(fields, panes, rows)
        else:
            is_sum = self.rule.measure.kind is Kind.NOW_SUM
            wanted = set(rows.tolist())
            tops = top_of_things(
                fields,
                (
                    (row, (0.0 if np.isnan(number) else number) if is_sum else 1.0, self._texts[code])
                    for code, (row, number, _) in self._now.state().items()
                    if row in wanted
                ),
            )
        if self.rule.at:
            tops = {row: tuple(one for one in top if one.field != self.keys[row][0]) for row, top in tops.items()}
        return tops

    def _transition(self, row: int, was: int, time_ms: int, *, for_want: bool, top: Top) -> Transition:
        rank = int(self.levels.rank[row])
        rose = rank > was
        reason = "raised" if rose else "unknown" if for_want else "cleared" if rank == 0 else "lowered"
        return Transition(
            rule=self.rule.id,
            key=self.keys[row],
            level=self._names[rank],
            was=self._names[was],
            time_ms=time_ms,
            started_ms=int(self.levels.started_ms[row]),
            value=None if for_want else float(self.levels.value[row]),
            threshold=self.rule.levels[(rank if rose else was) - 1][1],
            reason=reason,
            top=top if self.rule.contributors else None,
        )

    def series(self) -> Iterator[tuple[Key, str, float]]:
        """Give every series with its level and its last value (NaN = unknown)."""
        for row, key in enumerate(self.keys):
            if not self._is_placed(key):
                continue
            yield key, self._names[int(self.levels.rank[row])], float(self.levels.value[row])

    def endings(self) -> list[Transition]:
        """End every level at the next boundary, for want of a value: what is said if the rule is judged no longer."""
        return [
            Transition(
                rule=self.rule.id,
                key=self.keys[row],
                level="green",
                was=self._names[int(self.levels.rank[row])],
                time_ms=self.judged_ms + self.rule.hop_ms,
                started_ms=int(self.levels.started_ms[row]),
                value=None,
                threshold=self.rule.levels[int(self.levels.rank[row]) - 1][1],
                reason="unknown",
            )
            for row in np.flatnonzero(self.levels.rank).tolist()
        ]

    def state(self) -> dict[str, Any]:
        """Write everything down as plain data, arrays and partials."""
        return {
            "keys": self.keys,
            "judged_ms": self.judged_ms,
            "start_ms": self._start_ms,
            "levels": self.levels.state(len(self.keys)),
            "waiting": [pane.state() for panes in self._waiting.values() for pane in panes],
            "inside": [pane.state() for _, _, pane in self._inside],
            "things": self._now.state() if self._now is not None else {},
            "texts": self._texts,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `state` wrote: panes enter the window again, levels are as they were."""
        for key in state["keys"]:
            self._number(tuple(key))
        self.judged_ms = state["judged_ms"]
        self._start_ms = state["start_ms"].copy()
        if self._now is not None:
            self._now.grow(len(self.keys))
            self._now.restore(state["things"])
            self._texts = dict(state["texts"])
        if self._window is not None:
            self._window.grow(len(self.keys))
        for pane in map(Partial.of, state["inside"]):
            self._enter(pane)
        self.levels.restore(state["levels"])
        for pane in map(Partial.of, state["waiting"]):
            self._waiting.setdefault(pane.end_ms, []).append(pane)
        self._ends = sorted(self._waiting)


class Judge:
    """Many rules together: transitions in one order whatever the steps in which time came."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = {rule.id: RuleJudge(rule) for rule in rules}
        self._order = {rule.id: number for number, rule in enumerate(rules)}

    def take(self, partial: Partial) -> bool:
        """Accept a partial of one of the rules; False if it came too late."""
        return self.rules[partial.rule].take(partial)

    def advance(self, watermark_ms: int | Callable[[Rule], int | None]) -> list[Transition]:
        """Judge every rule up to its watermark (one for all, or given for each rule; None waits)."""
        said: list[Transition] = []
        for judge in self.rules.values():
            limit = watermark_ms(judge.rule) if callable(watermark_ms) else watermark_ms
            if limit is not None:
                said.extend(judge.advance(limit))
        return sorted(said, key=lambda transition: (transition.time_ms, self._order[transition.rule]))

    @property
    def next_ms(self) -> int:
        """The next boundary at which any rule can change."""
        return min((judge.next_ms for judge in self.rules.values()), default=FOREVER)

    @property
    def all_green(self) -> bool:
        """Whether no series of any rule has a level."""
        return all(judge.all_green for judge in self.rules.values())
