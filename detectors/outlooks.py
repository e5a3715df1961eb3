"""Which window and which outlook a rule needs."""

from __future__ import annotations

from detectors.baseline import Baseline
from detectors.drop import Drop
from detectors.firsts import Firsts
from detectors.forecast import Forecast
from detectors.outlook import Outlook
from detectors.portions import Portions
from detectors.rules import Kind, Rule
from detectors.staffing import ServiceLevel, Staffing
from detectors.windows import Window, window_of


def window_for(rule: Rule) -> Window:
    """Make the window of a rule that is not about the latest state of things."""
    if rule.measure.kind is Kind.NEW:
        return Firsts(rule)
    if rule.measure.kind is Kind.SERVICE_LEVEL_AHEAD:
        return Staffing()
    if (rule.measure.base or rule.measure).kind is Kind.SHARE_OF_ALL:
        return Portions(levels=max(len(rule.at), 1), min_events=rule.min_events)
    return window_of(rule.measure.base or rule.measure, rule.min_events)


def outlook_of(rule: Rule, window: Window | None) -> Outlook | None:
    """Make the outlook of a rule over its window; None where the value of the window is what is judged."""
    measure = rule.measure
    if measure.kind is Kind.UNUSUAL:
        return Baseline(rule)
    if measure.kind is Kind.FORECAST:
        return Forecast(measure.span_ms, rule.hop_ms)
    if isinstance(window, Staffing):
        return ServiceLevel(rule, window)
    return Drop(measure.span_ms, rule.window_ms) if measure.kind is Kind.DROP else None
