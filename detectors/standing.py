"""Where one series stands: its value against the levels, what holds it, and what is missing for the next one."""

from __future__ import annotations

import math
from dataclasses import dataclass

from detectors.durations import FOREVER
from detectors.rulejudge import RuleJudge
from detectors.transition import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One series of one rule as it was judged last. Times are milliseconds since the epoch, None where there is none.

    `thresholds` are those that hold now, from the mildest level on; `reached_ms` says of each since when its threshold
    has been reached without a break. `events` counts what lies in the window, None
    where the rule asks for no number of them.
    `known_ms` is the last boundary with a value, if there is none now.
    """

    level: str
    value: float | None
    judged_ms: int | None
    since_ms: int | None
    thresholds: tuple[tuple[str, float], ...]
    reached_ms: tuple[int | None, ...]
    events: int | None
    known_ms: int | None
    is_judged: bool = True


def standing_of(judge: RuleJudge, key: Key) -> Standing | None:
    """Say where the series of a key stands; None if no event of it was ever seen."""
    row = judge.row_of(key)
    if row is None:
        return None
    levels = judge.levels
    names = tuple(name for name, _ in judge.rule.levels)
    value = judge.value_of(row)
    rank = int(levels.rank[row])
    return Standing(
        level="green" if rank == 0 else names[rank - 1],
        value=None if math.isnan(value) else value,
        judged_ms=_time(judge.judged_ms),
        since_ms=int(levels.started_ms[row]) if rank else None,
        thresholds=tuple(zip(names, levels.thresholds, strict=True)),
        reached_ms=tuple(_time(at_ms) for at_ms in levels.reached_ms(row)),
        events=judge.events_of(row) if judge.rule.min_events else None,
        known_ms=_time(levels.known_ms(row)),
        is_judged=judge.begins_ms(row) <= judge.judged_ms,
    )


def _time(at_ms: int) -> int | None:
    return None if abs(at_ms) >= FOREVER else at_ms
