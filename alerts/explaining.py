"""Why an alert fired and who was told: each statement from what was recorded. What is not recorded is said to be so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import tzinfo

from alerts.chronicle import Change, DeliveryEnd, Muting, Page, RuleThen
from alerts.explainpages import end_statement, held_statements, is_of, page_statements, unpaged
from alerts.explainwords import (
    STATES,
    Statement,
    each_language,
    in_time,
    key_text,
    name_of,
    reason_text,
    same,
    span,
    titled,
    to_text,
)
from alerts.incidents import What
from alerts.reasons import Reasons, level_text
from alerts.records import AlertRecord, parse_time
from alerts.statements import COLON, COMMA, NOTHING, SPACE, Text, joined, state
from alerts.story import Story
from alerts.texts import clean, duration, moment, number
from detectors.levels import left_at

PEOPLE = {
    What.ACKNOWLEDGED: "acknowledged",
    What.RELEASED: "released",
    What.PROMISED: "promised",
    What.COMMENTED: "commented",
    What.ESCALATED: "escalated",
    What.ACCEPTED: "accepted",
}


class Explainer:
    """Tells stories, with times in the site's zone."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone

    def alert(self, alert: str, records: tuple[AlertRecord, ...], story: Story | None) -> list[Statement]:
        """Explain one alert: `records` are its changes of level, `story` that of its incident, if the desk knows it."""
        first, last = records[0], records[-1]
        name = state("alert", alert=alert, title=first.title, key=key_text(first.key), rule=clean(first.rule))
        head = [Statement(name)]
        if story is None:
            told = [*self._levels(records), *self._still(last)]
            return [*head, Statement(state("rule_unknown")), *told, Statement(state("not_noted"))]
        own = [each for each in story.of(Change) if each.alert == alert]
        head += self.rule(next((each.then for each in own if each.then is not None), None), "rule_then")
        end_ms = last.time_ms if last.level == "green" else None
        pages = [each for each in story.of(Page) if is_of(each, alert, first.time_ms, end_ms)]
        timed = [
            *self._levels(records),
            *(one for each in own for one in self._join(each, story)),
            *self._mutings(alert, own, story),
            *self._causes(story),
            *self._incident_muting(story),
            *held_statements(story),
            *self._people(story),
            *page_statements(pages, story),
        ]
        foot = [*self._still(last), *([] if pages else unpaged(own, story, self._reasons(story))), *self._nobody(story)]
        return [*head, *in_time(timed), *foot]

    def incident(self, story: Story) -> list[Statement]:
        """Explain an incident."""
        head = [Statement(self._titled(story))]
        changes = list(story.of(Change))
        rule = story.state["rule"] if story.state is not None else ""
        then = [each.then for each in changes if each.record is not None and each.record.rule == rule]
        head += self.rule(next((each for each in then if each is not None), None), "rule_then")
        own: dict[str, list[Change]] = {}
        for each in changes:
            if each.record is not None:
                own.setdefault(each.alert, []).append(each)
        pages = list(story.of(Page))
        timed = [
            *(one for each in changes for one in self._join(each, story)),
            *(self._level(each.record, named=True) for each in changes if each.record is not None),
            *(one for alert, theirs in own.items() for one in self._mutings(alert, theirs, story)),
            *self._causes(story),
            *self._incident_muting(story),
            *held_statements(story),
            *self._people(story),
            *page_statements(pages, story),
            *self._ends(story),
        ]
        return [
            *head,
            *in_time(timed),
            *([] if pages else unpaged(changes, story, self._reasons(story))),
            *self._nobody(story),
        ]

    def notification(self, key: str, story: Story) -> list[Statement]:
        """Explain one page: of what incident, why, and what came of it."""
        pages = [each for each in story.of(Page) if each.id == key]
        ends = [each for each in story.of(DeliveryEnd) if each.key == key]
        told: Page | DeliveryEnd = pages[0] if pages else ends[0]
        name = state(
            "notification",
            key=key,
            reason=reason_text(told.reason),
            level=level_text(told.level),
            channel=told.channel,
            to=to_text(told.to),
            incident=told.incident,
        )
        timed = list(page_statements(pages, story)) if pages else [end_statement(each) for each in ends]
        return [Statement(name), Statement(self._titled(story)), *in_time(timed)]

    def rule(self, rule: RuleThen | None, sentence: str) -> list[Statement]:
        """Say what a rule was, or is: thresholds, spans, and what holds a level."""
        if rule is None:
            return [Statement(state("rule_unknown"))]
        sign = "≤" if rule.below else "≥"
        levels = [joined([level_text(name), same(f"{sign} {number(limit)}")], SPACE) for name, limit in rule.levels]
        told = [
            state(
                sentence,
                fingerprint=rule.fingerprint,
                levels=joined(levels, COMMA),
                window=span(rule.window_ms),
                hop=span(rule.hop_ms),
            ),
            state("rises_after", span=span(rule.for_ms)) if rule.for_ms else state("rises_at_once"),
            state("falls", limit=_left(rule), span=_for(rule.clear_for_ms)),
        ]
        if rule.varies:
            told.append(state("varies"))
        if rule.min_events:
            told.append(state("min_events", count=str(rule.min_events)))
        return [Statement(each) for each in told]

    def _titled(self, story: Story) -> Text:
        known = story.state
        if known is None:
            return state("incident_unknown", incident=story.incident)
        return state(
            "incident",
            incident=story.incident,
            title=known["title"],
            key=key_text(known["key"]),
            rule=clean(known["rule"]),
            state=STATES.get(known["state"], same(known["state"])),
            level=level_text(known["level"]),
            peak=level_text(known["peak_level"]),
        )

    def _levels(self, records: Iterable[AlertRecord]) -> Iterator[Statement]:
        return (self._level(each) for each in records)

    def _level(self, record: AlertRecord, *, named: bool = False) -> Statement:
        name = {"raised": "rose", "unknown": "gone"}.get(record.reason, "fell")
        text = state(
            name,
            was=level_text(record.was),
            level=level_text(record.level),
            value=each_language(lambda language: number(record.value, language)),
            threshold=number(record.threshold),
        )
        return Statement(joined([name_of(record), text], COLON) if named else text, record.time_ms)

    def _still(self, last: AlertRecord) -> list[Statement]:
        if last.level == "green":
            return []
        return [Statement(state("still", level=level_text(last.level), since=moment(last.time_ms, self._zone)))]

    def _join(self, change: Change, story: Story) -> Iterator[Statement]:
        """Say how the alert of a change came to the incident, and what it counts there."""
        record = change.record
        if record is None or not change.why:
            return
        at_ms = parse_time(change.time)
        other = titled(story.state)
        yield Statement(state(f"why_{change.why}", name=name_of(record), incident=change.incident, other=other), at_ms)
        if change.counts_as not in ("", record.level):
            yield Statement(state("one_more", name=name_of(record), level=level_text(change.counts_as)), at_ms)

    def _mutings(self, alert: str, own: Iterable[Change], story: Story) -> Iterator[Statement]:
        """Say whenever something else kept one alert quiet."""
        own = list(own)
        found = [(parse_time(each.time), each.muted) for each in own]
        found += [(parse_time(each.time), each.muted) for each in story.of(Muting) if each.alert == alert]
        named = next((name_of(each.record) for each in own if each.record is not None), same(alert))
        ended = {parse_time(each.time) for each in own if each.record is not None and each.record.level == "green"}
        before: tuple[str, ...] = ()
        for at_ms, muted in sorted(found, key=lambda one: one[0]):
            if muted == before or at_ms in ended:
                continue
            what = self._reasons(story).told(muted)
            yield Statement(state("muted", name=named, what=what) if muted else state("unmuted", name=named), at_ms)
            before = muted

    def _incident_muting(self, story: Story) -> Iterator[Statement]:
        is_flapping = False
        for each in story.of(Change):
            at_ms = parse_time(each.time)
            if each.what in {What.MUTED, What.HEARD}:
                what = self._reasons(story).told(each.text.split("; "))
                name = "incident_muted" if each.what == What.MUTED else "incident_heard"
                yield Statement(state(name, what=what), at_ms)
            flaps = bool(each.state.get("flapping", is_flapping))
            if flaps != is_flapping:
                yield Statement(state("flapping" if flaps else "calm"), at_ms)
                is_flapping = flaps

    def _people(self, story: Story) -> Iterator[Statement]:
        """Say what people did; what they asked for and was refused, too."""
        for each in story.of(Change):
            name = next((sentence for what, sentence in PEOPLE.items() if what == each.what), None)
            if name is not None:
                said = state(name, by=clean(each.by), text=self._text(each))
                yield Statement(said, parse_time(each.time))
            elif each.what == What.RESOLVED and each.by:
                text = f": {clean(each.text, 1_000)}" if each.text else ""
                yield Statement(state("ended_by_hand", by=clean(each.by), text=text), parse_time(each.time))
            elif each.what == What.FOUND:
                text = clean(each.text, 1_000)
                said = state("found", by=clean(each.by), text=text) if text else state("found_real", by=clean(each.by))
                if each.state.get("false_alarm"):
                    said = state("found_false", by=clean(each.by), text=f": {text}" if text else "")
                yield Statement(said, parse_time(each.time))
        for order in story.orders:
            if order.outcome != "done":
                refused = state("asked", by=clean(order.by), what=order.what, outcome=clean(order.outcome, 300))
                yield Statement(refused, parse_time(order.time))

    def _text(self, change: Change) -> Text:
        if change.what == What.PROMISED:
            return same(moment(parse_time(change.text), self._zone))
        return reason_text(change.text) if change.what == What.ESCALATED else same(change.text, 1_000)

    def _ends(self, story: Story) -> Iterator[Statement]:
        """Say when it was over, when it was opened again, and what was found to explain it."""
        for each in story.of(Change):
            at_ms = parse_time(each.time)
            if each.what == What.RESOLVED and not each.by:
                yield Statement(state("resolved"), at_ms)
            elif each.what == What.REOPENED:
                yield Statement(state("reopened"), at_ms)

    def _causes(self, story: Story) -> Iterator[Statement]:
        """Say when a cause was found: an alert that joined, or another incident."""
        for each in story.of(Change):
            if each.what == What.ATTRIBUTED and each.record is not None:
                yield Statement(state("attributed_here", name=name_of(each.record)), parse_time(each.time))
            elif each.what == What.ATTRIBUTED:
                other = self._reasons(story).incident(each.text)
                yield Statement(state("attributed", other=other), parse_time(each.time))

    def _nobody(self, story: Story) -> list[Statement]:
        foot = [Statement(state("cut"))] if story.cut else []
        taken = any(each.what == What.ACKNOWLEDGED for each in story.of(Change))
        return foot if taken else [*foot, Statement(state("nobody"))]

    def _reasons(self, story: Story) -> Reasons:
        return Reasons(story, self._zone)


def _left(rule: RuleThen) -> Text:
    limits = (f"{number(left_at(limit, rule.clear, below=rule.below))}" for _, limit in rule.levels)
    return same(" / ".join(limits))


def _for(span_ms: int) -> Text:
    if not span_ms:
        return NOTHING
    return {"en": f" for {duration(span_ms, 'en')}", "zh": f" 并持续 {duration(span_ms, 'zh')}"}
