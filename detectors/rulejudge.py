"""The judge: partials of all source partitions become values at boundaries, and values become levels.

A rule is judged only at boundaries where something can change: a pane enters or leaves a window, a hold runs out, a
series begins, other thresholds hold, or a value that moves by itself (of a clock) comes to where it matters. Between
them nothing happens, and the levels and the clocks say themselves when it would.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from detectors.batch import Bool, Float64, Int64
from detectors.clocks import Clocks
from detectors.contributors import Top
from detectors.drivers import Drivers
from detectors.durations import FOREVER
from detectors.figures import Figure, day_end_ms, figures_of
from detectors.firsts import Firsts
from detectors.history import history_of
from detectors.latest import LatestStates
from detectors.levels import Levels
from detectors.moving import moving_of
from detectors.outlook import Outlook
from detectors.outlooks import outlook_of, window_for
from detectors.partial import Partial
from detectors.periodpanes import panes_of
from detectors.portions import Portions
from detectors.rules import Rule
from detectors.staffing import Staffing
from detectors.transition import Key, Transition

_NEVER = -FOREVER
_NOBODY = np.zeros(0, np.int64)


class RuleJudge:
    """One rule, all its series."""

    def __init__(self, rule: Rule, *, notes_figures: bool = False) -> None:
        self.rule = rule
        self.figures: list[Figure] = []  # that nobody took yet; it is no state: they come again
        self._figures_ms = _NEVER if notes_figures and rule.targets else FOREVER  # when the next are due
        self.keys: list[Key] = []
        self.levels = Levels(rule)
        self.judged_ms = _NEVER
        self._rows: dict[Key, int] = {}
        measure = rule.measure.base or rule.measure
        self._history = history_of(rule)
        self._panes = panes_of(rule)
        self._now = LatestStates(measure.kind) if measure.kind.is_now else None
        self._moving = moving_of(rule)
        self._follows = self._now if self._moving is None else self._moving  # what follows states, and no window
        self._window = None if self._follows is not None else window_for(rule)
        self._outlook = outlook_of(rule, self._window)
        self._drivers = Drivers(rule) if rule.contributors else None
        self._names = ("green", *(name for name, _ in rule.levels))
        # `below`: the first boundary a whole window after the first event, or after it where a period is the window.
        self._start_ms = np.zeros(0, np.int64)

    def take(self, partial: Partial) -> bool:
        """Accept a partial for judging. Return False if its boundary is judged already: it came too late."""
        if partial.end_ms <= self.judged_ms:
            return False
        self._panes.wait(partial)
        return True

    @property
    def next_ms(self) -> int:
        """The next boundary at which something can change."""
        remembered = self._history.next_ms if self._history is not None else FOREVER
        learning = self._outlook.next_ms if self._outlook is not None else FOREVER
        return min(self._panes.next_ms, remembered, learning, self._waking_ms, self._border_ms)

    @property
    def _waking_ms(self) -> int:
        """The next boundary at which a hold runs out, a clock matters or a series begins."""
        return int(self.levels.wake_ms.min()) if len(self.levels.wake_ms) else FOREVER

    @property
    def _border_ms(self) -> int:
        """The next boundary at which the thresholds may be others."""
        return self.levels.border_ms if self.keys else FOREVER

    @property
    def all_green(self) -> bool:
        """Whether no series has a level."""
        return not self.levels.rank.any()

    def advance(self, watermark_ms: int) -> list[Transition]:
        """Judge every boundary up to the watermark. Return the transitions, by time and then by key."""
        said: list[Transition] = []
        while (time_ms := self.next_ms) <= watermark_ms:
            if time_ms > self._figures_ms:
                self._note_figures(time_ms - 1)
            said.extend(self._boundary(time_ms))
        if watermark_ms >= self._figures_ms:
            self._note_figures(watermark_ms)
        self.judged_ms = max(self.judged_ms, watermark_ms // self.rule.hop_ms * self.rule.hop_ms)
        return said

    def _note_figures(self, through_ms: int) -> None:
        """Note the figures of every day that has ended. Where nothing lies in a window there are none."""
        if not self.keys:
            self._figures_ms = day_end_ms(self.rule, through_ms)
        while self._figures_ms <= through_ms:
            if self._follows is not None or any(True for _ in self._panes.inside()):
                self.figures += figures_of(self.rule, self.keys, self._values_then(self._figures_ms), self._figures_ms)
            self._figures_ms = day_end_ms(self.rule, self._figures_ms)

    def _boundary(self, time_ms: int) -> list[Transition]:
        rows = self._touched(time_ms)
        if self.rule.below:
            # Not yet judged: woken at its start by what `_number` wrote into wake_ms.
            rows = rows[self._start_ms[rows] <= time_ms]
        if self.rule.at:
            placed = self._placed(rows)
            self.levels.wake_ms[rows[~placed]] = FOREVER  # or they would be woken here for ever
            rows = rows[placed]
        values = self._values_at(rows, time_ms)
        if self._history is not None:
            values = self._history.compare(rows, values, time_ms)
        if self._outlook is not None:
            values = self._outlook.values(rows, values)
        changed, was, unknown = self.levels.judge(rows, values, time_ms)
        if self._moving is not None:
            self.levels.wake_ms[rows] = np.minimum(self.levels.wake_ms[rows], self._moving.wake(rows, time_ms))
        tops = self._tops(changed, time_ms)
        said = [
            self._transition(row, old, time_ms, for_want=for_want, top=tops.get(row, ()))
            for row, old, for_want in zip(changed.tolist(), was.tolist(), unknown.tolist(), strict=True)
        ]
        return sorted(said, key=lambda transition: tuple(map(str, transition.key)))

    def _is_placed(self, key: Key) -> bool:
        """Say whether a series is one of a place: at a level, what happened nowhere is counted and not judged."""
        return not self.rule.at or key[1] != ""

    def _placed(self, rows: Int64) -> Bool:
        return np.fromiter((self._is_placed(self.keys[row]) for row in rows.tolist()), np.bool_, len(rows))

    def _touched(self, time_ms: int) -> Int64:
        """Let panes, the past and what was learned come up to a boundary. Return the series that may change there."""
        touched = []
        if self._waking_ms <= time_ms:
            touched.append(np.flatnonzero(self.levels.wake_ms <= time_ms))
        moves_all = self._border_ms <= time_ms or (
            isinstance(self._window, Portions) and self._panes.next_ms <= time_ms
        )
        if self._panes.turn(time_ms):
            self._window = window_for(self.rule)
            self._window.grow(len(self.keys))
            moves_all = True
        for rows, pane in self._panes.take_leaving(time_ms):
            if self._window is not None:
                self._window.leave(rows, pane)
            touched.append(rows)
        entering = self._panes.take_entering(time_ms)
        if entering is not None:
            touched.append(self._enter(entering, time_ms))
        if moves_all:
            touched.append(np.arange(len(self.keys)))
        if self._history is not None:
            touched.append(self._history.recall(time_ms))
        if self._outlook is not None and self._outlook.next_ms <= time_ms:
            touched.append(self._learn(self._outlook, time_ms))
        return touched[0] if len(touched) == 1 else np.unique(np.concatenate(touched))

    def _learn(self, outlook: Outlook, time_ms: int) -> Int64:
        """Show the values of all series to the outlook: what it says of any may be another from now on."""
        everything = np.arange(len(self.keys))
        outlook.learn(self._values_at(everything, time_ms), time_ms)
        return everything

    def _values_at(self, rows: Int64, time_ms: int) -> Float64:
        if self._moving is not None:
            return self._moving.values(rows, time_ms)
        if self._now is not None:
            return self._now.values(rows)
        assert self._window is not None
        return self._window.values(rows)

    def _enter(self, panes: Sequence[Partial], time_ms: int) -> Int64:
        """Let the panes of one boundary in, at most one of a side. Return the series that may have changed."""
        entering = [np.array([self._number(key) for key in pane.keys], np.int64) for pane in panes]
        size = len(self.keys)
        self.levels.grow(size)
        if self._history is not None:
            self._history.grow(size, time_ms)
        if self._outlook is not None:
            self._outlook.begin(size, time_ms)
        if self.rule.below:
            self._schedule(entering, panes)
        touched = [_NOBODY, *entering]
        for rows, pane in zip(entering, panes, strict=True):
            if self._follows is not None:
                self._follows.grow(size)
                touched.append(self._follows.enter(rows, pane))
                if self._drivers is not None and self._now is not None:
                    self._drivers.describe(pane)
            else:
                assert self._window is not None
                self._window.grow(size)
                self._window.enter(rows, pane)
                self._panes.keep(rows, pane)
        return touched[1] if len(touched) == 2 else np.unique(np.concatenate(touched))

    def _wake_all(self) -> None:
        """Judge every series at the next boundary: its calendar may be another than when its state was written."""
        next_ms = self.judged_ms + self.rule.hop_ms
        wake_ms = self.levels.wake_ms[: len(self.keys)]
        begun = self._start_ms[: len(self.keys)] <= next_ms if self.rule.below else np.ones(len(self.keys), np.bool_)
        wake_ms[begun] = np.minimum(wake_ms[begun], next_ms)

    def _number(self, key: Key) -> int:
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = len(self.keys)
            self.keys.append(key)
        return row

    def _schedule(self, entering: Sequence[Int64], panes: Sequence[Partial]) -> None:
        """Note when new series of a `below` rule may first be judged, and wake them then."""
        old = len(self._start_ms)
        if len(self.keys) == old:
            return
        first = np.full(len(self.keys) - old, FOREVER)
        for rows, pane in zip(entering, panes, strict=True):
            new = rows >= old
            np.minimum.at(first, rows[new] - old, pane.columns["first_ms"][new])
        hop = self.rule.hop_ms
        ahead_ms = 0 if self.rule.period else self.rule.window_ms
        start = -(-(first + ahead_ms) // hop) * hop
        self._start_ms = np.concatenate((self._start_ms, start))
        self.levels.wake_ms[old : len(self.keys)] = np.maximum(start, panes[0].end_ms)

    def _tops(self, rows: Int64, time_ms: int) -> dict[int, Top]:
        """Name who drives these series now; at a level, not the place itself."""
        if self._drivers is None or not len(rows):
            return {}
        if isinstance(self._moving, Clocks):
            tops = self._drivers.of_clocks(self._moving, rows, time_ms)
        elif self._now is not None:
            tops = self._drivers.of_things(self._now.state(), rows)
        elif isinstance(self._window, Firsts):
            tops = self._drivers.of_firsts(self._window, self._panes.inside(), rows)
        else:
            tops = self._drivers.of_panes(self._panes.inside(), rows)
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
            threshold=self.levels.thresholds[(rank if rose else was) - 1],
            reason=reason,
            worst_step=self._worst_step(row, time_ms),
            top=top if self.rule.contributors else None,
        )

    def _worst_step(self, row: int, time_ms: int) -> str | None:
        return None if self._moving is None else self._moving.worst_step(row, time_ms)

    def series(self) -> Iterator[tuple[Key, str, float]]:
        """Give every series with its level and its last value (NaN = unknown)."""
        values = self._values_then(self.judged_ms)
        for row, key in enumerate(self.keys):
            if self._is_placed(key):
                yield key, self._names[int(self.levels.rank[row])], float(values[row])

    def _values_then(self, time_ms: int) -> Float64:
        """Give the values of all series at a boundary, the last one that was judged or one behind it; NaN: unknown."""
        values = self.levels.value[: len(self.keys)]
        if self._moving is None:
            return values
        moved = self._moving.values(np.arange(len(self.keys)), time_ms)  # judged only where it mattered
        return np.where(np.isnan(values), values, moved)

    def row_of(self, key: Key) -> int | None:
        """Find the series of a key; None if there is none."""
        return self._rows.get(key)

    def value_of(self, row: int) -> float:
        """Give the value of one series as of the last boundary, NaN if it is unknown."""
        value = float(self.levels.value[row])
        if self._moving is None or np.isnan(value):
            return value
        return float(self._moving.values(np.array([row]), self.judged_ms)[0])

    def events_of(self, row: int) -> int:
        """Count the events of one series in its window; of a ratio, those that it is divided by."""
        return self._panes.events_of(row)

    def begins_ms(self, row: int) -> int:
        """Say from when on a series is judged: with `below` a whole window after its first event."""
        return int(self._start_ms[row]) if self.rule.below else _NEVER

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
                threshold=self.levels.thresholds[int(self.levels.rank[row]) - 1],
                reason="unknown",
                worst_step=self._worst_step(row, self.judged_ms),
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
            **self._panes.state(),
            "things": self._follows.state() if self._follows is not None else {},
            "outlook": self._outlook.state(len(self.keys)) if self._outlook is not None else None,
            "memory": self._window.state() if isinstance(self._window, Firsts | Staffing) else None,
            "history": self._history.state() if self._history is not None else None,
            "texts": self._drivers.texts if self._drivers is not None else {},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `state` wrote: panes enter the window again, levels are as they were."""
        for key in state["keys"]:
            self._number(tuple(key))
        self.judged_ms = state["judged_ms"]
        self._start_ms = state["start_ms"].copy()
        if self._figures_ms < FOREVER and self.judged_ms > _NEVER:
            self._figures_ms = day_end_ms(self.rule, self.judged_ms)
        if self._follows is not None:
            self._follows.grow(len(self.keys))
            self._follows.restore(state["things"])
        if self._drivers is not None:
            self._drivers.texts = dict(state["texts"])
        if self._window is not None:
            self._window.grow(len(self.keys))
        if self._history is not None:
            self._history.restore(state["history"])
        self._panes.restore_matcher(state["matcher"])
        for pane in map(Partial.of, state["inside"]):
            self._enter([pane], pane.end_ms)
        self._restore_memories(state)
        self._panes.restore_waiting(state["waiting"])

    def _restore_memories(self, state: dict[str, Any]) -> None:
        """Take up what the panes that entered again do not tell."""
        self.levels.restore(state["levels"])
        if self._outlook is not None:
            self._outlook.restore(state["outlook"])
        if isinstance(self._window, Firsts | Staffing):
            self._window.restore(state["memory"])
        if self._moving is not None:
            self._wake_all()
