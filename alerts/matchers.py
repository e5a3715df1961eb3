"""What a silence or a window is about: rules, fields of the key and levels, all of which must match."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from alerts.records import AlertRecord, Scalar
from detectors.rules import LEVEL_CODE

_OTHERS = ("rule", "level", "stream")
_LEVELS = tuple(level for level in LEVEL_CODE if level != "green")


class Matchers(msgspec.Struct, frozen=True):
    """Which alerts are meant. What is empty matches all; of several values any does.

    `key` is field → names; `anything` are names of which one must stand anywhere: a field of the key, or the rule. A
    field the alert does not have matches nothing: a silence for 长沙 hides no alert of the whole province.
    """

    rules: tuple[str, ...] = ()
    key: dict[str, tuple[str, ...]] = {}
    levels: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    anything: tuple[str, ...] = ()

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
        )

    @property
    def is_empty(self) -> bool:
        """Whether everything is meant."""
        return not (self.rules or self.key or self.levels or self.streams or self.anything)


def read_matchers(data: Mapping[str, object]) -> Matchers:
    """Read `{rule: …, level: …, stream: …, FIELD: …}`, each a name or a list of names.

    Raise ValueError if it is not that.

    >>> read_matchers({"rule": "users-affected", "region": ["长沙", "株洲"]})
    Matchers(rules=('users-affected',), key={'region': ('长沙', '株洲')}, levels=(), streams=(), anything=())
    """
    named = {str(field): _names(field, value) for field, value in data.items()}
    unknown = [level for level in named.get("level", ()) if level not in _LEVELS]
    if unknown:
        raise ValueError(f'unknown level "{unknown[0]}": there are {", ".join(_LEVELS)}')
    key = {field: names for field, names in named.items() if field not in _OTHERS}
    return Matchers(named.get("rule", ()), key, named.get("level", ()), named.get("stream", ()))


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
