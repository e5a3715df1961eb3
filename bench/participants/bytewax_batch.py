"""Bytewax at its fastest: large batches from the source, decoded by the batch, `stateful_batch` by partition, numpy.

After bytewax's guide, "Performance" (batch sizes, `flat_map_batch`) and the reference of `StatefulBatchLogic`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter
from typing import Any

import bytewax.operators as op
import msgspec
from bytewax.connectors.kafka import KafkaSinkMessage, KafkaSourceMessage
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic
from bytewax.testing import run_main

from bench.job import Call, Moved, Window, thresholds
from bench.meter import Meter

_BATCH = 10_000


class PartitionLogic(StatefulBatchLogic):  # type: ignore[misc, unused-ignore]  # untyped where bytewax is not installed
    """The window of one partition. Nothing is saved: the flow runs without recovery."""

    def __init__(self, limits: tuple[int, int, int], meter: Meter) -> None:
        self._window = Window(limits, partitions=1)
        self._meter = meter

    def on_batch(self, values: list[list[Call]]) -> tuple[Iterable[Moved], bool]:
        """Count batches of calls."""
        calls = [call for batch in values for call in batch]
        moved = list(self._window.feed(calls))
        self._meter.add(len(calls))
        return moved, False

    def snapshot(self) -> None:
        """Give nothing to be saved."""


def main(broker: str, topic: str, alerts: str, events: int) -> None:
    """Run the flow until the end of the topic."""
    decode = msgspec.json.Decoder(Call).decode
    limits, meter = thresholds(events), Meter(events)

    def read(messages: list[KafkaSourceMessage[Any, Any]]) -> Iterable[tuple[str, list[Call]]]:
        """Decode a batch, partition by partition."""
        meter.begin()
        for partition, run in groupby(messages, attrgetter("partition")):
            yield str(partition), [decode(message.value) for message in run]

    flow = Dataflow("bench")
    source = kop.input("in", flow, brokers=[broker], topics=[topic], tail=False, batch_size=_BATCH)
    batches = op.flat_map_batch("read", source.oks, read)
    moved = op.stateful_batch("judge", batches, lambda _state: PartitionLogic(limits, meter))
    records = op.map("write", moved, lambda one: KafkaSinkMessage(one[1].outlet.encode(), one[1].record()))
    kop.output("out", records, brokers=[broker], topic=alerts)
    run_main(flow)
    meter.tell()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
