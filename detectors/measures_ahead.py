"""The measures that look back on another measure's values, or carry them on: plain data → `Measure`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from detectors.compound import Reader, Scope
from detectors.conditions import read_field
from detectors.drop import WEEK_MS, WINDOW_MS_MIN
from detectors.durations import UNIT_MS, format_duration
from detectors.grading import read_duration
from detectors.occasions import read_month_days
from detectors.places import Place
from detectors.rules import Condition, Kind, Measure, Op, Part
from detectors.vocabulary import Stream

KEYS: Mapping[str, tuple[str, ...]] = {
    "unusual": ("side", "month_days"),
    "forecast": ("ahead",),
    "drop": ("against",),
    "new": ("within",),
    "service_level_ahead": ("within",),
}
"""These measures, and what stands beside each of them."""

KINDS = {"unusual": Kind.UNUSUAL, "forecast": Kind.FORECAST, "drop": Kind.DROP, "new": Kind.NEW}

AGENTS = "agents"
"""The stream that says who is at work, and in which states somebody is."""
AT_WORK = ("ready", "talking", "wrap")

COUNTED = (Kind.COUNT, Kind.DISTINCT, Kind.NOW_COUNT, Kind.NOW_DISTINCT)
"""What is usual of these spreads as counts do."""

_CALL_FIELDS = ("outcome", "talk_s", "wrap_s")
_SPAN = {"forecast": ("ahead", "15m"), "drop": ("against", "28d"), "new": ("within", "30d")}
_AHEAD_MS_MAX = UNIT_MS["d"]


def read_ahead(name: str, entries: Mapping[str, Place], scope: Scope, read_measure: Reader) -> Measure | None:
    """Read one of `KEYS` with what stands beside it; `read_measure` reads the measure within."""
    if name == "service_level_ahead":
        return _read_service_level(entries, scope)
    if name == "new":
        known = read_field(entries[name], scope.stream)
        base = None if known is None else Measure(Kind.DISTINCT, str(entries[name].value))
    else:
        base = _read_base(name, entries[name], scope, read_measure)
    span_ms = _read_span(name, entries) if name in _SPAN else 0
    low = "side" in entries and entries["side"].choice(("high", "low"), "side") == "low"
    month_days = _read_days(entries["month_days"], base) if "month_days" in entries else ()
    if base is None or span_ms is None:
        return None
    return Measure(KINDS[name], base=base, span_ms=span_ms, low=low, month_days=month_days)


def _read_days(place: Place, base: Measure | None) -> tuple[tuple[int, int], ...]:
    """Read the days of the month that are judged by themselves; only what is counted can be busier than usual."""
    if base is not None and base.kind not in COUNTED:
        place.refuse(f'"month_days" are for what is counted, not for "{base.kind.value}"', at_key=True)
    return read_month_days(place)


def _read_base(name: str, place: Place, scope: Scope, read_measure: Reader) -> Measure | None:
    base = read_measure(place, scope)
    if base is not None and (base.base is not None or base.kind.moves):
        place.refuse(f'"{name}" takes a measure of events, not "{base.kind.value}"')
        return None
    return base


def _read_span(name: str, entries: Mapping[str, Place]) -> int | None:
    key, example = _SPAN[name]
    if key not in entries:
        entries[name].refuse(f'"{name}" needs "{key}" beside it, as in {key}: {example}', at_key=True)
        return None
    span_ms = read_duration(entries[key], zero=False)
    if span_ms is not None and name == "drop" and span_ms % WEEK_MS:
        entries[key].refuse(f"must be whole weeks, as in {example}: a weekday is compared with itself")
        return None
    if span_ms is not None and name == "forecast" and span_ms > _AHEAD_MS_MAX:
        entries[key].refuse("is further than a day: a trend does not reach that far")
        return None
    return span_ms


def _read_service_level(entries: Mapping[str, Place], scope: Scope) -> Measure | None:
    place = entries["service_level_ahead"]
    missing = [field for field in _CALL_FIELDS if field not in scope.stream.fields]
    if missing:
        place.refuse(f"stream {scope.stream.name} has no {', '.join(missing)}: this is for calls", at_key=True)
        return None
    ahead_ms = read_duration(place, zero=False)
    if "within" not in entries:
        place.refuse('needs "within" beside it, as in within: 20s', at_key=True)
        return None
    within_ms = read_duration(entries["within"])
    if ahead_ms is None or within_ms is None:
        return None
    at_work = Part(AGENTS, (Condition("state", Op.IN, AT_WORK),), Measure(Kind.NOW_COUNT))
    return Measure(Kind.SERVICE_LEVEL_AHEAD, to=at_work, span_ms=ahead_ms, within_ms=within_ms)


def select_agents(measure: Measure, where: tuple[Condition, ...], streams: Mapping[str, Stream]) -> Measure:
    """Let the conditions of a rule on calls that agents can fulfil, such as the queue, hold for its agents too."""
    if measure.kind is not Kind.SERVICE_LEVEL_AHEAD or measure.to is None:
        return measure
    fields = streams[measure.to.stream].fields
    shared = tuple(condition for condition in where if fields.keys() >= set(condition.fields))
    return replace(measure, to=replace(measure.to, where=(*measure.to.where, *shared)))


def check_window(place: Place, measure: Measure | None, window_ms: int) -> None:
    """See that a `drop` compares windows that come again at the same hour of the week; `place` is the measure's."""
    if measure is None or measure.kind is not Kind.DROP:
        return
    if WEEK_MS % window_ms or window_ms < WINDOW_MS_MIN:
        place.refuse(
            f'"drop" needs a "window" of at least 1h of which a week has a whole number, as 1d or 7d, '
            f"not {format_duration(window_ms)}"
        )
