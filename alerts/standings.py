"""Where a series stands now, in words: its value against the next level, and what holds it back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import tzinfo

from alerts.chronicle import then_of
from alerts.explaining import Explainer
from alerts.explainwords import Statement, span
from alerts.reasons import level_text
from alerts.records import AlertRecord, Scalar
from alerts.statements import Text, state
from alerts.texts import LANGUAGES, clean, in_languages, key_words, moment, number
from detectors.rules import Rule
from detectors.standing import Standing


def standing_statements(  # noqa: PLR0913  all of it is said
    rule: Rule,
    key: Mapping[str, Scalar],
    stands: Standing | None,
    last: AlertRecord | None,
    zone: tzinfo,
    *,
    blind: Iterable[str] = (),
    waits: bool = False,
    has_history: bool = True,
) -> list[Statement]:
    """Say where a series stands. `blind` are the streams of the rule that are; `last` is its newest change of level.

    Without a history to ask (`has_history`), `last` says nothing.
    """
    titles = in_languages(rule.title)
    named: Text = {language: key_words(key, language) for language in LANGUAGES}
    told: list[Text] = []
    if stands is None:
        told.append(state("never_seen", key=named, rule=clean(rule.id)))
    elif not stands.is_judged or stands.judged_ms is None:
        told.append(state("stands_unjudged", title=titles, key=named))
    else:
        told.append(
            state(
                "stands",
                title=titles,
                key=named,
                level=level_text(stands.level),
                value={language: number(stands.value, language) for language in LANGUAGES},
                time=moment(stands.judged_ms, zone),
            )
        )
    rest = Explainer(zone).rule(then_of(rule), "rule_now")
    after: list[Text] = [state("blind", stream=clean(stream)) for stream in blind]
    if waits:
        after.append(state("rule_waits"))
    if stands is not None and stands.judged_ms is not None and stands.is_judged:
        after += _next(rule, stands, stands.judged_ms, zone)
        after += _missing(rule, stands, zone)
    if not has_history:
        after.append(state("history_away"))
    elif last is None:
        after.append(state("never_changed"))
    else:
        after.append(
            state(
                "changed",
                time=moment(last.time_ms, zone),
                was=level_text(last.was),
                level=level_text(last.level),
            )
        )
    return [*map(Statement, told), *rest, *map(Statement, after)]


def _next(rule: Rule, stands: Standing, judged_ms: int, zone: tzinfo) -> list[Text]:
    """Say what is missing for the next level."""
    names = [name for name, _ in stands.thresholds]
    place = 0 if stands.level == "green" else names.index(stands.level) + 1
    if place == len(names):
        return [state("highest")]
    name, threshold = stands.thresholds[place]
    reached_ms = stands.reached_ms[place]
    if reached_ms is None:
        return [state("next_level", level=level_text(name), threshold=number(threshold))]
    return [
        state(
            "next_held",
            level=level_text(name),
            threshold=number(threshold),
            since=moment(reached_ms, zone),
            held=span(judged_ms - reached_ms),
            span=span(rule.for_ms),
        )
    ]


def _missing(rule: Rule, stands: Standing, zone: tzinfo) -> list[Text]:
    """Say why there is no value, or how many events it is of."""
    told: list[Text] = []
    if stands.events is not None:
        name = "too_few" if stands.events < rule.min_events else "enough"
        told.append(state(name, count=number(stands.events), min=number(rule.min_events)))
    if stands.value is None and stands.known_ms is not None:
        told.append(state("unknown_value", known=moment(stands.known_ms, zone), span=span(rule.unknown_after_ms)))
    elif stands.value is None:
        told.append(state("unknown_since_ever"))
    return told
