"""One clock of one thing: what it has come to, and what a step does to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from detectors.durations import FOREVER
from detectors.rules import Clock
from detectors.steps import NOT_TOLD_MS, Role

_PAUSED = -(1 << 62)


@dataclass(slots=True)
class Open:
    """A clock that has started and not ended, where its thing is now, and whether that place counts it."""

    row: int
    matched: bool
    since_ms: int  # running since; _PAUSED while it does not
    since_worked_ms: int  # the same on the axis of working time
    done_ms: int  # working time before `since`
    limit_ms: int
    overruns_ms: dict[str, int] = field(default_factory=dict)  # by step, of those whose plan is known
    texts: tuple[str, ...] = ()  # what it has in the fields that are asked for as contributors

    @property
    def is_paused(self) -> bool:
        """Whether it stands still until it is resumed."""
        return self.since_ms == _PAUSED

    def elapsed_ms(self, worked_ms: int) -> int:
        """Give the working time it has run for, at a place on the axis of working time."""
        return self.done_ms if self.is_paused else self.done_ms + worked_ms - self.since_worked_ms


class Event(NamedTuple):
    """One step of one thing; both times also on the axis of working time."""

    role: Role
    time_ms: int
    worked_ms: int
    until_worked_ms: int  # FOREVER: it names no time
    stage: str = ""
    overrun_ms: int = NOT_TOLD_MS
    texts: tuple[str, ...] = ()

    @property
    def ahead_ms(self) -> int | None:
        """The working time up to the time it names, 0 if that has gone by; None if it names none."""
        return None if self.until_worked_ms == FOREVER else max(self.until_worked_ms - self.worked_ms, 0)


def next_state(clock: Clock, known: Open | None, event: Event) -> Open | None:
    """Let a step happen to the clock of its thing (None: it does not run). `known` itself is changed."""
    role = event.role
    if role is Role.RESTART or (role is Role.BEGIN and known is None):
        limit_ms = clock.limit_ms if clock.limit_ms is not None else event.ahead_ms
        if limit_ms is None:
            return None
        return Open(-1, False, event.time_ms, event.worked_ms, 0, limit_ms)  # noqa: FBT003  the event places it
    if role is Role.BEGIN and clock.limit_ms is None:  # promised again
        role = Role.EXTEND
    if known is None or role is Role.END:
        return None
    if role is Role.PAUSE and not known.is_paused:
        known.done_ms = known.elapsed_ms(event.worked_ms)
        known.since_ms = _PAUSED
    elif role is Role.RESUME and known.is_paused:
        known.since_ms, known.since_worked_ms = event.time_ms, event.worked_ms
    elif role is Role.EXTEND and event.ahead_ms is not None:
        known.limit_ms = known.elapsed_ms(event.worked_ms) + event.ahead_ms
    return known
