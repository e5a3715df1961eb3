"""Quix Streams with its own sliding windows, after its page "Windowed Aggregations"; judged at every event."""

from __future__ import annotations

import sys
import tempfile
from bisect import bisect_right
from typing import Any

from quixstreams import Application, State
from quixstreams.dataframe.windows import Count

from bench.job import LATENESS_MS, LEVELS, WINDOW_MS, thresholds
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

        def event_time_ms(call: dict[str, Any], *_: object) -> int:
            """Take an event's time from itself."""
            meter.begin()
            return int(call["time"] * 1000)

        def judge(window: dict[str, Any], state: State) -> list[dict[str, Any]]:
            """Give an alert record if the level moved."""
            level, was = bisect_right(limits, window["calls"]), state.get("level", 0)
            if meter.add(1):
                app.stop()
            if level == was:
                return []
            state.set("level", level)
            return [{"level": LEVELS[level], "was": LEVELS[was], "time": window["end"], "value": window["calls"]}]

        calls = app.topic(
            topic, value_deserializer="json", key_deserializer="str", timestamp_extractor=event_time_ms
        )  # fmt: skip
        windows = app.dataframe(calls).sliding_window(WINDOW_MS, grace_ms=LATENESS_MS).agg(calls=Count()).current()
        frame = windows.apply(judge, stateful=True, expand=True)
        frame.to_topic(app.topic(alerts, value_serializer="json"))
        app.run()
    meter.tell()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
