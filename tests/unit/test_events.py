"""Every refusal of the contract with its exact words, alone, among good neighbours, and as a line of a record."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import pytest

from detectors.vocabulary import STREAMS
from streams import events, surface
from streams.decoded import Refused
from streams.events import Decoder, MixedDecoder
from streams.faults import Reason

CALLS = Decoder(STREAMS["calls"])
NOON_MS = 1_772_366_400_000
MINUTE_MS = 60_000


def call(name: str, **fields: object) -> bytes:
    event = {"id": name, "time": "2026-03-01T12:00:00Z", "outcome": "answered", **fields}
    return json.dumps(event, ensure_ascii=False).encode()


def raw(tail: str | bytes) -> bytes:
    """Write a good call with something at its end that `json.dumps` would not write."""
    return b'{"id":"x","time":1,"outcome":"answered",' + (tail.encode() if isinstance(tail, str) else tail) + b"}"


@dataclass(frozen=True)
class Case:
    name: str
    raw: bytes
    reason: Reason
    detail: str


CASES = [
    Case("nothing", b"", Reason.NOT_JSON, "empty"),
    Case("white space", b" \t", Reason.NOT_JSON, "empty"),
    Case("prose", b"hello", Reason.NOT_JSON, "Expecting value at character 0"),
    Case("cut off", b'{"id":"x","ti', Reason.NOT_JSON, "Unterminated string starting at at character 10"),
    Case("two objects", b"{}{}", Reason.NOT_JSON, "Extra data at character 2"),
    Case("two objects and a comma", call("a") + b"," + call("b"), Reason.NOT_JSON, "Extra data at character 66"),
    Case("byte order mark", b"\xef\xbb\xbf" + call("x"), Reason.NOT_JSON, "begins with a byte order mark"),
    Case("UTF-16", call("x").decode().encode("utf-16"), Reason.NOT_JSON, "not UTF-8: invalid start byte at byte 0"),
    Case("bad UTF-8", raw(b'"region":"\xff"'), Reason.NOT_JSON, "not UTF-8: invalid start byte at byte 50"),
    Case("bad UTF-8, unknown field", raw(b'"x":"\xff"'), Reason.NOT_JSON, "not UTF-8: invalid start byte at byte 45"),
    Case("bad UTF-8, unknown key", raw(b'"\xff":1'), Reason.NOT_JSON, "not UTF-8: invalid start byte at byte 41"),
    Case("overlong UTF-8", raw(b'"region":"\xc0\x80"'), Reason.NOT_JSON, "not UTF-8: invalid start byte at byte 50"),
    Case(
        "surrogate in UTF-8",
        raw(b'"region":"\xed\xa0\x80"'),
        Reason.NOT_JSON,
        "not UTF-8: invalid continuation byte at byte 50",
    ),
    Case("raw NUL", raw('"region":"\x00"'), Reason.NOT_JSON, "Invalid control character at at character 50"),
    Case("raw NUL, unknown field", raw('"x":"\x00"'), Reason.NOT_JSON, "Invalid control character at at character 45"),
    Case("NaN", raw('"wait_s":NaN'), Reason.NOT_JSON, "NaN is not JSON"),
    Case("Infinity", raw('"wait_s":Infinity'), Reason.NOT_JSON, "Infinity is not JSON"),
    Case("NaN, unknown field", raw('"x":-Infinity'), Reason.NOT_JSON, "-Infinity is not JSON"),
    Case("leading zero", raw('"wait_s":01'), Reason.NOT_JSON, "Expecting ',' delimiter at character 50"),
    Case("bad escape", raw('"region":"\\q"'), Reason.NOT_JSON, "Invalid \\escape at character 50"),
    Case("null record", b"null", Reason.NOT_OBJECT, "null, not an object"),
    Case("array", b"[" + call("x") + b"]", Reason.NOT_OBJECT, "an array, not an object"),
    Case("number", b"42", Reason.NOT_OBJECT, "a number, not an object"),
    Case("string", b'"id"', Reason.NOT_OBJECT, "a string, not an object"),
    Case("boolean", b"true", Reason.NOT_OBJECT, "true or false, not an object"),
    Case("id a number", call("x", id=7), Reason.WRONG_TYPE, "id is a number, not a string"),
    Case("region null", call("x", region=None), Reason.WRONG_TYPE, "region is null, not a string"),
    Case("region an object", call("x", region={}), Reason.WRONG_TYPE, "region is an object, not a string"),
    Case("region an array", call("x", region=[]), Reason.WRONG_TYPE, "region is an array, not a string"),
    Case("wait a string", call("x", wait_s="3"), Reason.WRONG_TYPE, "wait_s is a string, not a number"),
    Case("wait a boolean", call("x", wait_s=True), Reason.WRONG_TYPE, "wait_s is true or false, not a number"),
    Case("time null", call("x", time=None), Reason.WRONG_TYPE, "time is null, not a time"),
    Case("time a boolean", call("x", time=True), Reason.WRONG_TYPE, "time is true or false, not a time"),
    Case("outcome a number", call("x", outcome=1), Reason.WRONG_TYPE, "outcome is a number, not a string"),
    Case("stream a number", call("x", stream=1), Reason.WRONG_TYPE, "stream is a number, not a string"),
    Case("no id", b'{"time":1,"outcome":"answered"}', Reason.MISSING_FIELD, "id is missing"),
    Case("no time", b'{"id":"x","outcome":"answered"}', Reason.MISSING_FIELD, "time is missing"),
    Case("no outcome", b'{"id":"x","time":1}', Reason.MISSING_FIELD, "outcome is missing"),
    Case("nothing in it", b"{}", Reason.MISSING_FIELD, "id is missing"),
    Case("empty id", call(""), Reason.BAD_VALUE, "id is empty"),
    Case("long id", call("x" * 257), Reason.BAD_VALUE, "id has 257 characters, at most 256"),
    Case("long region", call("x", region="长" * 257), Reason.BAD_VALUE, "region has 257 characters, at most 256"),
    Case("NUL", raw(r'"region":"\u0000"'), Reason.BAD_VALUE, "region holds the control character U+0000"),
    Case("newline in id", call("a\nb"), Reason.BAD_VALUE, "id holds the control character U+000A"),
    Case("escape character", call("x", brand="\x1b[2J"), Reason.BAD_VALUE, "brand holds the control character U+001B"),
    Case("high surrogate", raw(r'"region":"\ud800"'), Reason.BAD_VALUE, "region holds half a surrogate pair"),
    Case("low surrogate", raw(r'"region":"a\uDC00b"'), Reason.BAD_VALUE, "region holds half a surrogate pair"),
    Case("negative", call("x", wait_s=-1), Reason.BAD_VALUE, "wait_s is negative"),
    Case("1e999", raw('"wait_s":1e999'), Reason.BAD_VALUE, "wait_s is out of range"),
    Case("5,000 digits", raw('"wait_s":' + "9" * 5000), Reason.BAD_VALUE, "wait_s is out of range"),
    Case("time 1e999", b'{"id":"x","time":1e999,"outcome":"answered"}', Reason.BAD_VALUE, "time is out of range"),
    Case(
        "unknown outcome",
        call("x", outcome="lost"),
        Reason.BAD_VALUE,
        'outcome is "lost", not one of answered, abandoned, blocked',
    ),
    Case("two ids", raw('"id":"y"'), Reason.BAD_VALUE, 'duplicate key "id"'),
    Case("two ids, one escaped", raw(r'"\u0069d":"y"'), Reason.BAD_VALUE, 'duplicate key "id"'),
    Case("two ids, a space", raw('"id" :"y"'), Reason.BAD_VALUE, 'duplicate key "id"'),
    Case("two regions", raw('"region":"a","line":"b","region":"a"'), Reason.BAD_VALUE, 'duplicate key "region"'),
    Case("two unknown", raw('"x":1,"x":1'), Reason.BAD_VALUE, 'duplicate key "x"'),
    Case("a word for a time", call("x", time="noon"), Reason.BAD_VALUE, 'time is not a time: "noon"'),
    Case("a date", call("x", time="2026-03-01"), Reason.BAD_VALUE, 'time is not a time: "2026-03-01"'),
    Case(
        "30 February",
        call("x", time="2026-02-30T00:00:00Z"),
        Reason.BAD_VALUE,
        'time is not a time: "2026-02-30T00:00:00Z"',
    ),
    Case("time negative", call("x", time=-0.001), Reason.BAD_VALUE, "time is negative"),
    Case(
        "milliseconds",
        call("x", time=NOON_MS),
        Reason.BAD_VALUE,
        "time is after the year 9998 (are these milliseconds?)",
    ),
    Case(
        "before 1970",
        call("x", time="1969-12-31T23:59:59Z"),
        Reason.BAD_VALUE,
        "time is not within the years 1970 to 9998",
    ),
    Case(
        "the year 10000",
        call("x", time="9999-12-31T23:59:59-08:00"),
        Reason.BAD_VALUE,
        "time is not within the years 1970 to 9998",
    ),
    Case(
        "no offset",
        call("x", time="2026-03-01T12:00:00"),
        Reason.NO_OFFSET,
        'time has no offset: "2026-03-01T12:00:00"',
    ),
    Case(
        "more than 64 KiB",
        call("x", note="x" * 65_536),
        Reason.TOO_LARGE,
        "65614 bytes, at most 65536",
    ),
    Case("too large to parse", b"[" * 100_000, Reason.TOO_LARGE, "100000 bytes, at most 65536"),
    Case("too deep", raw('"x":' + "[" * 32 + "]" * 32), Reason.TOO_DEEP, "more than 32 levels"),
    Case("brackets alone", b"[" * 60_000, Reason.TOO_DEEP, "more than 32 levels"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_bad_event_is_refused_with_its_reason(case: Case) -> None:
    decoded = CALLS.decode([case.raw])
    assert decoded.refused == [Refused(0, 0, "calls", case.reason, case.detail, case.raw)]
    assert decoded.events == []
    assert len(decoded.origin) == len(decoded.time_ms) == 0


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_its_neighbours_are_unharmed_and_keep_their_order(case: Case) -> None:
    decoded = CALLS.decode([call("a"), case.raw, call("b"), call("c"), case.raw])
    assert [event.id for event in decoded.events] == ["a", "b", "c"]
    assert decoded.origin.tolist() == [0, 2, 3]
    assert decoded.time_ms.tolist() == [NOON_MS] * 3
    assert [(one.index, one.reason, one.detail) for one in decoded.refused] == [
        (1, case.reason, case.detail),
        (4, case.reason, case.detail),
    ]


@pytest.mark.parametrize("case", [case for case in CASES if case.raw.strip()], ids=lambda case: case.name)
def test_it_is_refused_as_a_line_of_a_record(case: Case) -> None:
    decoded = CALLS.decode([call("a") + b"\r\n" + case.raw + b"\r\n\r\n" + call("b") + b"\n"])
    assert [event.id for event in decoded.events] == ["a", "b"]
    assert decoded.origin.tolist() == [0, 0]
    assert decoded.refused == [Refused(0, 1, "calls", case.reason, case.detail, case.raw)]


def test_every_reason_has_a_case() -> None:
    elsewhere = {Reason.FUTURE, Reason.UNKNOWN_STREAM}
    assert {case.reason for case in CASES} | elsewhere == set(Reason)


@pytest.mark.parametrize(
    ("time", "ms"),
    [
        ("2026-03-01T12:00:00Z", NOON_MS),
        ("2026-03-01T20:00:00+08:00", NOON_MS),
        ("2026-03-01t12:00:00z", NOON_MS),
        ("2026-03-01 12:00:00Z", NOON_MS),
        ("2026-03-01T12:00:00.0014Z", NOON_MS + 1),
        ("2026-03-01T12:00:00.9996Z", NOON_MS + 1000),
        (1772366400, NOON_MS),
        (1772366400.25, NOON_MS + 250),
        (0, 0),
        (253370764799, 253370764799000),
        ("9998-12-31T23:59:59Z", 253370764799000),
        ("1970-01-01T00:00:00Z", 0),
    ],
)
def test_times_are_read_in_every_form_of_the_contract(time: str | float, ms: int) -> None:
    decoded = CALLS.decode([call("x", time=time), call("y"), call("z", time=time)])
    assert decoded.refused == []
    assert decoded.time_ms.tolist() == [ms, NOON_MS, ms]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(call("x", region="长沙", wait_s=3, stream="complaints"), id="its own stream is not asked"),
        pytest.param(call("x", unknown={"a": [1, {"b": None}]}), id="unknown fields"),
        pytest.param(raw(r'"x":"\ud800\u0000","y":1e999'), id="odd but legal in unknown fields"),
        pytest.param(raw('"x":{"a":1,"a":2}'), id="a key twice inside what is ignored"),
        pytest.param(call("x", region="a:b,{c}[" * 30), id="punctuation in a string"),
        pytest.param(call("x", region='" : \\'), id="quotes and backslashes"),
        pytest.param(call("x", region="😀" * 256), id="256 wide characters"),
        pytest.param(json.dumps({**json.loads(call("x")), "region": "长沙😀"}).encode(), id="escaped text"),
        pytest.param(json.dumps(json.loads(call("x")), indent=2).encode(), id="over several lines"),
        pytest.param(b" \r\n" + call("x") + b"\n", id="white space around"),
        pytest.param(raw(r'"\u0072egion":"a"'), id="an escaped key"),
        pytest.param(raw('"x":' + "[" * 31 + "]" * 31), id="32 levels"),
        pytest.param(raw('"wait_s":-0.0'), id="minus zero"),
        pytest.param(call("x", note="x" * (65_536 - 78)), id="just 64 KiB"),
    ],
)
def test_what_is_odd_but_right_is_taken(value: bytes) -> None:
    decoded = CALLS.decode([value])
    assert decoded.refused == []
    assert len(decoded.events) == 1


def test_an_event_keeps_what_it_was_sent_with() -> None:
    (event,) = CALLS.decode([call("x", region="长沙", wait_s=3)]).events
    assert event.id == "x"
    assert event.time == datetime(2026, 3, 1, 12, tzinfo=UTC)
    sent = msgspec.structs.asdict(event)
    assert (sent["region"], sent["wait_s"], repr(sent["queue"])) == ("长沙", 3.0, "MISSING")


def test_good_events_are_never_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof of `surface` holds on this Python for all that producers usually write."""
    monkeypatch.delattr(events, "read_object")
    monkeypatch.delattr(surface, "find_suspects")
    fields = {"region": "长沙", "wait_s": 1.5, "stream": "calls"}
    rows = [call(str(at), **dict(list(fields.items())[: at % 4])) for at in range(3000)]
    for batch in (rows, [json.dumps(json.loads(row)).encode() for row in rows], [b"\n".join(rows)]):
        assert len(CALLS.decode(batch).events) == 3000
    named = [row for row in rows if b"stream" in row]
    assert len(MixedDecoder(list(STREAMS.values())).decode(named).events) == 750
    assert len(MixedDecoder(list(STREAMS.values()), default=STREAMS["calls"]).decode(rows).events) == 3000


