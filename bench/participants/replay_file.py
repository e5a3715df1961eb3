"""`tocsin replay` of a file, in this process, with its alert records written to a file."""

from __future__ import annotations

import os
import sys
from time import perf_counter

import alerts.records
import streams.history
import streams.replay
import streams.rulefile  # noqa: F401  the command imports them when it needs them; that is no part of replaying
from bench.meter import tell
from streams.commands.replay import command


def main(events: int, arguments: list[str]) -> None:
    """Run the command as the command line does."""
    began_s = perf_counter()
    command.main([*arguments, "--alerts", os.devnull, "--quiet"], standalone_mode=False)
    seconds = perf_counter() - began_s
    tell(events=events, seconds=seconds, events_per_s=events / seconds)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
