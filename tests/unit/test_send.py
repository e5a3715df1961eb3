"""`tocsin send` without a broker: what it takes, in which order, and how fast."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from streams.commands.send import command
from streams.files import Input
from streams.history import Refusal
from streams.lines import LINE_MAX_BYTES
from streams.sendable import Sendable, key_of
from streams.sending import Pace, parse_brokers


class Clock:
    """Time that passes by sleeping only."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, span_s: float) -> None:
        self.slept.append(round(span_s, 6))
        self.now_s += span_s


PACES: dict[str, tuple[dict[str, float], list[int], list[float]]] = {
    "ten a second": ({"rate": 10.0}, [5, 5, 5, 5], [0.1, 0.1, 0.1]),
    "their own pace": ({"speed": 1.0}, [1_000, 3_000, 3_500], [2.0, 0.5]),
    "sixty times as fast": ({"speed": 60.0}, [0, 60_000, 180_000], [1.0, 2.0]),
    "an event from before goes at once": ({"speed": 1.0}, [5_000, 1_000, 6_000], [1.0]),
}


@pytest.mark.parametrize("name", PACES)
def test_pace(name: str) -> None:
    options, times_ms, slept = PACES[name]
    clock = Clock()
    pace = Pace(clock, clock.sleep, **options)
    for time_ms in times_ms:
        pace.wait(time_ms)
    assert clock.slept == slept


def test_a_pace_catches_up_after_a_pause() -> None:
    clock = Clock()
    pace = Pace(clock, clock.sleep, rate=10.0)
    pace.wait(0)
    clock.now_s += 0.25  # the broker was slow
    for _ in range(3):
        pace.wait(0)
    assert clock.slept == [0.05]


@pytest.mark.parametrize(
    ("text", "brokers"),
    [
        ("localhost", ["localhost:9092"]),
        ("kafka://a:1,b:2", ["a:1", "b:2"]),
        ("kafka://a:1;kafka://b:2/", ["a:1", "b:2"]),
        ("[::1]:9093", ["[::1]:9093"]),
        (" a , b ", ["a:9092", "b:9092"]),
    ],
)
def test_brokers(text: str, brokers: list[str]) -> None:
    assert parse_brokers(text) == brokers


@pytest.mark.parametrize("text", ["", "a:0", "a:65536", "a:b", "a,,b", "http://a", "::1", "a:1/topic"])
def test_what_is_no_broker(text: str) -> None:
    with pytest.raises(ValueError, match="is not a broker: write HOST:PORT"):
        parse_brokers(text)


KEYS: list[tuple[bytes, bytes | None]] = [
    ('{"region": "长沙"}'.encode(), "长沙".encode()),
    (rb'{"region": "a\u0062"}', b"ab"),
    (b'{"region": 12}', b"12"),
    (b'{"region": null}', None),
    (b"{}", None),
    (b"[]", None),
    (b"\xff", None),
]


@pytest.mark.parametrize(("value", "key"), KEYS)
def test_keys(value: bytes, key: bytes | None) -> None:
    assert key_of(value, "region") == key


def call(at: int, **fields: Any) -> bytes:
    return json.dumps({"id": f"c{at}", "time": at, "outcome": "blocked"} | fields).encode()


def sendable(lines: list[bytes], *, raw: bool = False) -> tuple[list[tuple[int, bytes]], list[str], Sendable]:
    refused: list[Refusal] = []
    source = Sendable("calls", refused.append, raw=raw)
    runs = list(source.runs(Input("day.jsonl", BytesIO(b"\n".join(lines)), stream="calls")))
    return (
        [pair for times, values in runs for pair in zip(times.tolist(), values, strict=True)],
        [f"{one.file}:{one.line}: {one.reason}" for one in refused],
        source,
    )


NO_OBJECTS = [b"not json", b"[1]", b'"text"', b'{"id": "a", "time": 1', b"\xff\xfe"]


def test_what_is_no_object_is_refused_at_its_line() -> None:
    sent, refused, source = sendable([call(1), *NO_OBJECTS, call(2)])
    assert sent == [(1_000, call(1)), (2_000, call(2))]
    assert [line.split(":")[1] for line in refused] == ["2", "3", "4", "5", "6"]
    assert refused[1] == "day.jsonl:3: not-object"
    assert source.refused == 5


