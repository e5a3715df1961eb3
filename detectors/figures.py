"""Figures: what the series of a rule with targets measured when a day of the site ended, for reports.

A day ends at the first boundary of the rule that is not before midnight. A figure follows from the panes up to there
alone, so that it is the same in any split, and after any restart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from detectors.batch import Float64
from detectors.durations import FOREVER
from detectors.rules import Rule
from detectors.transition import Key

FIGURES_MAX = 1_000
"""Series of one rule of which a figure is told at the end of a day: the worst ones. All are counted."""

_DAY = timedelta(days=1)
_LATEST_MS = 253_000_000_000_000  # the year 9987: calendars end soon after


@dataclass(frozen=True, slots=True)
class Figure:
    """The value of one series at the end of a day. `series` counts those of its rule that had a value then.

    `time_ms` is the boundary at which it was judged, `midnight_ms` the end of the day: that, or a little before.
    """

    rule: str
    key: Key
    time_ms: int
    midnight_ms: int
    value: float
    series: int
    targets: Mapping[str, float]


def day_end_ms(rule: Rule, after_ms: int) -> int:
    """Give the first boundary of a rule at which a day of the site has ended, and that is after a time.

    >>> from detectors.hours import Almanac
    >>> from detectors.rules import Kind, Measure
    >>> rule = Rule("r", "calls", Measure(Kind.COUNT), (), {}, hop_ms=60_000, almanac=Almanac("Asia/Shanghai"))
    >>> noon = 1_772_337_600_000  # 2026-03-01T12:00:00+08:00
    >>> day_end_ms(rule, noon) - noon, day_end_ms(rule, noon + 43_200_000) - noon
    (43200000, 129600000)
    """
    if after_ms > _LATEST_MS:
        return FOREVER
    zone, hop_ms = ZoneInfo(rule.almanac.zone), rule.hop_ms
    day = datetime.fromtimestamp(max(after_ms, 0) // 1000, zone).date()
    while True:
        midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
        end_ms = -(-round(midnight.timestamp()) * 1000 // hop_ms) * hop_ms
        if end_ms > after_ms:
            return end_ms
        day += _DAY


def midnight_ms(zone: str, time_ms: int) -> int:
    """Give the midnight of a zone that a moment is, or that it lies behind.

    >>> noon = 1_772_337_600_000  # 2026-03-01T12:00:00+08:00
    >>> (noon - midnight_ms("Asia/Shanghai", noon)) // 3_600_000
    12
    """
    here = ZoneInfo(zone)
    day = datetime.fromtimestamp(time_ms // 1000, here).date()
    return round(datetime(day.year, day.month, day.day, tzinfo=here).timestamp()) * 1000


def figures_of(rule: Rule, keys: Sequence[Key], values: Float64, time_ms: int) -> list[Figure]:
    """Give the figures of the worst series at the end of a day, the worst first; NaN is no figure.

    Targets are those of the day that ends, and not of the one that begins.
    """
    known = np.flatnonzero(~np.isnan(values)).tolist()
    sign = 1 if rule.below else -1
    ranked = sorted(known, key=lambda row: (sign * float(values[row]), tuple(map(str, keys[row]))))
    midnight = midnight_ms(rule.almanac.zone, time_ms)
    targets = rule.targets_at(midnight - 1)
    return [
        Figure(rule.id, keys[row], time_ms, midnight, float(values[row]), len(known), targets)
        for row in ranked[:FIGURES_MAX]
    ]
