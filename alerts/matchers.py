"""What a silence or a window is about: rules, fields of the key and levels, all of which must match."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from alerts.labelmatchers import MATCHERS_LEN_MAX, LabelMatcher, read_label_matcher
from alerts.records import AlertRecord, Scalar
from alerts.senders.labels import labels as labels_of
from detectors.rules import LEVEL_CODE

_OTHERS = ("rule", "level", "stream", "labels")
_LEVELS = tuple(level for level in LEVEL_CODE if level != "green")


class Matchers(msgspec.Struct, frozen=True):
    """Which alerts are meant. What is empty matches all; of several values any does.

    `key` is field → names; `anything` are names of which one must stand anywhere: a field of the key, or the rule. A
    field the alert does not have matches nothing: a silence for 长沙 hides no alert of the whole province. `labels` are
    matchers over the labels that Alertmanager is told (`alerts.senders.labels`).
    """

    rules: tuple[str, ...] = ()
    key: dict[str, tuple[str, ...]] = {}
    levels: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    anything: tuple[str, ...] = ()
    labels: tuple[LabelMatcher, ...] = ()

    def match(self, record: AlertRecord, level: str, stream: str = "") -> bool:
        """Say whether an alert, which counts at `level`, is meant."""
        return (
            (not self.rules or record.rule in self.rules)
            and (not self.levels or level in self.levels)
            and (not self.streams or stream in self.streams)
            and (
                not self.anything
                or any(name in self.anything for name in (record.rule, *map(_said, record.key.values())))
            )
            and all(field in record.key and _said(record.key[field]) in names for field, names in self.key.items())
            and (not self.labels or self._match_labels(labels_of(record, level)))
        )

    def _match_labels(self, named: Mapping[str, str]) -> bool:
        return all(matcher.matches(named) for matcher in self.labels)

    @property
    def is_empty(self) -> bool:
        """Whether everything is meant."""
        named = self.rules or self.key or self.levels or self.streams or self.anything
        return not named and self._match_labels({})


def read_matchers(data: Mapping[str, object]) -> Matchers:
    """Read `{rule: …, level: …, stream: …, labels: …, FIELD: …}`, each a name or a list of names.

    Raise ValueError if it is not that.

    >>> read_matchers({"rule": "users-affected", "region": ["长沙", "株洲"]})
    Matchers(rules=('users-affected',), key={'region': ('长沙', '株洲')}, levels=(), streams=(), anything=(), labels=())
    """
    named = {str(field): _names(field, value) for field, value in data.items()}
    unknown = [level for level in named.get("level", ()) if level not in _LEVELS]
    if unknown:
        raise ValueError(f'unknown level "{unknown[0]}": there are {", ".join(_LEVELS)}')
    key = {field: names for field, names in named.items() if field not in _OTHERS}
    written = named.get("labels", ())
    if len(written) > MATCHERS_LEN_MAX:
        raise ValueError(f"at most {MATCHERS_LEN_MAX} matchers of labels")
    by_label = tuple(map(read_label_matcher, written))
    return Matchers(named.get("rule", ()), key, named.get("level", ()), named.get("stream", ()), labels=by_label)


def _names(field: object, value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    names = tuple(_said(each) for each in values if isinstance(each, str | int | float | bool))
    if not names or len(names) < len(values):
        raise ValueError(f'"{field}" must be a name or a list of names')
    return names


def _said(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
