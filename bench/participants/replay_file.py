"""`tocsin replay` of a file, in this process, with its alert records written to a file."""

from __future__ import annotations

import importlib
import os
import sys
from time import perf_counter

from bench.meter import tell
from streams.commands.replay import command

_LATER = ("alerts.records", "streams.history", "streams.replay", "streams.rulefile")
"""What the command imports when it needs it: that is no part of replaying."""


def main(events: int, arguments: list[str]) -> None:
    """Run the command as the command line does."""
    for name in _LATER:
        importlib.import_module(name)
    began_s = perf_counter()
    command.main([*arguments, "--alerts", os.devnull, "--quiet"], standalone_mode=False)
    seconds = perf_counter() - began_s
    tell(events=events, seconds=seconds, events_per_s=events / seconds)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
