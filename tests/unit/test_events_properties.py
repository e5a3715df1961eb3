"""What holds for any bytes: nothing raises, neighbours do not matter, and the fast way is as strict as the slow."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import patch

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detectors.vocabulary import STREAMS
from streams import surface
from streams.decoded import Decoded
from streams.event_types import MISSING, Event
from streams.events import Decoder, MixedDecoder
from streams.faults import Fault, find_fault, read_object

CALLS = STREAMS["calls"]
NETWORK = STREAMS["network"]
DECODERS = {
    "one": Decoder(CALLS),
    "mixed": MixedDecoder([CALLS, NETWORK]),
    "default": MixedDecoder([CALLS, NETWORK], default=CALLS),
}

KEYS = ["id", "time", "outcome", "region", "wait_s", "stream", "element", "state", "eta", "heartbeat", "x", "中", "a:b"]
TIMES = ["2026-03-01T12:00:00Z", "2026-03-01T12:00:00.123456+08:00", "2026-03-01T12:00:00", "9999-12-31T23:59:59-23:59"]
WORDS = [
    "answered",
    "blocked",
    "calls",
    "network",
    "down",
    "",
    " ",
    ":",
    '"',
    '":',
    '" :',
    "\\",
    "\n",
    "\x00",
    "长沙",
    "😀",
]

scalars = (
    st.sampled_from([*TIMES, *WORDS])
    | st.sampled_from([0, 1, -1, 1.5, 1e300, 253402300800, -0.0, True, False, None])
    | st.floats(allow_nan=True)
    | st.integers()
    | st.text(max_size=5)
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=2)
)


@st.composite
def members(draw: st.DrawFn) -> list[tuple[str, Any]]:
    """Draw the members of an object, often of a good event, in any order and perhaps with a key twice."""
    good = [
        ("id", draw(st.text(min_size=1, max_size=3))),
        ("time", draw(st.sampled_from([TIMES[0], TIMES[1], 1, 2.5]))),
        *draw(
            st.sampled_from([[("outcome", "answered")], [("element", "e"), ("state", "down"), ("stream", "network")]])
        ),
    ]
    extra = draw(st.lists(st.tuples(st.sampled_from(KEYS), values), max_size=3))
    return draw(st.permutations([*good, *extra]))


@st.composite
def objects(draw: st.DrawFn) -> bytes:
    """Draw the text of an object, in the styles of different writers."""
    escape = draw(st.booleans())
    colon, comma = draw(st.sampled_from([(":", ","), (": ", ", "), (" :", " ,"), (":", ",\n")]))

    def write(value: Any) -> str:
        return json.dumps(value, ensure_ascii=escape)

    def key(name: str) -> str:
        hidden = draw(st.integers(0, 20)) == 0
        return f'"\\u{ord(name[0]):04x}{name[1:]}"' if hidden else write(name)

    text = comma.join(f"{key(name)}{colon}{write(value)}" for name, value in draw(members()))
    return f"{{{text}}}".encode("utf-8", "surrogatepass")


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Draw an object with a stretch of its bytes replaced."""
    raw = draw(objects())
    start = draw(st.integers(0, len(raw)))
    end = draw(st.integers(start, min(len(raw), start + 4)))
    filler = st.sampled_from(
        [b"", b"}", b"{", b"},{", b'"', b"\\", b"\n", b",", b"\xff", b"\xed\xa0\x80", b"\\ud800", b"["]
    )
    return raw[:start] + draw(filler) + raw[end:]


pieces = objects() | mutated() | st.binary(max_size=8)
records = pieces | st.none() | st.lists(pieces, max_size=3).map(b"\n".join)


def seen(decoded: Decoded) -> tuple[object, ...]:
    events = [(type(event).__name__, repr(event)) for event in decoded.events]
    refused = [(one.index, one.part, one.stream, one.reason, one.detail, one.raw) for one in decoded.refused]
    return events, decoded.origin.tolist(), decoded.time_ms.tolist(), refused, decoded.heartbeats


