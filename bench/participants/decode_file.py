"""What reading a file costs at least: its lines, and msgspec into the type that the stream's events have."""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter

import msgspec

from bench.meter import tell
from detectors.vocabulary import STREAMS
from streams.event_types import event_type


def main(events: int, path: Path) -> None:
    """Read it once."""
    decode = msgspec.json.Decoder(event_type(STREAMS["calls"])).decode
    began_s = perf_counter()
    count = 0
    with path.open("rb") as lines:
        for line in lines:
            decode(line)
            count += 1
    seconds = perf_counter() - began_s
    assert count == events
    tell(events=count, seconds=seconds, events_per_s=count / seconds)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