def test_tombstones_are_counted() -> None:
    decoded = CALLS.decode([None, call("a"), None])
    assert [(one.index, one.reason, one.detail, one.raw) for one in decoded.refused] == [
        (0, Reason.NOT_JSON, "empty", b""),
        (2, Reason.NOT_JSON, "empty", b""),
    ]
    assert decoded.origin.tolist() == [1]


def test_a_bad_object_over_several_lines_is_refused_as_one() -> None:
    value = json.dumps({"id": "x", "time": 1}, indent=1).encode()
    assert CALLS.decode([value]).refused == [
        Refused(0, 0, "calls", Reason.MISSING_FIELD, "outcome is missing", value),
    ]


def test_events_ahead_of_now_are_refused_in_the_live_way_only() -> None:
    late = [call("a", time=NOON_MS / 1000 + 300), call("b", time=NOON_MS / 1000 + 300.001)]
    assert len(CALLS.decode(late).events) == 2
    live = CALLS.decode([late[0] + b"\n" + late[1], call("c", time=NOON_MS / 1000)], now_ms=[NOON_MS, NOON_MS])
    assert [event.id for event in live.events] == ["a", "c"]
    detail = "time is more than 5 minutes ahead of now"
    assert live.refused == [Refused(0, 1, "calls", Reason.FUTURE, detail, late[1])]


