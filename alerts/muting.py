"""The muting of incidents as one list of stages, in order. What is muted stays visible, with the reason.

1. *maintenance*: planned work of a settings file, then of `plans` (an alert at a time)
2. *silences*: people (an alert at a time)
3. quiet hours of rules, and further muters that the desk is given (an alert at a time)
4. *explanation*: a wider or causing incident fires (the incident as a whole)
5. *flapping*: what gets better waits for calm (`alerts.telling.news`; what gets worse is always told)

Stages 1 to 3 say which alerts may be heard; the incident is heard at the worst of these. Red passes every stage but a
silence or a window that says it includes red.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from alerts.incidents import Incident
from alerts.members import Members, Mutes
from alerts.records import AlertRecord
from alerts.scopes import Scopes
from alerts.silences import SilenceBook
from alerts.windows import PLAN_FIELDS, Window, planned

QUIET = "quiet hours"
"""Reasons that begin so end without a word: after them only what has changed meanwhile is told."""


class Muter(Protocol):
    """One stage that looks at an alert at a time. It is asked about red too, and may hide it."""

    def standing(self, now_ms: int) -> Iterable[str]:
        """Name what holds now: when the answer changes, every alert is asked about anew."""

    def mutes(self, record: AlertRecord, level: str, now_ms: int) -> Iterable[str]:
        """Say why an alert, which counts at `level`, is not to be heard; nothing if it is."""


class Maintenance:
    """Windows of planned work."""

    def __init__(self, scopes: Scopes, windows: Sequence[Window]) -> None:
        self._scopes = scopes
        self._listed = tuple(windows)
        self._plans: dict[str, dict[str, Any]] = {}
        self._planned: dict[str, Window] = {}

    def plan(self, id_: str, plan: Mapping[str, Any], now_ms: int) -> None:
        """Take up a `plans` event, or what it says by now; let go of those that are over."""
        ended = [other for other, window in self._planned.items() if (window.ends_ms or 0) <= now_ms]
        for other in (*ended, id_):
            self._plans.pop(other, None)
            self._planned.pop(other, None)
        window = planned(id_, plan)
        if window is not None and (window.ends_ms or 0) > now_ms:
            self._plans[id_] = {name: plan.get(name) for name in PLAN_FIELDS}
            self._planned[id_] = window

    def all(self) -> list[Window]:
        """List the windows of the settings, then those of plans."""
        return [*self._listed, *self._planned.values()]

    def active(self, now_ms: int) -> list[Window]:
        """List the windows that hold."""
        return [each for each in self.all() if each.is_active(now_ms)]

    def dump(self) -> dict[str, dict[str, Any]]:
        """Give the plans as plain data. The windows of the settings are not state."""
        return self._plans

    def load(self, data: Any) -> None:
        """Take up what `dump` gave. Raise ValueError if it is not that."""
        self._plans, self._planned = {}, {}
        if not isinstance(data, dict):
            raise ValueError("not a book of plans")  # noqa: TRY004  what is wrong is the state, not our types
        for id_, plan in data.items():
            self.plan(id_, plan, 0)

    def standing(self, now_ms: int) -> Iterable[str]:
        """Name the windows that hold."""
        return (each.reason for each in self.active(now_ms))

    def mutes(self, record: AlertRecord, level: str, now_ms: int) -> Iterable[str]:
        """Name the windows that keep an alert quiet."""
        stream = self._scopes.of(record.rule, record.key).stream
        for each in self.active(now_ms):
            if (level != "red" or each.including_red) and each.matchers.match(record, level, stream):
                yield each.reason


class Silencing:
    """Silences of people."""

    def __init__(self, scopes: Scopes, silences: SilenceBook) -> None:
        self._scopes = scopes
        self._silences = silences

    def standing(self, now_ms: int) -> Iterable[str]:
        """Name the silences that hold."""
        return (each.reason for each in self._silences.active(now_ms))

    def mutes(self, record: AlertRecord, level: str, now_ms: int) -> Iterable[str]:
        """Name the silences that keep an alert quiet."""
        stream = self._scopes.of(record.rule, record.key).stream
        for each in self._silences.active(now_ms):
            if (level != "red" or each.including_red) and each.matchers.match(record, level, stream):
                yield each.reason


class Muting:
    """All stages that look at alerts, asked together at one instant."""

    def __init__(self, stages: Sequence[Muter]) -> None:
        self._stages = tuple(stages)

    def standing(self, now_ms: int) -> tuple[str, ...]:
        """Name all that holds now."""
        return tuple(name for stage in self._stages for name in stage.standing(now_ms))

    def at(self, now_ms: int) -> Mutes:
        """Give the question that is asked of each alert at an instant. It is free where nothing holds."""
        if not self.standing(now_ms):
            return lambda _record, _level: ()
        return lambda record, level: tuple(
            reason for stage in self._stages for reason in stage.mutes(record, level, now_ms)
        )


def heard(incident: Incident, members: Members, *, is_explained: bool) -> tuple[str, tuple[str, ...], bool]:
    """Say at which level an incident may be heard, why not at more, and whether a person or a plan keeps it quiet."""
    if not incident.is_firing:
        return "green", (), False
    level = members.heard
    reasons = members.reasons() if level == "green" else ()
    is_held = any(not reason.startswith(QUIET) for reason in reasons)
    if reasons and not is_held and "red" in incident.telling.levels:
        level, reasons = members.level, ()  # whoever was told red hears how it goes on, whatever the hour
    if is_explained and level != "red":
        return "green", (*reasons, f"explained by {incident.explained_by}"), is_held
    return level, reasons, is_held
