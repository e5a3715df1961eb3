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

from collections.abc import Iterable, Sequence
from typing import Protocol

from alerts.incidents import Incident
from alerts.members import Members, Mutes
from alerts.plans import PlanBook
from alerts.records import AlertRecord
from alerts.scopes import Scopes
from alerts.silences import SilenceBook
from alerts.windows import Window

QUIET = "quiet hours"
"""Reasons that begin so end without a word: after them only what has changed meanwhile is told."""


class Muter(Protocol):
    """One stage that looks at an alert at a time. It is asked about red too, and may hide it."""

    def standing(self, now_ms: int) -> Iterable[str]:
        """Name what holds now: when the answer changes, every alert is asked about anew."""

    def mutes(self, record: AlertRecord, level: str, now_ms: int) -> Iterable[str]:
        """Say why an alert, which counts at `level`, is not to be heard; nothing if it is."""


class Maintenance:
    """Windows of planned work: those of the settings, then those of plans."""

    def __init__(self, scopes: Scopes, windows: Sequence[Window], plans: PlanBook) -> None:
        self._scopes = scopes
        self._listed = tuple(windows)
        self._plans = plans

    def active(self, now_ms: int) -> list[tuple[str, Window]]:
        """List the windows that hold, by what tells them apart: the name of one in the settings, the id of a plan."""
        listed = [(f"window {each.name}", each) for each in self._listed if each.is_active(now_ms)]
        return [*listed, *((f"plan {id_}", each) for id_, each in self._plans.active(now_ms))]

    def standing(self, now_ms: int) -> Iterable[str]:
        """Name the windows that hold."""
        return (f"{each.reason} ({id_})" for id_, each in self.active(now_ms))  # two plans may have one title

    def mutes(self, record: AlertRecord, level: str, now_ms: int) -> Iterable[str]:
        """Name the windows that keep an alert quiet."""
        stream = self._scopes.of(record.rule, record.key).stream
        for _, each in self.active(now_ms):
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
