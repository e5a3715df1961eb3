"""Post-analysis: one incident, looked back on, as plain data: peak, affected, cause, and how soon who knew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alerts.chronicle import Change, DeliveryEnd, Page
from alerts.incidents import What
from alerts.outbox.item import Outcome
from alerts.records import AlertRecord, format_time, parse_time
from alerts.reports.facts import Mark
from alerts.reports.tally import levels_of, place_of
from alerts.story import Story
from detectors.rules import LEVEL_CODE

PAGES_MAX = 50
"""Pages that are listed, the first ones; all are counted."""


def post_analysis(story: Story) -> dict[str, Any] | None:
    """Look back on an incident; None where its state is not known any more."""
    state = story.state
    if state is None:
        return None
    opened_ms = parse_time(state["opened"])
    pages = list(story.of(Page))
    return {
        "incident": story.incident,
        "place": place_of(state["key"]),
        **{name: state[name] for name in ("title", "key", "rule", "state", "peak_level", "peak_value", "users")},
        **{name: state[name] for name in ("alerts", "acknowledged_by", "explained_by", "opened", "resolved")},
        "finding": state.get("finding", ""),
        "false_alarm": bool(state.get("false_alarm")),
        "moments": [_moment(name, at_ms, opened_ms) for name, at_ms in _moments(story)],
        "top": _top(story.alerts),
        "levels": [{"time": format_time(at_ms), "level": level} for at_ms, level in _levels(story)],
        "pages": [_page(page, story) for page in pages[:PAGES_MAX]],
        "told": len(pages),
        "notices": [_notice(notice) for notice in _last(story.notices)],
        "cut": story.cut,
    }


def _levels(story: Story) -> Iterator[tuple[int, str]]:
    """Give the levels the incident went through, each where it changed."""
    before = "green"
    for at_ms, level in levels_of([Mark(parse_time(each.time), each.what, each.level) for each in story.of(Change)]):
        if level != before:
            yield at_ms, level
        before = level


def _moments(story: Story) -> Iterator[tuple[str, int | None]]:
    """Name the moments that count, in the order in which they should come; None: it never came."""
    ends = [parse_time(each.time) for each in story.of(DeliveryEnd) if each.outcome == Outcome.DELIVERED]
    taken = [parse_time(each.time) for each in story.of(Change) if each.what == What.ACKNOWLEDGED]
    published = [parse_time(each["published"]) for each in story.notices if each["published"] is not None]
    yield "first_told", min((parse_time(each.time) for each in story.of(Page)), default=None)
    yield "first_delivered", min(ends, default=None)
    yield "first_acknowledged", min(taken, default=None)
    yield "red_at", next((at_ms for at_ms, level in _levels(story) if level == "red"), None)
    if story.notices:
        yield "deadline", min(parse_time(each["deadline"]) for each in story.notices)
        yield "published", min(published, default=None)
    resolved = None if story.state is None else story.state["resolved"]
    yield "ended", None if resolved is None else parse_time(resolved)


def _moment(name: str, at_ms: int | None, opened_ms: int) -> dict[str, Any]:
    if at_ms is None:
        return {"name": name, "time": None, "after_s": None}
    return {"name": name, "time": format_time(at_ms), "after_s": max(at_ms - opened_ms, 0) / 1000}


def _top(alerts: Sequence[AlertRecord]) -> list[dict[str, Any]]:
    """Name who drove the worst of its alerts that says so: at the highest level the greatest value, then the first."""
    named = [each for each in alerts if each.top]
    if not named:
        return []
    worst = max(named, key=lambda each: (LEVEL_CODE[each.level], each.value or 0.0, -each.time_ms))
    return [
        {"alert": worst.alert, "time": worst.time, "field": one.field, "value": one.value, "share": one.share}
        for one in worst.top or ()
    ]


def _page(page: Page, story: Story) -> dict[str, Any]:
    ends = [each for each in story.of(DeliveryEnd) if (each.origin or each.key) == page.id]
    return {
        "time": page.time,
        "channel": page.channel,
        "to": page.to,
        "reason": page.reason,
        "level": page.level,
        "ends": [{"time": each.time, "channel": each.channel, "outcome": each.outcome} for each in ends],
    }


def _last(notices: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Give each notice as it stands after its last step."""
    known = {notice["notice"]: notice for notice in sorted(notices, key=lambda one: len(one["steps"]))}
    return [known[name] for name in sorted(known)]


def _notice(notice: Mapping[str, Any]) -> dict[str, Any]:
    return {name: notice[name] for name in ("notice", "state", "fault", "deadline", "published", "steps")}
