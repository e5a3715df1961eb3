"""The examples work: on rows made up in the shape of the exports they are for, which stay with their owners."""

from __future__ import annotations

import gzip
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from streams.commands.replay import command
from streams.files import open_inputs
from streams.mapfile import load_map
from streams.rulefile import load
from streams.yamlfile import read_yaml

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.parent.name for path in (ROOT / "examples").glob("*/map.yaml"))
START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def at(minutes: float) -> str:
    return f"{START + timedelta(minutes=minutes):%Y-%m-%d %H:%M:%S}"


def outages() -> str:
    """One big outage in each of two regions, for two hours; the end of the second is known by its last sight only."""
    rows = ["id,date_off,date_on,first_seen,last_seen,region,municipality,cause,max_customers_out"]
    for number, (region, customers, end) in enumerate([("North", 30_000, f"{at(120)}Z"), ("South", 60_000, "")], 1):
        off = f"{at(number)}Z"
        rows.append(f"{number},{off},{end},{off},{at(125)}Z,{region},Hope,Wind storm,{customers}")
    return "\n".join(rows)


def emergency_calls() -> str:
    """Forty-five traffic calls in three quarters of an hour."""
    rows = [f"{at(n)},Traffic,VEHICLE ACCIDENT,HOPE,19525" for n in range(45)]
    return "\n".join(["time_stamp,category,kind,twp,zip", *rows])


def telecom_alarms() -> str:
    """Nine devices in alarm for half an hour."""
    rows = [f"{device % 3},{device},{600 + device},{2_400 + device}" for device in range(9)]
    return "\n".join(["alarm_id,device_id,start_timestamp,end_timestamp", *rows])


def bank() -> str:
    """Two hours of 300 calls every five minutes, and then of 400."""
    return "\n".join(["timestamp,calls", *(f"{at(5 * n)},{300 if n < 24 else 400}" for n in range(48))])


RAISED: dict[str, tuple[str, set[tuple[str, str]]]] = {
    "outages": (
        outages(),
        {
            ("region-without-power", "orange"),
            ("region-without-power", "red"),
            ("province-without-power", "orange"),
        },
    ),
    "emergency-calls": (emergency_calls(), {("emergency-surge", "yellow"), ("emergency-surge", "orange")}),
    "telecom-alarms": (telecom_alarms(), {("devices-down", "orange")}),
    "bank": (bank(), {("call-volume", "yellow"), ("call-volume", "orange"), ("call-volume", "red")}),
}


def test_every_example_is_tried() -> None:
    assert set(EXAMPLES) == set(RAISED)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_raises_what_it_should_and_resolves(name: str, tmp_path: Path) -> None:
    table, expected = RAISED[name]
    (tmp_path / "export.csv.gz").write_bytes(gzip.compress(table.encode()))
    folder = ROOT / "examples" / name
    arguments = [str(tmp_path / "export.csv.gz"), "--map", str(folder / "map.yaml")]
    result = CliRunner().invoke(command, [*arguments, "--rules", str(folder / "rules.yaml"), "--drain"])
    assert result.exit_code == 0, result.output
    assert "refused" not in result.stderr
    assert " late" not in result.stderr
    alerts = [json.loads(line) for line in result.stdout.splitlines()]
    assert {(alert["rule"], alert["level"]) for alert in alerts if alert["reason"] == "raised"} == expected
    last = {(alert["rule"], json.dumps(alert["key"])): alert["level"] for alert in alerts}
    assert set(last.values()) == {"green"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_readme_gives_the_command(name: str) -> None:
    text = (ROOT / "examples" / name / "README.md").read_text(encoding="utf-8")
    assert f"--map examples/{name}/map.yaml --rules examples/{name}/rules.yaml" in text


def test_the_rules_of_the_examples_are_good() -> None:
    assert load([ROOT / "examples" / name / "rules.yaml" for name in EXAMPLES]).problems == ()


def blocks(kind: str) -> list[str]:
    """The fenced blocks of docs/replay.md."""
    text = (ROOT / "docs" / "replay.md").read_text(encoding="utf-8")
    return re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)


def test_the_map_in_the_documentation_is_the_example(tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(blocks("yaml")[0], encoding="utf-8")
    assert read_yaml(tmp_path / "map.yaml").data == read_yaml(ROOT / "examples/outages/map.yaml").data


def test_the_rows_in_the_documentation_become_the_events_beside_them(tmp_path: Path) -> None:
    (tmp_path / "export.csv").write_text(blocks("csv")[0], encoding="utf-8")
    [opened] = open_inputs([str(tmp_path / "export.csv")], binder=load_map(ROOT / "examples/outages/map.yaml"))
    got: list[Any] = [value.decode() for batch in opened.batches() for value in batch.values]
    assert got == blocks("json")[0].splitlines()