def test_raw_sends_it_all_the_same() -> None:
    sent, refused, _ = sendable([call(1), *NO_OBJECTS, call(2)], raw=True)
    assert [value for _, value in sent] == [call(1), *NO_OBJECTS, call(2)]
    assert refused == []


def test_what_was_cut_in_reading_is_never_sent() -> None:
    sent, refused, _ = sendable([b"x" * (LINE_MAX_BYTES + 1), call(2)], raw=True)
    assert sent == [(2_000, call(2))]
    assert refused == ["day.jsonl:1: too-large"]


def test_an_event_the_service_will_refuse_is_for_the_service_to_refuse() -> None:
    bad = [call(2, outcome="lost"), call(3, time="yesterday"), b'{"id": "x"}']
    sent, refused, _ = sendable([*bad, call(4), *bad])
    assert [value for _, value in sent] == [*bad, call(4), *bad]
    assert [time_ms for time_ms, _ in sent] == [0, 0, 0, 4_000, 4_000, 4_000, 4_000]  # with the line before
    assert refused == []


def test_heartbeats_go_along() -> None:
    beat = b'{"heartbeat": true, "time": 7}'
    assert sendable([beat])[0] == [(7_000, beat)]


def test_other_streams_are_left_out_and_counted() -> None:
    other = b'{"stream": "surveys", "id": "s", "time": 1, "satisfied": true}'
    broken = b'{"stream": "surveys", "id": "s", "time": 1}'
    own = call(1, stream="calls")
    sent, refused, source = sendable([other, own, broken])
    assert ([value for _, value in sent], refused, source.others) == ([own], [], 2)


@pytest.fixture
def _quiet_kafka() -> Iterator[None]:
    """Give the client's logger back as it was: the command silences it."""
    logger = logging.getLogger("kafka")
    before = logger.level
    yield
    logger.setLevel(before)


USAGE: dict[str, tuple[list[str], int, str]] = {
    "an unknown stream": (["call", "f.jsonl", "--broker", "a"], 2, 'unknown stream "call": did you mean "calls"?'),
    "no broker": (["calls", "f.jsonl"], 2, "Missing option '--broker'"),
    "a bad broker": (["calls", "f.jsonl", "--broker", "a:b"], 2, "'a:b' is not a broker: write HOST:PORT"),
    "no file": (["calls", "--broker", "a"], 2, "Missing argument 'FILE…'"),
    "both paces": (["calls", "f", "--broker", "a", "--rate", "1", "--speed", "1"], 2, "--rate and --speed exclude"),
    "no rate": (["calls", "f", "--broker", "a", "--rate", "0"], 2, "0.0 is not in the range x>0"),
    "a file that is not there": (["calls", "f.jsonl", "--broker", "a"], 3, "f.jsonl: cannot be read: No such file"),
    "a file of another kind": (["calls", "f.pdf", "--broker", "a"], 2, "f.pdf: expected .jsonl or .csv"),
    "a map of another stream": (["calls", "f.csv", "--broker", "a", "--map", "m.yaml"], 2, "m.yaml makes no events"),
    "a broken map": (["calls", "f.csv", "--broker", "a", "--map", "b.yaml"], 2, 'b.yaml:1:1: (file): "events" is'),
}


@pytest.mark.usefixtures("_quiet_kafka")
@pytest.mark.parametrize("name", USAGE)
def test_wrong_usage_is_one_clear_line(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments, code, message = USAGE[name]
    monkeypatch.chdir(tmp_path)
    Path("m.yaml").write_text("events: [{stream: surveys, time: t, fields: {satisfied: s}}]")
    Path("b.yaml").write_text("sort: true")
    result = CliRunner().invoke(command, arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr.replace("\n", " ")


@pytest.mark.usefixtures("_quiet_kafka")
def test_no_broker_answers(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    path.write_bytes(call(1))
    arguments = ["calls", str(path), "--broker", "127.0.0.1:1", "--timeout", "0.2"]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 3
    assert result.stderr == "tocsin send: no Kafka broker answers at 127.0.0.1:1 within 0.2 s\n"
