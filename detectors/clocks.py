"""The second half of an `overdue` rule: a clock for each thing, and what they come to in each series.

All clocks of a rule go at the same rate: that of working time. So a running clock is one number, the place on the axis
of working time (`detectors.calendars`) at which its thing will be overdue, and a paused one is the working time that it
has left. A series keeps both sorted: how many are overdue, which is the longest and when the next one will be are
looked up, and nothing is counted from boundary to boundary.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, repeat
from typing import Any, NamedTuple

import numpy as np

from detectors.batch import Float64, Int64
from detectors.crossings import boundary_after, marks_of
from detectors.durations import FOREVER
from detectors.partial import Partial, Things
from detectors.rules import Kind, Rule
from detectors.steps import NOT_TOLD_MS, Role
from detectors.ticking import Event, Open, next_state

_ROOM_MIN = 1024  # clocks that may stay after their end, before they are looked for and forgotten


class Standing(NamedTuple):
    """Where an open clock counts: in which series, and its number there."""

    row: int
    is_paused: bool
    number: int  # paused: working time left; running: when it is overdue, on the axis of working time


class Clocks:
    """The open clocks of all things, and the numbers of those that count, by series.

    A thing whose clock has ended is forgotten: whatever starts it again starts from nothing.
    """

    def __init__(self, rule: Rule) -> None:
        """Run the clocks of `rule`, which must have one."""
        assert rule.measure.clock is not None
        self._clock = rule.measure.clock
        self._calendar = self._clock.calendar
        self._counts = rule.measure.kind is Kind.OVERDUE_COUNT
        self._ahead_ms = self._clock.ahead_ms  # over 0: a clock ends by itself, so long after it is due
        self._room = _ROOM_MIN
        self._marks = marks_of(rule)
        self._hop_ms = rule.hop_ms
        self._things: dict[int, Open] = {}
        self._numbers: dict[bool, list[Int64]] = {False: [], True: []}  # by is_paused, then by row: sorted
        self._names = self._clock.name_worst or bool(rule.contributors)
        self._codes: defaultdict[int, set[int]] = defaultdict(set)  # by row, where steps or contributors are named

    def __len__(self) -> int:
        return len(self._things)

    def grow(self, size: int) -> None:
        """Make room for `size` series."""
        for rows in self._numbers.values():
            rows.extend(repeat(np.zeros(0, np.int64), size - len(rows)))

    def enter(self, rows: Int64, pane: Partial) -> Int64:
        """Let all steps of a pane happen, each thing's in their order. Return the series that may have changed."""
        assert pane.things is not None
        if self._ahead_ms and len(self._things) >= self._room:
            self._forget(self._worked(pane.end_ms))
        before: dict[int, Standing | None] = {}
        for code, row, matched, event in self._events(rows, pane.things):
            known = self._things.get(code)
            if code not in before:
                before[code] = self._standing(known)
            state = next_state(self._clock, known, event)
            if state is None:
                self._things.pop(code, None)
                continue
            state.row, state.matched, state.texts = row, matched, event.texts
            if event.overrun_ms != NOT_TOLD_MS:
                state.overruns_ms[event.stage] = state.overruns_ms.get(event.stage, 0) + event.overrun_ms
            self._things[code] = state
        gone, come = [], []
        for code, old in before.items():
            new = self._standing(self._things.get(code))
            if new != old:
                self._place(code, old, new)
                gone += [] if old is None else [old]
                come += [] if new is None else [new]
        self._move(gone, come)
        return np.array([standing.row for standing in (*gone, *come)], np.int64)

    def _forget(self, worked_ms: int) -> None:
        """Let go of the things whose moment has come: they count nowhere any more."""
        over = [code for code, thing in self._things.items() if thing.elapsed_ms(worked_ms) >= thing.limit_ms]
        gone = [(code, self._standing(self._things.pop(code))) for code in over]
        for code, old in gone:
            self._place(code, old, None)
        self._move([old for _, old in gone if old is not None], ())
        self._room = max(_ROOM_MIN, 2 * len(self._things))

    def _place(self, code: int, old: Standing | None, new: Standing | None) -> None:
        """Note where a thing is to be looked for when a step or a contributor is to be named."""
        if not self._names:
            return
        if old is not None:
            self._codes[old.row].discard(code)
        if new is not None:
            self._codes[new.row].add(code)

    def _events(self, rows: Int64, things: Things) -> Iterable[tuple[int, int, bool, Event]]:
        """Give the events of a pane in the order in which they happened: code, series, whether it counts there, event.

        A step that was told twice comes once.
        """
        worked = self._calendar.worked(things.time_ms)
        named = ~np.isnan(things.number)
        until = np.full(len(worked), FOREVER)
        until[named] = self._calendar.worked(np.rint(things.number[named] * 1000).astype(np.int64))
        roles = [Role(role) for role in things.value.tolist()]
        names, overruns = things.stages or (repeat("", len(roles)), np.full(len(roles), NOT_TOLD_MS))
        places = (things.code.tolist(), rows[things.row].tolist(), things.matched.tolist())
        stages = (names, overruns.tolist(), map(tuple, things.texts or repeat(())))
        events = map(Event, roles, things.time_ms.tolist(), worked.tolist(), until.tolist(), *stages)
        told = zip(things.time_ms.tolist(), things.ids, *places, events, strict=True)
        for (_, _, code, row, counts, event), _ in groupby(sorted(told)):
            yield code, row, counts, event

    def _standing(self, state: Open | None) -> Standing | None:
        if state is None or not state.matched:
            return None
        left_ms = self._clock.due_after(state.limit_ms) - state.done_ms
        return Standing(state.row, state.is_paused, left_ms if state.is_paused else state.since_worked_ms + left_ms)

    def _move(self, gone: Iterable[Standing], come: Iterable[Standing]) -> None:
        """Take numbers out of their series and put others in."""
        moves: defaultdict[tuple[bool, int], tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for way, standings in enumerate((gone, come)):
            for standing in standings:
                moves[standing.is_paused, standing.row][way].append(standing.number)
        for (is_paused, row), (out, into) in moves.items():
            numbers = self._numbers[is_paused]
            numbers[row] = with_and_without(numbers[row], into, out)

    def values(self, rows: Int64, time_ms: int) -> Float64:
        """Give how many are overdue in each series, or for how many seconds of working time the longest has been."""
        worked_ms = self._worked(time_ms)
        value = self._count if self._counts else self._longest_s
        return np.fromiter((value(row, worked_ms) for row in rows.tolist()), np.float64, len(rows))

    def _count(self, row: int, worked_ms: int) -> float:
        running, paused = self._numbers[False][row], self._numbers[True][row]
        due = running.searchsorted(worked_ms, side="right") - self._first(row, worked_ms)
        return float(due + paused.searchsorted(0, side="right"))

    def _first(self, row: int, worked_ms: int) -> int:
        """Give the number of the first running clock whose moment has not come; of clocks that count up the first."""
        if not self._ahead_ms:
            return 0
        return int(self._numbers[False][row].searchsorted(worked_ms - self._ahead_ms, side="right"))

    def _longest_s(self, row: int, worked_ms: int) -> float:
        return self._longest_ms(row, worked_ms) / 1000

    def _longest_ms(self, row: int, worked_ms: int) -> int:
        running, paused = self._numbers[False][row], self._numbers[True][row]
        first = self._first(row, worked_ms)
        longest = worked_ms - int(running[first]) if first < len(running) else 0
        return max(0, longest, -int(paused[0]) if len(paused) else 0)

    def wake(self, rows: Int64, time_ms: int) -> Int64:
        """Give the boundary at which the next thing of each series is overdue, or no more, or the longest at a mark."""
        worked_ms = self._worked(time_ms)
        due = self._next_due if self._counts else self._next_mark
        soonest = [min(due(row, worked_ms), self._next_end(row, worked_ms)) for row in rows.tolist()]
        reached = self._calendar.reached(np.array(soonest, np.int64))
        return boundary_after(np.zeros(len(rows), np.int64), reached, self._hop_ms)

    def _next_due(self, row: int, worked_ms: int) -> int:
        running = self._numbers[False][row]
        at = int(running.searchsorted(worked_ms, side="right"))
        return int(running[at]) if at < len(running) else FOREVER

    def _next_mark(self, row: int, worked_ms: int) -> int:
        running, first = self._numbers[False][row], self._first(row, worked_ms)
        mark = self._marks[self._marks.searchsorted(self._longest_ms(row, worked_ms), side="right")]
        return int(running[first] + mark) if first < len(running) and mark < FOREVER else FOREVER

    def _next_end(self, row: int, worked_ms: int) -> int:
        running, first = self._numbers[False][row], self._first(row, worked_ms)
        return int(running[first]) + self._ahead_ms if self._ahead_ms and first < len(running) else FOREVER

    def worst_step(self, row: int, time_ms: int) -> str | None:
        """Name the step to blame for most things that are overdue in a series; None if the rule does not ask for it.

        Of each thing it is the step that overran its plan most, be it late itself or not. Ties go to the steps that
        overran more in all, then by name. Empty if no plan is known of any.
        """
        if not self._clock.name_worst:
            return None
        worked_ms = self._worked(time_ms)
        blamed: Counter[str] = Counter()
        overrun_ms: Counter[str] = Counter()
        for thing in self._overdue(row, worked_ms):
            if thing.overruns_ms:
                step = min(thing.overruns_ms, key=lambda name: (-thing.overruns_ms[name], name))
                blamed[step] += 1
                overrun_ms[step] += thing.overruns_ms[step]
        return min(blamed, key=lambda name: (-blamed[name], -overrun_ms[name], name), default="")

    def _overdue(self, row: int, worked_ms: int) -> Iterator[Open]:
        for code in self._codes[row]:
            thing = self._things[code]
            elapsed_ms = thing.elapsed_ms(worked_ms)
            is_over = self._ahead_ms > 0 and elapsed_ms >= thing.limit_ms
            if self._clock.due_after(thing.limit_ms) <= elapsed_ms and not is_over:
                yield thing

    def overdue(self, rows: Int64, time_ms: int) -> Iterator[tuple[int, float, Sequence[str]]]:
        """Give the things that are overdue in some series, for rules that name contributors: row, weight, texts."""
        worked_ms = self._worked(time_ms)
        return ((row, 1.0, thing.texts) for row in rows.tolist() for thing in self._overdue(row, worked_ms))

    def _worked(self, time_ms: int) -> int:
        return int(self._calendar.worked(np.array([time_ms]))[0])

    _STATE = ("row", "matched", "since_ms", "done_ms", "limit_ms")

    def state(self) -> dict[str, Any]:
        """Give the open clocks as columns; in time, not in working time, so that they outlive a change of calendar."""
        columns: dict[str, Any] = {
            name: np.array([getattr(thing, name) for thing in self._things.values()], np.int64) for name in self._STATE
        }
        if self._clock.name_worst:
            columns["overruns_ms"] = [thing.overruns_ms for thing in self._things.values()]
        if self._names:
            columns["texts"] = [thing.texts for thing in self._things.values()]
        return columns | {"code": np.fromiter(self._things, np.uint64, len(self._things))}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what `state` gave."""
        columns = {name: state[name].tolist() for name in self._STATE}
        worked = self._calendar.worked(state["since_ms"]).tolist()
        things = zip(*columns.values(), worked, strict=True)
        self._things = {
            code: Open(row, bool(matched), since_ms, worked_ms, done_ms, limit_ms)
            for code, (row, matched, since_ms, done_ms, limit_ms, worked_ms) in zip(
                state["code"].tolist(), things, strict=True
            )
        }
        for thing, overruns_ms in zip(self._things.values(), state.get("overruns_ms", ()), strict=False):
            thing.overruns_ms = dict(overruns_ms)
        for thing, texts in zip(self._things.values(), state.get("texts", ()), strict=False):
            thing.texts = tuple(texts)
        standings = {code: self._standing(thing) for code, thing in self._things.items()}
        for code, standing in standings.items():
            self._place(code, None, standing)
        self._move((), [standing for standing in standings.values() if standing is not None])


def with_and_without(numbers: Int64, into: list[int], out: list[int]) -> Int64:
    """Put numbers into a sorted array, and take others, which are in it, out.

    >>> with_and_without(np.array([1, 4, 4, 4, 9]), [5, 0], [4, 1, 4]).tolist()
    [0, 4, 5, 9]
    """
    leaving = np.sort(np.array(out, np.int64))
    nth = np.arange(len(leaving)) - np.searchsorted(leaving, leaving)  # of several equal ones
    kept = np.delete(numbers, np.searchsorted(numbers, leaving) + nth)
    coming = np.sort(np.array(into, np.int64))
    return np.insert(kept, np.searchsorted(kept, coming), coming)
