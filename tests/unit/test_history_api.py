"""The routes of history: what is refused, and how; and whose a series is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from detectors.rules import Rule
from streams.door import Door
from streams.feed import Feed
from streams.historian import HistoryAway
from streams.historyapi import add_history
from streams.historyfile import HistoryFile, TooLong
from streams.judge_stage import JudgeStage
from streams.metrics import Metrics
from streams.overview import Overview, Rates
from streams.topics import PARTIALS
from streams.web import make_app
from tests.recounted import take
from tests.shelf import Shelf
from tests.staging import NOW_MS, Counts, rule
from tests.unit.test_history import LOG
from tests.wall import Ready, trouble


@dataclass
class Site:
    shelf: Shelf
    overview: Overview
    clients: list[Any] = field(default_factory=list)

    async def get(self, path: str, door: Door | None = None, **headers: str) -> tuple[int, dict[str, Any]]:
        answer = await (await self._client(door)).get(path, headers=headers)
        return answer.status, await answer.json()

    async def post(self, path: str, **headers: str) -> int:
        answer = await (await self._client(None)).post(path, data=b"{}", headers=headers)
        return int(answer.status)

    async def _client(self, door: Door | None) -> Any:
        app = make_app(trouble(), CollectorRegistry(), Feed(), Ready(), door)
        add_history(app, self.shelf, self.overview, 4)  # type: ignore[arg-type]
        client: Any = TestClient(TestServer(app))
        self.clients.append(client)
        await client.start_server()
        return client


def overview_of(*rules: Rule, held: set[tuple[str, int]]) -> Overview:
    metrics = Metrics(CollectorRegistry(), version="0")
    overview = Overview(rules, ("calls",), Rates(metrics, lambda: NOW_MS), lambda: NOW_MS, "Asia/Shanghai")
    overview.keep(PARTIALS, 0, JudgeStage(0, 1, rules, Counts()))
    overview.held = lambda: held
    return overview


@pytest_asyncio.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    file = HistoryFile.open(tmp_path, "tocsin")
    take(file, LOG)
    site = Site(Shelf(file), overview_of(rule("surge", by=("region",)), held={(PARTIALS, 0)}))
    yield site
    for client in site.clients:
        await client.close()
    file.close()


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/api/v1/history/incidents?channel=x", 400, "unknown parameter"),
        ("/api/v1/history/notifications?rule=x", 400, "unknown parameter"),
        ("/api/v1/history/alerts?from=2026-03-02", 400, "a time with its offset"),
        (f"/api/v1/explain/{'x' * 201}", 400, "an id is at most"),
        ("/api/v1/explain/a%00b", 400, "printable"),
        ("/api/v1/explain/nothing", 404, "knows no alert"),
        ("/api/v1/history/incidents/nothing", 404, "no such incident"),
        ("/api/v1/history/notices/nothing", 404, "no such notice"),
        ("/api/v1/reports/weekly?of=2999-01-01", 400, "has not begun: today is 2026-03-01"),
        ("/api/v1/reports/monthly?of=soon", 400, "is no period: give a month as 2026-03"),
        ("/api/v1/reports/monthly?for=2026-02", 400, "unknown field"),
        ("/api/v1/reports/daily", 404, "no report 'daily': there are weekly, monthly"),
        ("/api/v1/reports/incidents/nothing", 404, "knows no incident 'nothing'"),
        ("/api/v1/explain", 400, "missing required field `rule`"),
        ("/api/v1/explain?rule=surge&key=city%3Dx", 400, "has no"),
    ],
)
async def test_what_cannot_be_answered_is_told_in_one_line(site: Site, path: str, status: int, said: str) -> None:
    got, told = await site.get(path)
    assert (got, said in told["error"]) == (status, True), told


async def test_a_history_that_is_away_or_asked_too_much_says_so(site: Site) -> None:
    site.shelf.error = HistoryAway("the history cannot be read now: disk full")
    assert await site.get("/api/v1/history/incidents") == (503, {"error": str(site.shelf.error)})
    site.shelf.error = TooLong("this takes longer")
    assert await site.get("/api/v1/history/incidents") == (400, {"error": "this takes longer"})


async def test_an_answer_of_a_history_that_is_behind_says_so(site: Site) -> None:
    incident = (await site.get("/api/v1/history/incidents?limit=1"))[1]["incidents"][0]["incident"]
    path = f"/api/v1/explain/{incident}"
    settled = (await site.get(path))[1]
    assert settled["behind"] == 0
    site.shelf.behind = 7
    told = (await site.get(path))[1]
    assert told["statements"][:-1] == settled["statements"]
    assert "7 records behind" in told["statements"][-1]["en"]
    assert (await site.get("/api/v1/history/alerts"))[1]["behind"] == 7


async def test_history_asks_for_the_token_and_orders_for_json_from_here(site: Site) -> None:
    door = Door("secret")
    for path in ("/api/v1/history/incidents", "/api/v1/explain/x", "/api/v1/explain?rule=surge"):
        assert (await site.get(path, door))[0] == 401
    assert (await site.get("/api/v1/history/incidents", door, Authorization="Bearer secret"))[0] == 200
    rebuild = "/api/v1/history/rebuild"
    assert await site.post(rebuild, **{"Content-Type": "text/plain"}) == 415
    assert await site.post(rebuild, **{"Content-Type": "application/json", "Origin": "http://evil.example"}) == 403
    assert site.shelf.rebuilds == 0
    assert await site.post(rebuild, **{"Content-Type": "application/json"}) == 202
    assert site.shelf.rebuilds == 1


async def test_a_series_is_explained_by_its_judge_and_else_it_is_said_whose_it_is(site: Site) -> None:
    here = (await site.get("/api/v1/explain?rule=surge&key=region%3Da"))[1]
    assert (here["here"], here["key"]) == (True, {"region": "a"})
    assert here["statements"][0]["en"].startswith("No event of a has come to the rule surge")
    site.overview.held = set
    there = (await site.get("/api/v1/explain?rule=surge&key=region%3Da"))[1]
    assert (there["here"], there["facts"]) == (False, None)
    (only,) = there["statements"]
    assert only["en"] == (
        f"The rule surge is judged by another worker (partition {there['partition']} of tocsin.partials): ask its page"
    )
    assert "其他工作进程" in only["zh"]
