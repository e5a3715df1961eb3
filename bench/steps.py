"""Where the time of an event goes: each step from record batch to judged boundary, in this process, from memory."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import msgspec
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import TopicPartition

from bench.backlog import Stretch, calls
from bench.job import LATENESS_MS, SERIES, SPAN_MS, rule, thresholds
from detectors.gate import Gate
from detectors.judge import Judge
from detectors.monitor import Monitor
from detectors.rules import Rule
from detectors.vocabulary import STREAMS
from streams.event_types import event_type
from streams.events import Decoder
from streams.fetches import ChunkRecords, Fetched
from streams.recordbatches import KeptRecords
from streams.rulefile import load
from streams.site import SHIPPED, Reading

_BATCH_LEN = 4_000  # records of one batch, as a producer with a backlog makes them
_CALLS = STREAMS["calls"]

Seconds = dict[str, float]


def steps(*, quick: bool, runs: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Walk the events through every step. Give µs an event of each, and of msgspec alone."""
    events = 100_000 if quick else 500_000
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder:
        file = Path(folder) / "rule.yaml"
        file.write_text(rule(thresholds(events)), encoding="utf-8")
        rules = load([file]).rules
    values = [event for _, event in calls(Stretch(events, SERIES, span_ms=SPAN_MS))]
    data = [_batch(first, values[first : first + _BATCH_LEN]) for first in range(0, events, _BATCH_LEN)]
    rounds = [{**_walk(rules, data), "msgspec alone": _decode(values)} for _ in range(runs)]
    say(f"{runs} walks of {events:,} events")
    micros = {name: median(one[name] for one in rounds) / events * 1e6 for name in rounds[0]}
    alone = micros.pop("msgspec alone")
    return {"events": events, "us_an_event": micros, "all_us": sum(micros.values()), "msgspec_alone_us": alone}


def _batch(base: int, values: Sequence[bytes]) -> bytes:
    builder = DefaultRecordBatchBuilder(2, 0, False, -1, 0, 0, 1 << 24)  # noqa: FBT003  aiokafka takes no names
    for at, value in enumerate(values):
        builder.append(at, 1_740_819_600_000, b"o0001", value, [])
    built = bytearray(builder.build())
    built[:8] = base.to_bytes(8, "big")
    return bytes(built)


def _decode(values: Sequence[bytes]) -> float:
    decode = msgspec.json.Decoder(event_type(_CALLS)).decode
    began_s = perf_counter()
    for value in values:
        decode(value)
    return perf_counter() - began_s


def _walk(rules: Sequence[Rule], data: Sequence[bytes]) -> Seconds:
    reading, decoder = Reading(SHIPPED, _CALLS.name, rules), Decoder(_CALLS)
    gate, monitor, judge = Gate(LATENESS_MS), Monitor(rules, STREAMS, lateness_ms=LATENESS_MS), Judge(rules)
    spent: Seconds = defaultdict(float)
    at_s = perf_counter()

    def done(step: str) -> None:
        nonlocal at_s
        now_s = perf_counter()
        spent[step] += now_s - at_s
        at_s = now_s

    first = 0
    for raw in data:
        for fetched in _fetched(raw, first):
            first = fetched.next_offset
            for chunk in fetched.chunks(fetched.first_offset):
                done("records found in their batches")
                told = decoder.gather(chunk.values, reading.fields)
                done("JSON decoded and proved, fields taken")
                assert not gate.admit([_CALLS.name], told.ids, told.time_ms).any()
                done("duplicates and lateness")
                batch = reading.batch(told.ids, told.time_ms, told.columns)
                done("columns")
                monitor.feed(batch)
                done("panes")
                watermark_ms = gate.watermark_ms
                assert watermark_ms is not None
                for partial in monitor.close(watermark_ms):
                    judge.take(partial)
                judge.advance(watermark_ms)
                done("windows and levels")
                del chunk, told, batch
                done("memory given back")
    return dict(spent)


def _fetched(raw: bytes, first: int) -> Sequence[Fetched]:
    return list(ChunkRecords(TopicPartition("tocsin.calls", 0), KeptRecords(raw), [], first, None, None, True, 0))  # noqa: FBT003
