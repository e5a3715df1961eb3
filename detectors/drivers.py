"""Who drives the series of one rule: added up when a level changes, from the panes or things that count then."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from detectors.batch import Int64
from detectors.clocks import Clocks
from detectors.codes import EMPTY
from detectors.contributors import Parts, Top, top_of_panes, top_of_things
from detectors.firsts import Firsts
from detectors.latest import HIT, NO_HIT, State
from detectors.partial import Partial
from detectors.rules import Kind, Rule


class Drivers:
    """What is remembered for it: `texts`, what each thing that counts has in the contributors' fields, by its code."""

    def __init__(self, rule: Rule) -> None:
        self._fields = rule.contributors
        measure = rule.measure.base or rule.measure
        self._kind = measure.kind
        self._field = measure.field
        self._hit = NO_HIT if rule.below else HIT  # a low share is driven by what does not match
        self.texts: dict[int, Sequence[str]] = {}

    def describe(self, pane: Partial) -> None:
        """Note what the things that count have in the fields asked for."""
        assert pane.things is not None
        things = pane.things
        for code, matched, texts in zip(things.code.tolist(), things.matched.tolist(), things.texts, strict=True):
            if matched:
                self.texts[code] = texts
            else:
                self.texts.pop(code, None)

    def of_panes(self, panes: Iterable[tuple[Int64, Partial]], rows: Int64) -> dict[int, Top]:
        """Name who drives some series; each pane in the window comes with the series of its rows."""
        told = ((own, pane.parts) for own, pane in panes if pane.parts is not None)
        return top_of_panes(self._fields, told, rows)

    def of_firsts(self, firsts: Firsts, panes: Iterable[tuple[Int64, Partial]], rows: Int64) -> dict[int, Top]:
        """Name the new values themselves, each once; in other fields that a rule asks for, who brought the events."""
        told = list(panes)
        tops = self.of_panes(told, rows)
        if self._field not in self._fields:
            return tops
        own = self._new_ones(firsts, told, rows)
        return {
            row: tuple(
                one
                for field in self._fields
                for one in (own.get(row, ()) if field == self._field else tops.get(row, ()))
                if one.field == field
            )
            for row in rows.tolist()
        }

    def _new_ones(self, firsts: Firsts, panes: Iterable[tuple[Int64, Partial]], rows: Int64) -> dict[int, Top]:
        """Give the new values of each series; none where one pane had too many values to tell."""
        by_end: dict[int, Parts] = {pane.end_ms: pane.parts.settled() for _, pane in panes if pane.parts is not None}
        assert self._field is not None
        things, nameless = [], set()
        for row in rows.tolist():
            for end_ms, codes in firsts.codes_of(row):
                parts = by_end[end_ms]
                places = np.minimum(np.searchsorted(parts.codes, np.array(codes, np.uint64)), len(parts.codes) - 1)
                for place, code in zip(places.tolist(), codes, strict=True):
                    if code == EMPTY:  # counts, and has no name
                        things.append((row, 1.0, ("",)))
                    elif int(parts.codes[place]) == code:
                        things.append((row, 1.0, (parts.texts[place],)))
                    else:
                        nameless.add(row)
        return top_of_things((self._field,), (thing for thing in things if thing[0] not in nameless))

    def of_things(self, states: Mapping[int, State], rows: Int64) -> dict[int, Top]:
        """Name who drives some series of things whose latest state counts."""
        wanted = set(rows.tolist())
        return top_of_things(
            self._fields,
            ((state[0], self._weight(state), self.texts[code]) for code, state in states.items() if state[0] in wanted),
        )

    def of_clocks(self, clocks: Clocks, rows: Int64, time_ms: int) -> dict[int, Top]:
        """Name who drives some series of things with clocks: each thing that is overdue counts once."""
        return top_of_things(self._fields, clocks.overdue(rows, time_ms))

    def _weight(self, state: State) -> float:
        _, number, value = state
        if self._kind is Kind.NOW_SHARE:
            return 1.0 if value == self._hit else 0.0
        if self._kind is Kind.NOW_SUM:
            return 0.0 if np.isnan(number) else number
        return 1.0
