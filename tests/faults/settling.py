"""The end of a sitting: waiting until every step of the way has counted in what the one before gave."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from streams.topics import ALERTS
from tests.faults.crew import Crew
from tests.faults.oracle import read_topic
from tests.faults.progress import STEPS, Progress

_LAST_ALERT_TIMEOUT_S = 60.0


def settle(crew: Crew, progress: Progress, expected: set[bytes], *, timeout_s: float) -> None:
    """Wait until all is counted in, durably. `expected` are the alert records that must come. Raise TimeoutError.

    Partials and alert records leave on the beat too, after what they follow from was counted in: so the ends of those
    logs tell only once the last record that must come is there. One that never comes is for the findings to tell.
    """

    def counted_in(topics: Sequence[str]) -> None:
        what = f"{', '.join(topics)} counted in"
        crew.wait_until(progress.caught_up(*topics), what=what, timeout_s=timeout_s)

    for topics in STEPS[:2]:
        counted_in(topics)
    with suppress(TimeoutError):
        crew.wait_until(
            lambda: expected <= {record.value for record in read_topic(crew.bootstrap, ALERTS)},
            what="every alert record",
            timeout_s=_LAST_ALERT_TIMEOUT_S,
        )
    for topics in STEPS[2:]:
        counted_in(topics)
