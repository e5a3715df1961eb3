"""Reads from the file of history what a report counts: one period, bounded; the rest is counted by SQLite itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from alerts import chronicle
from alerts.chronicle import FigureThen
from alerts.reports import facts as bounds
from alerts.reports.facts import Facts, Mark
from alerts.reports.periods import Period
from streams.historyreads import HistoryReads

_OPENED = "opened_ms >= ? AND opened_ms < ?"
_TEXT = "CAST(body AS TEXT)"  # SQLite reads JSON of a blob as a format of its own
_WORST = "CASE peak WHEN 'red' THEN 0 WHEN 'orange' THEN 1 WHEN 'yellow' THEN 2 ELSE 3 END"


class _Line(msgspec.Struct):
    what: str
    level: str


_line = msgspec.json.Decoder(_Line)


def facts_of(reads: HistoryReads, period: Period, now_ms: int) -> Facts:
    """Read one period."""
    span = (period.from_ms, period.to_ms)
    opened = reads.ask(f"SELECT count(*) FROM incidents WHERE {_OPENED}", span)[0][0]  # noqa: S608  no text of others
    rows = reads.ask(
        f"SELECT body FROM incidents WHERE {_OPENED} ORDER BY {_WORST}, opened_ms, incident LIMIT ?",  # noqa: S608
        (*span, bounds.INCIDENTS_MAX),
    )
    marks, is_cut = _marks(reads, span)
    return Facts(
        *span,
        now_ms,
        opened=opened,
        incidents=tuple(msgspec.json.decode(body) for (body,) in rows),
        marks=marks,
        raises=dict(
            reads.ask(
                "SELECT rule, count(*) FROM alerts WHERE time_ms >= ? AND time_ms < ? "  # noqa: S608
                f"AND json_extract({_TEXT}, '$.was') = 'green' GROUP BY rule",
                span,
            )
        ),
        muted=_muted(reads, span),
        pages=_counted(reads, "page", "reason", span),
        ends=_counted(reads, "delivery", "outcome", span),
        notices=_notices(reads, span),
        figures=_figures(reads, span),
        is_cut=is_cut or opened > bounds.INCIDENTS_MAX,
    )


def _marks(reads: HistoryReads, span: tuple[int, int]) -> tuple[Mapping[str, tuple[Mark, ...]], bool]:
    """Read the timelines of incidents that were going on; what came after the period counts too: who took them on.

    Those of the period's own incidents come first: where there are too many, older ones lose theirs.
    """
    found: dict[str, list[Mark]] = {}
    rows = reads.ask(
        "SELECT h.incident, h.time_ms, h.body FROM happenings AS h JOIN incidents AS i ON i.incident = h.incident "  # noqa: S608
        "WHERE h.kind = 'change' AND i.opened_ms < ? AND (i.updated_ms >= ? OR "
        f"json_extract({_TEXT.replace('body', 'i.body')}, '$.resolved') IS NULL) "
        "ORDER BY i.opened_ms < ?, h.time_ms, h.rowid LIMIT ?",
        (span[1], span[0], span[0], bounds.MARKS_MAX + 1),
    )
    for incident, time_ms, body in rows[: bounds.MARKS_MAX]:
        line = _line.decode(body)
        found.setdefault(incident, []).append(Mark(time_ms, line.what, line.level))
    return {incident: tuple(lines) for incident, lines in found.items()}, len(rows) > bounds.MARKS_MAX


def _muted(reads: HistoryReads, span: tuple[int, int]) -> int:
    """Count the alerts that something kept quiet, from their beginning or later."""
    asked = (
        "SELECT count(DISTINCT alert) FROM happenings WHERE time_ms >= ? AND time_ms < ? AND alert <> '' AND "  # noqa: S608
        "((kind = 'muting' AND detail <> '') OR (kind = 'change' AND "
        f"json_array_length({_TEXT}, '$.muted') > 0))"
    )
    return int(reads.ask(asked, span)[0][0])


def _counted(reads: HistoryReads, kind: str, what: str, span: tuple[int, int]) -> dict[tuple[str, str], int]:
    rows = reads.ask(
        f"SELECT detail, json_extract({_TEXT}, '$.{what}'), count(*) FROM happenings "  # noqa: S608
        "WHERE kind = ? AND time_ms >= ? AND time_ms < ? GROUP BY 1, 2",
        (kind, *span),
    )
    return {(channel, word): count for channel, word, count in rows}


def _notices(reads: HistoryReads, span: tuple[int, int]) -> tuple[Mapping[str, Any], ...]:
    """Read the notices of the incidents that a report looks at, as each stands."""
    rows = reads.ask(
        "SELECT body, max(step) FROM notices WHERE incident IN (SELECT incident FROM incidents "  # noqa: S608
        f"WHERE {_OPENED} ORDER BY {_WORST}, opened_ms, incident LIMIT ?) GROUP BY notice",
        (*span, bounds.INCIDENTS_MAX),
    )
    return tuple(msgspec.json.decode(row[0]) for row in rows)


def _figures(reads: HistoryReads, span: tuple[int, int]) -> tuple[FigureThen, ...]:
    """Read the last figure of each series whose day ended within the period: the midnight it begins at is not its."""
    rows: Sequence[Any] = reads.ask(
        "SELECT body, max(time_ms) FROM figures WHERE time_ms > ? AND time_ms <= ? GROUP BY rule, series", span
    )
    told = (chronicle.decode(row[0]) for row in rows)
    return tuple(each for each in told if isinstance(each, FigureThen))
