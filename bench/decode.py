"""What decoding costs, against msgspec alone: `python bench/decode.py` (about ten seconds).

The baseline decodes each value by itself into a Struct with the same fields and looks no further: it takes duplicate
keys, control characters and broken text in unknown fields, and leaves times as objects. Ratios are of medians; on a
busy machine look at those only.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter

import msgspec

from detectors.vocabulary import STREAMS, Stream
from streams.columns import to_batch
from streams.event_types import event_type
from streams.events import Decoder, MixedDecoder

EVENTS = 40_000
CHUNK_LEN = 8_192
ROUNDS = 9
FIELDS = ["region", "queue", "wait_s"]
CALLS = STREAMS["calls"]


def make_calls(seed: int = 1) -> list[dict[str, object]]:
    """Make up calls with most of their fields (about 200 bytes of JSON each), 100 a second."""
    draw = random.Random(seed)
    start = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
    return [
        {
            "id": f"c{at:012}",
            "time": datetime.fromtimestamp(start + at / 100, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            "outcome": draw.choice(["answered", "abandoned", "blocked"]),
            "line": "10086",
            "queue": f"q{draw.randrange(20)}",
            "region": draw.choice(["长沙", "株洲", "湘潭", "衡阳"]),
            "outlet": f"o{draw.randrange(500)}",
            "purpose": "inquiry",
            "wait_s": round(draw.expovariate(0.05), 1),
            "talk_s": draw.randrange(600),
            "agent": f"a{draw.randrange(300)}",
        }
        for at in range(EVENTS)
    ]


def written(events: Sequence[dict[str, object]], *, escape: bool = False, **more: object) -> list[bytes]:
    """Write events as producers do: compact UTF-8, or with escapes as Python's json does unasked."""
    separators = None if escape else (",", ":")
    return [json.dumps({**one, **more}, ensure_ascii=escape, separators=separators).encode() for one in events]


def plain(stream: Stream) -> Callable[[list[bytes]], object]:
    """Return the baseline: one msgspec call a value."""
    decode = msgspec.json.Decoder(event_type(stream)).decode
    return lambda values: [decode(value) for value in values]


def columns(stream: Stream, decoder: Decoder) -> Callable[[list[bytes]], object]:
    """Return decoding and three columns."""

    def run(values: list[bytes]) -> object:
        gathered = decoder.gather(values, FIELDS)
        return to_batch(stream, gathered.ids, gathered.time_ms, gathered.columns)

    return run


def main() -> None:
    """Time every case in turn, round by round, and print microseconds an event and the ratio to the baseline."""
    events = make_calls()
    compact, escaped, foreign = written(events), written(events, escape=True), written(events, tenant="hn")
    streams = list(STREAMS.values())
    decoder = Decoder(CALLS)
    cases: dict[str, tuple[Callable[[list[bytes]], object], list[bytes], str | None]] = {
        "msgspec alone": (plain(CALLS), compact, None),
        "decode": (decoder.decode, compact, "msgspec alone"),
        "decode, 3 columns": (columns(CALLS, decoder), compact, "msgspec alone"),
        "decode, one bad in a hundred": (decoder.decode, spoilt(compact, 100), "msgspec alone"),
        "decode, all bad": (decoder.decode, spoilt(compact, 1), "msgspec alone"),
        "msgspec alone, escaped": (plain(CALLS), escaped, None),
        "decode, escaped": (decoder.decode, escaped, "msgspec alone, escaped"),
        "msgspec alone, unknown field": (plain(CALLS), foreign, None),
        "decode, unknown field": (decoder.decode, foreign, "msgspec alone, unknown field"),
        "mixed, default stream": (MixedDecoder(streams, default=CALLS).decode, compact, "msgspec alone"),
        "mixed, named stream": (MixedDecoder(streams).decode, written(events, stream="calls"), "msgspec alone"),
    }
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(ROUNDS):
        for name, (work, values, _base) in cases.items():
            chunks = [values[at : at + CHUNK_LEN] for at in range(0, len(values), CHUNK_LEN)]
            before = perf_counter()
            for chunk in chunks:
                work(chunk)
            taken[name].append(perf_counter() - before)
    print(f"{Path(__file__).name}: {EVENTS} events, {sum(map(len, compact)) / EVENTS:.0f} bytes each, µs an event")
    for name, (_work, _values, base) in cases.items():
        best, middle = min(taken[name]) / EVENTS * 1e6, median(taken[name]) / EVENTS * 1e6
        ratio = f"{median(taken[name]) / median(taken[base]):8.2f} ×" if base else ""
        print(f"{name:32}{best:8.3f} best{middle:8.3f} median{ratio}")


def spoilt(values: list[bytes], every: int) -> list[bytes]:
    """Break one of `every` values."""
    return [value if at % every else b'{"id":"a","time":0}' for at, value in enumerate(values)]


if __name__ == "__main__":
    main()
