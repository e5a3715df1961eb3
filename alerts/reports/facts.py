"""What history gives of one period, bounded: from it everything in a report is counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from alerts.chronicle import FigureThen

INCIDENTS_MAX = 5_000
"""Incidents of one period that a report looks at, the worst first; all are counted."""

MARKS_MAX = 100_000
"""Lines of timelines that a report looks at, the earliest first."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One line of an incident's timeline."""

    time_ms: int
    what: str
    level: str


@dataclass(frozen=True, slots=True)
class Facts:
    """One period. Incidents and notices as the last of their changes left them, by the period they began in.

    `marks` are the lines of all incidents that were going on at some time of it. `raises` counts alerts by rule,
    `pages` what was handed to the outbox by (channel, reason), `ends` what came of it by (channel, outcome). `now_ms`
    is up to when anything is known.
    """

    from_ms: int
    to_ms: int
    now_ms: int
    opened: int = 0  # of all incidents, more than are in `incidents` where there were too many
    incidents: tuple[Mapping[str, Any], ...] = ()
    marks: Mapping[str, tuple[Mark, ...]] = field(default_factory=dict)
    raises: Mapping[str, int] = field(default_factory=dict)
    muted: int = 0
    pages: Mapping[tuple[str, str], int] = field(default_factory=dict)
    ends: Mapping[tuple[str, str], int] = field(default_factory=dict)
    notices: tuple[Mapping[str, Any], ...] = ()
    figures: tuple[FigureThen, ...] = ()
    is_cut: bool = False  # there was more than was looked at
