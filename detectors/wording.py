"""What a rule says to people, and to whom: `title`, `summary`, `action`, `notify`, `notice`, `role`."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from detectors.places import Place, quoted, suggest
from detectors.rules import LEVEL_CODE

LANGUAGES = ("en", "zh")
SPOKEN = ("value", "percent", "duration", "threshold", "level", "window", "key")
"""What a text may name in braces besides the `by` fields and the `targets` of its rule."""
ROLES = ("cause", "symptom", "alone")
"""What an alert of a rule is to others at its place: what explains them, what they explain, or neither."""
LEVELS = tuple(level for level in LEVEL_CODE if level != "green")

_LEVELS = "write levels: {yellow: …, orange: …, red: …}"
_OFF = "a rule holds while it stands in a file: put # before its lines to turn it off"
ELSEWHERE = {
    **dict.fromkeys(("enabled", "disabled", "disable", "active"), _OFF),
    **dict.fromkeys(("severity", "threshold", "thresholds", "critical", "warning"), _LEVELS),
    **dict.fromkeys(("group_by", "group-by", "groupby", "labels"), "write by: [FIELD]"),
    **dict.fromkeys(("filter", "filters", "match", "condition"), "write where: {FIELD: VALUE}"),
    **dict.fromkeys(("description", "message", "annotations"), "write summary: {en: …, zh: …}"),
    **dict.fromkeys(("expr", "query", "metric", "aggregate"), "write measure: count, or another"),
    **dict.fromkeys(("receiver", "receivers", "channel", "channels"), "write notify: {red: RECEIVER}"),
    **dict.fromkeys(("timezone", "zone", "tz"), "hours and days are those of `zone` in the settings"),
    "name": "write id: for machines, title: {en: …, zh: …} for people",
    "interval": "how often it judges is hop: 10s, how far it looks back window: 5m",
}
"""What to write instead of keys that rules of other tools have."""

_BRACES = re.compile(r"\{([^{}]*)\}|[{}]")


def read_texts(place: Place, names: Collection[str] | None, fields: Collection[str] = ()) -> Mapping[str, str]:
    """Read `{en: …, zh: …}`, both of them; `names` may stand in braces (None: not known, take any).

    `fields` are those of the stream, which a text may name where the rule is judged by them.
    """
    texts: dict[str, str] = {}
    for language, part in (
        place.keys(LANGUAGES, required=LANGUAGES, wanted="{en: …, zh: …}", what="language") or {}
    ).items():
        text = part.text()
        if text is None:
            continue
        texts[language] = text
        for braces in _BRACES.finditer(text):
            if braces[1] is None:
                part.refuse(f'has a single "{braces[0]}": braces go round a name, as in {{value}}')
            elif names is not None and braces[1] in set(fields).difference(names):
                part.refuse(f'knows {quoted(braces[0])} only of a rule with "by": [{braces[1]}]')
            elif names is not None and braces[1] not in names:
                part.refuse(f"knows no {quoted(braces[0])}: {suggest(braces[1], names)}")
    return texts


def read_notify(place: Place, levels: Collection[str]) -> Mapping[str, tuple[str, ...]]:
    """Read `{level: receiver or [receivers]}`; `levels` are those that the rule has (empty: not known)."""
    notify: dict[str, tuple[str, ...]] = {}
    for level, part in (place.entries("a mapping of level to receivers") or {}).items():
        if level not in LEVELS:
            part.refuse(f"unknown level {quoted(level)}: {suggest(level, LEVELS)}", at_key=True)
        elif levels and level not in levels:
            part.refuse(f'this rule has no level "{level}": there are {", ".join(levels)}', at_key=True)
        receivers = (part.items() or []) if isinstance(part.value, list) else [part]
        if part.value == []:
            part.refuse("is an empty list: name at least one receiver")
        names = [receiver.text("the name of a receiver") for receiver in receivers]
        notify[level] = tuple(name for name in names if name is not None)
    return notify
