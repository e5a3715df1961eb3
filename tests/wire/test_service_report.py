"""The whole service on the embedded broker: events of a week become a report on it, with its figures and its causes."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from streams.broker import EmbeddedBroker
from streams.stage import Outgoing
from tests.alerting import until
from tests.sink import sink, status
from tests.wire.test_service_history import say, told
from tests.wire.test_service_outbox import running, settings

RULES = """
version: 1
rules:
  - {id: aimed, title: {en: Complaints a day, zh: 每日投诉}, stream: complaints, measure: count, by: [region],
     window: 1d, hop: 1m, levels: {red: 4}, targets: {target: 3}}
"""
pytestmark = pytest.mark.slow


def complaints(wednesday: datetime) -> list[Outgoing]:
    """Five on a Wednesday, four of them of one region, and one the day after, which moves time on."""
    at = [(wednesday + timedelta(hours=10, minutes=3 * number), "长沙") for number in range(4)]
    at += [(wednesday + timedelta(hours=11), "株洲"), (wednesday + timedelta(hours=30), "株洲")]
    return [
        Outgoing(
            "tocsin.complaints",
            json.dumps(
                {"id": f"c{number}", "time": time.isoformat(), "category": "network", "region": region}
            ).encode(),
        )
        for number, (time, region) in enumerate(at)
    ]


async def test_a_week_of_events_is_reported_with_its_figures_and_its_causes(tmp_path: Path) -> None:
    today = datetime.fromtimestamp(time.time(), ZoneInfo("Asia/Shanghai")).replace(hour=0, minute=0, second=0)
    wednesday = (today - timedelta(days=today.weekday() + 5)).replace(microsecond=0)
    with EmbeddedBroker() as broker:
        async with sink(status(200)) as server:
            chosen = settings(tmp_path, broker.bootstrap, server)
            (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
            async with running(chosen, broker) as service:
                await service.host.publish(*complaints(wednesday))
                found = await told(
                    service,
                    "/api/v1/reports/weekly",
                    lambda answer: answer["figures"] and answer["by_level"][0]["now"],
                )
                (figure,) = found["figures"]
                assert [(one["key"], one["value"], one["met"]) for one in figure["listed"]] == [
                    ({"region": "长沙"}, 4.0, {"target": False}),
                    ({"region": "株洲"}, 1.0, {"target": True}),
                ]
                incident = found["worst"][0]["incident"]
                done = await say(service, "incidents", "find", incident, "--by", "王工", "--cause", "光缆中断")
                assert (done.exit_code, done.stdout) == (0, "done\n")
                await told(
                    service, "/api/v1/reports/weekly", lambda answer: answer["worst"][0]["finding"] == "光缆中断"
                )

                week = await say(service, "report", "weekly", "--of", f"{wednesday:%Y-%m-%d}", "--lang", "zh")
                assert (week.exit_code, week.stderr) == (0, "")
                for said in ("周报", "每日投诉（窗口 1 天）", "目标 3 未达标", "光缆中断"):
                    assert said in week.stdout
                page = await say(service, "report", "weekly", "--output", "html", "--lang", "en")
                assert page.stdout.startswith("<!doctype html>")
                told_as_data = await say(service, "report", "monthly", "--of", f"{wednesday:%Y-%m}", "--output", "json")
                assert json.loads(told_as_data.stdout)["incidents"]["now"] >= 1
                looked = await say(service, "report", "incident", incident, "--lang", "en")
                assert "Cause                    光缆中断" in looked.stdout

                for line, code, why in (
                    (("weekly", "--of", "2999-01-01"), 2, "has not begun"),
                    (("monthly", "--of", "03/2026"), 2, "is no period"),
                    (("incident", "inc-nothing"), 1, "the history knows no incident"),
                ):
                    wrong = await say(service, "report", *line)
                    assert (wrong.exit_code, wrong.stdout, wrong.stderr.count("\n")) == (code, "", 1)
                    assert wrong.stderr.startswith("tocsin report: ")
                    assert why in wrong.stderr

                shown = service.metrics.registry.get_sample_value
                await until(lambda: shown("tocsin_history_lag_records") == 0)
                assert shown("tocsin_history_left_out_total", {"reason": "foreign"}) == 0
