"""Pages in words: who was told what, by which channel, what came of it, and why nobody was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from alerts.chronicle import Change, DeliveryEnd, Held, Page
from alerts.explainwords import OUTCOMES, Statement, reason_text, same, to_text
from alerts.incidents import What
from alerts.outbox.item import DEAD
from alerts.reasons import Reasons, level_text
from alerts.records import parse_time
from alerts.statements import NOTHING, Text, state
from alerts.story import Story
from alerts.texts import clean


def page_statements(pages: Iterable[Page], story: Story) -> Iterator[Statement]:
    """Say what was told, and what came of each; what another channel told instead goes with the page it is for."""
    ends: dict[str, list[DeliveryEnd]] = {}
    for end in story.of(DeliveryEnd):
        ends.setdefault(end.origin or end.key, []).append(end)
    for page in pages:
        words: dict[str, str | Text] = {
            "reason": reason_text(page.reason),
            "level": level_text(page.level),
            "channel": page.channel,
            "to": to_text(page.to),
            "key": page.id,
            "count": str(page.also_count),
        }
        at_ms = parse_time(page.time)
        yield Statement(state("digest" if page.also_count else "page", **words), at_ms)
        found = _chain(page.id, ends)
        if not found:
            yield Statement(state("waiting", key=page.id, channel=page.channel), at_ms)
        yield from (end_statement(end) for end in found)


def end_statement(end: DeliveryEnd) -> Statement:
    """Say how a notification met its end."""
    is_dead = end.outcome in {outcome.value for outcome in DEAD}
    others = end.together - 1
    return Statement(
        state(
            "failed" if is_dead else "delivered",
            channel=end.channel,
            to=to_text(end.to),
            instead=state("instead", channel=end.instead_of) if end.instead_of else NOTHING,
            together=state("together", count=str(others)) if others else NOTHING,
            outcome=OUTCOMES.get(end.outcome, same(end.outcome)),
            result="" if not end.result else f" ({end.result}{'' if end.code is None else f' {end.code}'})",
            key=end.key,
        ),
        parse_time(end.time),
    )


def held_statements(story: Story) -> Iterator[Statement]:
    """Say who was not rung, and would have been."""
    for each in story.of(Held):
        text = state("held", to=clean(each.to), reason=reason_text(each.reason))
        yield Statement(text, parse_time(each.time))


def unpaged(own: Sequence[Change], story: Story, reasons: Reasons) -> list[Statement]:
    """Say why nobody was paged because of the alerts of these changes, if that was recorded."""
    changes = [each for each in own if each.record is not None and each.record.level != "green"]
    muted = dict.fromkeys(reason for each in changes for reason in each.muted)
    if not muted:  # not the alert is quiet, but its incident
        muted = dict.fromkeys(reason for each in changes for reason in each.state.get("muted", ()))
    if muted and not _was_heard(changes, own, story):
        return [Statement(state("no_page_muted", what=reasons.told(muted)))]
    if any(True for _ in story.of(Held)):
        return [Statement(state("no_page_held"))]
    told = _told_before(changes, story)
    if told != "green":
        return [Statement(state("no_page_told", level=level_text(told)))]
    if changes and changes[-1].state.get("told_level", "green") != "green" and not changes[-1].state.get("told"):
        return [Statement(state("no_page_nobody"))]
    return [Statement(state("no_page"))]


def _was_heard(changes: Sequence[Change], own: Sequence[Change], story: Story) -> bool:
    """Whether their incident could be told again after it was quiet, while they went on: then quiet is not why."""
    first_ms = min(parse_time(each.time) for each in changes if each.muted or each.state.get("muted"))
    ends = [parse_time(own[-1].time)] if own[-1].record is not None and own[-1].record.level == "green" else []
    heard = (parse_time(each.time) for each in story.of(Change) if each.what == What.HEARD)
    return any(first_ms <= at_ms and all(at_ms < end_ms for end_ms in ends) for at_ms in heard)


def _told_before(changes: Sequence[Change], story: Story) -> str:
    """Say at which level the incident had been told before the first of these changes."""
    level = "green"
    for each in story.of(Change):
        if changes and each.id == changes[0].id:
            return level
        level = str(each.state.get("told_level", level))
    return "green"


def is_of(page: Page, alert: str, from_ms: int, end_ms: int | None) -> bool:
    """Say whether a page is of an alert: it leads, it moved the incident, or it was firing then."""
    if alert in (page.alert, page.latest):
        return True
    at_ms = parse_time(page.time)
    return at_ms >= from_ms and (end_ms is None or at_ms <= end_ms)


def _chain(key: str, ends: Mapping[str, list[DeliveryEnd]]) -> list[DeliveryEnd]:
    """Give how a page ended, and how what was told in its place did, and so on."""
    found: list[DeliveryEnd] = []
    asked = [key]
    for each in asked:
        for end in ends.get(each, ()):
            found.append(end)
            if end.key not in asked:
                asked.append(end.key)
    return found
