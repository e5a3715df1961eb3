"""Many rules judged together: what they say comes in one order, whatever the steps in which time came."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from detectors.durations import FOREVER
from detectors.figures import Figure
from detectors.partial import Partial
from detectors.rulejudge import RuleJudge
from detectors.rules import Rule
from detectors.transition import Transition


class Judge:
    """Many rules together: transitions in one order whatever the steps in which time came."""

    def __init__(self, rules: Sequence[Rule], *, notes_figures: bool = False) -> None:
        self._notes_figures = notes_figures
        self.rules: dict[str, RuleJudge] = {}
        for rule in rules:
            self.begin(rule)
        self._order = {rule.id: number for number, rule in enumerate(rules)}

    def begin(self, rule: Rule) -> None:
        """Judge a rule from nothing, for the first time or anew."""
        self.rules[rule.id] = RuleJudge(rule, notes_figures=self._notes_figures)

    def take_figures(self) -> list[Figure]:
        """Give the figures of the days that have ended, each once, by rule and time."""
        taken: list[Figure] = []
        for judge in self.rules.values():
            if judge.figures:
                taken, judge.figures = [*taken, *judge.figures], []
        return taken

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
