"""`tocsin replay` with measures across streams and days, and the figures of those who asked for them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from streams.commands.replay import command

BASE_S = 1_772_323_200  # 2026-03-01T00:00:00Z
DAY_S = 86_400

HEAD = "version: 1\nrules:\n  - id: r\n    title: {en: R, zh: 某}\n"


def replayed(tmp_path: Path, rule: str, events: Iterable[Mapping[str, Any]]) -> list[tuple[str, int, float | None]]:
    """Replay events under one rule; times in seconds after the base. Return (level, time, value)."""
    (tmp_path / "rules.yaml").write_text(HEAD + rule, encoding="utf-8")
    told = [
        {"id": str(number), **event, "time": BASE_S + event["time"]}
        for number, event in enumerate(sorted(events, key=lambda event: event["time"]))
    ]
    (tmp_path / "events.jsonl").write_text("\n".join(map(json.dumps, told)), encoding="utf-8")
    result = CliRunner().invoke(
        command, [str(tmp_path / "events.jsonl"), "--rules", str(tmp_path / "rules.yaml"), "--quiet"]
    )
    assert result.exit_code == 0, result.stderr
    records = [json.loads(line) for line in result.stdout.splitlines()]
    return [(record["level"], _seconds(record["time"]), record["value"]) for record in records]


def _seconds(text: str) -> int:
    day, clock = text.removesuffix("Z").split("T")
    hours, minutes, seconds = clock.split(":")
    return (int(day[-2:]) - 1) * DAY_S + int(hours) * 3600 + int(minutes) * 60 + int(float(seconds))


def shipments(count: int, at_s: int = 0) -> list[dict[str, Any]]:
    return [
        {"stream": "shipments", "time": at_s + n * 0.01, "shipment": f"s{at_s}-{n}", "step": "signed"}
        for n in range(count)
    ]


def complaints(count: int, at_s: int = 0, **fields: object) -> list[dict[str, Any]]:
    return [{"stream": "complaints", "time": at_s + n, "category": "damage", **fields} for n in range(count)]


LATER = {"stream": "calls", "time": 12_000, "outcome": "blocked"}
"""Brings time on, and nothing else."""

PER_TEN_THOUSAND = """
    stream: complaints
    measure:
      ratio:
        of: {stream: complaints, measure: count}
        to: {stream: shipments, where: {step: signed}, measure: count}
      per: 10000
    window: 1h
    hop: 10m
    levels: {yellow: 20, orange: 23}
    min_events: 1000
"""


def test_complaints_per_ten_thousand_shipments_against_challenge_and_target(tmp_path: Path) -> None:
    """Challenge 20, target 23: 23 of 10,000 reach the target, 20 the challenge, 20.5 lie between, 19.5 under both."""
    counts = ((23, 10_000), (4, 2_000), (41, 20_000), (39, 20_000))
    events = [
        one
        for hour, (some, of) in enumerate(counts)
        for one in (*shipments(of, hour * 3_600), *complaints(some, hour * 3_600))
    ]
    assert replayed(tmp_path, PER_TEN_THOUSAND, [*events, LATER]) == [
        ("orange", 600, 23.0),
        ("yellow", 4_200, 20.0),
        ("green", 11_400, 19.5),
    ]


def test_under_min_events_and_without_a_shipment_the_rate_is_unknown(tmp_path: Path) -> None:
    assert replayed(tmp_path, PER_TEN_THOUSAND, [*shipments(999), *complaints(50)]) == []
    assert replayed(tmp_path, PER_TEN_THOUSAND, complaints(50)) == []
    assert replayed(tmp_path, PER_TEN_THOUSAND, [*shipments(1_000), *complaints(50)]) == [("orange", 600, 500.0)]


PAYOUT = """
    stream: claims
    where: {step: settled}
    measure: {ratio: {of: {measure: {sum: paid}}, to: {measure: {sum: premium}}}, per: 100}
    window: 1h
    hop: 10m
    levels: {yellow: 9, orange: 11.95, red: 14.9}
