"""A site with a stream and places of its own: settings and table → alert records, replayed and live alike."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.commands.check import command as check
from streams.commands.replay import command as replay
from streams.commands.send import command as send
from streams.judge_stage import JudgeStage
from streams.rulefile import load
from streams.settingsfile import read_settings
from streams.site import site_from
from streams.source_stage import Place, SourceStage, Ways
from streams.stage import Chunk, Outgoing
from streams.topics import ALERTS, PARTIALS, plan

BASE_S = 1_772_355_600  # 2026-03-01T09:00:00Z
SETTINGS = """
topology: topology.csv
custom_streams:
  lockers:
    thing: locker
    key: outlet
    fields:
      locker: {required: true}
      state: {required: true, one_of: [free, full, broken]}
      doors: number
      outlet: string
      maker: string
"""
TABLE = "level,name,parent,name_en\n" + "".join(
    [
        *(f"outlet,o{n},{'长沙' if n < 6 else '株洲'},\n" for n in range(10)),
        "city,长沙,湖南,Changsha\ncity,株洲,湖南,Zhuzhou\nprovince,湖南,,Hunan\n",
    ]
)
RULES = """
version: 1
rules:
  - id: lockers-broken
    title: {en: Lockers broken, zh: 快递柜故障}
    stream: lockers
    where: {state: broken}
    measure: {now: sum, field: doors}
    at: [outlet, city, province]
    contributors: [outlet, maker]
    levels: {yellow: 20, red: 100}
    summary: {en: "{value} doors out of order in {place}", zh: "{place} {value} 个柜门停用"}
  - id: lockers-events
    title: {en: Many changes, zh: 状态变化多}
    stream: lockers
    where: {city: 长沙}
    measure: count
    by: [city]
    contributors: []
    window: 1m
    levels: {yellow: 5}
"""

OF_TWO_SIDES = """
  - id: lockers-out-of-order
    title: {en: Reports of broken lockers, zh: 故障报告占比}
    stream: lockers
    measure: {ratio: {of: {where: {state: broken}}, to: {}}, per: 100}
    at: [city, province]
    contributors: [outlet, maker]
    window: 2m
    min_events: 10
    levels: {yellow: 45, red: 60}
    when: [{hours: "17:00-17:05", levels: {yellow: 50, red: 70}}]
  - id: lockers-doors-95
    title: {en: Doors of the larger lockers, zh: 大柜门数}
    stream: lockers
    measure: {growth: {quantile: doors, q: 0.5}, against: 1d}
    at: [city]
    levels: {yellow: 2}
  - id: lockers-quiet
    title: {en: No word of a place, zh: 无消息}
    stream: lockers
    measure: {silent: true}
    at: [outlet, city]
    levels: {yellow: 20, red: 120}
