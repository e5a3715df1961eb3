"""What Alertmanager's clients ask, in our words: which alerts are wanted, and silences as commands have them."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from alerts.labelmatchers import MATCHERS_LEN_MAX, LabelMatcher, label_matcher, read_label_matcher
from alerts.silences import Silence
from streams.api import alertmanager_rows as rows
from streams.api import alertmanager_shapes as shapes
from streams.api.asking import Refused

LABELS = ("alertname", "rule", "level", "severity")
KEY = "key_"
STREAM = "stream"


def wanted(asked: shapes.AlertsAsked) -> rows.Wanted:
    """Read which alerts are wanted. Raise Refused if it cannot be read."""
    try:
        receiver = label_matcher("receiver", asked.receiver, is_regex=True) if asked.receiver else None
    except ValueError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, str(error)) from error
    return rows.Wanted(
        active=asked.active,
        silenced=asked.silenced,
        inhibited=asked.inhibited,
        matchers=filters(asked.filter),
        receiver=receiver,
    )


def filters(texts: Sequence[str]) -> list[LabelMatcher]:
    """Read filters. Raise Refused if one is none, or if there are too many."""
    if len(texts) > MATCHERS_LEN_MAX:
        raise Refused(HTTPStatus.BAD_REQUEST, f"at most {MATCHERS_LEN_MAX} filters")
    try:
        return [read_label_matcher(text) for text in texts]
    except ValueError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, str(error)) from error


def silence_body(posted: shapes.SilencePosted, known: Silence | None) -> dict[str, Any]:
    """Write a silence as the desk's command has it. Raise Refused for matchers that no alert could ever fit.

    One whose matchers stay as they were stays what it was, whatever of it their words cannot say.
    """
    matchers = [_label_matcher(each) for each in posted.matchers]
    body = {"comment": posted.comment, "starts": posted.startsAt, "ends": posted.endsAt}
    if known is not None and matchers == rows.label_matchers(known.matchers, including_red=known.including_red):
        return {**body, "match": known.as_data()["match"], "including_red": known.including_red}
    streams = [each for each in matchers if each.name == STREAM]
    others = [each.text for each in matchers if each.name != STREAM]
    match: dict[str, Any] = {"labels": others} if others else {}
    if streams:
        match[STREAM] = _names(streams)
    return {**body, "match": match, "including_red": any(map(rows.fits_red, matchers))}


def _label_matcher(asked: shapes.MatcherAsked) -> LabelMatcher:
    if asked.name not in {*LABELS, STREAM} and not asked.name.startswith(KEY):
        hint = f"; the field of a key is {KEY}{asked.name[:80]}" if asked.name.isidentifier() else ""
        why = f"no alert has a label {asked.name[:80]!r}: there are {', '.join(LABELS)}, {STREAM} and {KEY}FIELD{hint}"
        raise Refused(HTTPStatus.BAD_REQUEST, why)
    try:
        return label_matcher(asked.name, asked.value, is_regex=asked.isRegex, is_equal=asked.isEqual)
    except ValueError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, str(error)) from error


def _names(matchers: Sequence[LabelMatcher]) -> list[str]:
    """Read the names of streams, which are no labels: one, or several of which any is meant."""
    (first, *more) = matchers
    names = first.value.split("|") if first.is_regex else [first.value]
    if more or not first.is_equal or not all(name.replace("-", "").replace("_", "").isalnum() for name in names):
        why = f'streams are matched once, as in {STREAM}="calls" or {STREAM}=~"calls|network"'
        raise Refused(HTTPStatus.BAD_REQUEST, why)
    return names
