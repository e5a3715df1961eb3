"""Bytewax with its own sliding windows, after its guide's page "Windowing": an event clock and `count_window`."""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import bytewax.operators as op
import bytewax.operators.windowing as win
import msgspec
from bytewax.connectors.kafka import KafkaSinkMessage, KafkaSourceMessage
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow
from bytewax.testing import run_main

from bench.job import BEGIN_MS, LATENESS_MS, PANE_MS, SPAN_MS, WINDOW_MS, Call, alert, thresholds
from bench.meter import Meter

_BATCH = 10_000


def main(broker: str, topic: str, alerts: str, events: int) -> None:
    """Run the flow until the end of the topic."""
    decode = msgspec.json.Decoder(Call).decode
    limits, meter = thresholds(events), Meter(events)
    begin = datetime.fromtimestamp(BEGIN_MS / 1000, UTC)
    end_ms = BEGIN_MS + SPAN_MS - LATENESS_MS  # windows that end later are only closed because the topic ended

    def read(messages: list[KafkaSourceMessage[Any, Any]]) -> Iterable[Call]:
        """Decode a batch."""
        meter.begin()
        meter.add(len(messages))
        return [decode(message.value) for message in messages]

    def judge(level: int | None, window: tuple[int, int]) -> tuple[int, tuple[int, int, int, int] | None]:
        """Give the level of a window, and what moved."""
        was, now = level or 0, bisect_right(limits, window[1])
        close_ms = BEGIN_MS + window[0] * PANE_MS + WINDOW_MS
        return now, None if now == was or close_ms > end_ms else (now, was, close_ms, window[1])

    clock: Any = win.EventClock(
        ts_getter=lambda call: datetime.fromtimestamp(call.time, UTC),
        wait_for_system_duration=timedelta(milliseconds=LATENESS_MS),
    )
    windower = win.SlidingWindower(
        length=timedelta(milliseconds=WINDOW_MS), offset=timedelta(milliseconds=PANE_MS), align_to=begin
    )
    flow = Dataflow("bench")
    source = kop.input("in", flow, brokers=[broker], topics=[topic], tail=False, batch_size=_BATCH)
    calls = op.flat_map_batch("read", source.oks, read)
    counts = win.count_window("count", calls, clock, windower, key=lambda call: call.outlet)
    moved = op.stateful_map("judge", counts.down, judge)
    told = op.filter("told", moved, lambda one: one[1] is not None)
    records = op.map("write", told, lambda one: KafkaSinkMessage(one[0].encode(), alert(one[0], *one[1])))
    kop.output("out", records, brokers=[broker], topic=alerts)
    run_main(flow)
    meter.add(0)  # closing the windows is part of the work
    meter.tell()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
