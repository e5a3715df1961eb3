"""Alertmanager's own command line against a running worker."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from alerts.records import encode
from streams.broker import EmbeddedBroker
from streams.service import Service
from streams.settings import Operator, Web
from streams.stage import Outgoing
from streams.topics import ALERTS
from tests.alerting import history, until
from tests.sink import sink, status
from tests.wire.test_service_outbox import running, settings

pytestmark = pytest.mark.slow


@dataclass
class Amtool:
    """`amtool` with a worker's address, and with a token where there is one."""

    program: str
    service: Service
    options: tuple[str, ...] = ()

    async def __call__(self, *arguments: str, code: int = 0) -> str:
        """Run it; return what it says on standard output, or on standard error where it fails as expected."""
        command = [self.program, *arguments, f"--alertmanager.url={self.service.url}", *self.options]
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, err = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == code, err.decode()
        return (err if code else out).decode()

    async def read(self, *arguments: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(await self(*arguments, "-o", "json"))
        return found

    async def regions(self, *arguments: str) -> set[str]:
        return {alert["labels"]["key_region"] for alert in await self.read("alert", "query", *arguments)}


@pytest.fixture
async def tool(amtool: str, tmp_path: Path) -> AsyncIterator[Amtool]:
    """A worker whose desk has an orange incident in 长沙, a yellow one in 株洲 and a red one in 湘潭."""
    (tmp_path / "token").write_text("page")
    (tmp_path / "an").write_text("secret-of-an")
    (tmp_path / "http.yml").write_text('authorization: {type: Bearer, credentials: "secret-of-an"}\n')
    team = {"an": Operator(token_file=tmp_path / "an", role="operator")}
    web = Web(port=0, token_file=tmp_path / "token", operators=team)
    for name in ("token", "an"):
        (tmp_path / name).chmod(0o600)
    with EmbeddedBroker() as broker:
        async with sink(status(200)) as server:
            chosen = settings(tmp_path, broker.bootstrap, server, web=web)
            async with running(chosen, broker) as service:
                told = [
                    record
                    for region, levels in (("长沙", ["yellow", "orange"]), ("株洲", ["yellow"]), ("湘潭", ["red"]))
                    for record in history(levels, region=region)
                ]
                await service.host.publish(*(Outgoing(ALERTS, encode(record), b"k") for record in told))
                await until(
                    lambda: service.at_desk.desk is not None and len(service.at_desk.desk.incidents.firing()) == 3
                )
                await until(lambda: any(each.level == "orange" for each in service.at_desk.desk.incidents.firing()))  # type: ignore[union-attr]
                yield Amtool(amtool, service, (f"--http.config.file={tmp_path / 'http.yml'}",))


async def test_amtool_queries_alerts_and_makes_changes_and_ends_silences(tool: Amtool) -> None:
    assert await tool.regions() == {"长沙", "株洲", "湘潭"}
    assert await tool.regions("severity=~error|warning", "key_category=network") == {"长沙", "株洲"}
    assert await tool.regions("--receiver=nobody") == set()
    text = await tool("alert", "query", "complaint-surge", "key_region=长沙")
    assert "complaint-surge" in text
    assert "长沙 network 投诉 63 件" in text

    id_ = (await tool("silence", "add", "complaint-surge", "key_region=长沙", "-c", "割接", "-d", "2h")).strip()
    (row,) = await tool.read("silence", "query")
    assert (row["id"], row["createdBy"], row["comment"], row["status"]) == (id_, "an", "割接", {"state": "active"})
    assert await tool.regions() == {"株洲", "湘潭"}
    (muted,) = await tool.read("alert", "query", "--silenced")
    assert muted["status"]["silencedBy"] == [id_]
    assert [each["id"] for each in await tool.read("silence", "query", "key_region=长沙")] == [id_]
    assert await tool.read("silence", "query", "key_region=株洲") == []

    assert (await tool("silence", "update", "-d", "3h", "-c", "longer", id_)).startswith("ID")
    (row,) = await tool.read("silence", "query")
    assert (row["id"], row["comment"]) == (id_, "longer")

    await tool("silence", "expire", id_)
    assert await tool.read("silence", "query") == []
    assert [each["id"] for each in await tool.read("silence", "query", "--expired")] == [id_]
    assert await tool.regions() == {"长沙", "株洲", "湘潭"}


async def test_amtool_hides_red_where_it_says_so_and_is_told_what_cannot_be(tool: Amtool) -> None:
    everything = "alertname=~.+"
    first = (await tool("silence", "add", everything, "-c", "quiet")).strip()
    assert await tool.regions() == {"湘潭"}, "red is heard"
    await tool("silence", "add", everything, "level=~yellow|orange|red", "-c", "quiet")
    assert await tool.regions() == set()
    assert "no alert has a label 'region'" in await tool("silence", "add", "region=长沙", "-c", "x", code=1)
    assert "needs an author and a comment" in await tool("silence", "add", "level=red", "-c", " ", code=1)
    assert "are the judges' to raise" in await tool("alert", "add", "alertname=made-up", code=1)
    assert "404" in await tool("silence", "expire", "f1e2d3c4-0000-4000-8000-000000000000", code=1)
    await tool("silence", "expire", first)


async def test_amtool_sees_what_runs_and_is_let_in_by_its_token_alone(tool: Amtool) -> None:
    assert "receiver" in await tool("config", "show")
    assert "disabled" in await tool("cluster", "show")
    stranger = Amtool(tool.program, tool.service)
    assert "401" in await stranger("alert", "query", code=1)
    assert "401" in await stranger("silence", "add", "level=red", "-c", "x", code=1)
