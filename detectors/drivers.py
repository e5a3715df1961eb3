"""Who drives the series of one rule: added up when a level changes, from the panes or things that count then."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from detectors.batch import Int64
from detectors.clocks import Clocks
from detectors.contributors import Top, top_of_panes, top_of_things
from detectors.latest import HIT, NO_HIT, State
from detectors.partial import Partial
from detectors.rules import Kind, Rule


class Drivers:
    """What is remembered for it: `texts`, what each thing that counts has in the contributors' fields, by its code."""

    def __init__(self, rule: Rule) -> None:
        self._fields = rule.contributors
        self._kind = (rule.measure.base or rule.measure).kind
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
