"""A real Prometheus reads the page's `/metrics`, and every query of the dashboards and rules runs on what it read."""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.error import HTTPError

import pytest
import yaml
from prometheus_client import CollectorRegistry

from alerts.incidents import IncidentState
from alerts.notices import NoticeState
from alerts.outbox.item import Outcome
from dashboards.boards import committed
from streams.faults import Reason
from streams.feed import Feed
from streams.metrics import Metrics
from streams.series import BLIND_CODE
from streams.web import make_app, serve
from tests.alerting import SURGE
from tests.parts.prometheus import Prometheus
from tests.wall import MemoryView, Ready

RULES = Path(__file__).resolve().parents[2] / "dashboards/rules/tocsin.rules.yml"
SILENT = {"tocsin_dead_letters_total", "tocsin_notifications_total"}  # only what moved is shown: `> 0`


class Series:
    """One series of each kind."""

    def levels(self) -> list[tuple[str, str, float, float]]:
        return [
            ("users-affected", "长沙", 3.0, 12_600.0),
            ("users-affected", "株洲", 0.0, 12.0),
            ("abandonment", '热线"1860"\\', BLIND_CODE, math.nan),
        ]


def busy() -> Metrics:
    metrics = Metrics(CollectorRegistry(), version="1", channels=("noc",))
    metrics.show_levels(Series())
    metrics.show_targets(lambda: [replace(SURGE, id="users-affected", targets={"target": 2_000.0})], lambda: 0)
    metrics.count_events("calls", "accepted", 10)
    metrics.count_refused("calls", Reason.NOT_JSON, 1)
    metrics.notified("noc", Outcome.DELIVERED)
    metrics.observe_delay(0.7)
    metrics.set_incidents({("red", IncidentState.OPEN): 1})
    metrics.set_notices({NoticeState.DRAFT: 1})
    metrics.set_lag("calls", 5.0)
    return metrics


async def test_prometheus_reads_the_page_and_answers_every_query(prometheus: Callable[..., Prometheus]) -> None:
    metrics = busy()
    server = await serve(make_app(MemoryView(), metrics.registry, Feed(), Ready()))
    try:
        source = await asyncio.to_thread(prometheus, [f"127.0.0.1:{server.port}"], rule_files=[RULES])
        await asyncio.to_thread(source.wait_for, "tocsin_events_total")
        metrics.count_events("calls", "accepted", 10)
        metrics.observe_delay(0.7)
        await asyncio.to_thread(
            source.wait_for, 'increase(tocsin_events_total{stream="calls",result="accepted"}[1m]) > 0'
        )
        await asyncio.to_thread(_ask_all, source)
    finally:
        await server.stop()


def _ask_all(source: Prometheus) -> None:
    (target,) = source.targets()
    assert (target["health"], target["lastError"]) == ("up", "")
    assert source.value('tocsin_level{series="长沙"}') == 3
    assert source.value(r'tocsin_level{series="热线\"1860\"\\"}') == BLIND_CODE
    empty = []
    for panel in json.loads(committed()["overview.json"])["panels"]:
        for query in panel["targets"]:
            plain = query["expr"].replace("$__rate_interval", "1m").replace("$__range", "1h")
            expr = re.sub(r"\$\w+", ".*", plain)
            try:
                if not source.query(expr):
                    empty.append(expr)
            except HTTPError as error:
                pytest.fail(f"{panel['title']}: {error.read().decode()}")
    assert [expr for expr in empty if not any(name in expr for name in SILENT)] == []
    worst = {sample["metric"]["rule"]: sample["value"][1] for sample in source.query(_panel(5))}
    assert worst == {"users-affected": "3", "abandonment": "-1"}, "blind is neither green nor hidden"
    raised = {sample["metric"]["series"] for sample in source.query(_panel(6))}
    assert raised == {"长沙", '热线"1860"\\'}
    names = {rule["name"] for group in source.api("rules")["groups"] for rule in group["rules"]}
    assert names == {rule["alert"] for rule in yaml.safe_load(RULES.read_text())["groups"][0]["rules"]}


def _panel(number: int) -> str:
    panels = json.loads(committed()["overview.json"])["panels"]
    (expr,) = [panel["targets"][0]["expr"] for panel in panels if panel["id"] == number]
    return re.sub(r"\$\w+", ".*", expr.replace("$__range", "1h"))