def test_now_is_that_of_each_record() -> None:
    values = [call("a"), call("b"), call("c")]
    decoded = CALLS.decode(values, now_ms=[NOON_MS, NOON_MS - 6 * MINUTE_MS, NOON_MS])
    assert [one.index for one in decoded.refused] == [1]


def test_heartbeats_are_neither_events_nor_refused() -> None:
    beat = b'{"heartbeat": true, "time": "2026-03-01T12:00:00Z"}'
    decoded = CALLS.decode([call("a"), beat, b'{"heartbeat":true,"time":12}', call("b")])
    assert decoded.heartbeats == [(1, NOON_MS), (2, 12_000)]
    assert decoded.origin.tolist() == [0, 3]
    assert decoded.refused == []


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b'{"heartbeat":true}', Reason.MISSING_FIELD),
        (b'{"heartbeat":true,"time":null}', Reason.WRONG_TYPE),
        (b'{"heartbeat":true,"time":"2026-03-01T12:00:00"}', Reason.NO_OFFSET),
        (b'{"heartbeat":true,"time":"2026-03-01T12:05:01Z"}', Reason.FUTURE),
        (b'{"heartbeat":1,"time":1}', Reason.MISSING_FIELD),
    ],
)
def test_a_bad_heartbeat_is_refused(value: bytes, reason: Reason) -> None:
    decoded = CALLS.decode([value], now_ms=[NOON_MS])
    assert decoded.heartbeats == []
    assert [one.reason for one in decoded.refused] == [reason]


