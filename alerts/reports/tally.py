"""Counting one period: how many, how bad, how long, how soon."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any

from alerts.bulletins import Kind
from alerts.incidents import What
from alerts.notices import NoticeState
from alerts.outbox.item import DEAD, Outcome
from alerts.records import parse_time
from alerts.reports.facts import Facts, Mark

WORST_FIRST = ("red", "orange", "yellow", "act")
_MOVES = frozenset(
    (What.OPENED, What.RAISED, What.LOWERED, What.REOPENED, What.JOINED, What.LEFT, What.ATTRIBUTED, What.RESOLVED)
)


@dataclass(frozen=True, slots=True)
class Spread:
    """How long something took, over several incidents: milliseconds; `who` is the worst of them."""

    count: int = 0
    median_ms: int | None = None
    worst_ms: int | None = None
    who: str = ""


@dataclass(frozen=True, slots=True)
class NoticeTally:
    """How notices did. Those withdrawn before customers heard of them were not needed."""

    drafted: int = 0
    in_time: int = 0
    late: int = 0
    missed: int = 0  # not out, and the time was over
    waiting: int = 0  # not out, and there was time left
    withdrawn: int = 0


@dataclass(frozen=True, slots=True)
class Tally:
    """One period in numbers."""

    opened: int
    by_level: Mapping[str, int]
    by_rule: Mapping[str, int]
    by_place: Mapping[str | None, int]
    acknowledged_by_rule: Mapping[str, int]
    at_level_ms: Mapping[str, int]
    acknowledging: Spread
    resolving: Spread
    reddening: Spread  # its first level to red; the shortest is the worst
    noticing: Spread  # it opened to customers being told
    unacknowledged: int
    unresolved: int
    notices: NoticeTally
    told: Mapping[str, int]  # by channel
    repeats: Mapping[str, int]
    delivered: Mapping[str, int]
    failed: Mapping[str, int]
    raises: Mapping[str, int]
    muted: int
    false_alarms: tuple[str, ...]
    titles: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def tally(facts: Facts) -> Tally:
    """Count a period."""
    rows = facts.incidents
    lines = {row["incident"]: facts.marks.get(row["incident"], ()) for row in rows}
    acknowledging = {name: at for name, marks in lines.items() if (at := _first(marks, What.ACKNOWLEDGED)) is not None}
    opened = {row["incident"]: parse_time(row["opened"]) for row in rows}
    resolved = {row["incident"]: parse_time(row["resolved"]) for row in rows if row["resolved"] is not None}
    published = _published(facts.notices)
    acknowledged = Counter(row["rule"] for row in rows if row["incident"] in acknowledging)
    return Tally(
        opened=facts.opened,
        by_level=Counter(row["peak_level"] for row in rows),
        by_rule=Counter(row["rule"] for row in rows),
        by_place=Counter(place_of(row["key"]) for row in rows),
        acknowledged_by_rule=acknowledged,
        at_level_ms=_at_levels(facts),
        acknowledging=_spread({name: at - opened[name] for name, at in acknowledging.items()}),
        resolving=_spread({name: at - opened[name] for name, at in resolved.items()}),
        reddening=_spread({name: at for name, at in map(_reddening, lines.items()) if at is not None}, shortest=True),
        noticing=_spread({name: at - opened[name] for name, at in published.items() if name in opened}),
        unacknowledged=len(rows) - len(acknowledging),
        unresolved=len(rows) - len(resolved),
        notices=_notices(facts),
        told=_by_channel(facts.pages),
        repeats=_by_channel({place: count for place, count in facts.pages.items() if place[1] == "repeat"}),
        delivered=_by_channel({place: n for place, n in facts.ends.items() if place[1] == Outcome.DELIVERED}),
        failed=_by_channel({place: n for place, n in facts.ends.items() if place[1] in DEAD}),
        raises=facts.raises,
        muted=facts.muted,
        false_alarms=tuple(row["incident"] for row in rows if row.get("false_alarm")),
        titles={row["rule"]: row["title"] for row in rows},
    )


def place_of(key: Mapping[str, Any]) -> str | None:
    """Name where something is: its region, else the first of its key; None where it is everywhere.

    >>> place_of({"queue": "vip", "region": "长沙"}), place_of({"queue": ""}), place_of({})
    ('长沙', '', None)
    """
    return str(key.get("region", next(iter(key.values())))) if key else None


def levels_of(marks: Sequence[Mark]) -> Iterator[tuple[int, str]]:
    """Give from when on an incident is at which level; what people say does not move it."""
    for mark in sorted(marks, key=lambda one: one.time_ms):
        if mark.what in _MOVES:
            yield mark.time_ms, "green" if mark.what == What.RESOLVED else mark.level


def _at_levels(facts: Facts) -> Counter[str]:
    """Add up how long incidents were at each level within the period, as far as it is over."""
    end_ms = min(facts.to_ms, facts.now_ms)
    spans: Counter[str] = Counter()
    for marks in facts.marks.values():
        levels = [*levels_of(marks), (end_ms, "green")]
        for (start_ms, level), (next_ms, _) in pairwise(levels):
            held_ms = min(next_ms, end_ms) - max(start_ms, facts.from_ms)
            if level != "green" and held_ms > 0:
                spans[level] += held_ms
    return spans


def _first(marks: Sequence[Mark], what: What) -> int | None:
    return min((mark.time_ms for mark in marks if mark.what == what), default=None)


def _reddening(line: tuple[str, Sequence[Mark]]) -> tuple[str, int | None]:
    """Say how long an incident took from its first level to red; None if it began red, or never was."""
    name, marks = line
    levels = [(at_ms, level) for at_ms, level in levels_of(marks) if level != "green"]
    red_ms = next((at_ms for at_ms, level in levels if level == "red"), None)
    return name, None if red_ms is None or levels[0][1] == "red" else red_ms - levels[0][0]


def _spread(spans_ms: Mapping[str, int], *, shortest: bool = False) -> Spread:
    """Sum up spans; one below zero (people's clocks are not the events') counts as none."""
    if not spans_ms:
        return Spread()
    held = {name: max(span_ms, 0) for name, span_ms in spans_ms.items()}
    who = (min if shortest else max)(sorted(held), key=lambda name: held[name])
    return Spread(len(held), round(median(held.values())), held[who], who)


def _published(notices: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Say when customers first heard of each incident."""
    out: dict[str, int] = {}
    for notice in notices:
        if notice["published"] is not None:
            at_ms = parse_time(notice["published"])
            out[notice["incident"]] = min(at_ms, out.get(notice["incident"], at_ms))
    return out


