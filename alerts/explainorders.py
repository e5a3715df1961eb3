"""Silences and notices explained: what was asked for, step by step, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import tzinfo
from typing import Any

from alerts.audit import AuditRecord
from alerts.explainwords import Statement
from alerts.reasons import ends_of, level_text
from alerts.records import parse_time
from alerts.statements import COLON, NOTHING, Text, joined, state
from alerts.texts import LANGUAGES, clean, moment

_INCLUDING_RED: Text = {"en": ", red too", "zh": "，包括红色"}
_STATES: Mapping[str, Text] = {
    "draft": {"en": "a draft", "zh": "草稿"},
    "approved": {"en": "approved", "zh": "已批准"},
    "publishing": {"en": "on its way", "zh": "正在分级发布"},
    "stopped": {"en": "stopped: the others hear nothing", "zh": "已中止，其余受众不再通知"},
    "published": {"en": "published", "zh": "已发布"},
    "updated": {"en": "updated", "zh": "已更新"},
    "all-clear": {"en": "ended by an all-clear", "zh": "已发布解除公告"},
    "withdrawn": {"en": "withdrawn", "zh": "已撤回"},
}
_KINDS: Mapping[str, Text] = {
    "first": {"en": "The first text", "zh": "首次公告"},
    "update": {"en": "The update", "zh": "更新公告"},
    "all-clear": {"en": "The all-clear", "zh": "解除公告"},
}


def silence_statements(silence: str, orders: Iterable[AuditRecord], zone: tzinfo) -> list[Statement]:
    """Say what a silence is, and who asked for what about it."""
    orders = list(orders)
    done = [each for each in orders if each.what == "silence-add" and each.outcome == "done"]
    told = done[-1] if done else orders[0]
    match = told.body.get("match")
    named = match if isinstance(match, Mapping) else {}
    head = state(
        "silence",
        id=clean(silence),
        by=clean(told.by),
        match=clean(" ".join(f"{field}={_values(value)}" for field, value in named.items()), 300),
        ends=ends_of(told.body, zone),
        red=_INCLUDING_RED if told.body.get("including_red") is True else NOTHING,
        comment=clean(str(told.body.get("comment", ""))),
    )
    return [Statement(head), *_asked(orders)]


def notice_statements(
    steps: Iterable[Mapping[str, Any]], orders: Iterable[AuditRecord], zone: tzinfo
) -> list[Statement]:
    """Say how a notice went, step by step, and what was refused."""
    newest = list(steps)[-1]
    head = state(
        "notice",
        id=clean(str(newest["notice"])),
        incident=clean(str(newest["incident"])),
        state=_STATES.get(newest["state"], dict.fromkeys(LANGUAGES, str(newest["state"]))),
        level=level_text(str(newest["level"])),
        due=moment(parse_time(newest["deadline"]), zone),
    )
    taken = [
        Statement(
            state(
                "step",
                kind=_KINDS.get(step["kind"], dict.fromkeys(LANGUAGES, str(step["kind"]))),
                state=_STATES.get(step["state"], dict.fromkeys(LANGUAGES, str(step["state"]))),
                to=state("told_to", who=clean(step["audience"])) if step.get("audience") else NOTHING,
                by=state("by", by=clean(step["by"])) if step["by"] else NOTHING,
            ),
            parse_time(step["time"]),
        )
        for step in newest["steps"]
    ]
    refused = _asked(each for each in orders if each.outcome != "done")
    return [Statement(head), *sorted((*taken, *refused), key=lambda each: each.time_ms or 0)]


def _asked(orders: Iterable[AuditRecord]) -> list[Statement]:
    return [
        Statement(
            state("asked", by=clean(each.by), what=each.what, outcome=clean(each.outcome, 300)), parse_time(each.time)
        )
        for each in orders
    ]


def _values(value: object) -> str:
    return "|".join(map(str, value)) if isinstance(value, list) else str(value)


def step_text(kind: str, what: str) -> Text:
    """Say which text of a notice became what."""
    texts = (_KINDS.get(kind, dict.fromkeys(LANGUAGES, kind)), _STATES.get(what, dict.fromkeys(LANGUAGES, what)))
    return joined(texts, COLON)
