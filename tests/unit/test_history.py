"""The read model of the log: each record once, the same rows however it was followed, bounded answers, bad files."""

from __future__ import annotations

import json
import logging
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.chronicle import DeliveryEnd, decode
from alerts.outbox.item import Outcome
from streams.historian import take_up
from streams.historyfile import LAYOUT, FilesTaken, HistoryFile, TooLong
from streams.historyreads import PAGE_LEN_MAX, HistoryReads, Wanted, WrongQuestion, read_wanted
from streams.historyrows import TOPICS, Record, statements
from streams.topics import ALERTS, AUDIT, HISTORY, NOTICES
from tests.happenings import CLAIMS, DAY_MS, OUTAGE, SURGE
from tests.recounted import Day, LogEntry, history_of, rows_of, take


def eventful(regions: int = 3) -> Day:
    """A day with alerts, a silence, orders good and bad, notices, pages and how they ended."""
    noticed = replace(OUTAGE, notice="outage")
    day = Day(rules=(noticed, SURGE, CLAIMS))
    ends = "2026-03-02T20:00:00+08:00"
    day.pass_to("10:00")
    day.command("silence-add", "王工", "s1", match={"region": "r1"}, comment="割接", ends=ends)
    for number in range(regions):
        day.pass_to(f"10:{10 + number:02}")
        alert = day.alert(noticed, ("yellow", "orange", "red")[number % 3], region=f"r{number}")
        day.delivers(Outcome.DELIVERED if number % 2 else Outcome.EXPIRED)
        day.command("ack", "an", alert.incident, text=f"see {number}")
        day.command("ack", "bo", alert.incident)
    day.command("silence-expire", "李工", "s1")
    day.pass_to("11:00")
    for number in range(regions):
        day.alert(noticed, "green", region=f"r{number}")
    day.delivers()
    day.figure(replace(CLAIMS, targets={"target": 11.95}), 14.9, day.now_ms, region="r1")
    return day


LOG = eventful().log


