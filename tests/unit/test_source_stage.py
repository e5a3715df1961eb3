"""The stage of a source partition: every byte goes somewhere and is counted once; time moves as the contract says."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.partial import Partial
from detectors.rules import Rule
from streams import deadletters
from streams.counts import Counts as Books
from streams.publisher import RECORD_BYTES_MAX
from streams.report import Report, decode, judge_of
from streams.source_stage import IDLE_MS, Place, SourceStage, Ways, counts_of
from streams.stage import Outgoing
from streams.topics import DEADLETTERS, LATE_EVENTS, PARTIALS
from tests.staging import NOW_MS, Counts, call, chunk, heartbeat, rule

S = 1_000


def stage(
    *rules: Rule, counts: Counts | None = None, lateness_ms: int = 0, expect_ms: int | None = None, judges: int = 1
) -> SourceStage:
    expect = {} if expect_ms is None else {"calls": expect_ms}
    ways = Ways(judges, lateness_ms, expect)
    return SourceStage(Place("calls", 0, 1), rules or (rule(),), counts or Counts(), ways)


def reports(records: list[Outgoing]) -> list[Report]:
    return [decode(record.value) for record in records if record.topic == PARTIALS]


def panes(records: list[Outgoing]) -> list[tuple[float, int]]:
    """Read the panes told, of one series: (end, in seconds after NOW_MS, and its count)."""
    told = [partial for report in reports(records) for partial in report.partials]
    return [((partial.end_ms - NOW_MS) / S, int(partial.columns["count"].sum())) for partial in told]


def mark(one: SourceStage) -> float | None:
    return None if one.watermark_ms is None else (one.watermark_ms - NOW_MS) / S


REFUSALS = {
    "not-json": b"%% link test %%",
    "not-object": b"[1]",
    "wrong-type": call("x", 0, wait_s="long"),
    "missing-field": b'{"id": "x", "time": 1772355600}',
    "bad-value": call("x", 0, outcome="lost"),
    "no-offset": b'{"id": "x", "time": "2026-03-01T09:00:00", "outcome": "answered"}',
    "future": call("x", 301),
    "too-large": call("x" * 70_000, 0),
    "too-deep": call("x", 0)[:-1] + b', "more": ' + b"[" * 200 + b"]" * 200 + b"}",
}


@pytest.mark.parametrize("reason", REFUSALS)
def test_what_cannot_be_used_is_a_dead_letter_with_its_place_counted_once(reason: str) -> None:
    counts = Counts()
    good, bad = call("good", 1), REFUSALS[reason]
    out = stage(counts=counts).feed(chunk(good, bad, call("other", 2), partition=5, first=40), NOW_MS)
    (letter,) = [deadletters.parse(record.value) for record in out if record.topic == DEADLETTERS]
    assert (letter.reason, letter.stream, letter.topic) == (reason, "calls", "tocsin.calls")
    assert (letter.partition, letter.offset, letter.part, letter.arrived_ms) == (5, 41, 0, NOW_MS)
    assert letter.raw == bad[: len(letter.raw)]
    assert [record.key for record in out if record.topic == DEADLETTERS] == [b"tocsin.calls:5:41:0"]
    assert counts.refused == {("calls", reason): 1}
    assert counts.events == {("calls", "accepted"): 2}, "its neighbours are not harmed"


def test_late_events_of_a_record_larger_than_ours_may_be_are_kept_in_portions() -> None:
    counts = Counts()
    one = stage(counts=counts)
    one.feed(chunk(call("new", 100)), NOW_MS)
    lines = [call(f"late{number}", 1, region="x" * 200) for number in range(8_000)]
    assert sum(map(len, lines)) > 2_000_000
    out = one.feed(chunk(b"\n".join([*lines, b"x" * 1_000_000]), first=1), NOW_MS)
    late = [record for record in out if record.topic == LATE_EVENTS]
    assert counts.events["calls", "late"] == 8_000
    assert all(len(record.value) <= RECORD_BYTES_MAX for record in out)
    assert [record.key for record in late] == [b"tocsin.calls:0:1:%d" % n for n in range(len(late))]
    assert b"\n".join(record.value for record in late).split(b"\n") == lines, "the rubbish is a dead letter"


def test_one_bad_line_of_a_record_is_refused_alone() -> None:
    counts = Counts()
    record = b"\n".join([call("a", 1), b"rubbish", call("b", 1)])
    (letter,) = [r for r in stage(counts=counts).feed(chunk(record), NOW_MS) if r.topic == DEADLETTERS]
    assert letter.key == b"tocsin.calls:0:0:1"
    assert counts.events == {("calls", "accepted"): 2}


def test_late_events_go_to_their_topic_and_duplicates_are_counted() -> None:
    counts = Counts()
    late, again = call("late", 3), call("a", 10)
    batch = b"\n".join([call("late-2", 1), call("late-3", 2)])
    values = (call("a", 10), late, again, batch, call("b", 8))
    out = stage(counts=counts, lateness_ms=5 * S).feed(chunk(*values, first=7), NOW_MS)
    kept = [(record.key, record.value) for record in out if record.topic == LATE_EVENTS]
    assert kept == [(b"tocsin.calls:0:8", late), (b"tocsin.calls:0:10", batch)], "a record once, however many in it"
    assert counts.events == {("calls", "accepted"): 2, ("calls", "late"): 3, ("calls", "duplicate"): 1}


@pytest.mark.parametrize(
    ("stamp_ms", "now_ms", "at_s", "refused"),
    [
        pytest.param(NOW_MS, NOW_MS + 3_600 * S, 301, True, id="a sane timestamp is now: the backlog of an hour"),
        pytest.param(NOW_MS, NOW_MS + 3_600 * S, 300, False, id="five minutes ahead of it are allowed"),
        pytest.param(-1, NOW_MS, 301, True, id="no timestamp: the clock"),
        pytest.param(-1, NOW_MS + 1 * S, 301, False, id="no timestamp: the clock, later"),
        pytest.param(1_000, NOW_MS, 300, False, id="a timestamp near 1970 was set by nobody"),
        pytest.param(NOW_MS + 86_400 * S, NOW_MS, 301, True, id="a timestamp of tomorrow proves nothing"),
    ],
)
def test_now_is_the_timestamp_of_the_record_where_it_is_sane(
    stamp_ms: int, now_ms: int, at_s: float, *, refused: bool
) -> None:
    counts = Counts()
    stage(counts=counts).feed(chunk(call("a", at_s), stamp_ms=stamp_ms), now_ms)
    assert counts.refused == ({("calls", "future"): 1} if refused else {})


def test_a_tombstone_is_no_event() -> None:
    counts = Counts()
    stage(counts=counts).feed(chunk(None), NOW_MS)
    assert counts.refused == {("calls", "not-json"): 1}, "nothing is dropped without being counted"


def test_a_heartbeat_moves_time_between_the_events_around_it() -> None:
    counts = Counts()
    one = stage(counts=counts)
    out = one.feed(chunk(call("a", 1), heartbeat(20), call("b", 19), call("c", 21)), NOW_MS)
    assert counts.events == {("calls", "accepted"): 2, ("calls", "late"): 1}
    assert panes(out) == [(2, 1)]
    assert mark(one) == 21


def test_an_idle_partition_holds_nobody_back_and_its_time_goes_on_by_ours() -> None:
    one = stage(lateness_ms=2 * S)
    one.feed(chunk(call("a", 0)), NOW_MS)
    now_ms = NOW_MS
    one.beat(now_ms)
    told: list[Report] = []
    for second in range(1, 41):
        now_ms += S
        told += reports(one.beat(now_ms))
        assert one.is_idle == (second >= IDLE_MS // S)
        assert mark(one) == (-2 if second < 30 else second - 2)
    assert [report.idle for report in told if report.silent_ms in (25 * S, 30 * S, 40 * S)] == [False, True, True]
    out = one.feed(chunk(call("b", 60), first=1), now_ms)
    assert not one.is_idle
    assert reports(out)[-1].idle is False
    assert mark(one) == 58


def test_a_beat_stands_for_two_seconds_at_most() -> None:
    one = stage()
    one.feed(chunk(call("a", 0)), NOW_MS)
    one.beat(NOW_MS)
    one.beat(NOW_MS + 3_600 * S)  # stopped for an hour: we have not listened for it
    assert not one.is_idle
    one.beat(NOW_MS)  # nor does a clock that is set back count
    assert mark(one) == 0


def test_a_broker_that_is_away_is_no_silence() -> None:
    one = stage()
    one.feed(chunk(call("a", 0)), NOW_MS)
    for second in range(41):
        one.listen(is_sure=second < 10)
        one.beat(NOW_MS + second * S)
    assert (one.is_idle, mark(one)) == (False, 0)
    one.feed(chunk(call("b", 1), first=1), NOW_MS + 41 * S)
    assert one.counts.accepted == 2, "what was sent meanwhile is not late"


def test_the_books_account_for_every_offset() -> None:
    one = stage(lateness_ms=5 * S)
    one.feed(chunk(call("a", 10), call("a", 10), None, first=3), NOW_MS)
    one.feed(chunk(heartbeat(20), call("late", 1), b"\n".join([call("b", 21), b"x"]), first=8), NOW_MS)
    heir = stage(lateness_ms=5 * S)
    heir.load(one.dump())
    books = Books(start=3, accepted=2, duplicate=1, late=1, refused=2, heartbeats=1, skipped=2, extra=1)
    assert counts_of(one.dump()) == heir.counts == books
    assert books.end == 11


def test_where_events_are_expected_silence_does_not_move_time() -> None:
    one = stage(expect_ms=60 * S)
    one.feed(chunk(call("a", 0)), NOW_MS)
    one.beat(NOW_MS)
    for second in range(1, 91):
        one.beat(NOW_MS + second * S)
        assert one.is_blind == (second > 60)
    assert mark(one) == 0
    one.feed(chunk(heartbeat(5), first=1), NOW_MS + 91 * S)
    assert (one.is_blind, mark(one)) == (False, 5)


def test_after_a_restart_idle_time_goes_on_from_where_it_was() -> None:
    one = stage()
    one.feed(chunk(call("a", 0)), NOW_MS)
    for second in range(101):
        one.beat(NOW_MS + second * S)
    heir = stage()
    heir.load(one.dump())
    assert mark(heir) == 100
    assert not heir.is_idle, "what came while nobody listened is yet to be read"
    for second in range(31):
        heir.beat(NOW_MS + (200 + second) * S)
    assert mark(heir) == 130


def test_blindness_outlives_a_restart() -> None:
    one = stage(expect_ms=60 * S)
    one.feed(chunk(call("a", 0)), NOW_MS)
    for second in range(70):
        one.beat(NOW_MS + second * S)
    heir = stage(expect_ms=60 * S)
    heir.load(one.dump())
    assert heir.is_blind


def test_reports_come_with_each_boundary_and_else_every_five_seconds() -> None:
    one = stage(rule(hop_ms=5 * S))
    assert reports(one.feed(chunk(call("a", 0)), NOW_MS)), "the first event says where time stands"
    assert not reports(one.feed(chunk(call("b", 4.9), first=1), NOW_MS))
    out = one.feed(chunk(call("c", 5), first=2), NOW_MS)
    assert panes(out) == [(5, 2)]
    told = [bool(reports(one.beat(NOW_MS + second * S))) for second in range(11)]
    assert [second for second, said in enumerate(told) if said] == [5, 10]


def test_a_partition_without_events_says_that_it_is_there() -> None:
    one = stage()
    told = [report for second in range(6) for report in reports(one.beat(NOW_MS + second * S))]
    assert [(report.watermark_ms, report.partition, report.partitions) for report in told] == [(None, 0, 1)]


def test_every_judge_hears_of_time_and_only_of_its_own_rules() -> None:
    rules = [rule(f"rule-{number}") for number in range(8)]
    out = stage(*rules, judges=3).feed(chunk(call("a", 0), call("b", 5)), NOW_MS)
    assert [record.partition for record in out] == [0, 1, 2]
    for number, report in enumerate(reports(out)):
        assert report.watermark_ms == NOW_MS + 5 * S
        own = {each.id: each.fingerprint for each in rules if judge_of(each.id, 3) == number}
        assert report.fingerprints == own
        assert {partial.rule for partial in report.partials} == set(own)


def test_large_panes_are_told_in_several_records_and_the_last_has_the_watermark(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("streams.report.SIZE_MAX", 1_000)
    values = [call(f"{second}", second) for second in range(30)]
    told = reports(stage().feed(chunk(*values), NOW_MS))
    assert len(told) > 3
    assert [report.watermark_ms for report in told] == [None] * (len(told) - 1) + [NOW_MS + 29 * S]
    assert [partial.end_ms for report in told for partial in report.partials] == [
        NOW_MS + second * S for second in range(1, 30)
    ]


def told_as_one(records: list[Outgoing]) -> list[object]:
    """What the judges and the others learn, however it was cut into records."""
    found = [partial for report in reports(records) for partial in report.partials]
    others = [(record.topic, str(record.key), record.value) for record in records if record.topic != PARTIALS]
    return [sorted(map(_plain, found)), sorted(others)]


def _plain(partial: Partial) -> tuple[object, ...]:
    counts = dict(zip(map(str, partial.keys), partial.columns["count"].tolist(), strict=True))
    return partial.rule, partial.end_ms, json.dumps(counts, sort_keys=True)


values = st.lists(
    st.builds(
        lambda number, at_s, region: call(str(number), at_s, region=region),
        st.integers(0, 30),
        st.integers(0, 40),
        st.sampled_from(["长沙", "株洲"]),
    )
    | st.builds(heartbeat, st.integers(0, 40))
    | st.sampled_from([b"rubbish", b"", None]),
    max_size=30,
)


@given(values, st.lists(st.integers(0, 30), max_size=5), st.booleans())
def test_any_cut_into_chunks_with_restarts_between_gives_the_same(
    log: list[bytes | None], cuts: list[int], restarts: bool
) -> None:
    rules = (rule(by=("region",)), rule("slow", hop_ms=5 * S))
    counts, whole = Counts(), Counts()
    expected = told_as_one(stage(*rules, counts=whole, lateness_ms=3 * S).feed(chunk(*log, heartbeat(60)), NOW_MS))
    one = stage(*rules, counts=counts, lateness_ms=3 * S)
    out: list[Outgoing] = []
    edges = [0, *sorted(min(cut, len(log)) for cut in cuts), len(log) + 1]
    for first, last in pairwise(edges):
        if restarts:
            blob = one.dump()
            one = stage(*rules, counts=counts, lateness_ms=3 * S)
            one.load(blob)
        out += one.feed(chunk(*[*log, heartbeat(60)][first:last], first=first), NOW_MS)
    assert told_as_one(out) == expected
    assert (counts.events, counts.refused) == (whole.events, whole.refused)


def test_a_changed_rule_begins_anew_and_the_others_keep_their_panes() -> None:
    one = stage(rule("a"), rule("b"))
    one.feed(chunk(call("x", 0)), NOW_MS)
    heir = stage(rule("a"), rule("b", hop_ms=2 * S))
    heir.load(one.dump())
    told = [partial for report in reports(heir.feed(chunk(heartbeat(9)), NOW_MS)) for partial in report.partials]
    assert [partial.rule for partial in told] == ["a"]


def test_a_changed_text_is_no_change() -> None:
    one = stage(rule("a"))
    one.feed(chunk(call("x", 0)), NOW_MS)
    heir = stage(replace(rule("a"), title={"en": "new", "zh": "新"}))
    heir.load(one.dump())
    assert panes(heir.feed(chunk(heartbeat(9)), NOW_MS)) == [(1, 1)]


@pytest.mark.parametrize("place", [Place("calls", 0, 2), Place("network", 0, 1)])
def test_the_state_of_another_topic_is_refused(place: Place) -> None:
    other = SourceStage(place, (rule(),), Counts(), Ways(1, 0))
    with pytest.raises(ValueError, match=r"the saved state is of calls with 1 partitions, the topic is"):
        other.load(stage().dump())


def test_what_no_stage_wrote_is_refused() -> None:
    with pytest.raises(ValueError, match="not a packed state"):
        stage().load(b"\xc1")


def test_poison_is_read_slowly_and_every_letter_written_once() -> None:
    one = stage()
    out = one.feed(chunk(*[b"%%"] * 2_000), NOW_MS)
    assert one.breaker.is_open
    assert one.appetite(NOW_MS) == 0
    assert one.appetite(NOW_MS + 5_000) == 1_000
    out += one.feed(chunk(*[b"%%"] * 1_000, first=2_000), NOW_MS + 5_000)
    out += one.feed(chunk(*(call(f"c{n}", n) for n in range(10)), first=3_000), NOW_MS + 10_000)
    assert not one.breaker.is_open
    assert one.appetite(NOW_MS + 10_000) is None
    letters = [record.key for record in out if record.topic == DEADLETTERS]
    assert len(letters) == len(set(letters)) == 3_000
    assert mark(one) == 9.0
