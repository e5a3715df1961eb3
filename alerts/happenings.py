"""From the notes of the desk's journal to records of the history: ids derived, rules and states written down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from alerts.book import IncidentBook
from alerts.chronicle import Change, Happening, Held, Muting, derived, then_of
from alerts.journal import HeldBack, Noted, Remuted
from alerts.records import format_time
from detectors.rules import Rule


def told_of(book: IncidentBook, rules: Mapping[str, Rule], now_ms: int) -> list[Happening]:
    """Take all notes of a book, as records; incidents are written down as they are by now."""
    told: list[Happening] = []
    for note in book.journal.take():
        match note:
            case Noted():
                told.append(_change(note, book, rules))
            case Remuted():
                told.append(_muting(note, now_ms))
            case HeldBack():
                told.append(_held(note, book, now_ms))
            case _:
                assert_never(note)
    return told


def _change(note: Noted, book: IncidentBook, rules: Mapping[str, Rule]) -> Change:
    entry, member = note.entry, note.member
    now = book.get(note.incident.id) or note.incident
    rule = None if member is None else rules.get(member.record.rule)
    # Not by its time: what time alone brings comes at another when the log is read again.
    named = (note.incident.id, note.number, entry.what.value, entry.by, entry.text, entry.rule, *entry.key.values())
    return Change(
        id=derived("change", *named, entry.level),
        time=format_time(entry.time_ms),
        incident=note.incident.id,
        what=entry.what.value,
        level=entry.level,
        value=entry.value,
        by=entry.by,
        text=entry.text,
        record=None if member is None else member.record,
        why=note.why,
        counts_as="" if member is None else member.level,
        muted=() if member is None else member.muted,
        then=None if rule is None else then_of(rule),
        state=now.head(),
    )


def _muting(note: Remuted, now_ms: int) -> Muting:
    record = note.member.record
    return Muting(
        id=derived("muting", note.incident, record.alert, now_ms, *note.member.muted),
        time=format_time(now_ms),
        incident=note.incident,
        alert=record.alert,
        level=note.member.level,
        muted=note.member.muted,
    )


def _held(note: HeldBack, book: IncidentBook, now_ms: int) -> Held:
    known = book.get(note.incident)
    return Held(
        id=derived("held", note.incident, note.person, note.telling, note.level),
        time=format_time(now_ms),
        incident=note.incident,
        to=note.person,
        level=note.level,
        reason=note.reason,
        alert="" if known is None else known.record.alert,
    )
