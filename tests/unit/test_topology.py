"""The table of places: what it says, what is wrong with it, and what events get from it."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
import pytest

from detectors.batch import Column, EventBatch
from detectors.codes import code_of
from detectors.enriching import Enricher, enricher_of
from detectors.topology import Topology
from detectors.vocabulary import STREAMS, Field, Stream
from streams.site import SHIPPED, site_of
from streams.topologyfile import SHOWN_MAX, TopologyError, parse_topology

TABLE = """level,name,parent,name_en,opened
outlet,o1,芙蓉,,2019
outlet,o2,株洲,Zhuzhou Central,
county,芙蓉,长沙,Furong,
county,醴陵,株洲,Liling,
city,长沙,湖南,Changsha,
city,株洲,湖南,Zhuzhou,
province,湖南,,Hunan,
"""


def topology(text: str = TABLE) -> Topology:
    return parse_topology(text.encode(), "t.csv")


def faults(text: str | bytes) -> list[str]:
    with pytest.raises(TopologyError) as refused:
        parse_topology(text if isinstance(text, bytes) else text.encode(), "t.csv")
    return str(refused.value).splitlines()


def test_levels_are_ordered_by_who_lies_in_whom_whatever_the_order_of_rows() -> None:
    head, *rows = TABLE.splitlines()
    for seed in range(5):
        Random(seed).shuffle(rows)
        assert topology("\n".join([head, *rows])).levels == ("outlet", "county", "city", "province")


def test_two_chains_in_one_table() -> None:
    made = topology("level,name,parent\nstore,s1,d1\ndistrict,d1,v1\ndivision,v1,\noutlet,o1,c1\ncity,c1,\n")
    assert len(made) == 5
    widened = made.widen(Stream("x", {"store": Field()}))
    assert list(widened.fields) == ["store", "district", "division"], "an outlet's city is none of a store's"


@pytest.mark.parametrize("form", ["bom", "crlf", "quoted", "blank lines", "spaces", "capitals"])
def test_exports_as_they_come(form: str) -> None:
    text = TABLE
    text = text.replace("\n", "\r\n") if form == "crlf" else text
    text = text.replace("长沙", '"长沙"') if form == "quoted" else text
    text = text.replace("\n", "\n\n") if form == "blank lines" else text
    text = text.replace(",", " , ") if form == "spaces" else text
    text = text.replace("level,name", "Level,Name", 1) if form == "capitals" else text
    content = (codecs.BOM_UTF8 if form == "bom" else b"") + text.encode()
    made = parse_topology(content, "t.csv")
    assert (len(made), made.english["city"]["长沙"]) == (7, "Changsha")


HEAD = "level,name,parent,parent_level\n"
MISTAKES = {
    "": ["t.csv:1: (file): is empty: a header is asked for: level,name,parent,parent_level,name_en"],
    HEAD: ["t.csv:1: (file): names no place"],
    "level,nam,parent\na,b,": ['t.csv:1: (header): has no column "name": is it "nam"?'],
    "level,name,parent,name\na,b,,": ['t.csv:1: (header): has the column "name" twice'],
    HEAD + "city,长沙\n": ["t.csv:2: (row): has 2 cells, and the header 4"],
    HEAD + 'city,"长沙,,\n': ["t.csv:2: (row): is not CSV: unexpected end of data"],
    HEAD + 'city,"长"沙,,\n': ["t.csv:2: (row): is not CSV: ',' expected after '\"'"],
    HEAD + "City,长沙,,\n": ['t.csv:2: level: must be a name of a-z, 0-9 and _, as a field has, not "City"'],
    HEAD + "time,长沙,,\n": ['t.csv:2: level: must be a name of a-z, 0-9 and _, as a field has, not "time"'],
    HEAD + "city,,,\n": ["t.csv:2: name: is empty"],
    HEAD + f"city,{'长' * 257},,\n": ["t.csv:2: name: is longer than 256 characters"],
    HEAD + "city,a\x1b[31m,,\n": ["t.csv:2: name: holds control characters"],
    HEAD + "city,长沙,,\n\ncity,长沙,,\n": ['t.csv:4: name: the city "长沙" is on line 2 already'],
    HEAD + "city,长沙市,湖北省,\nprovince,湖南省,,\n": [
        't.csv:2: parent: there is no place "湖北省": did you mean "湖南省"?'
    ],
    HEAD + "city,a,b,\ncity,b,,\n": ['t.csv:2: parent: "b" is a city too: a place lies in one of another level'],
    HEAD + "city,a,a,\n": ['t.csv:2: parent: "a" is a city too: a place lies in one of another level'],
    HEAD + "city,a,x,\ncounty,x,,\nprovince,x,,\n": [
        't.csv:2: parent: "x" is a place of several levels: say which under parent_level: county, province'
    ],
    HEAD + "city,a,x,provinc\nprovince,x,,\n": [
        't.csv:2: parent_level: there is no level "provinc": did you mean "province"?'
    ],
    HEAD + "city,a,,province\nprovince,x,,\n": [
        "t.csv:2: parent_level: is the level of no parent: name the parent, or leave it empty"
    ],
    HEAD + "a,x,y,\nb,y,z,\nc,z,x,\n": ['t.csv:2: parent: places go round in a circle: "x" → "y" → "z" → "x"'],
    HEAD + "a,x,y,\nb,y,,\nb,v,w,\na,w,,\n": ["t.csv:2: level: levels lie in each other both ways: a, b"],
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_told_with_its_line(text: str) -> None:
    assert faults(text) == MISTAKES[text]


def test_every_mistake_is_told_at_once_up_to_a_bound() -> None:
    assert len(faults(HEAD + "city,,,\nCity,a,,\ncity,b,c,\n")) == 3
    told = faults(HEAD + "city,a,nowhere,\n" * 1 + "".join(f"city,a{n},nowhere,\n" for n in range(500)))
    assert (len(told), told[-1]) == (SHOWN_MAX + 1, "t.csv: and 401 more")


def test_what_is_no_table() -> None:
    assert faults("level,name,parent\ncity,长沙,".encode("gbk")) == [
        "t.csv:2: (file): is not UTF-8: byte 0xb3: save it as UTF-8, not GBK"
    ]
    assert faults(b"level,name\n\0") == ["t.csv:2: (file): holds a NUL: it is no CSV"]
    assert faults(b"PK\x03\x04, level, name")[0].startswith("t.csv:1: (header): has no column")
    deep = HEAD + "".join(f"l{n},p{n},p{n + 1},\n" for n in range(9)) + "l9,p9,,\n"
    assert faults(deep) == ["t.csv:11: level: there are 10 levels, 8 at most"]


def test_a_level_must_be_able_to_be_a_field() -> None:
    table = topology("level,name,parent\nusers,a,b\nstate,b,\n")
    with pytest.raises(TopologyError) as refused:
        site_of({}, table, "t.csv")
    assert 't.csv: level: "users" names no places: it is a field of stream network that is no free text' in str(
        refused.value
    )


def test_streams_get_the_levels_their_events_can_be_placed_in() -> None:
    site = site_of({"lockers": Stream("lockers", {"county": Field()})}, topology())
    assert set(site.streams["calls"].fields) - set(STREAMS["calls"].fields) == {"county", "city", "province"}
    assert set(site.streams["cases"].fields) - set(STREAMS["cases"].fields) == {"outlet", "county", "city", "province"}
    assert list(site.streams["lockers"].fields) == ["county", "city", "province"]
    assert site_of({}, None).streams == SHIPPED.streams


def batch(stream: Stream, events: Sequence[dict[str, Any]], fields: Sequence[str]) -> EventBatch:
    columns = {}
    for name in fields:
        values = [event.get(name) for event in events]
        columns[name] = Column(values, np.array([0 if v is None else code_of(v) for v in values], np.uint64))
    return EventBatch(stream.name, np.zeros(len(events), np.int64), [str(n) for n in range(len(events))], columns)


def placed(events: Sequence[dict[str, Any]], level: str) -> tuple[list[Any], int]:
    site = site_of({}, topology())
    stream = site.streams["calls"]
    enricher = enricher_of(site.topology, stream, {level: True})
    assert enricher is not None
    fields = list(dict.fromkeys([level, *enricher.fields]))
    column = enricher.enrich(batch(stream, events, fields)).columns[level]
    values = list(column.values)
    assert column.codes is not None
    assert column.codes.tolist() == [0 if value is None else code_of(value) for value in values]
    return values, enricher.unknown


@pytest.mark.parametrize(
    ("event", "city", "unknown"),
    [
        pytest.param({"outlet": "o1"}, "长沙", 0, id="by its outlet, two levels up"),
        pytest.param({"outlet": "o2"}, "株洲", 0, id="an outlet that lies in no county"),
        pytest.param({"region": "长沙"}, "长沙", 0, id="the region is the city"),
        pytest.param({"region": "醴陵"}, "株洲", 0, id="the region is a county"),
        pytest.param({"region": "湖南"}, None, 0, id="the region is too wide to tell"),
        pytest.param({"outlet": "o1", "region": "湖南"}, "长沙", 0, id="a wide region leaves what the outlet says"),
        pytest.param({"outlet": "o1", "region": "株洲"}, "株洲", 0, id="the wider place that is named knows better"),
        pytest.param({"outlet": "o1", "city": "武汉"}, "武汉", 1, id="what is sent stays, known or not"),
        pytest.param({"outlet": "o9"}, None, 1, id="an unknown outlet"),
        pytest.param({"outlet": "o9", "region": "长沙"}, "长沙", 1, id="an unknown outlet in a known region"),
        pytest.param({"outlet": "o9", "region": "火星"}, None, 1, id="two unknown places are one event"),
        pytest.param({"outlet": "", "region": "长沙"}, "长沙", 0, id="an empty name is none"),
        pytest.param({"outlet": "o1", "city": ""}, "长沙", 0, id="and says nothing that would stay"),
        pytest.param({}, None, 0, id="no place is no unknown place"),
    ],
)
def test_an_event_gets_its_places(event: dict[str, Any], city: str | None, unknown: int) -> None:
    others = [{"outlet": "o1"}, {}]  # a batch of its own, and among others
    assert placed([event], "city") == ([city], unknown)
    assert placed([others[0], event, others[1]], "city") == (["长沙", city, None], unknown)


def test_any_split_gives_the_same_places() -> None:
    rng = Random(7)
    some = [
        {},
        {"outlet": "o1"},
        {"outlet": "o9"},
        {"region": "长沙"},
        {"county": "醴陵"},
        {"outlet": "o2", "city": "x"},
    ]
    events = [rng.choice(some) for _ in range(200)]
    whole, unknown = placed(events, "province")
    parts = [placed(events[first : first + 7], "province") for first in range(0, 200, 7)]
    assert [value for values, _ in parts for value in values] == whole
    assert sum(count for _, count in parts) == unknown


def test_nothing_is_done_where_no_rule_asks() -> None:
    stream = SHIPPED.streams["calls"]
    assert enricher_of(None, stream, {"city": True}) is None
    assert enricher_of(topology(), topology().widen(stream), {"queue": True}) is None
    assert isinstance(enricher_of(topology(), topology().widen(stream), {"city": False}), Enricher)
