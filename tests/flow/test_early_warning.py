"""A surge that builds up over an hour: what looks ahead warns before the limit is reached, and not on other days."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from click.testing import CliRunner

from streams.commands.replay import command

RULES = """
version: 1
rules:
  - id: too-many
    title: {en: Too many complaints, zh: 投诉过多}
    stream: complaints
    measure: count
    window: 15m
    hop: 1m
    levels: {orange: 100}
  - id: too-many-soon
    title: {en: Too many complaints soon, zh: 投诉即将过多}
    stream: complaints
    measure: {forecast: count, ahead: 15m}
    window: 15m
    hop: 1m
    levels: {yellow: 100}
  - id: more-than-usual
    title: {en: More complaints than usual, zh: 投诉异常增多}
    stream: complaints
    measure: {unusual: count}
    window: 15m
    hop: 1m
    levels: {yellow: 3.5, orange: 5}
    for: 2m
"""
START = datetime(2026, 3, 2, tzinfo=UTC)
SURGE = START + timedelta(days=10, hours=19)  # at night in China, when few people call
RAMP_MIN = 90


def rate_per_min(at: datetime) -> float:
    """Give the complaints of a minute: some at day, few at night; from SURGE on steadily more."""
    usual = 0.6 * (1.1 + math.sin(2 * math.pi * (at - START) / timedelta(days=1)))
    since_min = (at - SURGE) / timedelta(minutes=1)
    return usual + (12.0 * min(since_min / RAMP_MIN, 1.0) if 0 <= since_min < 2 * RAMP_MIN else 0.0)


@pytest.fixture(scope="module")
def alerts(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    random, folder = Random(1), tmp_path_factory.mktemp("surge")
    lines = []
    for minute in range(11 * 24 * 60):
        at = START + timedelta(minutes=minute)
        gap_s = random.expovariate(rate_per_min(at) / 60)
        while gap_s < 60:
            time = at + timedelta(seconds=gap_s)
            event = {"id": str(len(lines)), "time": time.isoformat(timespec="milliseconds"), "category": "network"}
            lines.append(json.dumps(event))
            gap_s += random.expovariate(rate_per_min(at) / 60)
    (folder / "complaints.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (folder / "rules.yaml").write_text(RULES, encoding="utf-8")
    result = CliRunner().invoke(command, [str(folder / "complaints.jsonl"), "--rules", str(folder / "rules.yaml")])
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def raised_min(alerts: list[dict[str, str]], rule: str) -> list[float]:
    """Give the minutes after the surge began at which a rule left green."""
    rose = [one for one in alerts if one["rule"] == rule and one["was"] == "green"]
    return [(datetime.fromisoformat(one["time"]) - SURGE) / timedelta(minutes=1) for one in rose]


def test_the_forecast_warns_before_the_limit_is_reached(alerts: list[dict[str, str]]) -> None:
    (reached,), (warned,) = raised_min(alerts, "too-many"), raised_min(alerts, "too-many-soon")
    assert 30 < reached < 75
    assert 0 < warned <= reached - 5


def test_the_unusual_is_seen_while_few_would_call_it_many(alerts: list[dict[str, str]]) -> None:
    (reached,) = raised_min(alerts, "too-many")
    (seen,) = raised_min(alerts, "more-than-usual")  # and nothing in the days before
    assert 0 < seen <= reached - 15


def test_all_is_green_in_the_end(alerts: list[dict[str, str]]) -> None:
    last = {one["rule"]: one["level"] for one in alerts}
    assert last == dict.fromkeys(("too-many", "too-many-soon", "more-than-usual"), "green")