"""


@pytest.fixture(autouse=True)
def site_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("site.yaml").write_text(SETTINGS, encoding="utf-8")
    Path("topology.csv").write_text("\ufeff" + TABLE, encoding="utf-8")
    Path("rules.yaml").write_text(RULES, encoding="utf-8")
    Path("lockers-march.jsonl").write_text("\n".join(map(json.dumps, events())), encoding="utf-8")


def events() -> list[dict[str, Any]]:
    rng = random.Random(3)
    told: list[dict[str, Any]] = [
        {
            "id": str(n),
            "time": BASE_S + n * 2,
            "locker": f"l{rng.randrange(40)}",
            "state": rng.choice(["broken", "broken", "free", "full"]),
            "doors": rng.choice([4, 8, 12]),
            "outlet": f"o{rng.randrange(12)}",  # o10 and o11 are in no table
            "maker": rng.choice(["alpha", "beta"]),
        }
        for n in range(300)
    ]
    return [*told, {"heartbeat": True, "time": BASE_S + 1200, "stream": "lockers"}]


def run(command: Any, *args: str) -> Result:
    return CliRunner().invoke(command, list(args))


def replayed(*more: str) -> tuple[list[dict[str, Any]], str]:
    answer = run(replay, "lockers-march.jsonl", "--rules", "rules.yaml", "--settings", "site.yaml", *more)
    assert answer.exit_code == 0, answer.stderr
    return [json.loads(line) for line in answer.stdout.splitlines()], answer.stderr


def test_one_rule_is_judged_at_every_level_and_says_who_drives_it() -> None:
    records, talk = replayed()
    assert f"{sum(e.get('outlet') in ('o10', 'o11') for e in events())} of unknown places" in talk
    broken = [record for record in records if record["rule"] == "lockers-broken"]
    assert {next(iter(record["key"])) for record in broken} == {"outlet", "city", "province"}
    red = next(r for r in broken if r["key"] == {"province": "湖南"} and r["level"] == "red")
    assert red["summary"]["en"].startswith(f"{red['value']:.0f} doors out of order in Hunan · mainly outlet o")
    assert red["summary"]["zh"].startswith(f"湖南 {red['value']:.0f} 个柜门停用，主要来自网点 o")
    outlets = [one for one in red["top"] if one["field"] == "outlet"]
    assert len(outlets) == 3
    assert outlets[0]["share"] >= outlets[1]["share"] >= outlets[2]["share"] > 0
    assert sum(one["share"] for one in red["top"] if one["field"] == "maker") == pytest.approx(1)
    narrow = next(r for r in broken if "outlet" in r["key"] and r["level"] == "yellow")
    assert {one["field"] for one in narrow["top"]} == {"maker"}, "an outlet is not driven by itself"
    assert len({record["alert"] for record in broken}) == len({(str(r["key"]), r["started"]) for r in broken})
    plain = next(record for record in records if record["rule"] == "lockers-events")
    assert plain["key"] == {"city": "长沙"}
    assert "top" not in plain


def test_live_over_partitions_gives_what_replay_gives() -> None:
    Path("rules.yaml").write_text(RULES + OF_TWO_SIDES, encoding="utf-8")
    site = site_from(read_settings(Path("site.yaml"), {}))
    rules = load([Path("rules.yaml")], site.streams, site.almanac).rules
    counted: dict[str, int] = {}

    class Counting:
        def count_events(self, stream: str, result: str, number: int) -> None: ...

        def count_refused(self, stream: str, reason: str, number: int) -> None:
            raise AssertionError(stream, reason, number)

        def count_unknown_places(self, stream: str, number: int) -> None:
            counted[stream] = counted.get(stream, 0) + number

        def observe_delay(self, seconds: float) -> None: ...

        def count_late_partials(self, count: int) -> None:
            raise AssertionError(count)

    *told, heartbeat = events()
    judge = JudgeStage(0, 1, rules, Counting(), english=site.english)
    said: list[Outgoing] = []
    for number in range(3):
        values = [json.dumps(one).encode() for one in [*told[number::3], heartbeat]]
        saved = b""
        for first in range(0, len(values), 7):  # a restart every seven events
            source = SourceStage(Place("lockers", number, 3), rules, Counting(), Ways(1, 0, site=site))
            if saved:
                source.load(saved)
            part, offsets = values[first : first + 7], list(range(first, first + 7))
            chunk = Chunk("tocsin.lockers", number, part, offsets[: len(part)], [0] * len(part), first + len(part))
            reports = [out.value for out in source.feed(chunk, 2_000_000_000_000) if out.topic == PARTIALS]
            said += judge.feed(Chunk(PARTIALS, 0, reports, [0] * len(reports), [0] * len(reports), 1), 0)
            saved = source.dump()
    records = [json.loads(out.value) for out in said if out.topic == ALERTS]
    assert counted == {"lockers": sum(one["outlet"] in ("o10", "o11") for one in told)}

    def order(record: dict[str, Any]) -> tuple[str, str, str]:
        return record["rule"], record["time"], str(record["key"])

    assert {rule.id for rule in rules} - {record["rule"] for record in records} == {"lockers-doors-95"}, "no yesterday"
    assert sorted(records, key=order) == sorted(replayed()[0], key=order)


def test_a_table_from_the_command_line_is_taken_instead() -> None:
    Path("other.csv").write_text(TABLE.replace("Changsha", "Star City"), encoding="utf-8")
    records, _ = replayed("--topology", "other.csv")
    assert any("Star City" in record["summary"]["en"] for record in records)


def test_csv_is_read_by_the_declared_types() -> None:
    rows = ["id,time,locker,state,doors,outlet"]
    rows += [f"{n},{BASE_S + n},l{n},broken,12,o1" for n in range(3)]
    Path("lockers.csv").write_text("\n".join(rows), encoding="utf-8")
    answer = run(replay, "lockers.csv", "--rules", "rules.yaml", "--settings", "site.yaml")
    assert answer.exit_code == 0, answer.stderr
    assert {json.loads(line)["value"] for line in answer.stdout.splitlines()} == {36.0}


def test_check_knows_the_streams_and_levels_of_the_site() -> None:
    assert run(check, "rules.yaml", "--settings", "site.yaml").exit_code == 0
    blind = run(check, "rules.yaml")
    assert (blind.exit_code, blind.stdout.count('unknown stream "lockers"')) == (1, 2)
    Path("rules.yaml").write_text(RULES.replace("by: [city]", "by: [ctiy]").replace("m: lockers", "m: locker"))
    told = run(check, "rules.yaml", "--settings", "site.yaml").stdout
    assert 'rules.yaml:6:13: rules[0].stream: unknown stream "locker": did you mean "lockers"?' in told
    Path("rules.yaml").write_text(RULES.replace("by: [city]", "by: [ctiy]"))
    told = run(check, "rules.yaml", "--settings", "site.yaml").stdout
    assert told == 'rules.yaml:18:10: rules[1].by[0]: stream lockers has no field "ctiy": did you mean "city"?\n'


@pytest.mark.parametrize(
    ("command", "args", "said"),
    [
        (replay, ["lockers-march.jsonl", "--rules", "rules.yaml", "--settings", "site.yaml", "--stream", "locker"],
         'unknown stream "locker": did you mean "lockers"?'),
        (replay, ["lockers-march.jsonl", "--rules", "rules.yaml", "--settings", "site.yaml", "--topology", "site.yaml"],
         'tocsin replay: site.yaml:2: (header): has no column "level"'),
        (check, ["rules.yaml", "--settings", "broken.yaml"],
         'tocsin check: broken.yaml:1:40: custom_streams.lockers.fields.a: unknown type "text"'),
        (send, ["locker", "lockers-march.jsonl", "--settings", "site.yaml"],
         'unknown stream "locker": did you mean "lockers"?'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_clear_line_and_exit_code_2(command: Any, args: list[str], said: str) -> None:
    Path("broken.yaml").write_text("custom_streams: {lockers: {fields: {a: text}}}")
    answer = run(command, *args)
    assert answer.exit_code == 2, answer.output
    assert said in answer.stderr


def test_topics_and_metrics_are_made_for_the_streams_of_the_site() -> None:
    from streams.commands.joining import configured

    service = configured(Path("site.yaml"), broker="kafka://localhost:1", rules=[Path("rules.yaml")], web_port=0)
    assert service.streams == ("calls", "complaints", "network", "plans", "lockers")
    assert "tocsin.lockers" in {topic.name for topic in plan(service.streams, stream_partitions=1, judge_partitions=1)}
    sample = service.metrics.registry.get_sample_value
    assert sample("tocsin_unknown_places_total", {"stream": "lockers"}) == 0
    assert sample("tocsin_events_total", {"stream": "lockers", "result": "accepted"}) == 0


def test_what_the_pages_show_loads_together() -> None:
    docs = Path(__file__).parents[2] / "docs"
    pages = (docs / "operations.md").read_text(encoding="utf-8"), (docs / "rules.md").read_text(encoding="utf-8")
    (settings,) = re.findall(r"```\n(custom_streams:.*?)```", pages[0], re.DOTALL)
    (table,) = re.findall(r"```csv\n(.*?)```", pages[0], re.DOTALL)
    (rule,) = re.findall(r"```\n(  - id: complaints-by-place.*?)```", pages[1], re.DOTALL)
    Path("site.yaml").write_text(settings, encoding="utf-8")
    Path("places.csv").write_text(table, encoding="utf-8")
    Path("rules.yaml").write_text(f"rules:\n{rule}", encoding="utf-8")
    answer = run(check, "rules.yaml", "--settings", "site.yaml")
    assert (answer.exit_code, answer.stdout) == (0, "")


class Taken:
    """Stands for the sender to Kafka: keeps what it is given."""

    def __init__(self, _brokers: list[str], topic: str, **_more: Any) -> None:
        self.topic = topic
        self.failed: Counter[str] = Counter()
        self.keys: list[bytes | None] = []
        made.append(self)

    @property
    def sent(self) -> int:
        return len(self.keys)

    acknowledged = sent

    def send(self, _value: bytes, key: bytes | None) -> None:
        self.keys.append(key)

    def finish(self, _timeout_s: float) -> None: ...


made: list[Taken] = []


def test_send_goes_by_the_key_of_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.sending.Sender", Taken)
    made.clear()
    command = ["lockers", "lockers-march.jsonl", "--settings", "site.yaml", "--broker", "localhost:1"]
    assert run(send, *command).exit_code == 0
    assert run(send, *command, "--key", "maker").exit_code == 0
    *told, _ = events()
    assert [one.topic for one in made] == ["tocsin.lockers"] * 2
    assert made[0].keys[:-1] == [one["outlet"].encode() for one in told]
    assert made[1].keys[:-1] == [one["maker"].encode() for one in told]
