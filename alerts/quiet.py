"""Quiet hours: whose news waits. A rule is judged and shown as always; only telling waits, and red never does."""

from __future__ import annotations

from typing import Any

from alerts.incidents import Incident, What
from detectors.hours import holds_at
from detectors.rules import Rule

_MINUTE_MS = 60_000


class QuietHours:
    """The incidents of which there is news that nobody was told, and whether anybody was told of them before."""

    def __init__(self) -> None:
        self._told: dict[str, bool] = {}
        self._minute = 0

    def never_told(self, incident: str) -> bool:
        """Whether nobody has heard of an incident at all."""
        return self._told.get(incident) is False

    def hear(self, incident: Incident, what: What, rule: Rule | None) -> What | None:
        """Say as what a change is told now, or None if it is not: it waits, or there is nobody who would miss it.

        The time of the record decides, not the clock: the same history is told the same.
        """
        told = self._told.pop(incident.id, what is not What.OPENED)
        if rule is not None and _is_quiet(rule, incident, incident.record.time_ms):
            if told or incident.is_firing:
                self._told[incident.id] = told
            return None
        return _as_what(incident, what, told=told)

    def due(self, now_ms: int) -> list[str]:
        """List the incidents that wait, once a minute: spans begin and end with a minute."""
        minute = now_ms // _MINUTE_MS
        if minute == self._minute:
            return []
        self._minute = minute
        return list(self._told)

    def end(self, incident: Incident | None, id_: str, rule: Rule | None, now_ms: int) -> What | None:
        """Say as what an incident that waits is told now; None if it still waits, or nobody would miss it."""
        if incident is not None and rule is not None and _is_quiet(rule, incident, now_ms):
            return None
        told = self._told.pop(id_)
        return None if incident is None else _as_what(incident, incident.timeline[-1].what, told=told)

    def dump(self) -> dict[str, bool]:
        """Give what waits as plain data."""
        return dict(self._told)

    def load(self, data: Any) -> None:
        """Take up what `dump` gave. Raise ValueError if it is not that."""
        if not isinstance(data, dict) or not all(isinstance(told, bool) for told in data.values()):
            raise ValueError("not a book of quiet hours")
        self._told = dict(data)


def _is_quiet(rule: Rule, incident: Incident, time_ms: int) -> bool:
    """Whoever was told red hears how it goes on, whatever the hour."""
    return bool(rule.quiet) and "red" not in incident.seen and holds_at(rule.quiet, rule.almanac, time_ms)


def _as_what(incident: Incident, what: What, *, told: bool) -> What | None:
    if told:
        return what
    return What.OPENED if incident.is_firing else None
