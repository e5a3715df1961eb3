"""Shipped rules whose alerts name no contributor, each with its reason: no new rule comes to lack them unseen."""

from __future__ import annotations

from pathlib import Path

from streams.rulefile import load

ROOT = Path(__file__).parents[2]
NAMELESS: dict[str, tuple[str, ...]] = {
    "nothing came": ("calls-silent", "complaints-silent", "network-silent"),
    "what is missing cannot be counted": (
        *(f"courier-at-risk-{band}" for band in ("10-50k", "50-100k", "100-200k", "over-200k")),
        "courier-agent-turnover",
        "courier-monitoring-score",
        "post-customer-volume-low",
    ),
    "ahead: it has not happened": ("courier-service-level-ahead",),
    "one event an alert: nothing in it differs": ("outside-event", "planned-work"),
    "no sum of its events": (
        "courier-longest-wait",
        "post-lane-slowest-tenth",
    ),
    "told and hidden ones are of two streams": ("freight-true-complaint-rate",),
}


def test_these_and_no_other_rules_name_nobody() -> None:
    rules = load([ROOT / "rules"]).rules
    nameless = sorted(rule.id for rule in rules if not rule.contributors)
    assert nameless == sorted(name for names in NAMELESS.values() for name in names)


def test_the_decision_gives_these_reasons() -> None:
    decision = (ROOT / "docs" / "decisions" / "0050-contributors-by-default.md").read_text(encoding="utf-8")
    for reason, names in NAMELESS.items():
        assert f"*{reason}* ({len(names)}" in " ".join(decision.split())
