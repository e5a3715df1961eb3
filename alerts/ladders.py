"""Ladders: who is rung, role by role, as long as nobody acts. Data, read from a file and checked whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from detectors.durations import parse_duration
from detectors.places import Place

PREFIX = "ladder:"
"""How a rule's `notify` names a ladder: `ladder:provincial`."""

MINUTE_MS = 60_000
LEVELS = ("act", "yellow", "orange", "red")
ACK_MS: Mapping[str, int] = {"red": 60 * MINUTE_MS, "orange": 240 * MINUTE_MS, "yellow": 480 * MINUTE_MS,
                             "act": 480 * MINUTE_MS}  # fmt: skip
"""How long an acknowledgement holds where the ladder does not say: ours."""
PROMISE_MS = 30 * MINUTE_MS
"""How long a promise may go without a solution (domain: road-freight carrier)."""
RUNGS_MAX = 20


@dataclass(frozen=True, slots=True)
class Rung:
    """One step: the role that is rung, and how long we wait for it before the next is."""

    role: str
    wait_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """Rungs from the first to be rung to the last. `ack_ms` is how long an acknowledgement holds, by level."""

    name: str
    rungs: tuple[Rung, ...]
    promise_ms: int = PROMISE_MS
    ack_ms: Mapping[str, int] = field(default_factory=lambda: dict(ACK_MS))

    def superior(self, rung: int) -> int:
        """Give the rung above one; above the last there is the last itself."""
        return min(rung + 1, len(self.rungs) - 1)


NOBODY = Ladder(name="", rungs=())
"""The ladder of an incident whose rule names none: acknowledgements hold and expire, and nobody is rung."""


def read_ladders(place: Place) -> dict[str, Ladder]:
    """Read `{name: {rungs: [{role, wait}], promise, ack}}`. What is wrong is noted at its place."""
    ladders: dict[str, Ladder] = {}
    for name, part in (place.entries("a mapping of names to ladders") or {}).items():
        keys = part.keys(("rungs", "promise", "ack"), required=("rungs",)) or {}
        rungs = _rungs(keys["rungs"]) if "rungs" in keys else ()
        promise_ms = span_ms(keys["promise"]) if "promise" in keys else PROMISE_MS
        ack_ms = dict(ACK_MS)
        for level, span in (keys["ack"].keys(LEVELS, what="level") or {}).items() if "ack" in keys else ():
            ack_ms[level] = span_ms(span) or ack_ms[level]
        ladders[name] = Ladder(name=name, rungs=rungs, promise_ms=promise_ms or PROMISE_MS, ack_ms=ack_ms)
    return ladders


def _rungs(place: Place) -> tuple[Rung, ...]:
    parts = place.items("a list of rungs") or []
    if isinstance(place.value, list) and not 0 < len(parts) <= RUNGS_MAX:
        place.refuse(f"must have 1 to {RUNGS_MAX} rungs")
    rungs = []
    for part in parts:
        keys = part.keys(("role", "wait"), required=("role", "wait")) or {}
        role = keys["role"].text("the name of a role") if "role" in keys else None
        wait_ms = span_ms(keys["wait"]) if "wait" in keys else None
        if role is not None and wait_ms is not None:
            rungs.append(Rung(role, wait_ms))
    return tuple(rungs)


def span_ms(place: Place) -> int | None:
    """Read a span of time that is more than nothing, in milliseconds."""
    text = place.text("a duration with its unit, as in 10m", any_text=False)
    if text is None:
        return None
    try:
        span = parse_duration(text)
    except ValueError as error:
        place.refuse(str(error))
        return None
    if span == 0:
        place.refuse("must be more than nothing")
        return None
    return span
