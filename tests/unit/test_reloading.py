"""Rules read again: taken whole or not at all, by stages that keep what they may keep."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from detectors.rules import Rule
from streams.door import Door
from streams.feed import Feed
from streams.metrics import Metrics
from streams.orders import add_orders
from streams.overview import Overview, Rates
from streams.reloading import Reload, Reloader
from streams.source_stage import Ways
from streams.web import make_app
from tests.staging import NOW_MS, Pipeline, call, heartbeat, rule

RULES = """
version: 1
rules:
  - {id: one, title: {en: a, zh: a}, stream: calls, measure: count, levels: {red: 9}}
  - {id: two, title: {en: a, zh: a}, stream: calls, measure: count, levels: {red: %s}}
"""


@dataclass
class Worker:
    """Who works by rules, as far as a reload sees of it."""

    rules: Sequence[Rule] = ()
    taken: int = 0
    counted: list[str] = field(default_factory=list)
    objection: list[str] = field(default_factory=list)

    def objections(self, _rules: Sequence[Rule]) -> list[str]:
        return self.objection

    def take_rules(self, rules: Sequence[Rule]) -> None:
        self.rules = rules
        self.taken += 1

    def count_reload(self, result: str) -> None:
        self.counted.append(result)


async def test_a_table_of_places_that_changed_is_told_and_not_taken(tmp_path: Path) -> None:
    path, table, worker = tmp_path / "rules.yaml", tmp_path / "places.csv", Worker([rule("gone")])
    path.write_text(RULES % 9)
    table.write_text("level,name,parent\n")
    reloader = Reloader([path], worker, lambda: NOW_MS, table=table)
    assert (await reloader.reload()).notes == []
    table.write_text("level,name,parent\ncity,a,\n")
    told = await reloader.reload()
    assert (told.result, told.as_data()["notes"]) == (
        "taken",
        [f"{table} has changed and was not taken: places are read at the start; restart the workers one by one"],
    )
    table.unlink()
    assert len((await reloader.reload()).notes) == 1


async def test_right_rules_are_taken_and_what_is_new_is_named(tmp_path: Path) -> None:
    path, worker = tmp_path / "rules.yaml", Worker([rule("gone")])
    path.write_text(RULES % 9)
    reloader = Reloader([path], worker, lambda: NOW_MS)
    first = await reloader.reload()
    assert (first.result, first.rules, first.added, first.removed) == ("taken", 2, ["one", "two"], ["gone"])
    path.write_text(RULES % 12)
    second = await reloader.reload()
    assert (second.changed, second.added, second.removed) == (["two"], [], [])
    assert second.as_data()["time"] == "2026-03-01T09:00:00Z"
    assert (worker.taken, worker.counted, reloader.last) == (2, ["taken", "taken"], second)


@pytest.mark.parametrize(
    ("text", "objection", "problem"),
    [
        pytest.param("version: 1\nrules:\n  - {id: a", "", "rules.yaml:", id="not YAML"),
        pytest.param(RULES % "many", "", "levels", id="a wrong rule among right ones"),
        pytest.param("", "", "rules.yaml", id="an empty file"),
        pytest.param(RULES % 9, "not while running", "not while running", id="right, but not for us"),
    ],
)
async def test_of_anything_wrong_nothing_is_taken(tmp_path: Path, text: str, objection: str, problem: str) -> None:
    path, old = tmp_path / "rules.yaml", [rule("old")]
    path.write_text(text)
    worker = Worker(old, objection=[objection] if objection else [])
    done = await Reloader([path], worker, lambda: NOW_MS).reload()
    assert (done.result, done.rules, worker.rules, worker.taken, worker.counted) == ("refused", 1, old, 0, ["refused"])
    assert (done.added, done.changed, done.removed) == ([], [], [])
    assert problem in " ".join(done.problems)


def test_a_folder_that_is_gone_is_a_problem_not_a_crash(tmp_path: Path) -> None:
    import asyncio

    worker = Worker([rule("old")])
    done = asyncio.run(Reloader([tmp_path / "nowhere"], worker, lambda: NOW_MS).reload())
    assert (done.result, worker.taken) == ("refused", 0)


# Stages.


def pipeline(*rules: Rule, partitions: int = 1) -> Pipeline:
    return Pipeline(rules, {("calls", number): [] for number in range(partitions)}, Ways(1, 0))


def calls(line: Pipeline, *at_s: float, partition: int = 0, end_s: float | None = None) -> None:
    line.sources[partition].log += [call(f"{partition}-{number}-{at}", at) for number, at in enumerate(at_s)]
    if end_s is not None:
        line.sources[partition].log.append(heartbeat(end_s))


def levels(line: Pipeline, name: str) -> list[tuple[str, str, str | None]]:
    return [(one["level"], one["reason"], one["value"]) for one in line.said() if one["rule"] == name]


def reload(line: Pipeline, *rules: Rule, sources: Sequence[int] | None = None, judges: bool = True) -> None:
    for number, one in enumerate(line.sources):
        if sources is None or number in sources:
            one.stage.take_rules(rules)  # type: ignore[attr-defined]
    for one in line.judges if judges else ():
        one.stage.take_rules(rules)  # type: ignore[attr-defined]


def speak(line: Pipeline) -> None:
    """Let wall time pass: sources report, judges say their last words."""
    line.beat()
    for one in line.judges:
        line.carry(one.stage.beat(line.now_ms))


def test_an_unchanged_rule_goes_on_with_its_window_and_its_level() -> None:
    a, b = rule("a"), rule("b")
    line = pipeline(a, b)
    calls(line, 0, 1, 2, end_s=4)
    line.settle()
    reload(line, replace(a, title={"en": "said otherwise", "zh": "另"}), replace(b, window_ms=20_000))
    speak(line)
    calls(line, 5, end_s=8)
    line.settle()
    assert levels(line, "a") == [("yellow", "raised", 2.0), ("red", "raised", 4.0)]
    assert line.said()[-1]["title"]["en"] == "said otherwise"


def test_a_changed_rule_ends_and_begins_anew() -> None:
    line = pipeline(rule("b"))
    calls(line, 0, 1, end_s=4)
    line.settle()
    reload(line, rule("b", levels=(("red", 3.0),)))
    speak(line)
    speak(line)
    assert levels(line, "b") == [("yellow", "raised", 2.0), ("green", "unknown", None)]
    calls(line, 10, 11, 12, end_s=15)
    line.settle()
    assert levels(line, "b")[2:] == [("red", "raised", 3.0)], "the two calls before are forgotten"


def test_a_removed_rule_ends_once_even_over_a_crash() -> None:
    line = pipeline(rule("b"), rule("c"))
    calls(line, 0, 1, end_s=4)
    line.settle()
    judge = line.judges[0]
    judge.save()
    reload(line, rule("c"))
    judge.make = lambda: type(judge.stage)(0, 1, [rule("c")], line.counts)  # type: ignore[call-arg]
    speak(line)
    judge.crash()
    speak(line)
    ends = [json.dumps(one, sort_keys=True) for one in line.said() if one["rule"] == "b" and one["level"] == "green"]
    assert len(ends) == 2
    assert len(set(ends)) == 1, "said twice, it is the same record, and known by it"
    assert levels(line, "c") == [("yellow", "raised", 2.0)]


def test_a_rule_waits_until_all_workers_count_it_alike() -> None:
    before, after = rule("b"), rule("b", levels=(("red", 3.0),))
    line = pipeline(before, partitions=2)
    for partition in range(2):
        calls(line, 0, partition=partition, end_s=3)
    line.settle()
    reload(line, after, sources=[0])
    speak(line)
    judge = line.judges[0].stage
    assert judge.waiting == {"b"}  # type: ignore[attr-defined]
    for partition in range(2):
        calls(line, 10, 11, partition=partition, end_s=15)
    line.settle()
    ended = [("yellow", "raised", 2.0), ("green", "unknown", None)]
    assert levels(line, "b") == ended, "neither worker's half is judged"
    reload(line, after, sources=[1], judges=False)
    for _ in range(6):
        speak(line)
    assert judge.waiting == set()  # type: ignore[attr-defined]
    for partition in range(2):
        calls(line, 30, 31, partition=partition, end_s=35)
    line.settle()
    assert levels(line, "b") == [*ended, ("red", "raised", 4.0)]


def test_who_waits_is_written_down() -> None:
    before, after = rule("b"), rule("b", levels=(("red", 3.0),))
    line = pipeline(before, partitions=2)
    reload(line, after, sources=[0], judges=False)
    speak(line)
    judge = line.judges[0]
    judge.save()
    judge.make = lambda: type(judge.stage)(0, 1, [before], line.counts)  # type: ignore[call-arg]
    judge.crash()
    assert judge.stage.waiting == {"b"}  # type: ignore[attr-defined]


# Orders.


@dataclass
class Obeying(Worker):
    """A worker that takes orders, and has no page of its own."""

    problems: Sequence[str] = ()
    released: list[str] = field(default_factory=list)

    async def reload(self) -> Reload:
        return Reload(time_ms=NOW_MS, rules=3, problems=self.problems)

    def release(self, stream: str) -> int:
        self.released.append(stream)
        return 2

    def rules_told(self) -> dict[str, object]:
        return {"rules": {}, "waiting": [], "last_reload": None}

    def reasons(self) -> list[str]:
        return []

    def warnings(self) -> list[str]:
        return []


@pytest.fixture
async def worker() -> AsyncIterator[tuple[TestClient, Obeying]]:  # type: ignore[type-arg]
    obeying = Obeying()
    metrics = Metrics(CollectorRegistry(), version="0")
    view = Overview([], ["calls"], Rates(metrics, lambda: 0), lambda: 0)
    app = make_app(view, metrics.registry, Feed(), obeying, Door("s3cret"))
    add_orders(app, obeying)
    async with TestClient(TestServer(app)) as client:
        yield client, obeying


KEY = {"Authorization": "Bearer s3cret"}
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({**KEY, **JSON}, 200, id="as it should be"),
        pytest.param(JSON, 401, id="no token"),
        pytest.param({"Authorization": "Bearer other", **JSON}, 401, id="another token"),
        pytest.param({**KEY, "Content-Type": "text/plain"}, 415, id="what a form can send"),
        pytest.param({**KEY, **JSON, "Origin": "https://evil.example"}, 403, id="another site"),
        pytest.param({**KEY, **JSON, "Origin": "null"}, 403, id="a page of no site"),
        pytest.param({**KEY, **JSON, "Host": "evil.example"}, 403, id="another name"),
    ],
)
async def test_who_may_give_orders(
    worker: tuple[TestClient, Obeying],  # type: ignore[type-arg]
    headers: dict[str, str],
    status: int,
) -> None:
    client, obeying = worker
    answer = await client.post("/api/v1/release", headers=headers, data='{"stream": "calls"}')
    assert answer.status == status
    assert obeying.released == (["calls"] if status == 200 else [])


async def test_what_orders_answer(worker: tuple[TestClient, Obeying]) -> None:  # type: ignore[type-arg]
    client, obeying = worker
    good = await client.post("/api/v1/reload", headers=KEY | JSON, data="{}")
    assert (good.status, (await good.json())["result"]) == (200, "taken")
    obeying.problems = ["rules.yaml:3:1: no"]
    bad = await client.post("/api/v1/reload", headers=KEY | JSON, data="{}")
    assert (bad.status, (await bad.json())["problems"]) == (409, ["rules.yaml:3:1: no"])
    for body in ("", "[]", '{"stream": 1}', "[" * 4_000):
        assert (await client.post("/api/v1/release", headers=KEY | JSON, data=body)).status == 400
    assert (await client.get("/api/v1/reload", headers=KEY)).status == 405
    assert (await (await client.get("/api/v1/rules", headers=KEY)).json())["waiting"] == []
