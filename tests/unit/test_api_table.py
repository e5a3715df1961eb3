"""The table of routes: all that is served is in it, described as it is, and guarded as it says."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from alerts.commands import Command, Verb
from app import main
from streams.api.asking import REQUEST_BYTES_MAX
from streams.api.catalogue import CATALOGUE
from streams.api.document import document
from streams.api.pace import BURST, CALLERS_MAX, RATE_PER_S, Pace
from streams.api.route import Route, Who
from streams.api.table import EVENTS
from streams.commandlog import LogAwayError
from streams.door import Door
from streams.service import Service
from streams.settings import Settings
from streams.web import PAGE
from tests.apibench import NOW_MS, TEAM, Bench

if TYPE_CHECKING:
    from aiohttp import web

CHECKED_IN = Path(__file__).parents[2] / "docs" / "openapi.json"
GUARDED = Door("main", operators=TEAM)


def each(routes: Iterable[Route]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("route", [pytest.param(route, id=route.name) for route in routes])


each_route = each(CATALOGUE)
each_with_an_end = each(route for route in CATALOGUE if route != EVENTS)
each_that_changes = each(route for route in CATALOGUE if route.changes)


def asked(route: Route) -> tuple[str, str]:
    """A request for a route, with parameters that name nothing."""
    return route.method, route.path.replace("{", "").replace("}", "")


def routes(app: web.Application) -> set[tuple[str, str]]:
    return {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }


@pytest.fixture
def service(tmp_path: Path) -> Service:
    """A whole worker that has not begun."""
    rules = tmp_path / "rules.yaml"
    rules.write_text("version: 1\nrules: []\n")
    return Service(Settings(rules=(rules,)), (), clock=lambda: NOW_MS)


async def test_a_log_that_kafka_does_not_take_is_said_to_be_away(service: Service) -> None:
    command = Command(command="c1", time="2026-03-01T09:00:00Z", by="an", what=Verb.ACK, on="inc-1")
    with pytest.raises(LogAwayError, match="cannot be written now"):
        await service.at_desk.enter(command)


def test_all_that_is_served_is_in_the_table_and_nothing_else(service: Service) -> None:
    served = routes(service.app())
    assert served == routes(Bench().app())
    assert served - {("GET", path) for path in PAGE} == {(route.method, route.path) for route in CATALOGUE}
    assert len({route.name for route in CATALOGUE}) == len(CATALOGUE)


async def test_the_document_is_served_and_checked_in_as_it_is() -> None:
    told = json.loads(json.dumps(document(CATALOGUE)))
    assert json.loads(CHECKED_IN.read_text("utf-8")) == told, "run `make schema`"
    async with Bench().client() as client:
        assert await (await client.get("/api/v1/openapi.json")).json() == told
    written = CliRunner().invoke(main, ["schema", "api"])
    assert json.loads(written.output) == told


def test_every_reference_in_the_document_leads_somewhere() -> None:
    told = document(CATALOGUE)

    def references(part: Any) -> list[str]:
        if isinstance(part, dict):
            own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
            return own + [each for value in part.values() for each in references(value)]
        return [each for value in part for each in references(value)] if isinstance(part, list) else []

    found = {each.removeprefix("#/components/schemas/") for each in references(told)}
    assert found <= told["components"]["schemas"].keys()
    assert len(found) > 30


@each_route
async def test_without_a_token_only_what_holds_no_data_is_answered(route: Route) -> None:
    method, path = asked(route)
    async with Bench().client(GUARDED) as client:
        answer = await client.request(method, path, json={})
        assert (answer.status == 401) == (route.who is not Who.ANYBODY)


@each_with_an_end
async def test_a_viewer_looks_and_orders_nothing(route: Route) -> None:
    bench = Bench()
    method, path = asked(route)
    async with bench.client(GUARDED) as client:
        for token in ("w", "main"):
            answer = await client.request(method, path, json={}, headers={"Authorization": f"Bearer {token}"})
            assert (answer.status == 403) == (route.who is Who.OPERATOR), token
    assert bench.entered == []


@each_that_changes
async def test_another_site_orders_nothing(route: Route) -> None:
    method, path = asked(route)
    async with Bench().client() as client:
        for origin in ("https://evil.example", "http://[", "null"):
            assert (await client.request(method, path, json={}, headers={"Origin": origin})).status == 403
        if route.body is not None:
            assert (await client.request(method, path, data=b"{}")).status == 415
            assert (await client.request(method, path, json={"x": " " * 30_000})).status == 413


@each_route
async def test_another_method_is_refused_with_those_there_are(route: Route) -> None:
    method, path = asked(route)
    own = {each.method for each in CATALOGUE if each.path == route.path}
    async with Bench().client() as client:
        answer = await client.request("PATCH", path)
        if method == "GET":
            assert answer.status == 405
        assert own <= set(answer.headers["Allow"].split(","))


async def test_refusals_have_one_shape_and_alertmanagers_clients_theirs() -> None:
    async with Bench().client(Door("main")) as client:
        for path in ("/api/v1/levels", "/api/v2/alerts"):
            told = await (await client.get(path)).json()
            assert told in ({"error": "a token is needed"}, "a token is needed")
            assert isinstance(told, str) == path.startswith("/api/v2")


def test_the_operators_page_says_the_limits_as_they_are() -> None:
    page = (CHECKED_IN.parent / "operations.md").read_text("utf-8")
    assert f"bodies are JSON of at most {REQUEST_BYTES_MAX:,} bytes" in page
    assert f"{RATE_PER_S:.0f} requests a second, {BURST} at once" in page


def test_a_bucket_fills_again() -> None:
    now_s = [0.0]
    pace = Pace(lambda: now_s[0], rate_per_s=2.0, burst=3)
    assert [pace.wait_s("an") for _ in range(4)] == [0, 0, 0, 1]
    assert pace.wait_s("bo") == 0, "everybody has their own"
    now_s[0] = 0.5
    assert [pace.wait_s("an") for _ in range(2)] == [0, 1]
    now_s[0] = 100.0
    assert [pace.wait_s("an") for _ in range(4)] == [0, 0, 0, 1], "it holds no more than it did"


def test_callers_are_bounded_and_who_asks_most_is_remembered() -> None:
    pace = Pace(lambda: 0.0, burst=1)
    assert pace.wait_s("greedy") == 0
    for number in range(CALLERS_MAX * 2):
        assert pace.wait_s("greedy") == 1
        pace.wait_s(f"caller-{number}")
    assert len(pace._filled) == CALLERS_MAX


async def test_too_many_requests_are_refused_counted_and_cost_others_nothing() -> None:
    bench = Bench(pace=Pace(lambda: 0.0))
    async with bench.client(GUARDED) as client:
        greedy = {"Authorization": "Bearer w"}
        statuses = [(await client.get("/api/v1/flow", headers=greedy)).status for _ in range(BURST + 3)]
        assert statuses == [200] * BURST + [429] * 3
        refused = await client.get("/api/v1/flow", headers=greedy)
        assert int(refused.headers["Retry-After"]) >= 1
        assert (await client.get("/api/v1/flow", headers={"Authorization": "Bearer a"})).status == 200
        assert (await client.get("/healthz")).status == 200
        guesses = [
            (await client.get("/api/v1/flow", headers={"Authorization": f"Bearer {n}"})).status
            for n in range(BURST + 1)
        ]
        assert guesses == [401] * BURST + [429], "who guesses tokens is slowed down"
    assert bench.counted(429) == 5
    assert bench.counted(401) == BURST