def test_an_event_may_have_a_field_called_heartbeat() -> None:
    assert len(CALLS.decode([call("a", heartbeat=True)]).events) == 1


class TestMixed:
    """Files that hold several streams."""

    survey = b'{"id":"s","time":1,"stream":"surveys","satisfied":true}'
    named = call("c", stream="calls")
    unnamed = call("u")

    def test_each_event_names_its_stream(self) -> None:
        decoder = MixedDecoder(list(STREAMS.values()))
        decoded = decoder.decode([self.survey, self.named, self.survey])
        assert [decoder.stream_of(event) for event in decoded.events] == ["surveys", "calls", "surveys"]

    def test_others_are_of_the_default(self) -> None:
        decoder = MixedDecoder(list(STREAMS.values()), default=STREAMS["calls"])
        decoded = decoder.decode([self.survey, self.unnamed, self.named, b'{"id":"u","time":1}'])
        assert [decoder.stream_of(event) for event in decoded.events] == ["surveys", "calls", "calls"]
        assert [(one.index, one.stream, one.detail) for one in decoded.refused] == [(3, "calls", "outcome is missing")]

    @pytest.mark.parametrize(
        ("value", "stream", "reason", "detail"),
        [
            (unnamed, "", Reason.UNKNOWN_STREAM, "stream is missing"),
            (call("x", stream="call"), "", Reason.UNKNOWN_STREAM, 'stream is "call"'),
            (call("x", stream=None), "", Reason.UNKNOWN_STREAM, "stream is null"),
            (b"{", "", Reason.NOT_JSON, "Expecting property name enclosed in double quotes at character 1"),
            (call("x", stream="surveys"), "surveys", Reason.MISSING_FIELD, "satisfied is missing"),
            (named[:-1] + b',"stream":"calls"}', "", Reason.BAD_VALUE, 'duplicate key "stream"'),
            (named[:-1] + b',"id":"d"}', "", Reason.BAD_VALUE, 'duplicate key "id"'),
        ],
    )
    def test_what_has_no_stream_is_refused(self, value: bytes, stream: str, reason: Reason, detail: str) -> None:
        decoded = MixedDecoder(list(STREAMS.values())).decode([self.survey, value, self.named])
        assert decoded.refused == [Refused(1, 0, stream, reason, detail, value)]
        assert decoded.origin.tolist() == [0, 2]

    def test_one_stream_alone_is_no_mix(self) -> None:
        with pytest.raises(ValueError, match="at least two"):
            MixedDecoder([STREAMS["calls"]])
