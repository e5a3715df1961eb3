"""Why an alert fired and who was told: each statement from what was recorded. What is not recorded is said to be so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from alerts.chronicle import Change, DeliveryEnd, Held, Muting, Page, RuleThen
from alerts.incidents import What
from alerts.notifications import REASON_WORDS, Reason
from alerts.outbox.item import DEAD
from alerts.reasons import Reasons, level_text
from alerts.records import AlertRecord, parse_time
from alerts.statements import NOTHING, Text, joined, state
from alerts.story import Story
from alerts.texts import LANGUAGES, VALUE_LEN_MAX, clean, duration, key_words, moment, number
from detectors.levels import left_at

PEOPLE = {
    What.ACKNOWLEDGED: "acknowledged",
    What.RELEASED: "released",
    What.PROMISED: "promised",
    What.COMMENTED: "commented",
    What.ESCALATED: "escalated",
    What.ACCEPTED: "accepted",
}


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, in each language; `time_ms` is when it was so, None for what has no time."""

    text: Text
    time_ms: int | None = None


def sentences(explained: Iterable[Statement], zone: tzinfo) -> list[dict[str, Any]]:
    """Give statements as plain data: each language, with the time in front where there is one."""
    return [
        {
            language: each.text[language]
            if each.time_ms is None
            else f"{moment(each.time_ms, zone)}  {each.text[language]}"
            for language in LANGUAGES
        }
        for each in explained
    ]