def test_the_log_holds_all_four_topics() -> None:
    assert {topic for topic, _ in LOG} == set(TOPICS)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    repeats=st.lists(st.tuples(st.integers(0, len(LOG)), st.integers(0, len(LOG))), max_size=4),
    batch=st.integers(1, 60),
)
def test_whatever_is_read_twice_and_however_it_is_cut_gives_the_same_rows(
    repeats: list[tuple[int, int]], batch: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A worker that is killed reads again from an offset before; whoever wrote before it wrote again."""
    followed: list[LogEntry] = list(LOG)
    for start, end in repeats:
        again = LOG[min(start, end) : max(start, end)]
        followed += again
    folder = tmp_path_factory.mktemp("history")
    file = HistoryFile.open(folder, "tocsin")
    take(file, followed, batch=batch)
    rows = file.rows()
    file.close()
    assert rows == rows_of(LOG, tmp_path_factory.mktemp("straight"))


def test_a_restart_goes_on_where_rows_and_offsets_were_written_together(tmp_path: Path) -> None:
    file = HistoryFile.open(tmp_path, "tocsin")
    take(file, LOG[:20])
    file.close()
    again = HistoryFile.open(tmp_path, "tocsin")
    assert max(again.places().values()) == 20
    take(again, LOG, first=20)
    rows = again.rows()
    again.close()
    assert rows == rows_of(LOG, tmp_path / "straight")
    assert all(rows[table] for table in rows), "every table holds something, or nothing was shown"


def test_a_step_that_fails_leaves_neither_rows_nor_offsets(tmp_path: Path) -> None:
    file = HistoryFile.open(tmp_path, "tocsin")
    good = [row for topic, value in LOG[:3] for row in statements(Record(topic, value))]
    with pytest.raises(sqlite3.Error):
        file.write([*good, ("INSERT INTO nowhere VALUES (1)", ())], {ALERTS: 3})
    assert file.places() == {}
    assert not any(file.rows().values())
    file.close()


@pytest.mark.parametrize("damage", ["rubbish", "torn", "other layout"])
def test_a_file_that_is_not_usable_is_made_anew_and_said_in_one_line(
    damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = HistoryFile.open(tmp_path, "tocsin")
    take(file, LOG)
    expected = file.rows()
    path = file.path
    file.close()
    if damage == "rubbish":
        path.write_bytes(b"no file of SQLite, but long enough to look like one " * 100)
    elif damage == "torn":
        raw = bytearray(path.read_bytes())
        raw[4096:] = b"\xff" * (len(raw) - 4096)
        path.write_bytes(raw)
    else:
        with sqlite3.connect(path) as other:
            other.execute(f"PRAGMA user_version = {LAYOUT + 1}")
        other.close()
    with caplog.at_level(logging.WARNING):
        again = HistoryFile.open(tmp_path, "tocsin")
    (line,) = caplog.messages
    assert "made anew from the log" in line
    assert again.places() == {}
    take(again, LOG)
    assert again.rows() == expected
    again.close()


def test_two_workers_on_one_machine_have_a_file_each(tmp_path: Path) -> None:
    one, other = HistoryFile.open(tmp_path, "tocsin"), HistoryFile.open(tmp_path, "tocsin")
    assert one.path != other.path
    one.close()
    third = HistoryFile.open(tmp_path, "tocsin")
    assert third.path.name == "tocsin-history.sqlite"
    third.close()
    other.close()


def test_no_more_workers_than_there_are_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.historyfile.SLOTS_MAX", 1)
    one = HistoryFile.open(tmp_path, "tocsin")
    with pytest.raises(FilesTaken):
        HistoryFile.open(tmp_path, "tocsin")
    one.close()


def test_what_is_old_is_forgotten_and_counted_and_the_rest_stays(tmp_path: Path) -> None:
    file = HistoryFile.open(tmp_path, "tocsin")
    take(file, LOG)
    before = sum(map(len, file.rows().values()))
    cut_ms = DAY_MS + 10 * 3_600_000 + 30 * 60_000
    forgotten = file.forget(cut_ms)
    rows = file.rows()
    assert 0 < forgotten == before - sum(map(len, rows.values()))
    assert file.forget(cut_ms) == 0
    assert len(rows["incidents"]) == 3, "they were over after that"
    file.close()


@pytest.mark.parametrize(
    ("topic", "value"),
    [
        pytest.param(ALERTS, b"rubbish", id="no alert record"),
        pytest.param(HISTORY, b'{"kind":"dance"}', id="no such kind"),
        pytest.param(HISTORY, b'{"kind":"held","id":"a","time":"soon","incident":"i","to":"an","level":"red","reason":"x"}', id="no time"),  # noqa: E501
        pytest.param(HISTORY, b'{"kind":"change","id":"a","time":"2026-03-02T10:00:00Z","incident":"i","what":"x","level":"red","state":{"opened":1}}', id="no state"),  # noqa: E501
        pytest.param(AUDIT, b"[" * 5_000, id="too deep"),
        pytest.param(NOTICES, b"[]", id="no notice"),
        pytest.param(NOTICES, b"\xff", id="no text"),
    ],
)  # fmt: skip
def test_a_record_that_is_none_of_ours_is_refused(topic: str, value: bytes) -> None:
    with pytest.raises(ValueError, match="no"):
        list(statements(Record(topic, value)))


@pytest.mark.parametrize(
    ("topic", "value"),
    [
        (NOTICES, b'{"notice":{},"steps":[],"time":"2026-03-01T00:00:00Z","incident":""}'),
        (NOTICES, b'{"notice":"n","steps":[],"time":"2026-03-01T00:00:00Z","incident":[1]}'),
    ],
)
def test_a_record_that_no_row_can_hold_is_counted_and_stops_nothing(topic: str, value: bytes, tmp_path: Path) -> None:
    file = HistoryFile.open(tmp_path, "tocsin")
    sound = next(Record(name, body) for name, body in LOG if name == ALERTS)
    assert take_up(file, [Record(topic, value), sound], {topic: 1, ALERTS: 1}) == 1
    assert file.ask("SELECT count(*) FROM alerts", ()) == [(1,)]
    assert file.places() == {topic: 1, ALERTS: 1}
    file.close()


def test_a_tombstone_says_nothing() -> None:
    assert list(statements(Record(ALERTS, None))) == []


# Questions.


def test_pages_of_a_list_hold_each_row_once_and_end(tmp_path: Path) -> None:
    day = eventful(regions=7)
    with history_of(day.log, tmp_path) as reads:
        for name, ask in (("incidents", reads.incidents), ("alerts", reads.alerts), ("notifications", reads.notifications)):  # noqa: E501  # fmt: skip
            whole = ask(Wanted(limit=PAGE_LEN_MAX))
            assert whole["next"] is None
            found, wanted = [], Wanted(limit=3)
            while True:
                page = ask(wanted)
                assert 0 < len(page[name]) <= 3
                found += page[name]
                if page["next"] is None:
                    break
                wanted = read_wanted({"limit": "3", "after": page["next"]}, ("limit", "after"))
            assert found == whole[name]
            assert len(found) > 6


def test_incidents_are_found_by_level_rule_time_and_words(tmp_path: Path) -> None:
    with history_of(LOG, tmp_path) as reads:

        def found(**query: str) -> list[str]:
            known = ("from", "to", "level", "rule", "q", "limit", "after")
            rows = reads.incidents(read_wanted(query, known))["incidents"]
            return [row["key"]["region"] for row in rows]

        assert found() == ["r2", "r1", "r0"]
        assert found(level="red") == ["r2"]
        assert found(rule="outage", q="R1 outage") == ["r1"]
        assert found(rule="surge") == []
        assert found(q="r1 r2") == []
        assert found(**{"from": "2026-03-02T10:11:00Z", "to": "2026-03-02T10:12:00Z"}) == ["r1"]
        assert found(**{"from": "2026-03-02T18:12:00+08:00"}) == ["r2"]


def test_notifications_come_with_their_ends(tmp_path: Path) -> None:
    with history_of(LOG, tmp_path) as reads:
        rows = reads.notifications(Wanted())["notifications"]
    assert {row["kind"] for row in rows} == {"page"}
    ends = [end for row in rows for end in row["deliveries"]]
    assert len(ends) == len([1 for topic, value in LOG if topic == HISTORY and isinstance(decode(value), DeliveryEnd)])
    assert {end["outcome"] for end in ends} == {"delivered", "expired"}


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"dance": "x"}, 'unknown parameter "dance": there are from, limit, after'),
        ({"limit": "0"}, '"limit" is a number from 1 to 500'),
        ({"limit": "501"}, '"limit" is a number'),
        ({"limit": "²"}, '"limit" is a number'),
        ({"from": "yesterday"}, '"from" is a time with its offset'),
        ({"from": "2026-03-01"}, '"from" is a time with its offset'),
        ({"after": "x"}, '"after" is the "next" of the page before'),
    ],
)
def test_a_question_that_cannot_be_asked_is_told_in_one_line(query: dict[str, str], said: str) -> None:
    with pytest.raises(WrongQuestion, match=said):
        read_wanted(query, ("from", "limit", "after"))


def test_a_question_that_takes_too_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.historyfile.ASK_S_MAX", 0.05)
    file = HistoryFile.open(tmp_path, "tocsin")
    endless = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"
    with pytest.raises(TooLong, match="shorter span of time"):
        file.ask(endless)
    assert file.ask("SELECT 1") == [(1,)]
    file.close()


def test_a_story_holds_all_and_says_when_it_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with history_of(LOG, tmp_path) as reads:
        incident = reads.incidents(Wanted())["incidents"][0]["incident"]
        whole = reads.story(incident)
        assert whole is not None
        assert not whole.cut
        assert [order.outcome == "done" for order in whole.orders] == [True, False]
        assert [notice["state"] for notice in whole.notices] == ["draft", "withdrawn"]
        monkeypatch.setattr("streams.historyreads.STORY_LEN_MAX", 3)
        short = reads.story(incident)
        assert short is not None
        assert short.cut
        assert len(short.happenings) == 3
        assert reads.story("inc-nowhere") is None


def test_the_sizes_of_records_stay_far_below_what_kafka_takes() -> None:
    assert max(len(value) for topic, value in LOG if topic == HISTORY) < 10_000
    assert json.loads(LOG[0][1])


def test_every_statement_is_there_in_both_languages_with_the_same_names() -> None:
    import re

    from alerts.statements import _sentences

    for name, sentence in _sentences().items():
        assert set(sentence) == {"en", "zh"}, name
        names = [sorted(set(re.findall(r"\{(\w+)\}", text))) for text in sentence.values()]
        assert names[0] == names[1], name


def test_reads_leave_the_file_as_it_is(tmp_path: Path) -> None:
    file = HistoryFile.open(tmp_path, "tocsin")
    take(file, LOG)
    before = file.rows()
    reads = HistoryReads(file)
    reads.incidents(Wanted(words="'; DROP TABLE incidents; --", level="red", rule="%"))
    reads.notifications(Wanted(channel='" OR 1=1'))
    assert file.rows() == before
    file.close()
