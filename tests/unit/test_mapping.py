"""Maps: what a row becomes, and what a map file is told about its mistakes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from streams.files import WrongInputError, open_inputs
from streams.lines import Lines
from streams.mapfile import MapError, load_map
from streams.mapping import REPEAT_MAX


def load(text: str, folder: Path) -> Any:
    path = folder / "map.yaml"
    path.write_text(dedent(text), encoding="utf-8")
    return load_map(path)


def run(text: str, table: str | bytes, folder: Path, name: str = "export.csv") -> list[Lines]:
    binder = load(text, folder)
    (folder / name).write_bytes(table if isinstance(table, bytes) else table.encode())
    [opened] = open_inputs([str(folder / name)], binder=binder)
    return list(opened.batches())


def events(text: str, table: str | bytes, folder: Path) -> list[dict[str, Any]]:
    batches = run(text, table, folder)
    assert not [unusable for batch in batches for unusable in batch.unusable]
    return [json.loads(value) for batch in batches for value in batch.values]


def test_an_outage_is_a_down_and_an_up(tmp_path: Path) -> None:
    got = events(
        """
        events:
          - stream: network
            id: "{no}-down"
            time: off
            fields: &place
              element: "feeder-{no}"
              state: {const: down}
              region: place
              users: customers
          - stream: network
            id: "{no}-up"
            time: [on, seen]
            fields: {<<: *place, state: {const: up}}
        """,
        "no,off,on,seen,place,customers\n7,2021-01-01T00:00:00Z,,2021-01-01T01:00:00Z,Hope,12\n",
        tmp_path,
    )
    assert got == [
        {"stream": "network", "id": "7-down", "time": 1609459200.0, "element": "feeder-7", "state": "down"}
        | {"region": "Hope", "users": 12},
        {"stream": "network", "id": "7-up", "time": 1609462800.0, "element": "feeder-7", "state": "up"}
        | {"region": "Hope", "users": 12},
    ]


BASE = "events: [{stream: complaints, time: t, fields: {category: {const: network}, %s}}]"

FIELDS = {
    "a column": ("region: a", "x", {"region": "x"}),
    "an empty column is missing": ("region: a", "", {}),
    "a number": ("severity: a", "2.5", {"severity": 2.5}),
    "a boolean": ("major: a", "Yes", {"major": True}),
    "a constant": ("severity: {const: 3}", "", {"severity": 3}),
    "a boolean constant": ("major: {const: false}", "", {"major": False}),
    "a translation": ("region: {column: a, values: {x: 长沙}}", "x", {"region": "长沙"}),
    "a translation of numbers": ("severity: {column: a, values: {high: 3}}", "high", {"severity": 3}),
    "a translation of nothing": ("region: {column: a, values: {x: y}}", "", {}),
    "a translation of the empty cell": ('region: {column: a, values: {"": none}}', "", {"region": "none"}),
    "a translation's default": ("region: {column: a, values: {x: y}, default: z}", "w", {"region": "z"}),
    "a default that keeps the cell": ('region: {column: a, values: {x: y}, default: "{a}"}', "w", {"region": "w"}),
    "a default for an empty cell": ("severity: {column: a, default: 1}", "", {"severity": 1}),
    "a scale": ("severity: {column: a, scale: 0.001}", "2500", {"severity": 2.5}),
    "a template": ('region: "{b}/{a}!"', "x", {"region": "B/x!"}),
    "a template of empty columns": ('region: "p-{a}"', "", {}),
    "a template reads numbers too": ('severity: "{a}0"', "2", {"severity": 20}),
    "braces in a cell are data": ('region: "<{a}>"', "{b}", {"region": "<{b}>"}),
    "a column whose name has braces": ('region: {column: "{c}"}', "", {"region": "C"}),
}


@pytest.mark.parametrize("name", FIELDS)
def test_fields(name: str, tmp_path: Path) -> None:
    fields, cell, expected = FIELDS[name]
    [got] = events(BASE % fields, f"t,a,b,{{c}}\n2021-01-01T00:00:00Z,{cell},B,C\n", tmp_path)
    assert {key: got[key] for key in got.keys() - {"stream", "id", "time", "category"}} == expected


def test_a_time_field_is_read_like_the_time(tmp_path: Path) -> None:
    text = """
    zone: Asia/Shanghai
    events: [{stream: network, time: t, fields: {element: e, state: {const: down}, eta: back}}]
    """
    first, second = events(text, "t,e,back\n2026-03-01 09:00,x,2026-03-01 10:00\n2026-03-01 09:00,x,\n", tmp_path)
    assert first["eta"] - first["time"] == 3_600
    assert "eta" not in second


TIMES = {
    "RFC 3339": ("t", "2026-03-01T09:00:00.25Z", 1772355600.25),
    "an offset goes before the zone": ("{column: t, zone: UTC}", "2026-03-01T17:00:00+08:00", 1772355600),
    "a date alone": ("{column: t, zone: Asia/Shanghai}", "2026-03-01", 1772294400),
    "a zone": ("{column: t, zone: Asia/Shanghai}", "2026-03-01 17:00:00", 1772355600),
    "a format": ('{column: t, format: "%d/%m/%Y %H:%M", zone: UTC}', "01/03/2026 09:00", 1772355600),
    "a format with its offset": ('{column: t, format: "%d/%m/%Y %H:%M %z"}', "01/03/2026 17:00 +0800", 1772355600),
    "unix": ("{column: t, format: unix}", "1772355600.125", 1772355600.125),
    "unix_ms": ("{column: t, format: unix_ms}", "1772355600125", 1772355600.125),
    "relative": ('{column: t, format: relative, epoch: "2026-03-01T09:00:00Z"}', "90", 1772355690),
    "spaces around": ("{column: t, format: unix}", " 5 ", 5),
    "a skipped time is shifted forward": ("{column: t, zone: America/New_York}", "2016-03-13 02:30:00", 1457854200),
    "a repeated time is the first": ("{column: t, zone: America/New_York}", "2016-11-06 01:30:00", 1478410200),
}


@pytest.mark.parametrize("name", TIMES)
def test_times(name: str, tmp_path: Path) -> None:
    spec, cell, expected = TIMES[name]
    text = "events: [{stream: complaints, time: %s, fields: {category: {const: network}}}]"
    [got] = events(text % spec, f"t\n{cell}\n", tmp_path)
    assert got["time"] == expected


WHEN = {
    "equals": ("{a: x}", ["x"]),
    "in a list": ("{a: [x, y]}", ["x", "y"]),
    "not": ("{a: {not: x}}", ["", "y"]),
    "none of": ("{a: {not: [x, y]}}", [""]),
    "not empty": ('{a: {not: ""}}', ["x", "y"]),
    "empty": ('{a: ""}', [""]),
    "all must hold": ('{a: {not: ""}, b: y}', ["y"]),
}


@pytest.mark.parametrize("name", WHEN)
def test_when(name: str, tmp_path: Path) -> None:
    condition, expected = WHEN[name]
    text = "events: [{stream: complaints, time: t, when: %s, fields: {category: {const: other}, reason: a}}]"
    table = "t,a,b\n2021-01-01T00:00:00Z,x,x\n2021-01-01T00:00:00Z,y,y\n2021-01-01T00:00:00Z,,\n"
    got = [event.get("reason", "") for event in events(text % condition, table, tmp_path)]
    assert sorted(got) == sorted(expected)


REPEATS = {
    "at once": ("n", "3", [0, 0, 0]),
    "every": ("{column: n, every: 10s}", "3", [0, 10, 20]),
    "over": ("{column: n, over: 5m}", "4", [0, 75, 150, 225]),
    "over, not evenly": ("{column: n, over: 1s}", "3", [0, 0.333, 0.666]),
    "one": ("{column: n, over: 5m}", "1", [0]),
    "none": ("{column: n, over: 5m}", "0", []),
    "nothing": ("n", "", []),
    "written as a float": ("n", "2.0", [0, 0]),
}


@pytest.mark.parametrize("name", REPEATS)
def test_repeat(name: str, tmp_path: Path) -> None:
    spec, cell, expected = REPEATS[name]
    text = """
    format: unix
    events: [{stream: calls, id: t, time: t, repeat: %s, fields: {outcome: {const: blocked}}}]
    """
    got = events(text % spec, f"t,n\n1000,{cell}\n", tmp_path)
    assert [round(event["time"] - 1_000, 3) for event in got] == expected
    assert [event["id"] for event in got] == [f"1000-{n}" for n in range(1, len(expected) + 1)]


def test_ids_are_made_of_file_line_and_template(tmp_path: Path) -> None:
    one = "{stream: surveys, time: t, fields: {satisfied: {const: true}}}"
    two = "{stream: surveys, id: auto, time: t, repeat: n, fields: {satisfied: {const: true}}}"
    got = events(f"events: [{one}, {two}]", "t,n\n2021-01-01T00:00:00Z,2\n\n2021-01-01T00:00:00Z,0\n", tmp_path)
    assert [event["id"] for event in got] == ["export:2", "export:2:2-1", "export:2:2-2", "export:4"]


def test_files_of_the_same_name_make_different_ids(tmp_path: Path) -> None:
    binder = load("events: [{stream: surveys, time: t, fields: {satisfied: {const: true}}}]", tmp_path)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "day.csv").write_text("t\n2021-01-01T00:00:00Z\n")
    opened = open_inputs([str(tmp_path / folder / "day.csv") for folder in ("a", "b")], binder=binder)
    ids = [json.loads(value)["id"] for one in opened for batch in one.batches() for value in batch.values]
    assert len(set(ids)) == 2


def test_encoding_and_delimiter(tmp_path: Path) -> None:
    text = """
    encoding: GBK
    delimiter: ;
    events:
      - {stream: complaints, time: 时间, fields: {category: {column: 类别, values: {网络: network}}, region: 地市}}
    """
    table = "时间;类别;地市\n2026-03-01T09:00:00Z;网络;长沙\n".encode("gbk")
    [got] = events(text, table, tmp_path)
    assert (got["category"], got["region"]) == ("network", "长沙")


def test_a_byte_order_mark_and_tabs(tmp_path: Path) -> None:
    text = "{delimiter: tab, events: [{stream: surveys, time: t, fields: {satisfied: s}}]}"
    [got] = events(text, "\ufefft\ts\n2026-03-01T09:00:00Z\tno\n", tmp_path)
    assert got["satisfied"] is False


def test_what_a_map_says_of_sorting_and_streams(tmp_path: Path) -> None:
    made = load(
        """
        sort: true
        events:
          - {stream: surveys, time: t, fields: {satisfied: s}}
          - {stream: agents, time: t, fields: {agent: a, state: {const: out}}}
        """,
        tmp_path,
    )
    assert made.sort
    assert [template.stream for template in made.only("agents").templates] == ["agents"]
    assert made.only("calls").templates == ()


ROWS = {
    "a bad number": ("2021-01-01T00:00:00Z,many,1,x", "wrong-type", "users: 'many' is not a number"),
    "a bad time": ("yesterday,1,1,x", "bad-value", "t: 'yesterday' is not an ISO 8601 time"),
    "no such day": ("2021-02-30T00:00:00Z,1,1,x", "bad-value", "t: '2021-02-30T00:00:00Z' is not an ISO 8601 time"),
    "no time": (",1,1,x", "missing-field", "no time: t empty"),
    "no offset": (
        "2021-01-01 00:00,1,1,x",
        "no-offset",
        "t: '2021-01-01 00:00' has no offset, and the map names no zone",
    ),
    "no count": ("2021-01-01T00:00:00Z,1,-1,x", "wrong-type", "n: '-1' is not a count"),
    "half a count": ("2021-01-01T00:00:00Z,1,1.5,x", "wrong-type", "n: '1.5' is not a count"),
    "a count past all bounds": (
        f"2021-01-01T00:00:00Z,1,{REPEAT_MAX + 1},x",
        "bad-value",
        "n: '100001' is more than 100,000, the most for one row",
    ),
    "a value nobody listed": (
        "2021-01-01T00:00:00Z,1,1,z",
        "bad-value",
        "kind: 'z' is not among `values`, and there is no default",
    ),
    "too many cells": ("2021-01-01T00:00:00Z,1,1,x,,y", "bad-value", "the row has 6 cells, the header 4"),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_row_that_cannot_be_mapped_stops_nothing(name: str, tmp_path: Path) -> None:
    row, reason, detail = ROWS[name]
    text = """
    events:
      - stream: network
        time: t
        repeat: n
        fields: {element: {const: e}, state: {const: down}, users: users, kind: {column: kind, values: {x: cell}}}
    """
    good = "2021-01-01T00:00:00Z,1,1,x"
    batches = run(text, f"t,users,n,kind\n{good}\n{row}\n{good}\n", tmp_path)
    assert [line for batch in batches for line in batch.lines] == [2, 4]
    [unusable] = [unusable for batch in batches for unusable in batch.unusable]
    assert (unusable.line, unusable.reason, unusable.detail) == (3, reason, detail)
    assert unusable.row == row.encode()


def test_a_column_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(
        WrongInputError, match=r"export\.csv:1: the map asks for column 'region'; the columns are t, Region"
    ):
        run(BASE % "region: region", "t,Region\n", tmp_path)


def test_a_map_is_for_tables(tmp_path: Path) -> None:
    (tmp_path / "calls.jsonl").write_bytes(b"one\n")
    with pytest.raises(WrongInputError, match="a map reads CSV, and no input is"):
        open_inputs([str(tmp_path / "calls.jsonl")], binder=load(BASE % "region: a", tmp_path))


def test_a_hundred_thousand_rows_take_seconds(tmp_path: Path) -> None:
    text = """
    zone: Asia/Shanghai
    events:
      - {stream: network, id: "{n}-down", time: t, fields: {element: "e{n}", state: {const: down}, users: n}}
      - {stream: network, id: "{n}-up", time: t, fields: {element: "e{n}", state: {const: up}, users: n}}
    """
    table = "t,n\n" + "".join(f"2026-03-01 09:00:{n % 60:02},{n}\n" for n in range(100_000))
    started = time.process_time()
    batches = run(text, table, tmp_path)
    assert sum(len(batch.values) for batch in batches) == 200_000
    assert time.process_time() - started < 10  # about 1.5 s: the bound is for a loaded machine


ONE = "events: [{stream: complaints, time: t, fields: {category: c, %s}}]"

# What a map says → what it is told, without the file's name: line, column, path, message.
MISTAKES = {
    "nothing": ("", ["1:1: (file): is empty"]),
    "a list": ("[1]", ['1:1: (file): must be a mapping with "events", not a list']),
    "no events": ("sort: true", ['1:1: (file): "events" is missing']),
    "an empty list": ("events: []", ["1:9: events: is an empty list: a row would make no event"]),
    "the top level": (
        """
        encoding: utf-9
        delimiter: ab
        zone: Asia/Shanghia
        format: unx
        epoch: yesterday
        sort: 1
        evnts: []
        events: [{}]
        """,
        [
            '2:11: encoding: unknown encoding "utf-9": use utf-8, gb18030, latin-1, …',
            '3:12: delimiter: must be one character, or tab, not "ab"',
            '4:7: zone: unknown time zone "Asia/Shanghia": use names such as Asia/Shanghai or UTC',
            '5:9: format: unknown format "unx": did you mean "unix"? Others are written as in %d/%m/%Y %H:%M',
            '6:8: epoch: "yesterday" is not a time with its offset, as in 2026-01-01T00:00:00Z',
            "7:7: sort: must be true or false, not the number 1",
            '8:1: evnts: unknown key "evnts": did you mean "events"?',
            '9:10: events[0]: "fields" is missing',
            '9:10: events[0]: "stream" is missing',
            '9:10: events[0]: "time" is missing',
        ],
    ),
    "a stream": (
        "events: [{stream: complaint, time: t, fields: {}}]",
        ['1:19: events[0].stream: unknown stream "complaint": did you mean "complaints"?'],
    ),
    "fields": (
        """
        events:
          - stream: network
            tme: t
            fields:
              elemnt: a
              id: b
              state: {const: dwn}
              users: {const: lots}
              kind: {column: a, scale: 2}
              region: {colum: a}
              eta: {const: soon}
        """,
        [
            '3:5: events[0]: "time" is missing',
            '4:5: events[0].tme: unknown key "tme": did you mean "time"?',
            '6:7: events[0].fields: the field "element" is missing: every such event needs it',
            '6:7: events[0].fields.elemnt: unknown field "elemnt": did you mean "element"?',
            '7:7: events[0].fields.id: unknown field "id": `id` and `time` stand beside `fields`',
            '8:22: events[0].fields.state.const: unknown value "dwn": did you mean "down"?',
            '9:22: events[0].fields.users.const: must be a number, not the text "lots"',
            "10:25: events[0].fields.kind.scale: scales numbers, and this field is a string",
            '11:15: events[0].fields.region: "column" is missing',
            '11:16: events[0].fields.region.colum: unknown key "colum": did you mean "column"?',
            '12:20: events[0].fields.eta.const: "soon" is not a time with its offset, as in 2026-03-01T09:00:00Z',
        ],
    ),
    "templates": (
        ONE % 'region: "{a", reason: "{}", outlet: "{a:>3}", channel: "{a!r}", brand: ""',
        [
            '1:70: events[0].fields.region: "{a": braces go round the name of a column and hold nothing else',
            '1:84: events[0].fields.reason: "{}": braces go round the name of a column and hold nothing else',
            '1:98: events[0].fields.outlet: "{a:>3}": braces go round the name of a column and hold nothing else',
            '1:117: events[0].fields.channel: "{a!r}": braces go round the name of a column and hold nothing else',
            "1:133: events[0].fields.brand: must be a column or a text with {column}, but is empty",
        ],
    ),
    "translations": (
        ONE
        % "severity: {column: a, values: {x: y, z: -1}}, major: {column: a, default: 2}, brand: {column: a, values: 3}",
        [
            '1:96: events[0].fields.severity.values.x: must be a number, not the text "y"',
            "1:102: events[0].fields.severity.values.z: must be 0 or more",
            "1:136: events[0].fields.major.default: must be true or false, not the number 2",
            "1:167: events[0].fields.brand.values: must be a mapping of cell to value, not the number 3",
        ],
    ),
    "a translation and a scale": (
        ONE % "severity: {column: a, values: {x: 1}, scale: 2}",
        ['1:100: events[0].fields.severity.scale: stands beside "values": take one of them'],
    ),
    "conditions": (
        "events: [{stream: surveys, time: t, when: {a: 1, b: [], c: {is: x}, d: [true]}, fields: {satisfied: s}}]",
        [
            "1:47: events[0].when.a: must be text, not the number 1: put it in quotes",
            "1:53: events[0].when.b: is an empty list: nothing is in it",
            '1:60: events[0].when.c: "not" is missing',
            '1:61: events[0].when.c.is: unknown key "is": there are not',
            "1:73: events[0].when.d[0]: must be text, not true: put it in quotes",
        ],
    ),
    "repeat": (
        "events: [{stream: surveys, time: t, repeat: {colmn: n, every: 5s, over: 5 min}, fields: {satisfied: s}}]",
        [
            '1:45: events[0].repeat: "column" is missing',
            '1:46: events[0].repeat.colmn: unknown key "colmn": did you mean "column"?',
            '1:67: events[0].repeat.over: stands beside "every": take one of them',
            '1:73: events[0].repeat.over: "5 min" is not a duration: write a number and ms, s, m, h or d, as in 10s',
        ],
    ),
    "times": (
        """
        events:
          - {stream: surveys, fields: {satisfied: s}, time: {column: t, format: '%Q', zone: Mars}}
          - {stream: surveys, fields: {satisfied: s}, time: []}
          - {stream: surveys, fields: {satisfied: s}, time: {column: t, format: relative}}
          - {stream: surveys, fields: {satisfied: s}, time: 5}
          - {stream: surveys, fields: {satisfied: s}, time: {format: unix}}
        """,
        [
            '3:73: events[0].time.format: "%Q" is no format of strptime, nor one of unix, unix_ms, relative',
            '3:85: events[0].time.zone: unknown time zone "Mars": use names such as Asia/Shanghai or UTC',
            "4:53: events[1].time: is an empty list: name a column",
            '5:53: events[2].time: the format "relative" needs an "epoch": the time its seconds count from',
            "6:53: events[3].time: must be the name of a column, not the number 5: put it in quotes",
            '7:53: events[4].time: "column" is missing',
        ],
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_every_mistake_is_told_at_once_and_in_its_place(name: str, tmp_path: Path) -> None:
    text, expected = MISTAKES[name]
    with pytest.raises(MapError) as caught:
        load(text, tmp_path)
    assert str(caught.value).splitlines() == [f"{tmp_path / 'map.yaml'}:{line}" for line in expected]


def test_a_map_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MapError, match=r"none\.yaml:1:1: \(file\): cannot be read: "):
        load_map(tmp_path / "none.yaml")
