"""Incidents: one a trouble, resolved once, the same whatever is repeated, and bounded."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.archive import Archive
from alerts.book import IncidentBook
from alerts.incidents import TIMELINE_LEN_MAX, IncidentState, What
from alerts.joining import Joining
from alerts.records import AlertRecord
from tests.alerting import START_MS, history, record

LATER_MS = START_MS + 3_600_000


def book_of(records: list[AlertRecord], **bounds: int) -> IncidentBook:
    book = IncidentBook(over=Archive(**bounds))
    for each in records:
        Joining(book).apply(each)
    return book


def test_a_ramp_up_and_down_is_one_incident_resolved_once() -> None:
    book, told = IncidentBook(), []
    for each in history(["yellow", "orange", "red", "orange", "yellow", "green"]):
        (change,) = Joining(book).apply(each)
        told.append((change.what.value, change.incident.level, change.incident.revision))
    assert told == [
        ("opened", "yellow", 1),
        ("raised", "orange", 2),
        ("raised", "red", 3),
        ("lowered", "orange", 4),
        ("lowered", "yellow", 5),
        ("resolved", "green", 6),
    ]
    (incident,) = book
    assert (incident.peak_level, incident.seen) == ("red", ("yellow", "orange", "red"))
    assert (incident.opened_ms, incident.resolved_ms) == (START_MS, START_MS + 5 * 60_000)
    assert [entry.what.value for entry in incident.timeline] == [what for what, *_ in told]


def test_the_peak_value_is_the_one_that_entered_the_worst_level() -> None:
    told = [
        record("yellow", "green", minute=0, value=40.0),
        record("red", "yellow", minute=1, value=150.0),
        record("orange", "red", minute=2, value=90.0),
    ]
    (incident,) = book_of(told)
    assert (incident.peak_level, incident.peak_value, incident.value) == ("red", 150.0, 90.0)


def test_a_book_begun_in_the_middle_opens_at_the_level_it_finds() -> None:
    book = IncidentBook()
    (change,) = Joining(book).apply(history(["yellow", "red"])[1])
    assert (change.what, change.incident.opened_ms) == (What.OPENED, START_MS)
    assert Joining(IncidentBook()).apply(history(["yellow", "green"])[1]) == []  # nothing to end


@st.composite
def logs(draw: st.DrawFn) -> list[AlertRecord]:
    """The records of several series, each in its order, mixed."""
    lines = []
    for region in ("长沙", "株洲", "湘潭"):
        for number in range(draw(st.integers(0, 2))):
            levels = draw(st.lists(st.sampled_from(["yellow", "orange", "red"]), min_size=1, max_size=6))
            kept = [levels[0], *(level for was, level in pairwise(levels) if level != was)]
            lines.append(history([*kept, "green"], region=region, started_ms=START_MS + number * 86_400_000))
    mixed: list[AlertRecord] = []
    while any(lines):
        mixed.append(draw(st.sampled_from([line for line in lines if line])).pop(0))
    return mixed[: draw(st.integers(0, len(mixed)))]


@given(logs(), st.data())
def test_repeating_any_part_of_what_was_told_changes_nothing(log: list[AlertRecord], data: st.DataObject) -> None:
    told: list[AlertRecord] = []
    for place, each in enumerate(log):  # after each record, as after a crash, some run up to it may come again
        told.append(each)
        told.extend(log[data.draw(st.integers(0, place + 1)) : place + 1])
    assert book_of(told).dump() == book_of(log).dump()
    assert [each.as_data() for each in book_of(told)] == [each.as_data() for each in book_of(log)]


@given(logs(), st.data())
def test_a_book_goes_on_from_its_dump(log: list[AlertRecord], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(log)))
    restored = IncidentBook()
    restored.load(msgspec.json.decode(msgspec.json.encode(book_of(log[:cut]).dump())))
    for each in log[cut:]:
        Joining(restored).apply(each)
    assert restored.dump() == book_of(log).dump()


@pytest.mark.parametrize(
    "data", [None, {}, {"firing": [1], "resolved": [], "ended": [], "last": {}, "resolved_counts": {}}]
)
def test_what_is_no_dump_is_refused(data: object) -> None:
    with pytest.raises(ValueError, match="not a book of incidents"):
        IncidentBook().load(data)


def test_the_newest_resolved_are_kept_and_all_are_counted() -> None:
    logs_ = [history(["red", "green"], started_ms=START_MS + number * 3_600_000) for number in range(8)]
    book = book_of([each for log in logs_ for each in log], resolved_len_max=3, ended_len_max=4)
    assert len(book) == 3
    assert [each.opened_ms for each in book] == [START_MS + number * 3_600_000 for number in (7, 6, 5)]
    assert book.counts() == {("red", IncidentState.RESOLVED): 8}
    assert Joining(book).apply(logs_[4][0]) == []  # shown no more, and still known


def test_the_worst_stands_first_and_then_the_longest_open() -> None:
    regions = {"A": ["yellow"], "B": ["red"], "C": ["red"], "D": ["orange"], "E": ["red", "green"]}
    book = book_of(
        [
            each
            for place, (region, levels) in enumerate(regions.items())
            for each in history(levels, region=region, started_ms=START_MS - place)
        ]
    )
    assert "".join(str(each.key["region"]) for each in book) == "CBDAE"


def test_a_flapping_series_keeps_a_bounded_timeline_with_its_beginning() -> None:
    levels = ["yellow", "orange"] * 150
    (incident,) = book_of(history(levels))
    assert (len(incident.timeline), incident.timeline_dropped) == (TIMELINE_LEN_MAX, 300 - TIMELINE_LEN_MAX)
    assert (incident.timeline[0].what, incident.revision) == (What.OPENED, 300)


def test_acknowledging_is_noted_and_lasts_while_the_level_moves() -> None:
    ramp = history(["yellow", "red", "green"])
    book = book_of(ramp[:1])
    taken = book.acknowledge(ramp[0].incident, by="王工", at_ms=LATER_MS)
    assert taken is not None
    assert (taken.incident.state, taken.incident.acknowledged_by) == (IncidentState.ACKNOWLEDGED, "王工")
    assert book.acknowledge(ramp[0].incident, by="王工", at_ms=LATER_MS) is None
    assert book.acknowledge("inc-none", by="王工", at_ms=LATER_MS) is None
    (raised,) = Joining(book).apply(ramp[1])
    assert raised.incident.state is IncidentState.ACKNOWLEDGED
    assert book.counts() == {("red", IncidentState.ACKNOWLEDGED): 1}
    Joining(book).apply(ramp[2])
    assert book.acknowledge(ramp[0].incident, by="李工", at_ms=LATER_MS) is None  # over
