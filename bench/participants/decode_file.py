"""What reading a file costs at least: lines and msgspec, into the fields of the stream."""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter

import msgspec

from bench.job import Call
from bench.meter import tell


def main(events: int, path: Path) -> None:
    """Read it once."""
    began_s = perf_counter()
    decode = msgspec.json.Decoder(Call).decode
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
