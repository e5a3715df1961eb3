"""An alert in Alertmanager's words: labels say which alert it is, annotations what people should read."""

from __future__ import annotations

import math
from collections.abc import Mapping

from alerts.records import AlertRecord, Scalar
from alerts.texts import clean, number

SEVERITY: Mapping[str, str] = {"red": "critical", "orange": "error", "yellow": "warning", "act": "warning"}
"""The outward severity of a level. `act` has no degree: somebody must do something, so it is a warning at least."""

LABEL_LEN_MAX = 256


def labels(record: AlertRecord, level: str) -> dict[str, str]:
    """Name an alert at one level. The fields of its key get a prefix, so that none can pose as another label.

    An empty value is left out: to Alertmanager the two are the same.
    """
    named = {
        "alertname": record.rule,
        "rule": record.rule,
        "level": level,
        "severity": SEVERITY[level],
    }
    of_key = {f"key_{name}": label_value(value) for name, value in record.key.items()}
    return named | {name: value for name, value in of_key.items() if value}


def reading(record: AlertRecord, action: Mapping[str, str]) -> dict[str, str]:
    """Give the annotations: what people should read, in both languages, and the ids with which to find it again."""
    texts = {
        f"{name}_{language}": text
        for name, words in (("title", record.title), ("summary", record.summary), ("action", action))
        for language, text in words.items()
        if text
    }
    return texts | {
        "alert": record.alert,
        "incident": record.incident,
        "value": number(record.value),
        "threshold": number(record.threshold),
    }


def label_value(value: Scalar) -> str:
    """Write a value of a key as a label."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return clean(value, LABEL_LEN_MAX)
    return str(int(value)) if math.isfinite(value) and value == int(value) else repr(value)