"""


def settled(paid: float, premium: float, at_s: int) -> list[dict[str, Any]]:
    return [
        {"stream": "claims", "time": at_s + n, "claim": f"c{at_s}-{n}", "step": "settled", "paid": one, "premium": 10.0}
        for n, one in enumerate([paid / (premium / 10)] * int(premium / 10))
    ] + [{"stream": "claims", "time": at_s, "claim": f"c{at_s}", "step": "opened", "paid": 1e6, "premium": 1}]


def test_the_payout_ratio_falls_from_14_9_to_its_target(tmp_path: Path) -> None:
    """A ratio of exact sums: 14.9 % and the target 11.95 % are reached to the last digit, 11.94 % is under it."""
    events = [*settled(149, 1_000, 0), *settled(119.5, 1_000, 3_600), *settled(119.4, 1_000, 7_200)]
    events += [{"stream": "claims", "time": 7_900, "claim": "last", "step": "opened"}]
    assert replayed(tmp_path, PAYOUT, events) == [
        ("red", 600, pytest.approx(14.9, abs=1e-12)),
        ("orange", 4_200, pytest.approx(11.95, abs=1e-12)),
        ("yellow", 7_800, pytest.approx(11.94, abs=1e-12)),
    ]


HIDDEN = """
    stream: calls
    where: {purpose: complaint}
    measure: {unmatched: share, in: {stream: complaints}, on: customer, within: 30m}
    window: 1h
    hop: 10m
    levels: {yellow: 0.5, red: 0.8}
    min_events: 5
"""


def complaint_calls(of: Iterable[str], at_s: int) -> list[dict[str, Any]]:
    return [
        {"stream": "calls", "time": at_s, "outcome": "answered", "purpose": "complaint", "customer": customer}
        for customer in of
    ]


def test_hidden_complaints_are_eighty_per_cent(tmp_path: Path) -> None:
    """Of ten complaint calls two are registered: one while it lasts, one in the last moment of the 30 minutes."""
    events = complaint_calls("abcdefghij", 600)
    events += complaints(1, 599, customer="a") + complaints(1, 600 + 1_800, customer="b")
    events += complaints(1, 600 + 1_801, customer="c")  # too late
    events += complaints(1, 6_500)
    assert replayed(tmp_path, HIDDEN, events) == [("red", 3_000, 0.8)], "ten minutes' hop after 600 s + 30 min"


TRUE_RATE = """
    stream: calls
    measure:
      ratio:
        of:
          where: {purpose: complaint}
          measure: {unmatched: total, in: {stream: complaints}, on: customer, within: 30m}
        to: {stream: shipments, measure: count}
      per: 10000
    window: 1h
    hop: 10m
    levels: {yellow: 23, red: 69}
"""


def test_the_true_rate_is_sixty_nine_instead_of_twenty_three(tmp_path: Path) -> None:
    """23 complaints and 46 hidden ones of 10,000 shipments."""
    events = complaint_calls((f"c{n}" for n in range(46)), 0) + shipments(10_000, 1_800)
    events += [one for n in range(23) for one in complaints(1, 1_805, customer=f"d{n}")]
    events += complaint_calls((f"d{n}" for n in range(23)), 1_800)
    assert replayed(tmp_path, TRUE_RATE, [*events, *complaints(1, 2_400)])[-1] == ("red", 2_400, 69.0)


GROWTH = """
    stream: complaints
    measure: {growth: count, against: 1d}
    by: [region]
    window: 1h
    hop: 30m
    levels: {yellow: 1.5, red: 3}
"""


def test_growth_is_three_times_yesterday_and_unknown_without_one(tmp_path: Path) -> None:
    days = {"A": (10, 30), "B": (10, 14), "C": (0, 30)}
    events = [
        one
        for region, counts in days.items()
        for day, count in enumerate(counts)
        for one in complaints(count, day * DAY_S + 7_200, region=region)
    ]
    events += [one for region in "ABC" for one in complaints(1, 0, region=region)]
    assert replayed(tmp_path, GROWTH, [*events, *complaints(1, DAY_S + 10_000)]) == [("red", DAY_S + 9_000, 3.0)]


QUANTILE = """
    stream: calls
    measure: {quantile: wait_s, q: 0.95}
    window: 10m
    hop: 1m
    levels: {red: 60}
    min_events: 20
"""


def test_one_in_twenty_waits_a_minute(tmp_path: Path) -> None:
    calls = [{"stream": "calls", "time": n, "outcome": "answered", "wait_s": 3 + n} for n in range(18)]
    slow = [{"stream": "calls", "time": 20 + n, "outcome": "answered", "wait_s": 60.0 + n} for n in range(2)]
    assert replayed(tmp_path, QUANTILE, [*calls, *slow]) == [("red", 60, 60.0)]
    assert replayed(tmp_path, QUANTILE, [*calls, *slow[:1]]) == [], "too few"
