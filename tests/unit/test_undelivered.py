"""What the outbox gave up, over the page and from the command line."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from click.testing import CliRunner, Result
from prometheus_client import CollectorRegistry

from app import main
from streams import asking
from streams.api import history_table as table
from streams.api.asking import REQUEST_BYTES_MAX
from streams.door import Caller, Door
from streams.feed import Feed
from streams.undelivered import add_undelivered
from streams.web import make_app
from tests.shelf import LETTER, Kept
from tests.wall import Ready, trouble

ROW = {
    "key": LETTER.item.key,
    "channel": "hook",
    "to": "",
    "reason": "raised",
    "level": "orange",
    "rule": "complaint-surge",
    "of": {"region": "长沙", "category": "network"},
    "incident": LETTER.item.notification.record.incident,
    "offered": "2026-03-01T09:18:00Z",
    "ended": "2026-03-01T09:18:01Z",
    "outcome": "refused",
}
TEAM = Door(operators=(Caller("an", "operator", "a"), Caller("wall", "viewer", "w")))

UNDELIVERED = table.UNDELIVERED.path


@pytest.fixture
async def served() -> AsyncIterator[Any]:
    clients: list[Any] = []

    async def make(kept: Kept | None, door: Door | None = None) -> Any:
        app = make_app(trouble(), CollectorRegistry(), Feed(), Ready(), door)
        add_undelivered(app, lambda: kept)
        client: Any = TestClient(TestServer(app))
        clients.append(client)
        await client.start_server()
        return client

    yield make
    for client in clients:
        await client.close()


async def test_it_is_listed_and_tried_again(served: Any) -> None:
    kept = Kept()
    client = await served(kept)
    assert await (await client.get(UNDELIVERED)).json() == {"undelivered": [ROW]}
    answer = await client.post(UNDELIVERED, json={"keys": [ROW["key"], "x"]})
    assert await answer.json() == {"retried": 1}
    assert kept.retried == [ROW["key"], "x"]


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"keys": "x"}', b'{"keys": [1]}', b" " * 70_000])
async def test_what_names_no_keys_is_refused(served: Any, body: bytes) -> None:
    kept = Kept()
    client = await served(kept)
    answer = await client.post(UNDELIVERED, data=body, headers={"Content-Type": "application/json"})
    assert answer.status == (413 if len(body) > REQUEST_BYTES_MAX else 400)
    assert kept.retried == []


@pytest.mark.parametrize(("token", "status"), [("a", 200), ("w", 403), ("", 403)])
async def test_with_operators_only_they_may_have_it_tried_again(served: Any, token: str, status: int) -> None:
    client = await served(Kept(), TEAM)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    assert (await client.post(UNDELIVERED, json={"keys": []}, headers=headers)).status == status


async def test_a_page_of_another_site_has_nothing_tried_again(served: Any) -> None:
    client = await served(Kept())
    assert (await client.post(UNDELIVERED, json={"keys": []}, headers={"Origin": "http://evil.example"})).status == 403


async def test_an_outbox_that_is_not_there_or_cannot_be_read_is_told(served: Any) -> None:
    for kept, said in (
        (None, "not open yet"),
        (Kept(trouble="the outbox cannot be read: gone"), "cannot be read: gone"),
    ):
        answer = await (await served(kept)).get(UNDELIVERED)
        assert answer.status == 503
        assert said in (await answer.json())["error"]


# From the command line.


@dataclass
class Worker:
    asked: list[Any] = field(default_factory=list)

    def ask(self, _page: str, _path: str, body: Any = None, *, token: str = "") -> tuple[int, dict[str, Any]]:  # noqa: ARG002
        if body is None:
            return 200, {"undelivered": [ROW, {**ROW, "key": "k2", "channel": "sms", "to": "an"}]}
        self.asked.append(body["keys"])
        return 200, {"retried": sum(key in {ROW["key"], "k2"} for key in body["keys"])}


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    worker = Worker()
    monkeypatch.setattr(asking, "ask", worker.ask)
    return worker


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["notify", *arguments])


@pytest.mark.usefixtures("worker")
def test_failed_lists_a_line_each() -> None:
    assert run("failed").stdout.splitlines() == [
        f"{ROW['key']}  2026-03-01T09:18:01Z  hook  refused  orange complaint-surge 长沙 network",
        "k2  2026-03-01T09:18:01Z  sms @an  refused  orange complaint-surge 长沙 network",
    ]
    (row,) = run("failed", "--channel", "hook", "--output", "json").stdout.splitlines()
    assert json.loads(row) == ROW


def test_retry_takes_keys_or_all_of_a_channel(worker: Worker) -> None:
    assert run("retry", "k2").stdout == "1 are tried again\n"
    assert run("retry", "--all", "--channel", "sms", "--output", "json").stdout == '{"retried": 1}\n'
    assert run("retry", "--all").exit_code == 0
    assert worker.asked == [["k2"], ["k2"], [ROW["key"], "k2"]]


def test_a_key_that_is_none_is_a_problem_and_nothing_named_is_wrong_usage(worker: Worker) -> None:
    done = run("retry", "k2", "x")
    assert done.exit_code == 1
    assert "1 are none that this worker gave up" in done.stderr
    for wrong in (("retry",), ("retry", "--all", "k2"), ("retry", "k2", "--channel", "sms")):
        assert run(*wrong).exit_code == 2
    assert worker.asked == [["k2", "x"]]
