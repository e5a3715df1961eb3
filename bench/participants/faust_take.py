"""Plain Faust at its fastest: an agent that takes events by the thousand, raw bytes, msgspec, numpy.

After faust-streaming's user guide, "Agents" and "Streams": `take` with a timeout.
"""

from __future__ import annotations

import sys

import faust
import msgspec

from bench.job import Call, Window, thresholds
from bench.meter import Meter


def main(broker: str, topic: str, alerts: str, events: int) -> None:
    """Run a worker until all is read, and be ended."""
    app = faust.App(
        f"take-{alerts}",
        broker=f"kafka://{broker}",
        store="memory://",
        consumer_auto_offset_reset="earliest",
        topic_disable_leader=True,
        web_enabled=False,
    )
    calls = app.topic(topic, value_serializer="raw", value_type=bytes)
    out = app.topic(alerts, value_serializer="raw", value_type=bytes)
    decode = msgspec.json.Decoder(Call).decode
    window, meter = Window(thresholds(events)), Meter(events)

    @app.agent(calls)
    async def watch(stream: faust.StreamT[bytes]) -> None:
        async for values in stream.take(1_000, within=0.1):
            meter.begin()
            for moved in window.feed([decode(value) for value in values]):
                await out.send(key=moved.outlet, value=moved.record())
            if meter.add(len(values)):
                await app.producer.flush()
                meter.tell()

    app.finalize()
    faust.Worker(app, loglevel="ERROR", redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
