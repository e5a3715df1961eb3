"""Quiet hours of rules, as a stage of muting: a rule is judged and shown as always; only telling waits, red never."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from alerts.muting import QUIET
from alerts.records import AlertRecord
from detectors.hours import holds_at
from detectors.rules import Rule

_MINUTE_MS = 60_000


class QuietHours:
    """Which rules are quiet by now. It looks once a minute: spans begin and end with a minute."""

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        self._rules = tuple(rule for rule in rules.values() if rule.quiet)
        self._minute = -1
        self._quiet: tuple[str, ...] = ()

    def standing(self, now_ms: int) -> Iterable[str]:
        """Name the rules that are quiet now."""
        minute = now_ms // _MINUTE_MS
        if minute != self._minute:
            self._minute = minute
            self._quiet = tuple(
                f"{QUIET}: {rule.id}" for rule in self._rules if holds_at(rule.quiet, rule.almanac, now_ms)
            )
        return self._quiet

    def mutes(self, record: AlertRecord, level: str, now_ms: int) -> Iterable[str]:
        """Keep an alert quiet in the quiet hours of its rule, unless it is red."""
        name = f"{QUIET}: {record.rule}"
        return (name,) if level != "red" and name in self.standing(now_ms) else ()
