"""The whole service on the embedded broker: what happened is answered over the page and by the commands."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from click.testing import CliRunner, Result

from alerts.records import encode
from app import main
from streams.asking import Refused, ask
from streams.broker import EmbeddedBroker
from streams.historyfile import HistoryFile
from streams.historyrows import Statement
from streams.service import Service
from streams.stage import Outgoing
from streams.topics import ALERTS, HISTORY
from tests.alerting import START_MS, history, until
from tests.sink import sink, status
from tests.wire.test_service_outbox import running, settings

RED = history(["yellow", "red"])
pytestmark = pytest.mark.slow


async def asked(service: Service, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    return (await asyncio.to_thread(ask, service.url, path, body))[1]


async def told(service: Service, path: str, holds: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """Ask until it holds; while history is being made anew there is no answer."""
    async with asyncio.timeout(60):
        while True:
            with suppress(Refused):
                answer = await asked(service, path)
                if holds(answer):
                    return answer
            await asyncio.sleep(0.05)


async def say(service: Service, *line: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, main, [*line, "--page", service.url])


async def test_what_happened_is_answered_and_made_anew(tmp_path: Path) -> None:
    with EmbeddedBroker() as broker:
        async with sink(status(200)) as server:
            async with running(settings(tmp_path, broker.bootstrap, server), broker) as service:
                await service.host.publish(*(Outgoing(ALERTS, encode(record)) for record in RED))
                found = await told(
                    service,
                    "/api/v1/history/notifications?channel=hook",
                    lambda told: len([1 for one in told["notifications"] if one["deliveries"]]) == 2,
                )
                assert {one["level"] for one in found["notifications"]} == {"red", "yellow"}
                incident = found["notifications"][0]["incident"]
                whole = await asked(service, f"/api/v1/history/incidents/{incident}")
                assert [one["what"] for one in whole["timeline"] if one["kind"] == "change"] == ["opened", "raised"]
                assert whole["state"]["peak_level"] == "red"
                alerts = await asked(service, "/api/v1/history/alerts?level=red")
                assert [one["alert"] for one in alerts["alerts"]] == [RED[0].alert]

                explained = await asked(service, f"/api/v1/explain/{RED[0].alert}")
                assert explained["kind"] == "alert"
                assert any("Delivered by hook" in one["en"] for one in explained["statements"])

                shown = service.metrics.registry.get_sample_value
                await until(lambda: shown("tocsin_history_lag_records") == 0)
                await asked(service, "/api/v1/history/rebuild", {})
                again = await told(
                    service,
                    f"/api/v1/history/incidents?{urlencode({'q': 'surge'})}",
                    lambda told: told["incidents"] and told["incidents"][0]["peak_level"] == "red",
                )
                assert [one["incident"] for one in again["incidents"]] == [incident]
                await until(lambda: shown("tocsin_history_lag_records") == 0)
                assert await asked(service, f"/api/v1/history/incidents/{incident}") == whole

                for path, said in (
                    ("/api/v1/history/incidents?dance=1", "unknown parameter"),
                    ("/api/v1/history/alerts?limit=9999", "limit"),
                    ("/api/v1/explain?rule=surg", "unknown rule"),
                ):
                    assert said in (await asked(service, path))["error"]
                with pytest.raises(Refused, match="the history knows no alert"):
                    await asked(service, "/api/v1/explain/nothing")
                with pytest.raises(Refused, match="no such incident"):
                    await asked(service, "/api/v1/history/incidents/nothing")
                assert shown("tocsin_history_left_out_total", {"reason": "foreign"}) == 0


async def test_records_of_others_are_counted_and_harm_nothing(tmp_path: Path) -> None:
    with EmbeddedBroker() as broker:
        async with sink(status(200)) as server:
            async with running(settings(tmp_path, broker.bootstrap, server), broker) as service:
                await service.host.publish(Outgoing(HISTORY, b"rubbish"), Outgoing(HISTORY, b'{"kind":"dance"}'))
                await service.host.publish(*(Outgoing(ALERTS, encode(record)) for record in RED))
                await told(service, "/api/v1/history/incidents", lambda answer: answer["incidents"])
                shown = service.metrics.registry.get_sample_value
                assert shown("tocsin_history_left_out_total", {"reason": "foreign"}) == 2


async def test_a_file_that_is_deleted_under_a_worker_is_made_anew(tmp_path: Path) -> None:
    with EmbeddedBroker() as broker:
        async with sink(status(200)) as server:
            async with running(settings(tmp_path, broker.bootstrap, server), broker) as service:
                await service.host.publish(*(Outgoing(ALERTS, encode(record)) for record in RED))
                path = "/api/v1/history/incidents"
                before = await told(
                    service, path, lambda one: one["incidents"] and one["incidents"][0]["level"] == "red"
                )
                (file,) = (tmp_path / "state").glob("*-history.sqlite")
                file.unlink()
                await until(file.exists)
                assert await told(service, path, lambda one: one["incidents"] == before["incidents"])


async def test_without_a_disk_the_desk_works_and_history_says_why_not(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    with EmbeddedBroker() as broker:
        async with sink(status(200)) as server:
            async with running(settings(tmp_path, broker.bootstrap, server), broker) as service:
                await service.host.publish(*(Outgoing(ALERTS, encode(record)) for record in RED))
                await until(lambda: len(server.requests) == 2)
                with pytest.raises(Refused, match="the history cannot be read now"):
                    await asked(service, "/api/v1/history/incidents")


async def test_the_commands(tmp_path: Path) -> None:
    with EmbeddedBroker() as broker:
        async with sink(status(200)) as server:
            async with running(settings(tmp_path, broker.bootstrap, server), broker) as service:
                await service.host.publish(*(Outgoing(ALERTS, encode(record)) for record in RED))
                await told(service, "/api/v1/history/alerts?level=red", lambda answer: answer["alerts"])
                await told(service, "/api/v1/history/incidents?level=red", lambda answer: answer["incidents"])
                listed = await say(service, "history", "incidents", "--output", "json")
                (row,) = [json.loads(line) for line in listed.stdout.splitlines()]
                assert row["rule"] == RED[0].rule
                line = (await say(service, "history", "alerts", "--since", "3650d", "--lang", "zh")).stdout
                assert "yellow to red" in line
                assert "投诉激增" in line
                assert (await say(service, "history", "incidents", "--level", "green")).stdout == ""
                shown = await say(service, "history", "show", row["incident"], "--output", "json")
                assert json.loads(shown.stdout)["incident"] == row["incident"]
                said = (await say(service, "history", "show", row["incident"], "--lang", "en")).stdout
                assert "YELLOW → RED" in said
                wrong = await say(service, "history", "incidents", "--from", "yesterday")
                assert (wrong.exit_code, wrong.stdout) == (2, "")
                assert '"from" is a time' in wrong.stderr
                for language, said in (("en", "GREEN → YELLOW"), ("zh", "绿色 → 黄色")):
                    why = await say(service, "explain", RED[0].alert, "--lang", language)
                    assert (why.exit_code, said in why.stdout) == (0, True)
                assert (await say(service, "explain", "nothing")).exit_code == 1
                assert (await say(service, "explain", "a", "b")).exit_code == 2
                stands = await say(service, "explain", "--rule", "surge", "--lang", "en")
                assert stands.exit_code == 0
                assert "No event of all has come to the rule surge" in stands.stdout
                assert (await say(service, "explain", "--rule", "surge", "region=长沙")).exit_code == 2
                assert (await say(service, "notices", "list")).stderr == "no notices\n"
                assert (await say(service, "notices", "show", "ntc-nothing")).exit_code == 1
                refused = await say(service, "notices", "approve", "ntc-nothing", "--by", "liu")
                assert (refused.exit_code, "cannot approve notice" in refused.stdout) == (1, True)
                made = await say(
                    service, "silences", "add", "region=长沙", "--comment", "割接", "--by", "王工", "--output", "json"
                )
                silence = json.loads(made.stdout)["command"]
                assert "割接" in (await say(service, "silences", "show", silence)).stdout
                assert (await say(service, "silences", "expire", silence, "--by", "王工")).exit_code == 0
                over = await say(service, "silences", "show", silence)
                assert (over.exit_code, "割接" in over.stdout) == (0, True)
                await told(service, f"/api/v1/explain/{silence}", lambda answer: len(answer["statements"]) >= 3)
                why = await say(service, "explain", silence, "--lang", "en")
                assert "王工 asked for silence-add: done" in why.stdout
                assert (await say(service, "history", "rebuild")).exit_code == 0


@pytest.mark.parametrize(
    ("code", "is_kept"),
    [(sqlite3.SQLITE_FULL, True), (sqlite3.SQLITE_CORRUPT, False)],
    ids=["a full disk", "a damaged file"],
)
async def test_a_file_that_cannot_be_written_is_said_once_and_followed_again(
    code: int, is_kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What is wrong comes with the second record; the first is in the file before."""
    monkeypatch.setattr("streams.historian.RETRY_S", 0.05)
    failures = [0]
    write = HistoryFile.write

    def failing(self: HistoryFile, rows: Iterable[Statement], places: Mapping[str, int]) -> None:
        if failures[0]:
            failures[0] -= 1
            error = sqlite3.OperationalError("it cannot be")
            error.sqlite_errorcode = code
            raise error
        write(self, rows, places)

    monkeypatch.setattr(HistoryFile, "write", failing)
    path = "/api/v1/history/alerts"
    with EmbeddedBroker() as broker:
        async with sink(status(200)) as server:
            async with running(settings(tmp_path, broker.bootstrap, server), broker) as service:
                await service.host.publish(Outgoing(ALERTS, encode(RED[0])))
                await told(service, path, lambda answer: len(answer["alerts"]) == 1)
                await until(lambda: server.requests)
                with caplog.at_level(logging.WARNING, logger="streams.historian"):
                    failures[0] = 3
                    await service.host.publish(Outgoing(ALERTS, encode(RED[1])))
                    await until(lambda: not failures[0])
                    await told(service, path, lambda answer: len(answer["alerts"]) == 2)
                assert len(server.requests) == 2, "pages went out all the same"
    said = [line for line in caplog.messages if "history" in line]
    assert said[0] == "the history cannot be followed: it cannot be"
    assert said[-1] == "the history is followed again"
    assert any("made anew from the log" in line for line in said) != is_kept
    if is_kept:
        assert len(said) == 2, "once, however often it was tried"


async def test_what_has_grown_old_is_forgotten_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.historian.KEPT_MS", 86_400_000)
    monkeypatch.setattr("streams.historian.TIDY_S", 0.0)
    old = history(["yellow", "red"], started_ms=START_MS - 400 * 86_400_000)
    now_ms = time.time_ns() // 1_000_000
    with EmbeddedBroker() as broker:
        async with sink(status(200)) as server:
            async with running(settings(tmp_path, broker.bootstrap, server), broker) as service:
                young = history(["yellow"], region="株洲", started_ms=now_ms - 60_000)
                await service.host.publish(*(Outgoing(ALERTS, encode(record)) for record in (*old, *young)))
                shown = service.metrics.registry.get_sample_value
                await until(lambda: (shown("tocsin_history_left_out_total", {"reason": "forgotten"}) or 0) >= 3)
                path = "/api/v1/history/alerts"
                answer = await told(
                    service, path, lambda one: [row["alert"] for row in one["alerts"]] == [young[0].alert]
                )
                assert answer["next"] is None