@given(st.lists(records, max_size=12), st.sampled_from(sorted(DECODERS)), st.booleans())
def test_a_batch_gives_what_its_records_give_one_by_one(batch: list[bytes | None], name: str, live: bool) -> None:
    decoder = DECODERS[name]
    now = [1_772_366_400_000 + 1000 * at for at in range(len(batch))]
    whole = decoder.decode(batch, now_ms=now if live else None)
    events, origin, time_ms, refused, beats = [], [], [], [], []
    for at, value in enumerate(batch):
        one = seen(decoder.decode([value], now_ms=[now[at]] if live else None))
        events += one[0]
        origin += [at for _ in one[1]]
        time_ms += one[2]
        refused += [(at, *rest) for _, *rest in one[3]]
        beats += [(at, ms) for _, ms in one[4]]
    assert seen(whole) == (events, origin, time_ms, refused, beats)


@given(pieces)
def test_the_fast_way_takes_just_what_the_strict_reading_finds_no_fault_with(raw: bytes) -> None:
    decoded = DECODERS["one"].decode([raw])
    if b"\n" in raw or decoded.heartbeats:
        return
    fields = read_object(raw)
    fault = fields if isinstance(fields, Fault) else find_fault(fields, CALLS)
    out_of_years = [one for one in decoded.refused if "within the years" in one.detail]
    assert bool(decoded.refused) == bool(fault or out_of_years)
    for event in decoded.events:
        assert not isinstance(fields, Fault)
        for name, value in known(event).items():
            assert value == fields[name] or name in {"time", "eta"}


def known(event: Event) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(event).items() if value is not MISSING}


@given(st.lists(pieces.filter(lambda raw: b"\n" not in raw), max_size=6))
def test_records_and_lines_are_the_same_but_for_blank_ones(lines: list[bytes]) -> None:
    lines = [line.strip(b" \t\r") for line in lines if line.strip(b" \t\r")]
    apart = DECODERS["one"].decode(lines)
    together = DECODERS["one"].decode([b'{"id":"first","time":1,"outcome":"answered"}\n' + b"\r\n".join(lines)])
    assert list(map(repr, together.events))[1:] == list(map(repr, apart.events))
    assert [(one.part - 1, one.reason, one.detail) for one in together.refused] == [
        (one.index, one.reason, one.detail) for one in apart.refused
    ]


@given(st.lists(st.binary(max_size=40), max_size=4), st.binary(max_size=3))
def test_any_bytes_are_accounted_for(batch: list[bytes], tail: bytes) -> None:
    decoded = DECODERS["default"].decode([*batch, b"\n".join([*batch, tail])])
    told = {one.index for one in decoded.refused} | set(decoded.origin.tolist())
    told |= {index for index, _ in decoded.heartbeats}
    assert told == set(range(len(batch) + 1))


@given(st.lists(objects(), min_size=1, max_size=4), st.integers(1, 40))
def test_where_a_block_ends_does_not_matter(batch: list[bytes], block_len: int) -> None:
    joined = b" ".join(batch)
    keys = joined.count(b'":')
    whole = surface.is_all_known(batch, joined, keys)
    with patch.object(surface, "_BLOCK_LEN", block_len):
        assert surface.is_all_known(batch, joined, keys) == whole
        assert not surface.is_all_known(batch, joined, keys + 1)


def test_long_batches_are_cut_without_a_seam() -> None:
    good = [b'{"id":"%d","time":%d,"outcome":"answered"}' % (at, at) for at in range(5000)]
    batch = [raw if at % 700 else b"{" for at, raw in enumerate(good)]
    decoded = DECODERS["one"].decode(batch)
    expected = [at for at in range(5000) if at % 700]
    assert decoded.origin.tolist() == expected
    assert np.array_equal(decoded.time_ms, np.array(expected) * 1000)
    assert [one.index for one in decoded.refused] == list(range(0, 5000, 700))
    packed = DECODERS["one"].decode([b"\n".join(good[:3000]), b"\n".join(good[3000:])])
    assert packed.origin.tolist() == [0] * 3000 + [1] * 2000
