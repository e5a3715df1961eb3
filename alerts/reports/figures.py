"""Figures against their targets: what a period measured, what the one before did, and whether it is as it should be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from alerts.chronicle import FigureThen, Series

SERIES_MAX = 20
"""Series of one rule that are listed, the worst first; the others are counted."""


def figures_told(now: Iterable[FigureThen], before: Iterable[FigureThen]) -> list[dict[str, Any]]:
    """List rules with targets, each with its series, the worst first."""
    earlier = {_name(one): one for one in before}
    by_rule: dict[str, list[FigureThen]] = {}
    for one in now:
        by_rule.setdefault(one.rule, []).append(one)
    return [_rule(by_rule[rule], earlier) for rule in sorted(by_rule)]


def is_met(value: float, aim: float, *, below: bool) -> bool:
    """Say whether a value is as it should be; `below`: the low is what is bad.

    >>> is_met(11.95, 11.95, below=False), is_met(14.9, 11.95, below=False), is_met(0.85, 0.80, below=True)
    (True, False, True)
    """
    return value >= aim if below else value <= aim


def _rule(told: Sequence[FigureThen], earlier: Mapping[tuple[str, str], FigureThen]) -> dict[str, Any]:
    newest = max(told, key=lambda one: one.time)
    sign = 1 if newest.below else -1
    ranked = sorted(told, key=lambda one: (sign * one.value, _name(one)))
    return {
        "rule": newest.rule,
        "title": newest.title,
        "window_s": newest.window_ms / 1000,
        "below": newest.below,
        "series": max(len(told), *(one.series for one in told)),
        "listed": [_row(one, earlier.get(_name(one))) for one in ranked[:SERIES_MAX]],
    }


def _row(one: FigureThen, before: FigureThen | None) -> dict[str, Any]:
    """Write one series; of a `limit` too it is said whether it is kept."""
    return {
        "key": one.key,
        "time": one.time,
        "value": one.value,
        "before": None if before is None else before.value,
        "targets": one.targets,
        "met": {name: is_met(one.value, aim, below=one.below) for name, aim in one.targets.items()},
    }


def _name(one: FigureThen) -> tuple[str, str]:
    return one.rule, Series(one.rule, one.key).name
