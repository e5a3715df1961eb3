"""The page's server: what it says, to whom, and what it never says."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import ClientConnectorError, ClientSession
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from streams.door import Door, ExposedError
from streams.feed import WAITING_MAX, Feed, FullError
from streams.metrics import Metrics
from streams.web import PAGE, make_app, serve
from tests.wall import MemoryView, Ready, incident, trouble

TOKEN = "correct horse battery staple"  # noqa: S105  it opens nothing
HOSTILE = '</script><img src=x onerror="alert(1)">'


@dataclass
class Site:
    """A served page with everything behind it at hand."""

    view: MemoryView = field(default_factory=trouble)
    ready: Ready = field(default_factory=Ready)
    feed: Feed = field(default_factory=lambda: Feed(listeners_max=2))
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    clients: list[TestClient] = field(default_factory=list)  # type: ignore[type-arg]

    async def client(self, door: Door | None = None) -> TestClient:  # type: ignore[type-arg]
        client = TestClient(TestServer(make_app(self.view, self.registry, self.feed, self.ready, door)))
        self.clients.append(client)
        await client.start_server()
        return client


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    yield site
    for client in site.clients:
        await client.close()


async def test_the_api_says_what_the_view_says(site: Site) -> None:
    client = await site.client()
    assert (await (await client.get("/api/v1/incidents")).json())["incidents"] == site.view.incidents_
    assert (await (await client.get("/api/v1/notices")).json())["notices"] == site.view.notices_
    assert (await (await client.get("/api/v1/levels")).json())["levels"] == site.view.levels_
    flow = await (await client.get("/api/v1/flow")).json()
    assert (flow["rates"], flow["lag"], flow["zone"]) == (site.view.rates_, site.view.lag_, "Asia/Shanghai")
    assert datetime.fromisoformat(flow["now"]).tzinfo is not None


async def test_what_json_has_no_word_for_is_null_and_hostile_text_is_text(site: Site) -> None:
    site.view.incidents_ = [incident("red", HOSTILE, "\ud800\x00", "长沙", 1, value=math.nan, threshold=math.inf)]
    client = await site.client()
    answer = await client.get("/api/v1/incidents")
    assert answer.content_type == "application/json"
    (row,) = (await answer.json())["incidents"]
    assert (row["value"], row["threshold"], row["title"]["zh"], row["title"]["en"]) == (
        None,
        None,
        HOSTILE,
        "\ud800\x00",
    )


@pytest.mark.parametrize("path", [*PAGE, "/healthz", "/metrics", "/api/v1/levels", "/nowhere"])
async def test_every_answer_is_hardened(site: Site, path: str) -> None:
    headers = (await (await site.client()).get(path)).headers
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Server" not in headers


async def test_the_page_asks_nothing_of_others() -> None:
    for name in PAGE.values():
        text = (Path("streams/page") / name).read_text()
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", ""), name
        assert "https://" not in text, name
        assert "innerHTML" not in text, name
        assert "style=" not in text, name  # the policy refuses inline style
        assert "<script>" not in text, name


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        pytest.param("*/*", "text/plain", id="whoever"),
        pytest.param("application/openmetrics-text;version=1.0.0", "application/openmetrics-text", id="openmetrics"),
        pytest.param("application/openmetrics-text;version=x.y", "text/plain", id="a version that is none"),
    ],
)
async def test_metrics_come_in_the_format_asked_for(site: Site, accept: str, content_type: str) -> None:
    Metrics(site.registry, version="1").count_events("calls", "accepted", 3)
    answer = await (await site.client()).get("/metrics", headers={"Accept": accept})
    assert (answer.status, answer.content_type) == (200, content_type)
    text = await answer.text()
    assert 'tocsin_events_total{result="accepted",stream="calls"} 3.0' in text
    assert text.endswith("# EOF\n") == (content_type != "text/plain")


async def test_many_scrapes_at_once_share_one_writing(site: Site) -> None:
    class Slow:
        reads = 0

        def levels(self) -> list[tuple[str, str, float, float]]:
            self.reads += 1
            asyncio.run(asyncio.sleep(0.05))  # in the thread of the scrape, not on the loop
            return []

    view = Slow()
    Metrics(site.registry, version="1").show_levels(view)
    client = await site.client()
    answers = await asyncio.gather(*(client.get("/metrics") for _ in range(20)))
    assert {answer.status for answer in answers} == {200}
    assert view.reads < 20


async def test_ready_says_why_not(site: Site) -> None:
    client = await site.client()
    assert (await client.get("/readyz")).status == 200
    site.ready.amiss = ["the calendar at feed.example cannot be fetched"]
    answer = await client.get("/readyz")
    assert (answer.status, await answer.json()) == (200, {"ready": True, "reasons": [], "warnings": site.ready.amiss})
    site.ready.why, site.ready.amiss = ["restoring partition 3 of tocsin.calls"], []
    answer = await client.get("/readyz")
    assert answer.status == 503
    assert await answer.json() == {"ready": False, "reasons": site.ready.why, "warnings": []}
    assert (await client.get("/healthz")).status == 200


@pytest.mark.parametrize(
    ("host", "door", "status"),
    [
        pytest.param("127.0.0.1:8010", Door(), 200, id="loopback"),
        pytest.param("localhost", Door(), 200, id="localhost"),
        pytest.param("[::1]:8010", Door(), 200, id="IPv6 loopback"),
        pytest.param("evil.example", Door(), 403, id="a name pointed at us"),
        pytest.param("127.0.0.1.evil.example", Door(), 403, id="a name that looks like us"),
        pytest.param("localhost@evil.example", Door(), 403, id="a user part"),
        pytest.param("10.0.0.7", Door(), 403, id="another address"),
        pytest.param("[::1", Door(), 403, id="half an address"),
        pytest.param("NOC.example:80", Door(hosts=("Noc.Example",)), 200, id="a name that is allowed"),
        pytest.param("10.0.0.7:8010", Door(TOKEN), 401, id="by address, where a token guards"),
    ],
)
async def test_only_known_host_names_are_answered(site: Site, host: str, door: Door, status: int) -> None:
    client = await site.client(door)
    assert (await client.get("/api/v1/levels", headers={"Host": host})).status == status


@pytest.mark.parametrize(
    ("path", "authorization", "status"),
    [
        pytest.param("/api/v1/incidents", None, 401, id="none"),
        pytest.param("/api/v1/incidents", f"Bearer {TOKEN}", 200, id="the token"),
        pytest.param("/api/v1/incidents", "Bearer wrong", 401, id="another"),
        pytest.param("/api/v1/incidents", f"Bearer {TOKEN}é", 401, id="not ASCII"),
        pytest.param(f"/api/v1/incidents?token={TOKEN}", None, 401, id="in the address"),
        pytest.param("/api/v1/events", None, 401, id="news"),
        pytest.param("/metrics", None, 401, id="metrics"),
        pytest.param("/", None, 200, id="the page itself holds no data"),
        pytest.param("/readyz", None, 200, id="readiness"),
    ],
)
async def test_a_token_guards_the_data(site: Site, path: str, authorization: str | None, status: int) -> None:
    client = await site.client(Door(TOKEN))
    headers = {"Authorization": authorization} if authorization else {}
    answer = await client.get(path, headers=headers)
    assert answer.status == status
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)


async def test_nothing_can_be_written_and_nothing_else_is_served(site: Site) -> None:
    client = await site.client()
    answer = await client.post("/api/v1/incidents", data=b"{}")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET,HEAD")
    for path in ("/web.py", "/page/wall.js", "/..%2fweb.py", "/%2e%2e/web.py", "/wall.css/../../web.py"):
        assert (await client.get(path)).status == 404, path


async def test_a_mistake_of_ours_is_told_to_the_log_alone(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(MemoryView):
        def levels(self) -> list[object]:  # type: ignore[override]
            raise RuntimeError("secret detail")

    site.view = Broken()
    client = await site.client()
    with caplog.at_level(logging.ERROR, "streams.web"):
        answer = await client.get("/api/v1/levels")
    assert answer.status == 500
    assert "secret" not in await answer.text()
    assert "secret detail" in caplog.text


async def test_news_reach_an_open_page_and_are_remembered_for_the_next(site: Site) -> None:
    client = await site.client()
    site.feed.publish("alert", {"level": "yellow"})
    async with client.get("/api/v1/events") as answer:
        assert answer.content_type == "text/event-stream"
        await answer.content.readuntil(b"retry: 2000\n\n")
        assert await answer.content.readuntil(b"\n\n") == b'id: 1\nevent: alert\ndata: {"level": "yellow"}\n\n'
        site.feed.publish("notice", {"text": "\n\n长沙\ud800"})
        frame = await answer.content.readuntil(b"\n\n")
        assert frame == b'id: 2\nevent: notice\ndata: {"text": "\\n\\n\\u957f\\u6c99\\ud800"}\n\n'
    async with client.get("/api/v1/events", headers={"Last-Event-ID": "1"}) as answer:
        await answer.content.readuntil(b"retry: 2000\n\n")
        assert (await answer.content.readuntil(b"\n\n")).startswith(b"id: 2\n")


@pytest.mark.parametrize("last", ["-1", "x", "9" * 40, "²", "7"])  # 7: from before a restart
async def test_a_last_id_that_is_none_of_ours_gives_all(site: Site, last: str) -> None:
    client = await site.client()
    site.feed.publish("alert", {})
    async with client.get("/api/v1/events", headers={"Last-Event-ID": last}) as answer:
        await answer.content.readuntil(b"retry: 2000\n\n")
        assert (await answer.content.readuntil(b"\n\n")).startswith(b"id: 1\n")


async def test_open_pages_are_bounded(site: Site) -> None:
    client = await site.client()
    async with client.get("/api/v1/events"), client.get("/api/v1/events"):
        answer = await client.get("/api/v1/events")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "10")


async def test_a_page_that_reads_too_slowly_is_let_go() -> None:
    feed = Feed(listeners_max=1)
    with feed.listen() as listener:
        over = []
        for _ in range(WAITING_MAX + 1):
            feed.publish("alert", {})
            over.append(listener.over)
        assert over == [False] * WAITING_MAX + [True]
        with pytest.raises(FullError), feed.listen():
            pass
    assert feed.listeners == 0


async def test_a_quiet_feed_gives_nothing() -> None:
    with Feed().listen() as listener:
        assert await listener.next(0.01) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1", "noc.example"])  # noqa: S104  to be refused
async def test_an_open_address_needs_a_token(site: Site, host: str) -> None:
    app = make_app(site.view, site.registry, site.feed, site.ready)
    with pytest.raises(ExposedError, match="set a token first"):
        await serve(app, host)


async def test_it_takes_a_free_port_says_which_and_stops_cleanly(site: Site) -> None:
    server = await serve(make_app(site.view, site.registry, site.feed, site.ready))
    async with ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{server.port}/api/v1/events") as answer:
            await answer.content.readuntil(b"retry: 2000\n\n")
            await asyncio.wait_for(server.stop(), 2)
            assert await answer.content.read() == b""
        with pytest.raises(ClientConnectorError):
            await session.get(f"http://127.0.0.1:{server.port}/")


async def test_with_a_token_it_may_listen_everywhere(site: Site) -> None:
    server = await serve(make_app(site.view, site.registry, site.feed, site.ready, Door(TOKEN)), "0.0.0.0")  # noqa: S104  guarded
    assert server.port > 0
    await server.stop()


async def test_the_token_is_in_no_repr() -> None:
    assert TOKEN not in repr(Door(TOKEN))
