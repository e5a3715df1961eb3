"""What a report is asked for, as questions to the history."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from typing import Any

from alerts.explaining import Explainer
from alerts.explainwords import sentences
from alerts.reports.periodreport import period_report as reported
from alerts.reports.periods import PeriodKind, read_period
from alerts.reports.postanalysis import post_analysis
from streams.explain import named
from streams.historyreads import HistoryReads
from streams.reportreads import facts_of


class UnknownReport(LookupError):
    """There is nothing of that name to report on. One line."""


def period_report(kind: str, of: str, now_ms: int, zone: tzinfo) -> Callable[[HistoryReads], dict[str, Any]]:
    """Report on a week or a month. Raise UnknownReport for another kind, PeriodError for a period that cannot be."""
    if kind not in set(PeriodKind):
        raise UnknownReport(f"no report {kind[:40]!r}: there are {', '.join(PeriodKind)}")
    period = read_period(PeriodKind(kind), of, now_ms, zone)

    def answer(reads: HistoryReads) -> dict[str, Any]:
        now, before = facts_of(reads, period, now_ms), facts_of(reads, period.before, now_ms)
        return reported(period, now, before)

    return answer


def incident_report(incident: str, zone: tzinfo) -> Callable[[HistoryReads], dict[str, Any]]:
    """Look back on an incident. The question raises UnknownReport."""

    def answer(reads: HistoryReads) -> dict[str, Any]:
        story = reads.story(incident)
        told = None if story is None else post_analysis(story)
        if story is None or told is None:
            raise UnknownReport(f"the history knows no incident {incident[:80]!r}: tocsin history incidents lists them")
        said = Explainer(zone).incident(named(story, reads))
        return {**told, "zone": str(zone), "statements": sentences(said, zone)}

    return answer
