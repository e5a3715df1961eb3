"""From records of the log to rows of the history: the one place that says what a record is there. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from alerts import chronicle
from alerts.audit import AuditRecord
from alerts.chronicle import Change, DeliveryEnd, FigureThen, Happening, Muting, Page, Series
from alerts.records import AlertRecord, decode, encode, parse_time
from alerts.texts import clean
from streams.topics import ALERTS, AUDIT, HISTORY, NOTICES

TOPICS = (ALERTS, HISTORY, AUDIT, NOTICES)
"""What the history is made of; each has one partition."""

SAID_LEN_MAX = 1_000

Statement = tuple[str, tuple[Any, ...]]

_ALERT = "INSERT OR IGNORE INTO alerts VALUES (?,?,?,?,?,?,?)"
_HAPPENING = "INSERT OR IGNORE INTO happenings VALUES (?,?,?,?,?,?,?,?,?,?)"
# What was known before must not put an incident back: only with the row above, which is new then, is it taken up.
_INCIDENT = """INSERT INTO incidents SELECT ?,?,?,?,?,?,? WHERE changes() > 0
ON CONFLICT (incident) DO UPDATE SET opened_ms = excluded.opened_ms, updated_ms = excluded.updated_ms,
peak = excluded.peak, rule = excluded.rule, said = excluded.said, body = excluded.body"""
# An alert is quiet for the same reasons until something else was said of it.
_MUTING = """INSERT OR IGNORE INTO happenings SELECT ?,?,?,?,?,?,?,?,?,? WHERE ? IS NOT
(SELECT detail FROM happenings WHERE alert = ? AND kind = 'muting' ORDER BY rowid DESC LIMIT 1)"""
_FIGURE = "INSERT OR IGNORE INTO figures VALUES (?,?,?,?,?)"
_NOTICE = "INSERT OR IGNORE INTO notices VALUES (?,?,?,?,?)"
_AUDIT = "INSERT OR IGNORE INTO audit VALUES (?,?,?,?,?)"

_audit = msgspec.json.Decoder(AuditRecord)


@dataclass(frozen=True, slots=True)
class Record:
    """One record of one of the topics."""

    topic: str
    value: bytes | None


def statements(record: Record) -> Iterator[Statement]:
    """Say what is to be written for a record. Raise ValueError if it is none of ours."""
    if record.value is None:
        return
    if record.topic == ALERTS:
        yield _alert(decode(record.value))
    elif record.topic == HISTORY:
        told = chronicle.decode(record.value)
        if isinstance(told, FigureThen):
            series = Series(told.rule, told.key)
            yield _FIGURE, (told.id, series.rule, series.name, parse_time(told.ended), record.value)
        else:
            yield from _happening(told, record.value)
    elif record.topic == NOTICES:
        yield _notice(record.value)
    elif record.topic == AUDIT:
        yield _audited(record.value)


def _alert(record: AlertRecord) -> Statement:
    series = Series(record.rule, record.key).name
    said = _said(record.rule, record.key, record.title, record.summary)
    return _ALERT, (record.alert, record.time_ms, record.level, record.rule, series, said, encode(record))


def _happening(happening: Happening, body: bytes) -> Iterator[Statement]:
    about = origin = detail = ""
    match happening:
        case Change(record=record) if record is not None:
            yield _alert(record)  # the topic of alerts is not kept as long as this one
        case Muting():
            detail = "; ".join(happening.muted)
        case Page():
            about = origin = happening.id
            detail = happening.channel
        case DeliveryEnd():
            about, origin, detail = happening.key, happening.origin or happening.key, happening.channel
    kind = str(happening.__struct_config__.tag)
    place = (happening.id, kind, happening.incident, happening.alert, about, origin)
    row = (*place, parse_time(happening.time), happening.level, detail, body)
    if isinstance(happening, Muting):
        yield _MUTING, (*row, detail, happening.alert)
        return
    yield _HAPPENING, row
    if isinstance(happening, Change) and happening.state:
        yield _incident(happening.incident, happening.state)


def _incident(incident: str, state: dict[str, Any]) -> Statement:
    try:
        opened_ms, updated_ms = parse_time(state["opened"]), parse_time(state["updated"])
        said = _said(state["rule"], state["key"], state["title"], state["summary"])
        row = (incident, opened_ms, updated_ms, state["peak_level"], state["rule"], said)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no state of an incident: {error!r}") from error
    return _INCIDENT, (*row, msgspec.json.encode(state))


def _notice(value: bytes) -> Statement:
    try:
        told = msgspec.json.decode(value)
        row = (told["notice"], len(told["steps"]), parse_time(told["time"]), told["incident"])
    except (msgspec.MsgspecError, KeyError, TypeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"no notice: {error!r}") from error
    return _NOTICE, (*row, value)


def _audited(value: bytes) -> Statement:
    try:
        record = _audit.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"no record of the audit: {error}") from error
    return _AUDIT, (record.hash, record.number, parse_time(record.time), record.on or record.command, value)


def _said(rule: str, key: dict[str, Any], *texts: dict[str, str]) -> str:
    """Write what a search looks through."""
    words = [rule, *map(str, key.values()), *(text for each in texts for text in each.values())]
    return clean(" ".join(words), SAID_LEN_MAX)
