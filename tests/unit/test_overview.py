"""The overview: what the page, the metrics and the terminal read from the stages in our hands."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from alerts.desk import Desk
from alerts.routing import Routing
from streams.desk_stage import DeskStage
from streams.judge_stage import JudgeStage
from streams.metrics import Metrics
from streams.overview import Overview, Rates, SeriesLevels
from streams.report import Report
from streams.source_stage import Place, SourceStage, Ways
from tests.alerting import CHINA, START_MS, SURGE, Roomy, entry, history
from tests.staging import NOW_MS, call, chunk, rule
from tests.unit.test_desk_stage import Ear

S = 1_000


@dataclass
class Scene:
    """An overview of stages that a test makes, holds and lets go, at a time it sets."""

    now_ms: int = NOW_MS
    ways: Ways = field(default_factory=lambda: Ways(1, 0))
    held: set[tuple[str, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry, version="1", streams=("calls", "complaints"))
        rules = (rule(by=("region",)), SURGE)
        rates = Rates(self.metrics, lambda: self.now_ms)
        self.view = Overview(rules, ("calls", "complaints"), rates, lambda: self.now_ms)
        self.view.held = lambda: self.held
        self.metrics.show_levels(SeriesLevels(self.view))
        self.rules = rules

    def source(self, partition: int = 0, stream: str = "calls") -> SourceStage:
        stage = SourceStage(Place(stream, partition, 2), self.rules, self.view.counts, self.ways)
        self._keep(f"tocsin.{stream}", partition, stage)
        return stage

    def judge(self) -> JudgeStage:
        stage = JudgeStage(0, 1, self.rules, self.metrics, self.ways.expect_every_ms)
        self._keep("tocsin.partials", 0, stage)
        return stage

    def desk(self) -> DeskStage:
        stage = DeskStage(Desk(self.rules, CHINA, Routing(channels=())), Roomy(), Ear())
        self._keep("tocsin.commands", 0, stage)
        return stage

    def _keep(self, topic: str, partition: int, stage: Any) -> None:
        self.view.keep(topic, partition, stage)
        self.held.add((topic, partition))

    def shown(self, name: str, **labels: str) -> float | None:
        self.view.refresh(self.metrics)
        return self.registry.get_sample_value(name, labels)


def test_the_lag_is_that_of_the_partition_that_holds_the_stream_back() -> None:
    scene = Scene()
    first, second = scene.source(0), scene.source(1)
    assert scene.view.lag() == {"calls": None}
    first.feed(chunk(call("a", 40)), NOW_MS)
    second.feed(chunk(call("b", 50)), NOW_MS)
    scene.now_ms = NOW_MS + 60 * S
    assert scene.view.lag() == {"calls": 20.0}


@pytest.mark.parametrize("idle", [0, 1])
def test_an_idle_partition_is_not_what_the_lag_is_about(idle: int) -> None:
    scene = Scene(ways=Ways(1, 0, {"calls": 300 * S}))
    stages = [scene.source(0), scene.source(1)]
    for partition, stage in enumerate(stages):
        stage.feed(chunk(call("a", 0), partition=partition), NOW_MS)
    for second in range(40):
        stages[idle].beat(NOW_MS + second * S)
    stages[1 - idle].feed(chunk(call("b", 40), first=1), NOW_MS)
    scene.now_ms = NOW_MS + 41 * S
    assert scene.view.lag() == {"calls": 1.0}


def test_what_goes_to_another_worker_is_no_longer_shown_here() -> None:
    scene = Scene(ways=Ways(1, 0, {"calls": 1 * S}))
    stage = scene.source()
    scene.desk().feed(chunk(entry(history(["red"])[0])), START_MS)
    stage.feed(chunk(call("a", 0)), NOW_MS)
    for second in range(5):
        stage.beat(NOW_MS + second * S)
    assert scene.shown("tocsin_source_blind", stream="calls") == 1
    assert scene.shown("tocsin_watermark_lag_seconds", stream="calls") == 0
    assert scene.shown("tocsin_incidents", level="red", state="open") == 1
    assert scene.shown("tocsin_notices", state="draft") == 1
    scene.held.clear()
    assert scene.shown("tocsin_source_blind", stream="calls") == 0
    assert math.isnan(scene.shown("tocsin_watermark_lag_seconds", stream="calls") or 0)
    assert scene.shown("tocsin_incidents", level="red", state="open") == 0
    assert scene.shown("tocsin_notices", state="draft") == 0
    assert (scene.view.levels(), scene.view.incidents(), scene.view.notices()) == ([], [], [])


def test_rates_are_of_the_last_ten_seconds() -> None:
    scene = Scene()
    scene.view.counts.count_events("calls", "accepted", 100)
    scene.view.counts.count_events("calls", "late", 7)
    assert scene.view.rates() == {"calls": 10.0}
    scene.now_ms += 9_999
    scene.view.counts.count_events("calls", "accepted", 50)
    assert scene.view.rates() == {"calls": 15.0}
    scene.now_ms += 2
    assert scene.view.rates() == {"calls": 5.0}
    assert scene.shown("tocsin_events_total", stream="calls", result="accepted") == 150


def report(silent_s: int, *, told: list[Any] | None = None) -> bytes:
    one = rule(by=("region",))
    prints = {one.id: one.fingerprint}
    return Report("calls", 0, 1, 9, NOW_MS + 5 * S, silent_s >= 30, silent_s * S, prints, told or []).encode()


def test_a_blind_series_is_shown_blind_and_keeps_its_level() -> None:
    scene = Scene(ways=Ways(1, 0, {"calls": 60 * S}))
    judge, stage = scene.judge(), SourceStage(Place("calls", 0, 1), Scene().rules, Scene().view.counts, Ways(1, 0))
    told = stage.feed(chunk(*[call(f"{n}", 0, region="长沙") for n in range(3)], call("x", 5, region="株洲")), NOW_MS)
    judge.feed(chunk(*[record.value for record in told]), NOW_MS)
    labels = {"rule": "surge", "series": "长沙"}
    assert scene.shown("tocsin_level", **labels) == 1
    assert [(row["key"], row["level"], row["value"]) for row in scene.view.levels()] == [
        ({"region": "长沙"}, "yellow", 3)
    ]
    judge.feed(chunk(report(61)), NOW_MS)
    assert scene.shown("tocsin_level", **labels) == -1
    assert scene.shown("tocsin_measure", **labels) == 3
    assert scene.shown("tocsin_source_blind", stream="calls") == 1
    assert [row["level"] for row in scene.view.levels()] == ["blind"]
    judge.feed(chunk(report(0)), NOW_MS)
    assert scene.shown("tocsin_level", **labels) == 1


def test_incidents_and_notices_as_the_page_wants_them() -> None:
    scene = Scene()
    desk = scene.desk()
    yellow, red, green = history(["yellow", "red", "green"])
    desk.feed(chunk(entry(yellow), entry(red)), START_MS)
    (row,) = scene.view.incidents()
    assert (row["id"], row["level"], row["state"], row["blind"]) == (red.incident, "red", "firing", False)
    assert (row["rule"], row["key"]) == ("complaint-surge", {"region": "长沙", "category": "network"})
    assert (row["since"], row["updated"]) == (red.started, red.time)
    assert row["action"] == {"en": "Find the cause in 长沙", "zh": "核查长沙投诉原因"}
    (notice,) = scene.view.notices()
    assert (notice["state"], notice["level"], notice["incident"]) == ("draft", "red", red.incident)
    assert notice["due"] is not None
    told = [(each["audience"], each["waiting"]) for each in notice["audiences"]]
    assert (told, notice["next_audience"]) == ([("vip", True), ("contract", True), ("everybody", True)], None)
    assert notice["text"].keys() == notice["title"].keys() == {"en", "zh"}
    desk.feed(chunk(entry(green)), START_MS)
    assert [(row["level"], row["state"]) for row in scene.view.incidents()] == [("red", "resolved")]
    assert [(row["state"], row["due"]) for row in scene.view.notices()] == [("withdrawn", None)]


def test_a_page_is_shown_a_bounded_number_of_series(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.overview.LEVEL_ROWS_MAX", 2)
    scene = Scene()
    judge = scene.judge()
    stage = SourceStage(Place("calls", 0, 1), scene.rules, scene.view.counts, Ways(1, 0))
    told = stage.feed(chunk(*[call(f"{n}", 0, region=f"r{n}") for n in range(5)], call("x", 5)), NOW_MS)
    judge.feed(chunk(*[record.value for record in told]), NOW_MS)
    assert len(scene.view.levels()) == 2
    assert len(SeriesLevels(scene.view).levels()) == 5, "the metrics bound them by themselves"
