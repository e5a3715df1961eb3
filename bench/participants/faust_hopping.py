"""Plain Faust as its user guide has windows: a table with hopping windows, relative to a field of the event."""

from __future__ import annotations

import sys
from bisect import bisect_right
from typing import Any

import faust

from bench.job import PANE_MS, PARTITIONS, WINDOW_MS, alert, thresholds
from bench.meter import Meter


class CallRecord(faust.Record, serializer="json"):
    """What the job needs of an event."""

    id: str
    time: float
    outlet: str


def main(broker: str, topic: str, alerts: str, events: int) -> None:
    """Run a worker until all is read, and be ended."""
    app = faust.App(
        f"hopping-{alerts}",
        broker=f"kafka://{broker}",
        store="memory://",
        consumer_auto_offset_reset="earliest",
        topic_disable_leader=True,
        topic_partitions=PARTITIONS,
        web_enabled=False,
    )
    calls = app.topic(topic, value_type=CallRecord)
    out = app.topic(alerts, value_serializer="raw", value_type=bytes)
    fields: Any = CallRecord  # on the class a field is its descriptor
    counts = app.Table("counts", default=int).hopping(
        WINDOW_MS / 1000, PANE_MS / 1000, expires=2 * WINDOW_MS / 1000
    ).relative_to_field(fields.time)  # fmt: skip
    window = counts.table.window
    assert window is not None
    limits, levels, meter = thresholds(events), dict[str, int](), Meter(events)

    @app.agent(calls)
    async def watch(stream: faust.StreamT[CallRecord]) -> None:
        async for call in stream:
            meter.begin()
            counts[call.outlet] += 1
            # `delta` goes by Kafka's time, whatever the table is relative to: the oldest window is asked for by range.
            count = counts.table[call.outlet, window.earliest(call.time)]
            level, was = bisect_right(limits, count), levels.get(call.outlet, 0)
            if level != was:
                levels[call.outlet] = level
                await out.send(key=call.outlet, value=alert(call.outlet, level, was, int(call.time * 1000), count))
            if meter.add(1):
                await app.producer.flush()
                meter.tell()

    app.finalize()
    faust.Worker(app, loglevel="ERROR", redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
