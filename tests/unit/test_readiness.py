"""What `/readyz` says, and what `/metrics` says of the handling of partitions."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from streams.handling import HandlingCollector
from streams.hosting import Progress, Tally
from streams.readiness import SILENT_MAX_S, UNSAVED_MAX_S, unready


def progress(partition: int = 0, *, silent_s: float = 1.0, unsaved_s: float = 1.0) -> Progress:
    return Progress("tocsin.calls", partition, 7, 9, 5, silent_s, unsaved_s)


@pytest.mark.parametrize(
    ("held", "is_ready", "slow", "said"),
    [
        pytest.param([progress()], True, {}, [], id="all is well"),
        pytest.param([], True, {}, [], id="more workers than partitions"),
        pytest.param(
            [], False, {}, ["the partitions of the consumer group are being taken up"], id="joining the group"
        ),
        pytest.param(
            [progress(), progress(1, silent_s=SILENT_MAX_S + 27)],
            True,
            {},
            [f"no broker has answered for {SILENT_MAX_S + 27:.0f} s"],
            id="the broker is away",
        ),
        pytest.param(
            [progress(unsaved_s=UNSAVED_MAX_S + 3), progress(3, unsaved_s=UNSAVED_MAX_S + 9)],
            True,
            {},
            [f"the state of tocsin.calls[3] was last saved {UNSAVED_MAX_S + 9:.0f} s ago"],
            id="snapshots are not written",
        ),
        pytest.param(
            [progress()],
            True,
            {"calls": [1, 2], "network": []},
            ["next to nothing in tocsin.calls [1, 2] can be used: it is read slowly"],
            id="poison",
        ),
    ],
)
def test_each_reason_is_a_line(
    held: list[Progress], is_ready: bool, slow: dict[str, list[int]], said: list[str]
) -> None:
    assert unready(is_ready=is_ready, held=held, slow=slow) == said


def test_an_outbox_that_cannot_be_written_is_a_reason() -> None:
    trouble = "the outbox in /var/lib/tocsin cannot be written: database or disk is full"
    assert unready(is_ready=True, held=[progress()], slow={}, trouble=trouble) == [trouble]


def test_what_the_host_counted_is_shown_as_it_stands() -> None:
    registry, tally = CollectorRegistry(), Tally(jumps=2, missing=40)
    held = [progress(unsaved_s=3.5), progress(1, unsaved_s=0.0)]
    registry.register(HandlingCollector(lambda: tally, lambda: held))

    def shown() -> dict[str, float]:
        return {sample.name: sample.value for family in registry.collect() for sample in family.samples}

    assert shown() == {
        "tocsin_runs_reread_total": 2,
        "tocsin_records_missing_total": 40,
        "tocsin_snapshot_age_seconds": 3.5,
    }
    held.clear()
    tally.missing += 1
    assert (shown()["tocsin_snapshot_age_seconds"], shown()["tocsin_records_missing_total"]) == (0, 41)
