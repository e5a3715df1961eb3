"""What `tocsin explain` is asked for: an id of whatever kind, or a rule and a key; gathered, and put into words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import tzinfo
from typing import Any

import msgspec

from alerts.chronicle import DeliveryEnd, Page
from alerts.explaining import Explainer
from alerts.explainorders import notice_statements, silence_statements
from alerts.explainwords import sentences
from alerts.reasons import incidents_in, silences_in
from alerts.story import Story
from streams.historyreads import HistoryReads

NAMED_MAX = 100
"""Silences and other incidents that one story names and that are looked up."""


class UnknownId(LookupError):
    """History knows nothing of that id. One line."""


def explanation(asked: str, zone: tzinfo) -> Callable[[HistoryReads], dict[str, Any]]:
    """Explain an id: of an alert, an incident, a page, a silence or a notice. The question raises UnknownId."""

    def answer(reads: HistoryReads) -> dict[str, Any]:
        for explain in (_incident, _alert, _page, _notice, _silence):
            told = explain(asked, reads, zone)
            if told is not None:
                return {"id": asked, **told}
        raise UnknownId(
            f"the history knows no alert, incident, page, silence or notice {asked[:80]!r}: what is younger than a "
            "second may not be in it yet, what is older than it keeps is gone"
        )

    return answer


def timeline(incident: str) -> Callable[[HistoryReads], dict[str, Any] | None]:
    """Tell all of one incident as data: its state, and all that happened, in the order of time."""

    def answer(reads: HistoryReads) -> dict[str, Any] | None:
        story = reads.story(incident)
        if story is None:
            return None
        return {
            "incident": incident,
            "state": story.state,
            "timeline": msgspec.to_builtins(story.happenings),
            "alerts": msgspec.to_builtins(story.alerts),
            "orders": msgspec.to_builtins(story.orders),
            "notices": list(story.notices),
            "cut": story.cut,
        }

    return answer


def named(story: Story, reads: HistoryReads) -> Story:
    """Look up what a story names."""
    reasons = set(story.reasons())
    others = incidents_in(reasons) | {str(each.text) for each in story.attributions()}
    silences = {name: reads.orders(name) for name in sorted(silences_in(reasons))[:NAMED_MAX]}
    known = {name: reads.state(name) for name in sorted(others)[:NAMED_MAX]}
    return story.with_names(silences, {name: state for name, state in known.items() if state is not None})


def _incident(asked: str, reads: HistoryReads, zone: tzinfo) -> dict[str, Any] | None:
    story = reads.story(asked)
    if story is None:
        return None
    said = Explainer(zone).incident(named(story, reads))
    return {"kind": "incident", "incident": asked, "statements": sentences(said, zone), "facts": story.state}


def _alert(asked: str, reads: HistoryReads, zone: tzinfo) -> dict[str, Any] | None:
    records = reads.alert(asked)
    if not records:
        return None
    incident = reads.incident_of(asked)
    story = reads.story(incident) if incident else None
    said = Explainer(zone).alert(asked, records, None if story is None else named(story, reads))
    facts = msgspec.to_builtins(records[-1])
    return {"kind": "alert", "incident": incident or None, "statements": sentences(said, zone), "facts": facts}


def _page(asked: str, reads: HistoryReads, zone: tzinfo) -> dict[str, Any] | None:
    incident = reads.incident_of_page(asked)
    if not incident:
        return None
    story = reads.story(incident)
    assert story is not None
    own = [each for each in story.happenings if isinstance(each, Page | DeliveryEnd) and _key(each) == asked]
    if not own:
        return None  # it is of what was cut off
    said = Explainer(zone).notification(asked, named(story, reads))
    facts = msgspec.to_builtins(own)
    return {"kind": "page", "incident": incident, "statements": sentences(said, zone), "facts": facts}


def _key(told: Page | DeliveryEnd) -> str:
    return told.key if isinstance(told, DeliveryEnd) else told.id


def _notice(asked: str, reads: HistoryReads, zone: tzinfo) -> dict[str, Any] | None:
    steps = reads.notice(asked)
    if not steps:
        return None
    said = notice_statements(steps, reads.orders(asked), zone)
    return {
        "kind": "notice",
        "incident": steps[-1]["incident"],
        "statements": sentences(said, zone),
        "facts": dict(steps[-1]),
    }


def _silence(asked: str, reads: HistoryReads, zone: tzinfo) -> dict[str, Any] | None:
    orders = reads.orders(asked)
    if not any(each.what == "silence-add" for each in orders):
        return None
    said = silence_statements(asked, orders, zone)
    facts: Mapping[str, Any] = {"orders": msgspec.to_builtins(orders)}
    return {"kind": "silence", "incident": None, "statements": sentences(said, zone), "facts": facts}
