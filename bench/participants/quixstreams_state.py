"""Quix Streams with state of one's own: a count of each pane in the state of a key, judged when a pane is complete.

After quixstreams' "Stateful Applications": `apply(…, stateful=True)`, changelog topics on, JSON as it reads it itself.
"""

from __future__ import annotations

import sys
import tempfile
from bisect import bisect_right
from typing import Any

from quixstreams import Application, State

from bench.job import LATENESS_MS, LEVELS, PANE_MS, PANES, thresholds
from bench.meter import Meter


def main(broker: str, topic: str, alerts: str, events: int) -> None:
    """Run the application until all is read."""
    limits, meter = thresholds(events), Meter(events)
    with tempfile.TemporaryDirectory() as folder:
        app = Application(
            broker_address=broker,
            consumer_group=alerts,
            auto_offset_reset="earliest",
            state_dir=folder,
            loglevel="ERROR",
        )

        def judge(call: dict[str, Any], state: State) -> list[dict[str, Any]]:
            """Count a call; give an alert record for each boundary that moves the level."""
            meter.begin()
            time_ms = int(call["time"] * 1000)
            pane = time_ms // PANE_MS
            state.set(f"pane-{pane}", state.get(f"pane-{pane}", 0) + 1)
            newest_ms, closed, level, total = state.get("judged") or (time_ms, pane - 1, 0, 0)
            newest_ms = max(newest_ms, time_ms)
            mark = (newest_ms - LATENESS_MS) // PANE_MS
            moved = []
            for end in range(closed + 1, mark):
                total += state.get(f"pane-{end}", 0) - state.get(f"pane-{end - PANES}", 0)
                was, level = level, bisect_right(limits, total)
                state.delete(f"pane-{end - PANES}")
                if level != was:
                    time = (end + 1) * PANE_MS
                    moved.append({"outlet": call["outlet"], "level": LEVELS[level], "was": LEVELS[was], "time": time})
            state.set("judged", (newest_ms, max(closed, mark - 1), level, total))
            if meter.add(1):
                app.stop()
            return moved

        calls = app.topic(topic, value_deserializer="json", key_deserializer="str")
        frame = app.dataframe(calls).apply(judge, stateful=True, expand=True)
        frame.to_topic(app.topic(alerts, value_serializer="json"))
        app.run()
    meter.tell()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