class Explainer:
    """Tells stories, with times in the site's zone."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone

    def alert(self, alert: str, records: tuple[AlertRecord, ...], story: Story | None) -> list[Statement]:
        """Explain one alert: `records` are its changes of level, `story` that of its incident, if the desk knows it."""
        first, last = records[0], records[-1]
        name = state("alert", alert=alert, title=first.title, key=_key(first.key), rule=clean(first.rule))
        head = [Statement(name)]
        if story is None:
            told = [*self._levels(records), *self._still(last)]
            return [*head, Statement(state("rule_unknown")), *told, Statement(state("not_noted"))]
        own = [each for each in story.of(Change) if each.alert == alert]
        head += self.rule(next((each.then for each in own if each.then is not None), None), "rule_then")
        end_ms = last.time_ms if last.level == "green" else None
        pages = [each for each in story.of(Page) if _is_of(each, alert, first.time_ms, end_ms)]
        timed = [
            *self._levels(records),
            *(one for each in own for one in self._join(each, story)),
            *self._mutings(alert, own, story),
            *self._incident_muting(story),
            *self._pages(pages, story),
            *self._held(story),
            *self._people(story),
        ]
        foot = [*self._still(last), *([] if pages else self._no_page(own, story)), *self._nobody(story)]
        return [*head, *_in_time(timed), *foot]

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
            *self._incident_muting(story),
            *self._pages(pages, story),
            *self._held(story),
            *self._people(story),
            *self._ends(story),
        ]
        return [*head, *_in_time(timed), *([] if pages else self._no_page(changes, story)), *self._nobody(story)]

    def notification(self, key: str, story: Story) -> list[Statement]:
        """Explain one page: of what incident, why, and what came of it."""
        pages = [each for each in story.of(Page) if each.id == key]
        ends = [each for each in story.of(DeliveryEnd) if each.key == key]
        told: Page | DeliveryEnd = pages[0] if pages else ends[0]
        name = state(
            "notification",
            key=key,
            reason=_reason(told.reason),
            level=level_text(told.level),
            channel=told.channel,
            to=_to(told.to),
            incident=told.incident,
        )
        timed = list(self._pages(pages, story)) if pages else [self._end(each) for each in ends]
        return [Statement(name), Statement(self._titled(story)), *_in_time(timed)]

    def rule(self, rule: RuleThen | None, sentence: str) -> list[Statement]:
        """Say what a rule was, or is: thresholds, spans, and what holds a level."""
        if rule is None:
            return [Statement(state("rule_unknown"))]
        sign = "≤" if rule.below else "≥"
        levels = joined([_each(lambda language, n=name, t=limit: f"{level_text(n)[language]} {sign} {number(t)}")
                         for name, limit in rule.levels], ", ")  # fmt: skip
        told = [
            state(sentence, fingerprint=rule.fingerprint, levels=levels, window=span(rule.window_ms),
                  hop=span(rule.hop_ms)),
            state("rises_after", span=span(rule.for_ms)) if rule.for_ms else state("rises_at_once"),
            state("falls", limit=_left(rule), span=_for(rule.clear_for_ms)),
        ]  # fmt: skip
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
            key=_key(known["key"]),
            rule=clean(known["rule"]),
            state=_STATES.get(known["state"], _same(known["state"])),
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
            value=_each(lambda language: number(record.value, language)),
            threshold=number(record.threshold),
        )
        return Statement(joined([_name(record), text], ": ") if named else text, record.time_ms)

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
        other = _titled_key(story.state)
        yield Statement(state(f"why_{change.why}", name=_name(record), incident=change.incident, other=other), at_ms)
        if change.counts_as not in ("", record.level):
            yield Statement(state("one_more", name=_name(record), level=level_text(change.counts_as)), at_ms)
        if change.what == What.ATTRIBUTED:
            yield Statement(state("attributed_here", name=_name(record)), at_ms)

    def _mutings(self, alert: str, own: Iterable[Change], story: Story) -> Iterator[Statement]:
        """Say whenever something else kept one alert quiet."""
        own = list(own)
        found = [(parse_time(each.time), each.muted) for each in own]
        found += [(parse_time(each.time), each.muted) for each in story.of(Muting) if each.alert == alert]
        named = next((_name(each.record) for each in own if each.record is not None), _same(alert))
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

    def _pages(self, pages: Iterable[Page], story: Story) -> Iterator[Statement]:
        """Say what was told, and what came of each; what another channel told instead goes with the page it is for."""
        ends: dict[str, list[DeliveryEnd]] = {}
        for end in story.of(DeliveryEnd):
            ends.setdefault(end.origin or end.key, []).append(end)
        for page in pages:
            words: dict[str, str | Text] = {
                "reason": _reason(page.reason),
                "level": level_text(page.level),
                "channel": page.channel,
                "to": _to(page.to),
                "key": page.id,
                "count": str(page.also_count),
            }
            at_ms = parse_time(page.time)
            yield Statement(state("digest" if page.also_count else "page", **words), at_ms)
            found = _chain(page.id, ends)
            if not found:
                yield Statement(state("waiting", key=page.id, channel=page.channel), at_ms)
            yield from (self._end(end) for end in found)

    def _end(self, end: DeliveryEnd) -> Statement:
        is_dead = end.outcome in {outcome.value for outcome in DEAD}
        others = end.together - 1
        return Statement(
            state(
                "failed" if is_dead else "delivered",
                channel=end.channel,
                to=_to(end.to),
                instead=state("instead", channel=end.instead_of) if end.instead_of else NOTHING,
                together=state("together", count=str(others)) if others else NOTHING,
                outcome=_OUTCOMES.get(end.outcome, _same(end.outcome)),
                result="" if not end.result else f" ({end.result}{'' if end.code is None else f' {end.code}'})",
                key=end.key,
            ),
            parse_time(end.time),
        )

    def _held(self, story: Story) -> Iterator[Statement]:
        for each in story.of(Held):
            text = state("held", to=clean(each.to), reason=_reason(each.reason))
            yield Statement(text, parse_time(each.time))

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
        for order in story.orders:
            if order.outcome != "done":
                refused = state("asked", by=clean(order.by), what=order.what, outcome=clean(order.outcome, 300))
                yield Statement(refused, parse_time(order.time))

    def _text(self, change: Change) -> Text:
        if change.what == What.PROMISED:
            return _same(moment(parse_time(change.text), self._zone))
        return _reason(change.text) if change.what == What.ESCALATED else _same(change.text, 1_000)

    def _ends(self, story: Story) -> Iterator[Statement]:
        """Say when it was over, when it was opened again, and what was found to explain it."""
        for each in story.of(Change):
            at_ms = parse_time(each.time)
            if each.what == What.RESOLVED and not each.by:
                yield Statement(state("resolved"), at_ms)
            elif each.what == What.REOPENED:
                yield Statement(state("reopened"), at_ms)
            elif each.what == What.ATTRIBUTED and each.record is None:
                yield Statement(state("attributed", other=self._reasons(story).incident(each.text)), at_ms)

    def _no_page(self, own: Iterable[Change], story: Story) -> list[Statement]:
        """Say why nobody was paged, if that was recorded."""
        changes = [each for each in own if each.record is not None and each.record.level != "green"]
        reasons = dict.fromkeys(reason for each in changes for reason in each.muted)
        reasons |= dict.fromkeys(reason for each in changes for reason in each.state.get("muted", ()) if not reasons)
        if reasons:
            return [Statement(state("no_page_muted", what=self._reasons(story).told(reasons)))]
        told = changes[-1].state.get("told_level", "green") if changes else "green"
        if told != "green":
            return [Statement(state("no_page_told", level=level_text(told)))]
        return [Statement(state("no_page"))]

    def _nobody(self, story: Story) -> list[Statement]:
        foot = [Statement(state("cut"))] if story.cut else []
        taken = any(each.what == What.ACKNOWLEDGED for each in story.of(Change))
        return foot if taken else [*foot, Statement(state("nobody"))]

    def _reasons(self, story: Story) -> Reasons:
        return Reasons(story, self._zone)


def span(span_ms: int) -> Text:
    """Write a span of time in each language."""
    return _each(lambda language: duration(span_ms, language))


def _is_of(page: Page, alert: str, from_ms: int, end_ms: int | None) -> bool:
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


def _in_time(statements: Iterable[Statement]) -> list[Statement]:
    """Put statements in the order of time, those of one time as they were given."""
    return sorted(statements, key=lambda each: each.time_ms or 0)


def _left(rule: RuleThen) -> Text:
    limits = (f"{number(left_at(limit, rule.clear, below=rule.below))}" for _, limit in rule.levels)
    return _same(" / ".join(limits))


def _for(span_ms: int) -> Text:
    if not span_ms:
        return NOTHING
    return {"en": f" for {duration(span_ms, 'en')}", "zh": f" 并持续 {duration(span_ms, 'zh')}"}


def _each(say: Any) -> Text:
    return {language: say(language) for language in LANGUAGES}


def _same(text: str, length_max: int = VALUE_LEN_MAX) -> Text:
    return dict.fromkeys(LANGUAGES, clean(text, length_max))


def _key(key: Mapping[str, Any]) -> Text:
    return _each(lambda language: key_words(key, language))


def _name(record: AlertRecord) -> Text:
    return _each(lambda language: f"{record.title[language]} {key_words(record.key, language)}")


def _titled_key(known: Mapping[str, Any] | None) -> Text:
    if known is None:
        return _same("?")
    return _each(lambda language: f"{known['title'][language]} {key_words(known['key'], language)}")


def _reason(reason: str) -> Text:
    if reason not in set(Reason):
        return _same(reason)
    return _each(lambda language: REASON_WORDS[Reason(reason)][language])


def _to(to: str) -> Text:
    return state("to", to=clean(to)) if to else NOTHING


_STATES: Mapping[str, Text] = {
    "open": {"en": "open", "zh": "未确认"},
    "acknowledged": {"en": "acknowledged", "zh": "已确认"},
    "resolved": {"en": "over", "zh": "已结束"},
}
_OUTCOMES: Mapping[str, Text] = {
    "refused": {"en": "the receiver will never take it", "zh": "接收方拒收"},
    "expired": {"en": "it waited too long", "zh": "等待过久"},
    "dropped": {"en": "too many waited", "zh": "等待过多"},
}
