"""Which outlook a rule needs."""

from __future__ import annotations

from detectors.baseline import Baseline
from detectors.drop import Drop
from detectors.forecast import Forecast
from detectors.outlook import Outlook
from detectors.rules import Kind, Rule


def outlook_of(rule: Rule) -> Outlook | None:
    """Make the outlook of a rule; None where the value of the window is what is judged."""
    measure = rule.measure
    if measure.kind is Kind.UNUSUAL:
        return Baseline(rule)
    if measure.kind is Kind.FORECAST:
        return Forecast(measure.span_ms, rule.hop_ms)
    return Drop(measure.span_ms, rule.window_ms) if measure.kind is Kind.DROP else None
