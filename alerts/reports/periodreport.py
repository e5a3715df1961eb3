"""The report on a week or a month: its numbers beside those of the period before, as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from alerts.records import format_time
from alerts.reports.facts import INCIDENTS_MAX, MARKS_MAX, Facts
from alerts.reports.figures import figures_told
from alerts.reports.periods import Period
from alerts.reports.tally import WORST_FIRST, Spread, Tally, place_of, tally

ROWS_MAX = 20
"""Rules, places and channels that are listed; the others are counted."""

WORST_MAX = 10
NOISY_RAISES = 3
"""A rule cries for nothing where it raised so many alerts and nobody took on any of their incidents."""


def period_report(period: Period, facts: Facts, earlier: Facts) -> dict[str, Any]:
    """Report on a period, compared with the one before; spans are seconds, times RFC 3339."""
    now, before = tally(facts), tally(earlier)
    titles = {**before.titles, **now.titles}
    return {
        "kind": period.kind.value,
        "period": _named(period, facts),
        "before": _named(period.before, earlier),
        "incidents": _beside(now.opened, before.opened),
        "by_level": [
            {"level": level, **_beside(now.by_level.get(level, 0), before.by_level.get(level, 0))}
            for level in WORST_FIRST
            if level != "act" or level in {**now.by_level, **before.by_level}
        ],
        "by_rule": [
            {**row, "title": titles.get(row["name"]), "acknowledged": now.acknowledged_by_rule.get(row["name"], 0)}
            for row in _ranked(now.by_rule, before.by_rule)
        ],
        "by_place": _ranked(now.by_place, before.by_place),
        "listed_max": ROWS_MAX,
        "rules": len({*now.by_rule, *before.by_rule}),
        "places": len({*now.by_place, *before.by_place}),
        "at_level_s": [
            {"level": level, **_beside(now.at_level_ms.get(level, 0) / 1000, before.at_level_ms.get(level, 0) / 1000)}
            for level in WORST_FIRST
            if level != "act" or level in {**now.at_level_ms, **before.at_level_ms}
        ],
        "acknowledging": _spread(now.acknowledging, before.acknowledging),
        "resolving": _spread(now.resolving, before.resolving),
        "reddening": _spread(now.reddening, before.reddening),
        "noticing": _spread(now.noticing, before.noticing),
        "unacknowledged": _beside(now.unacknowledged, before.unacknowledged),
        "unresolved": _beside(now.unresolved, before.unresolved),
        "notices": {
            name: _beside(getattr(now.notices, name), getattr(before.notices, name))
            for name in ("drafted", "in_time", "late", "missed", "waiting", "withdrawn")
        },
        "pages": _pages(now, before),
        "alerts": _beside(sum(now.raises.values()), sum(before.raises.values())),
        "muted": _beside(now.muted, before.muted),
        "noisy": _noisy(now, titles),
        "false_alarms": {
            **_beside(len(now.false_alarms), len(before.false_alarms)),
            "which": now.false_alarms[:ROWS_MAX],
        },
        "worst": [_incident(row) for row in _worst(facts.incidents)],
        "figures": figures_told(facts.figures, earlier.figures),
        "cut": facts.is_cut,
        "cut_at": {"incidents": INCIDENTS_MAX, "lines": MARKS_MAX},
    }


def _named(period: Period, facts: Facts) -> dict[str, Any]:
    return {
        "name": period.name,
        "first": period.first.isoformat(),
        "last": period.last.isoformat(),
        "from": format_time(period.from_ms),
        "to": format_time(period.to_ms),
        "zone": str(period.zone),
        "over": facts.now_ms >= facts.to_ms,
    }


def _beside(now: float, before: float) -> dict[str, float]:
    return {"now": now, "before": before}


def _ranked(now: Mapping[Any, int], before: Mapping[Any, int]) -> list[dict[str, Any]]:
    """Put names in order: the most now, then the most before."""
    names = sorted({*now, *before}, key=lambda name: (-now.get(name, 0), -before.get(name, 0), name or ""))
    return [{"name": name, **_beside(now.get(name, 0), before.get(name, 0))} for name in names[:ROWS_MAX]]


def _spread(now: Spread, before: Spread) -> dict[str, Any]:
    def seconds(span_ms: int | None) -> float | None:
        return None if span_ms is None else span_ms / 1000

    return {
        "count": _beside(now.count, before.count),
        "median_s": {"now": seconds(now.median_ms), "before": seconds(before.median_ms)},
        "worst_s": {"now": seconds(now.worst_ms), "before": seconds(before.worst_ms)},
        "worst": now.who,
    }


def _pages(now: Tally, before: Tally) -> list[dict[str, Any]]:
    names = sorted(
        {*now.told, *now.delivered, *now.failed, *before.told}, key=lambda name: (-now.told.get(name, 0), name)
    )
    return [
        {
            "channel": name,
            **_beside(now.told.get(name, 0), before.told.get(name, 0)),
            "repeats": now.repeats.get(name, 0),
            "delivered": now.delivered.get(name, 0),
            "failed": _beside(now.failed.get(name, 0), before.failed.get(name, 0)),
        }
        for name in names[:ROWS_MAX]
    ]


def _noisy(now: Tally, titles: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    """List the rules that raised most while nobody took on any of their incidents."""
    found = [
        (raises, rule)
        for rule, raises in now.raises.items()
        if raises >= NOISY_RAISES and now.by_rule.get(rule) and not now.acknowledged_by_rule.get(rule)
    ]
    return [
        {"rule": rule, "title": titles.get(rule), "raises": raises, "incidents": now.by_rule[rule]}
        for raises, rule in sorted(found, key=lambda one: (-one[0], one[1]))[:ROWS_MAX]
    ]


def _worst(rows: Iterable[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Give the worst incidents: level, users, alerts, then the earliest."""
    ranked = sorted(
        rows,
        key=lambda row: (
            WORST_FIRST.index(row["peak_level"]) if row["peak_level"] in WORST_FIRST else len(WORST_FIRST),
            -(row["users"] or 0),
            -row["alerts"],
            row["opened"],
            row["incident"],
        ),
    )
    return ranked[:WORST_MAX]


def _incident(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "incident": row["incident"],
        "title": row["title"],
        "key": row["key"],
        "place": place_of(row["key"]),
        "peak_level": row["peak_level"],
        "opened": row["opened"],
        "resolved": row["resolved"],
        "users": row["users"],
        "alerts": row["alerts"],
        "acknowledged_by": row["acknowledged_by"],
        "finding": row.get("finding", ""),
        "false_alarm": bool(row.get("false_alarm")),
        "explained_by": row["explained_by"],
    }