def _notices(facts: Facts) -> NoticeTally:
    counts: Counter[str] = Counter()
    for notice in facts.notices:
        deadline_ms = parse_time(notice["deadline"])
        heard_ms = _heard_ms(notice)
        if heard_ms is not None:
            counts["in_time" if heard_ms <= deadline_ms else "late"] += 1
        elif notice["state"] == NoticeState.WITHDRAWN:
            counts["withdrawn"] += 1
        else:
            counts["missed" if deadline_ms < facts.now_ms else "waiting"] += 1
    return NoticeTally(drafted=len(facts.notices), **counts)


def _heard_ms(notice: Mapping[str, Any]) -> int | None:
    """Say when the last of its audiences first heard of a notice; None if one of them is still to hear.

    Those whom the end of the trouble spared the notice had not heard of it by then.
    """
    audiences = notice.get("audiences", ())
    if notice["published"] is None or any(each["waiting"] and each["first"] is None for each in audiences):
        return None
    heard = [each["first"] for each in audiences if each["first"] is not None]
    if any(each["first"] is None and not each.get("dropped") for each in audiences):
        heard += [step["time"] for step in notice["steps"] if step["kind"] == Kind.ALL_CLEAR][:1]
    return max(map(parse_time, [notice["published"], *heard]))


def _by_channel(counts: Mapping[tuple[str, str], int]) -> Counter[str]:
    found: Counter[str] = Counter()
    for (channel, _), count in counts.items():
        found[channel] += count
    return found
