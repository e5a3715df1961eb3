"""States written by the program of this schema are taken up by the one before us: a change of their shape is noticed.

`tests/data/states/schema-N.json` holds states in the middle of things. If they are no longer taken up, or what follows
is no longer the same, workers that are updated would refuse to start, or count on wrongly. Then count
`streams.snapshots.SCHEMA` up, so that they refuse in words, and write the new states with `--update-golden`. (Before
anybody has states of this schema the file alone may be rewritten.)
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from pathlib import Path
from typing import TYPE_CHECKING

from streams.desk_stage import DeskStage
from streams.rulefile import load
from streams.snapshots import SCHEMA
from streams.source_stage import Ways
from tests.alerting import START_MS, entry, history
from tests.staging import Pipeline, call, chunk, heartbeat
from tests.unit.test_desk_stage import Ear

if TYPE_CHECKING:
    import pytest

STATES = Path(__file__).parents[1] / "data" / "states" / f"schema-{SCHEMA}.json"
RULES = """
version: 1
rules:
  - {id: many, title: {en: a, zh: a}, stream: calls, measure: count, by: [region], window: 20s, hop: 5s,
     levels: {yellow: 3, red: 6}, for: 5s, clear: 0.5, clear_for: 5s}
  - {id: wait, title: {en: a, zh: a}, stream: calls, measure: {mean: wait_s}, by: [queue], window: 20s, hop: 5s,
     min_events: 2, levels: {yellow: 20}}
  - {id: longest, title: {en: a, zh: a}, stream: calls, measure: {max: wait_s}, window: 20s, hop: 5s,
     levels: {yellow: 40}}
  - {id: lost, title: {en: a, zh: a}, stream: calls, measure: {share: {outcome: abandoned}}, window: 20s, hop: 5s,
     levels: {yellow: 0.3}}
  - {id: callers, title: {en: a, zh: a}, stream: calls, measure: {distinct: customer}, window: 20s, hop: 5s,
     levels: {yellow: 4}}
  - {id: few, title: {en: a, zh: a}, stream: calls, measure: count, by: [queue], window: 20s, hop: 5s,
     direction: below, levels: {yellow: 2}}
  - {id: users, title: {en: a, zh: a}, stream: network, where: {state: {not: up}}, hop: 5s,
     measure: {now: sum, field: users}, by: [region], levels: {yellow: 200, red: 500}}
  - {id: outlets, title: {en: a, zh: a}, stream: network, where: {state: down}, hop: 5s,
     measure: {now: distinct, field: outlet}, levels: {yellow: 2}}
"""
ALERTS = [entry(record) for record in history(["yellow", "orange", "red", "orange", "green"])]
CUT_ALERTS = 3


def network(id_: str, at_s: float, **fields: object) -> bytes:
    event = json.loads(call(id_, at_s))
    del event["outcome"]
    return json.dumps({**event, **fields}).encode()


def logs() -> dict[tuple[str, int], list[bytes]]:
    """Two minutes: the first of them with a wave in it that the second half calms."""
    calls = [
        call(
            f"c{number}", number / 2, region="ab"[number % 2], queue="xy"[number % 3 % 2], wait_s=number % 50,
            outcome="abandoned" if number % 3 == 0 else "answered", customer=f"p{number % 7}",
        )
        for number in range(140)
    ]  # fmt: skip
    states = [
        network(
            f"n{number}", number, element=f"e{number % 9}", state=("down", "degraded", "up")[number // 5 % 3],
            users=40 * (number % 5), outlet=f"o{number % 4}", region="ab"[number % 2],
        )
        for number in range(70)
    ]  # fmt: skip
    return {("calls", 0): [*calls, heartbeat(200)], ("network", 0): [*states, heartbeat(200)]}


def pipeline(folder: Path) -> Pipeline:
    path = folder / "rules.yaml"
    path.write_text(RULES, encoding="utf-8")
    found = load([path])
    assert not found.problems
    return Pipeline(found.rules, logs(), Ways(1, 0))


def desk() -> DeskStage:
    return Ear().stage()


def halfway(folder: Path) -> tuple[Pipeline, dict[str, list[object]]]:
    """Go half the way; give the states by name, as [offset, base64]."""
    made = pipeline(folder)
    for one in made.sources:
        made.step(one, len(one.log) // 2)
    made.step(made.judges[0], len(made.judges[0].log))
    own = desk()
    own.feed(chunk(*ALERTS[:CUT_ALERTS], topic="tocsin.commands"), START_MS)
    states = {f"{one.topic}[{one.partition}]": (one.offset, one.stage.dump()) for one in made.hosted}
    states["tocsin.commands[0]"] = (CUT_ALERTS, own.dump())
    return made, {name: [offset, b64encode(blob).decode()] for name, (offset, blob) in states.items()}


def test_states_of_this_schema_are_gone_on_from(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    whole, states = halfway(tmp_path)
    if request.config.getoption("--update-golden"):
        STATES.parent.mkdir(exist_ok=True)
        STATES.write_text(json.dumps(states, indent=1) + "\n", encoding="utf-8")
    assert STATES.exists(), f"no states of schema {SCHEMA}: write them with --update-golden"
    saved = json.loads(STATES.read_text(encoding="utf-8"))
    before = len(whole.alerts)
    whole.settle()
    assert 3 < before < len(whole.alerts) - 3, "there is something to go on from, and something that follows"

    other = pipeline(tmp_path)
    for one in other.hosted:
        offset, blob = saved[f"{one.topic}[{one.partition}]"]
        one.stage.load(b64decode(blob))
        one.offset = offset if one in other.sources else 0  # the judge's log begins anew here
    other.settle()
    assert other.alerts == whole.alerts[before:], __doc__

    again = desk()
    again.load(b64decode(saved["tocsin.commands[0]"][1]))
    again.feed(chunk(*ALERTS[CUT_ALERTS:], topic="tocsin.commands"), START_MS)
    straight = desk()
    straight.feed(chunk(*ALERTS, topic="tocsin.commands"), START_MS)
    assert again.dump() == straight.dump(), __doc__
