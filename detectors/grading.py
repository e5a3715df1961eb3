"""When a rule judges and how it grades: durations, levels and the numbers beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from itertools import pairwise

from detectors.durations import format_duration, parse_duration
from detectors.periods import HOP_MS_MAX, PERIODS
from detectors.places import Place, describe, number_text, of_hundred, quoted
from detectors.rules import Kind, Measure, Rule
from detectors.targets import read_threshold
from detectors.wording import LEVELS

TAKE_MIN_EVENTS = (
    *(Kind.MEAN, Kind.MAX, Kind.SHARE, Kind.QUANTILE, Kind.RATIO, Kind.SHARE_OF_ALL, Kind.UNMATCHED_SHARE),
)
PARTS_OF_ALL = (
    *(Kind.SHARE, Kind.SHARE_OF_ALL, Kind.NOW_SHARE, Kind.UNMATCHED_SHARE, Kind.DROP, Kind.SERVICE_LEVEL_AHEAD),
)
HOPS_MAX = 1_000_000
"""Panes a window may have: more is a slip of the hand that would eat the memory."""

# YAML key → field of Rule, whether it may be zero, whether it must fall on the boundaries.
_TIMES = {
    "window": ("window_ms", False, True),
    "hop": ("hop_ms", False, False),
    "for": ("for_ms", True, True),
    "clear_for": ("clear_for_ms", True, True),
    "unknown_after": ("unknown_after_ms", True, False),
}

_LENGTHS = {"day": "1d", "week": "7d", "month": "30d", "quarter": "90d"}
_ADDS_UP = (Kind.COUNT, Kind.SUM, Kind.DISTINCT, Kind.MAX, Kind.UNMATCHED_COUNT, Kind.UNMATCHED_TOTAL)
_DEFAULTS_MS = {field.name: field.default for field in fields(Rule) if isinstance(field.default, int)}


def read_duration(place: Place, *, zero: bool = True) -> int | None:
    """Read a span in milliseconds; a bare number is refused, for nobody knows its unit."""
    if isinstance(place.value, (int, float)) and not isinstance(place.value, bool):
        if place.value < 0:
            place.refuse("is negative: a duration is 0 or more")
        else:
            place.refuse(f"needs a unit: write {number_text(place.value)}s, or ms, m, h, d")
        return None
    text = place.text("a duration, as in 10s", any_text=False)
    if text is None:
        return None
    try:
        span_ms = parse_duration(text)
    except ValueError as trouble:
        place.refuse(f"{quoted(text)} {trouble}")
        return None
    if span_ms == 0 and not zero:
        place.refuse("must be longer than 0s")
        return None
    return span_ms


def read_times(parts: Mapping[str, Place], rule: Place) -> dict[str, int]:
    """Read all durations of a rule, and see that they fall on its boundaries. Defaults are those of `Rule`."""
    spans = {name: _DEFAULTS_MS[name] for name, _, _ in _TIMES.values()}
    period = read_period(parts)
    timed = {key: zero for key, (_, zero, _) in _TIMES.items() if key in parts and not (period and key == "window")}
    given = {key: read_duration(parts[key], zero=zero) for key, zero in timed.items()}
    spans |= {_TIMES[key][0]: span_ms for key, span_ms in given.items() if span_ms is not None}
    refused = {key for key, span_ms in given.items() if span_ms is None}
    if "hop" in refused:
        return spans  # nothing to compare the others with
    hop_ms = spans["hop_ms"]
    hop = format_duration(hop_ms)
    if period:
        spans["window_ms"] = PERIODS[period]
        if HOP_MS_MAX % hop_ms:
            parts["window"].refuse(
                f'"{period}" begins at midnight of the site: "hop" must divide 15m, as 15m or 5m do, and {hop} does not'
            )
        refused.add("window")
    for key, (name, _, on_boundaries) in _TIMES.items():
        if on_boundaries and key not in refused and spans[name] % hop_ms:
            said = parts[key].value if key in parts else f"{format_duration(spans[name])} (the default)"
            parts.get(key, parts.get("hop", rule)).refuse(f'"{key}" {said} is not a multiple of "hop" {hop}')
    if spans["window_ms"] > HOPS_MAX * hop_ms:
        parts.get("window", rule).refuse(f"a window has {HOPS_MAX} hops at most: lengthen the hop ({hop})")
    return spans


def read_period(parts: Mapping[str, Place]) -> str:
    """Say which period of the calendar is the window; empty: none, it has one length."""
    name = parts["window"].value if "window" in parts else None
    return name if isinstance(name, str) and name in PERIODS else ""


def check_period(parts: Mapping[str, Place], measure: Measure, *, below: bool) -> None:
    """See that a window of the calendar suits what is measured: its length is another every time."""
    period = read_period(parts)
    if not period:
        return
    if measure.base is not None or measure.kind is Kind.SERVICE_LEVEL_AHEAD:
        parts["window"].refuse(f'"{measure.kind.value}" compares windows of one length: write {_LENGTHS[period]}')
    elif measure.kind.follows_states:
        parts["window"].refuse(f'"{measure.kind.value}" has no window: leave it out')
    elif below and measure.kind in _ADDS_UP:
        parts["window"].refuse(
            f'would be low at the start of every {period}: with "direction: below" write {_LENGTHS[period]}'
        )


def read_levels(place: Place, *, below: bool, limit: float | None = None) -> tuple[tuple[str, float], ...]:
    """Read thresholds, from the mildest to the worst. They must grow (with `below`, shrink) level by level."""
    entries = place.keys(LEVELS, wanted="a mapping of level to threshold", what="level")
    if entries is None:
        return ()
    if not entries and place.value == {}:
        place.refuse(f"is empty: give at least one of {', '.join(LEVELS)}")
    if "act" in entries and len(entries) > 1:
        entries["act"].refuse('"act" stands alone: it takes the place of colours', at_key=True)
        return ()
    read = [(level, read_threshold(entries[level], limit)) for level in LEVELS if level in entries]
    levels = tuple((level, threshold) for level, threshold in read if threshold is not None)
    for (milder, low), (worse, high) in pairwise(levels):
        if (high >= low) if below else (high <= low):
            side = "below" if below else "above"
            entries[worse].refuse(
                f"levels out of order: {worse} {number_text(high)} must be {side} {milder} {number_text(low)}"
            )
    return levels


def check_reachable(parts: Mapping[str, Place], measure: Measure) -> None:
    """Refuse thresholds over 1 of what is a part of all: 80 % is 0.8."""
    if measure.kind not in PARTS_OF_ALL or "levels" not in parts:
        return
    blocks = parts["when"].value if "when" in parts else None
    places = [parts["levels"]]
    for index, block in enumerate(blocks if isinstance(blocks, list) else []):
        if isinstance(block, dict) and "levels" in block:
            places.append(parts["when"].within(index, block).within("levels", block["levels"]))
    for place in places:
        for level, said in place.value.items() if isinstance(place.value, dict) else ():
            if isinstance(said, (int, float)) and not isinstance(said, bool) and 1 < said < math.inf:
                hint = f": write {number_text(said / 100)}" if 2 <= said <= 100 else ""
                place.within(level, said).refuse(f'"{measure.kind.value}" is never over 1{hint}')


def read_direction(place: Place) -> bool:
    """Read `above` or `below`: whether it is below."""
    return place.choice(("above", "below"), "direction") == "below"


def read_clear(place: Place) -> float | None:
    """Read the part of a threshold under which its level is left."""
    clear = place.number("a number over 0, up to 1")
    if clear is not None and not 0 < clear <= 1:
        place.refuse(f"must be a number over 0, up to 1, not {describe(clear)}{of_hundred(clear)}")
    return clear


def read_min_events(place: Place, measure: Measure | None) -> int | None:
    """Read how many events a measure needs to be known; only some measures can be unknown for want of events.

    A count is known whatever it is, but how it has grown is not: so few may be chance.
    """
    kind = None if measure is None else (measure.base or measure).kind
    looks_back = measure is not None and measure.kind.looks_back
    if kind is not None and kind not in TAKE_MIN_EVENTS and not (looks_back and kind is Kind.COUNT):
        takers = ", ".join(taker.value for taker in TAKE_MIN_EVENTS)
        place.refuse(f'"min_events" does not belong to "{kind.value}", only to {takers}', at_key=True)
    least = place.number("a whole number, 0 or more")
    if least is not None and (least < 0 or least != int(least)):
        place.refuse(f"must be a whole number, 0 or more, not {describe(least)}")
        return None
    return None if least is None else int(least)
