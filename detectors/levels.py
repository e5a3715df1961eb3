"""Levels with hysteresis and holds, all series of a rule at once.

At a boundary with a known value a series *enters* the highest level whose threshold it reaches and *holds* the highest
it has not clearly left. With F the boundaries of [t − for, t] and C those of [t − clear_for, t]:

    level(t) = max( lowest entered over F, min( level(t − hop), highest held over C ) )

Nothing is kept per boundary. For each level it is enough to know since when it has been entered without a break
(F is fulfilled once that is at least `for` ago) and when it was last held (C once that is at most `clear_for` ago).
So a boundary at which no value changes needs no work, unless a hold runs out there: `wake_ms` says when; or unless
another block of `when` holds from there on, and with it other thresholds: `border_ms` says when.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from detectors.batch import Bool, Float64, Int64
from detectors.durations import FOREVER
from detectors.hours import Schedule
from detectors.rules import Rule

_NONE = np.zeros(0, np.int64)
_NO = np.zeros(0, np.bool_)


def left_at(threshold: float, clear: float, *, below: bool) -> float:
    """Give the value at which a level is still held: clear × threshold, as people reckon, in decimals.

    >>> left_at(100, 0.55, below=False), 0.55 * 100
    (55.0, 55.00000000000001)
    """
    exact, part = Fraction(str(threshold)), Fraction(str(clear))
    return float(exact / part if below else exact * part)


class Levels:
    """The level of every series of one rule, as ranks: 0 is green, 1 the mildest level of the rule."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        # `below` is `above` with the sign turned: −value ≥ −threshold.
        self._sign = -1.0 if rule.below else 1.0
        self._schedule = Schedule([block.span for block in rule.when], rule.almanac) if rule.when else None
        self.border_ms = -FOREVER if rule.when else FOREVER  # the first boundary at which thresholds may be others
        self._take_block(0)
        self.rank = np.zeros(0, np.int64)
        self.value = np.zeros(0)  # the last value judged, NaN = unknown
        self.started_ms = np.zeros(0, np.int64)
        self.wake_ms = np.zeros(0, np.int64)
        ranks = len(rule.levels)
        self._since_ms = np.zeros((0, ranks), np.int64)  # entered without a break since; FOREVER = not entered
        self._held_ms = np.zeros((0, ranks), np.int64)  # last held; FOREVER = held now
        self._known_ms = np.zeros(0, np.int64)  # last boundary with a value; FOREVER = known now
        self._calm = np.zeros(0, np.bool_)  # green, and neither entered nor held: no hold can run out

    def _take_block(self, block: int) -> None:
        """Judge by the thresholds of a block of `when`, counted from 1; 0: by those of the rule."""
        rule = self._rule
        self._block = block
        self.thresholds = rule.when[block - 1].thresholds if block else tuple(limit for _, limit in rule.levels)
        self._rise = self._sign * np.array(self.thresholds)
        fall = [left_at(threshold, rule.clear, below=rule.below) for threshold in self.thresholds]
        self._fall = self._sign * np.array(fall)

    def grow(self, size: int) -> None:
        """Make room for `size` series, new ones green and never known."""
        if size <= len(self.rank):
            return
        room = max(size, 2 * len(self.rank)) - len(self.rank)
        ranks = len(self._rule.levels)
        self.rank = np.concatenate((self.rank, np.zeros(room, np.int64)))
        self.value = np.concatenate((self.value, np.full(room, np.nan)))
        self.started_ms = np.concatenate((self.started_ms, np.zeros(room, np.int64)))
        self.wake_ms = np.concatenate((self.wake_ms, np.full(room, FOREVER)))
        self._since_ms = np.concatenate((self._since_ms, np.full((room, ranks), FOREVER)))
        self._held_ms = np.concatenate((self._held_ms, np.full((room, ranks), -FOREVER)))
        self._known_ms = np.concatenate((self._known_ms, np.full(room, -FOREVER)))
        self._calm = np.concatenate((self._calm, np.zeros(room, np.bool_)))

    def judge(self, rows: Int64, values: Float64, time_ms: int) -> tuple[Int64, Int64, Bool]:
        """Judge series at a boundary, having judged them whenever their value changed or `wake_ms` asked.

        `rows` are unique. Return the rows whose level changed, the rank each had, and whether it was for want of a
        value.
        """
        if self._schedule is not None and time_ms >= self.border_ms:
            hop = self._rule.hop_ms
            back_ms = (
                hop if self._rule.period else 0
            )  # a quarter that is whole is judged by its own, not by the next one's
            self._take_block(self._schedule.at(time_ms - back_ms))
            self.border_ms = -(-(self._schedule.until(time_ms - back_ms) + back_ms) // hop) * hop
        turned = self._sign * values
        if (turned < self._fall[0]).all() and self._calm[rows].all():  # the usual case: green and nowhere near a level
            self.value[rows] = values
            self._known_ms[rows] = FOREVER
            self.wake_ms[rows] = FOREVER
            return _NONE, _NONE, _NO
        was = self.rank[rows]
        known = ~np.isnan(values)
        if known.all():
            self._judge_known(rows, values, time_ms)
        else:
            self._judge_known(rows[known], values[known], time_ms)
            self._judge_unknown(rows[~known], time_ms)
        self.value[rows] = values
        moved = self.rank[rows] != was
        changed = rows[moved]
        left = moved & (was == 0)
        self.started_ms[rows[left]] = time_ms
        return changed, was[moved], ~known[moved]

    def _judge_known(self, rows: Int64, values: Float64, time_ms: int) -> None:
        rule = self._rule
        ranks = np.arange(len(self._rise))
        turned = self._sign * values
        entered = ranks < np.searchsorted(self._rise, turned, side="right")[:, None]
        held = ranks < np.searchsorted(self._fall, turned, side="right")[:, None]
        since = np.where(entered, np.minimum(self._since_ms[rows], time_ms), FOREVER)
        before = self._held_ms[rows]
        last = np.where(held, FOREVER, np.where(before == FOREVER, time_ms - rule.hop_ms, before))
        rise = (since <= time_ms - rule.for_ms).sum(axis=1)
        keep = (last >= time_ms - rule.clear_for_ms).sum(axis=1)
        self._since_ms[rows] = since
        self._held_ms[rows] = last
        self._known_ms[rows] = FOREVER
        rank = np.maximum(rise, np.minimum(self.rank[rows], keep))
        self.rank[rows] = rank
        self._calm[rows] = (rank == 0) & ~held[:, 0] & ~entered[:, 0]
        if rule.for_ms or rule.clear_for_ms:
            ripe = np.where((since < FOREVER) & (since + rule.for_ms > time_ms), since + rule.for_ms, FOREVER)
            fading = (last < FOREVER) & (last >= time_ms - rule.clear_for_ms)
            gone = np.where(fading, last + rule.clear_for_ms + rule.hop_ms, FOREVER)
            self.wake_ms[rows] = np.minimum(ripe.min(axis=1), gone.min(axis=1))
        else:
            self.wake_ms[rows] = FOREVER

    def _judge_unknown(self, rows: Int64, time_ms: int) -> None:
        """Keep what was, as if the last value still stood; after `unknown_after` go green."""
        hop = self._rule.hop_ms
        known = self._known_ms[rows]
        known = np.where(known == FOREVER, time_ms - hop, known)
        self._known_ms[rows] = known
        due = -(-(known + self._rule.unknown_after_ms) // hop) * hop
        over = due <= time_ms
        ended = rows[over]
        self.rank[ended] = 0
        self._since_ms[ended] = FOREVER
        held = self._held_ms[ended]
        self._held_ms[ended] = np.where(held == FOREVER, time_ms - hop, held)
        self.wake_ms[rows] = np.where(over, FOREVER, due)

    def reached_ms(self, row: int) -> list[int]:
        """Say of each level since when its threshold has been reached without a break; FOREVER: it is not."""
        return [int(at_ms) for at_ms in self._since_ms[row]]

    def known_ms(self, row: int) -> int:
        """Say when a series that has no value had one last; FOREVER: it has one, or never had."""
        return int(self._known_ms[row])

    _STATE = ("rank", "value", "started_ms", "wake_ms", "_since_ms", "_held_ms", "_known_ms", "_calm")

    def state(self, size: int) -> dict[str, Any]:
        """Write the first `size` series down as plain columns."""
        columns = {name.strip("_"): getattr(self, name)[:size].copy() for name in self._STATE}
        return columns | {"block": self._block, "border_ms": self.border_ms}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `state` wrote."""
        for name in self._STATE:
            setattr(self, name, state[name.strip("_")].copy())
        self._take_block(state["block"])
        self.border_ms = state["border_ms"]
