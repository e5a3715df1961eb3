"""`new` names the new values themselves: against a plain search of the past, in any split and after restarts."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest

from detectors import contributors
from detectors.transition import Contributor, Transition
from tests.builders import in_partitions, walk
from tests.unit.test_oracle import split as cut
from tests.unit.test_usual_contributors import rule_of

HOP_MS, WINDOW_MS, WITHIN_MS = 1_000, 10_000, 15_000
NEW = {"stream": "complaints", "measure": {"new": "reason", "within": "15s"}, "window": "10s", "hop": "1s"}
RULES = [
    rule_of(**NEW, by=["region"], levels={"yellow": 1, "orange": 3}),
    rule_of(**NEW, id="both", contributors=["outlet", "reason"], levels={"yellow": 1, "orange": 2, "red": 3}),
]


def some_events(random: Random, number: int) -> list[dict[str, Any]]:
    told = []
    for at in range(number):
        time = random.randrange(60_000)
        one = {"stream": "complaints", "id": str(at), "time": time, "region": random.choice("ab")}
        one["reason"] = random.choice(["usual", f"r{random.randrange(25)}", f"late {time // 7000}", '"<b>\n', "", None])
        one["outlet"] = random.choice(["o1", "o2", None])
        told.append({name: value for name, value in one.items() if value is not None})
    return sorted(told, key=lambda one: one["time"])


def top(field: str, weights: Counter[str]) -> list[Contributor]:
    known = sorted(((text, n) for text, n in weights.items() if text), key=lambda entry: (-entry[1], entry[0]))
    return [Contributor(field, text, round(n / weights.total(), 4)) for text, n in known[:3]]


def expected(events: list[dict[str, Any]], said: Transition) -> tuple[Contributor, ...]:
    """Say what is new in the window the plain way: by whole panes, each value against all that was before."""
    own = [e for e in events if said.rule == "both" or e["region"] == said.key[0]]
    begun = min(e["time"] for e in own) // HOP_MS * HOP_MS
    fresh: Counter[str] = Counter()
    for start in range(said.time_ms - WINDOW_MS, said.time_ms, HOP_MS):
        if begun + WITHIN_MS > start:
            continue
        here = {e["reason"] for e in own if "reason" in e and start <= e["time"] < start + HOP_MS}
        before = {e.get("reason") for e in own if start - WITHIN_MS <= e["time"] < start}
        fresh.update(here - before)
    named = top("reason", fresh)
    if said.rule == "both":
        inside = [e for e in own if said.time_ms - WINDOW_MS <= e["time"] < said.time_ms]
        named = [*top("outlet", Counter(e.get("outlet", "") for e in inside)), *named]
    return tuple(named)


@pytest.mark.parametrize("seed", range(6))
def test_they_are_the_values_that_were_not_there_before(seed: int) -> None:
    random = Random(seed)
    events = some_events(random, 200)
    whole = walk(RULES, [events], 0, drain_ms=30_000)
    assert {one.rule for one in whole} == {"r", "both"}
    assert any(one.field == "reason" for said in whole for one in said.top or ())
    assert [one.top for one in whole] == [expected(events, one) for one in whole]
    parts = cut(events, sorted(random.sample(range(200), 9)))
    assert walk(RULES, parts, 0, drain_ms=30_000) == whole
    assert walk(RULES, parts, 0, drain_ms=30_000, restarts=True) == whole


def test_so_they_are_however_partitions_part_them_and_in_whatever_order_panes_come() -> None:
    random = Random(60)
    events = some_events(random, 200)
    told = [in_partitions(RULES, events, partitions, random) for partitions in (1, 3, 7)]
    assert told[0] == told[1] == told[2]
    assert [one.top for one in told[0]] == [expected(events, one) for one in told[0]]


def test_beyond_the_bound_of_values_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contributors, "VALUES_MAX", 4)
    events = [{"stream": "complaints", "id": "0", "time": 0, "region": "a", "reason": "usual"}]
    events += [
        {"stream": "complaints", "id": f"n{n}", "time": 20_000 + n, "region": "a", "reason": f"r{n}"} for n in range(9)
    ]
    said = walk(RULES[:1], [events], 0, drain_ms=5_000)
    assert [(one.level, one.value, one.top) for one in said] == [("orange", 9.0, ())]
