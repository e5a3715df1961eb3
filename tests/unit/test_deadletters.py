"""Dead letters keep what came, say why, and can be read again."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest

from streams.deadletters import build, parse
from streams.decoded import Refused
from streams.faults import Reason
from streams.letters import why_not


def refused(raw: bytes = b"\xff{", detail: str = "not UTF-8") -> Refused:
    return Refused(index=7, part=2, stream="calls", reason=Reason.NOT_JSON, detail=detail, raw=raw)


def test_the_record_is_json_with_all_of_it() -> None:
    letter = build(refused(), topic="tocsin.calls", partition=3, offset=41, arrived_ms=1_772_366_400_000)
    assert letter.key == "tocsin.calls:3:41:2"
    assert json.loads(letter.to_json()) == {
        "stream": "calls",
        "topic": "tocsin.calls",
        "partition": 3,
        "offset": 41,
        "part": 2,
        "reason": "not-json",
        "detail": "not UTF-8",
        "bytes": base64.b64encode(b"\xff{").decode(),
        "size": 2,
        "sha256": hashlib.sha256(b"\xff{").hexdigest(),
        "arrived_ms": 1_772_366_400_000,
    }


def test_it_is_read_back_as_it_was() -> None:
    letter = build(refused(), topic="t", partition=0, offset=0, arrived_ms=0)
    assert parse(letter.to_json()) == letter
    assert letter.whole


def test_of_large_ones_the_beginning_is_kept_and_the_whole_is_named() -> None:
    raw = bytes(range(256)) * 1000
    letter = build(refused(raw), topic="t", partition=0, offset=0, arrived_ms=0)
    assert (letter.raw, letter.size, letter.whole) == (raw[:65_536], 256_000, False)
    assert letter.sha256 == hashlib.sha256(raw).hexdigest()
    assert len(letter.to_json()) < 100_000


@pytest.mark.parametrize(
    ("detail", "shown"),
    [
        pytest.param("地区 region", "地区 region", id="any script"),
        pytest.param("a\x00\r\n\x1b[2Jb", "a\\u0000\\u000d\\u000a\\u001b[2Jb", id="control characters"),
        pytest.param("a\x85\u2028b", "a\\u0085\\u2028b", id="other line ends"),
        pytest.param("a\u202eb", "a\\u202eb", id="text turned round"),
        pytest.param("\ud800", "\\ud800", id="half a surrogate pair"),
        pytest.param("x" * 301, "x" * 300 + "…", id="long"),
    ],
)
def test_details_are_made_safe(detail: str, shown: str) -> None:
    assert build(refused(detail=detail), topic="t", partition=0, offset=0, arrived_ms=0).detail == shown


@pytest.mark.parametrize("record", [b"", b"{}", b"[]", b"\xff", b"[" * 100_000, b'{"stream":1}'])
def test_what_is_no_dead_letter_is_said(record: bytes) -> None:
    with pytest.raises(ValueError, match="not a dead letter"):
        parse(record)


@pytest.mark.parametrize(
    ("stream", "topic", "raw", "why"),
    [
        pytest.param("calls", "tocsin.calls", b"{", None, id="whole and ours"),
        pytest.param("calls", "tocsin.calls", b"x" * 65_537, "of its 65,537 bytes", id="cut"),
        pytest.param("calls", "tocsin.alerts", b"{", "no stream of ours", id="another topic"),
        pytest.param("alerts", "tocsin.alerts", b"{", "no stream of ours", id="a topic that is no stream"),
    ],
)
def test_which_may_be_sent_again(stream: str, topic: str, raw: bytes, why: str | None) -> None:
    came = Refused(index=0, part=0, stream=stream, reason=Reason.NOT_JSON, detail="", raw=raw)
    said = why_not(build(came, topic=topic, partition=0, offset=0, arrived_ms=0))
    assert said == why if why is None else why in (said or "")
