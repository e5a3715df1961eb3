"""Cases from files to alerts: `tocsin replay` by China's working days, over a Spring Festival."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from streams.commands.check import command as check
from streams.commands.replay import command as replay

RULES = """
version: 1
rules:
  - id: difficult-overdue
    title: {en: Difficult cases overdue, zh: 疑难工单超时}
    stream: cases
    where: {class: difficult}
    measure: {overdue: count, from: opened, until: [replied, closed], limit: 3d, calendar: china-workdays}
    by: [department]
    hop: 1m
    levels: {orange: 1}
    summary: {en: "{value} in {department}", zh: "{department} {value} 件"}
  - id: difficult-due
    title: {en: Difficult cases nearly due, zh: 疑难工单将超时}
    stream: cases
    where: {class: difficult}
    measure: {overdue: count, from: opened, until: [replied, closed], limit: 3d, at: 0.8, calendar: china-workdays}
    by: [department]
    hop: 1m
    levels: {yellow: 1}
  - id: longest
    title: {en: The longest, zh: 最长超时}
    stream: cases
    measure: {overdue: longest, from: opened, until: [replied, closed], limit: 1d, calendar: counter}
    hop: 1m
    levels: {yellow: 3600}
    summary: {en: "{duration} over", zh: "已超时 {duration}"}
  - id: silent
    title: {en: No cases, zh: 无工单}
    stream: cases
    measure: {silent: true}
    hop: 1m
    levels: {red: 864000}
"""
CALENDARS = 'calendars: {counter: {like: china-workdays, hours: ["09:00-12:00", "14:00-18:00"]}}\n'
SHANGHAI = ZoneInfo("Asia/Shanghai")


def case(name: str, step: str, time: str, **more: str) -> str:
    told = {"id": f"{name}-{step}-{time}", "time": f"{time}:00+08:00", "case": name, "step": step}
    return json.dumps({**told, "class": "difficult", "department": "网络", **more}, ensure_ascii=False)


def alerts(folder: Path, *events: str) -> list[tuple[str, str, str, str]]:
    """Replay; give (rule, level, local time, summary)."""
    (folder / "rules").mkdir()
    (folder / "rules" / "cases.yaml").write_text(RULES, encoding="utf-8")
    (folder / "rules" / "calendars.yaml").write_text(CALENDARS, encoding="utf-8")
    (folder / "cases.jsonl").write_text("\n".join(events), encoding="utf-8")
    assert CliRunner().invoke(check, [str(folder / "rules")]).exit_code == 0
    answer = CliRunner().invoke(replay, [str(folder / "cases.jsonl"), "--rules", str(folder / "rules")])
    assert answer.exit_code == 0, answer.output
    records = [json.loads(line) for line in answer.stdout.splitlines()]
    return [(one["rule"], one["level"], local(one["time"]), one["summary"]["zh"]) for one in records]


def local(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone(SHANGHAI):%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("opened", "nearly", "due"),
    [
        ("2024-02-09T15:00", "2024-02-20 00:36", "2024-02-20 15:00"),  # Friday 9, Sunday 18 and Monday 19 are worked
        ("2025-01-27T16:00", "2025-02-07 01:36", "2025-02-07 16:00"),
        ("2026-02-13T10:00", "2026-02-24 19:36", "2026-02-25 10:00"),  # Saturday 14 is worked
        ("2026-02-18T10:00", "2026-02-26 09:36", "2026-02-27 00:00"),  # in the middle of the festival
    ],
)
def test_three_working_days_over_the_spring_festival(opened: str, nearly: str, due: str, tmp_path: Path) -> None:
    end = (datetime.fromisoformat(due) + timedelta(hours=5)).isoformat(timespec="minutes")
    said = alerts(tmp_path, case("k1", "opened", opened), case("k2", "signed", end))
    assert [one for one in said if one[0].startswith("difficult")] == [
        ("difficult-due", "yellow", nearly, "网络：1"),
        ("difficult-overdue", "orange", due, "网络 1 件"),
    ]


def test_hours_silence_and_what_people_read(tmp_path: Path) -> None:
    said = alerts(
        tmp_path,
        case("k1", "opened", "2026-02-13T16:00"),  # two hours on Friday, five on Saturday: due at 16:00 there
        case("k2", "opened", "2026-02-14T17:30", department="计费"),  # half an hour, and seven on Tuesday 24: at 17:30
        case("k1", "replied", "2026-02-25T09:30"),
        case("k2", "closed", "2026-02-25T09:40", department="计费"),
    )
    assert [one for one in said if one[0] in ("longest", "silent")] == [
        ("longest", "yellow", "2026-02-14 17:00", "已超时 1 小时"),
        ("silent", "red", "2026-02-24 17:30", "全部：864,000"),
        ("silent", "green", "2026-02-25 09:31", "全部：60"),
        ("longest", "green", "2026-02-25 09:41", "已超时 0 秒"),
    ]
