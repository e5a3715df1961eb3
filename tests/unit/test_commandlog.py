"""Commands over the page: who may give which, what is refused before it reaches the log, and what comes of them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, get_args

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from alerts.commands import Command, Verb
from streams.api.shapes import PeoplesVerb
from streams.commandlog import LogAwayError, add_commands
from streams.door import Caller, Door
from streams.feed import Feed
from streams.web import make_app
from tests.staging import NOW_MS
from tests.wall import Ready, trouble

ACK = {"what": "ack", "on": "inc-1", "by": "an"}
TEAM = (Caller("an", "operator", "a"), Caller("bo", "approver", "b"), Caller("wall", "viewer", "w"))


@dataclass
class Log:
    entered: list[Command] = field(default_factory=list)
    is_away: bool = False

    async def enter(self, command: Command) -> None:
        if self.is_away:
            raise LogAwayError("the desk's log cannot be written now")
        self.entered.append(command)

    def outcome(self, command: str) -> str | None:
        return "done" if command == "known" else None


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
async def ask(log: Log) -> AsyncIterator[Any]:
    clients: list[Any] = []

    async def asked(body: Any, door: Door | None = None, token: str = "", **headers: str) -> tuple[int, dict[str, Any]]:
        app = make_app(trouble(), CollectorRegistry(), Feed(), Ready(), door)
        add_commands(app, log, lambda: NOW_MS)
        client: Any = TestClient(TestServer(app))
        clients.append(client)
        await client.start_server()
        if token:
            headers["Authorization"] = f"Bearer {token}"
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers.setdefault("Content-Type", "application/json")
        answer = await client.post("/api/v1/commands", data=raw, headers=headers)
        return answer.status, await answer.json()

    yield asked
    for client in clients:
        await client.close()


async def test_a_command_is_entered_with_its_time_and_author(ask: Any, log: Log) -> None:
    status, told = await ask({**ACK, "body": {"text": "查"}})
    (command,) = log.entered
    assert (status, told["command"]) == (202, command.command)
    assert (command.by, command.what.value, command.on, command.text) == ("an", "ack", "inc-1", "查")
    assert command.time_ms == NOW_MS


async def test_who_names_the_command_may_send_it_twice(ask: Any, log: Log) -> None:
    for _ in range(2):
        assert (await ask({**ACK, "command": "mine"}))[1]["command"] == "mine"
    assert [each.command for each in log.entered] == ["mine", "mine"], "the desk knows it again"


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        pytest.param(b"{", 400, "not what is asked for", id="not JSON"),
        pytest.param(b"[" * 5_000, 400, "Expected `object`", id="too deep"),
        pytest.param([], 400, "Expected `object`", id="a list"),
        pytest.param({**ACK, "who": "an"}, 400, "unknown field `who`", id="unknown key"),
        pytest.param({**ACK, "by": " "}, 400, "say who asks: --by NAME", id="nobody asks"),
        pytest.param({**ACK, "what": "dance"}, 400, "Invalid enum value 'dance'", id="unknown verb"),
        pytest.param({**ACK, "what": "alert"}, 400, "Invalid enum value 'alert'", id="a made-up alert"),
        pytest.param({**ACK, "on": 5}, 400, "Expected `str`, got `int`", id="wrong type"),
        pytest.param({**ACK, "what": "plan"}, 400, "Invalid enum value 'plan'", id="a plan"),
        pytest.param({**ACK, "by": "x" * 81}, 400, "not a command", id="a long name"),
        pytest.param({**ACK, "body": {"text": "x" * 17_000}}, 400, "not a command", id="a long comment"),
        pytest.param(b" " * 30_000, 413, "at most", id="a large request"),
        pytest.param(b'{"what":"ack","on":"i","by":"\\ud800"}', 400, "not what is asked for", id="half a character"),
        pytest.param(b'{"what":"ack","on":"i","by":"a","body":{"x":NaN}}', 400, "not what is asked for", id="NaN"),
    ],
)
async def test_what_is_no_command_never_reaches_the_log(ask: Any, log: Log, body: Any, status: int, said: str) -> None:
    got, told = await ask(body)
    assert (got, log.entered) == (status, [])
    assert said in told["error"]


@pytest.mark.parametrize(
    ("token", "what", "status"),
    [
        pytest.param("a", "ack", 202, id="an operator acts"),
        pytest.param("a", "notice-publish", 403, id="and tells customers nothing"),
        pytest.param("b", "notice-publish", 202, id="an approver does"),
        pytest.param("w", "ack", 403, id="a viewer looks"),
        pytest.param("main", "ack", 403, id="the token of programs names nobody"),
        pytest.param("x", "ack", 401, id="a wrong token"),
        pytest.param("", "ack", 401, id="none"),
    ],
)
async def test_operators_are_known_by_their_token(ask: Any, log: Log, token: str, what: str, status: int) -> None:
    got, _ = await ask({**ACK, "by": "somebody else", "what": what}, Door("main", operators=TEAM), token)
    assert got == status
    assert [each.by for each in log.entered] == ([{"a": "an", "b": "bo"}[token]] if status == 202 else [])


async def test_a_page_of_another_site_gives_no_commands(ask: Any, log: Log) -> None:
    assert (await ask(ACK, Origin="https://evil.example"))[0] == 403
    assert (await ask(b"what=ack", **{"Content-Type": "application/x-www-form-urlencoded"}))[0] == 415
    assert log.entered == []


async def test_tokens_show_nowhere() -> None:
    assert "Caller(name='an', role='operator')" in repr(Door("main", operators=TEAM))
    assert "main" not in repr(Door("main", operators=TEAM))


async def test_a_log_that_cannot_be_written_is_no_mistake_of_the_callers(ask: Any, log: Log) -> None:
    log.is_away = True
    assert await ask(ACK) == (503, {"error": "the desk's log cannot be written now"})


def test_people_may_use_every_verb_but_the_judges() -> None:
    assert set(get_args(PeoplesVerb)) == {verb.value for verb in Verb} - {"alert", "plan"}
