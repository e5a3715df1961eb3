"""Reading inputs: lines and line numbers survive whatever the file is like, and trouble is one clear line."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from streams import lines
from streams.files import Input, UnreadableError, WrongInputError, open_inputs, stream_of
from streams.lines import Lines


def read(path: Path | str, **options: Any) -> list[Lines]:
    [opened] = open_inputs([str(path)], **options)
    return list(opened.batches())


def numbered(batches: list[Lines]) -> list[tuple[int, bytes]]:
    return [pair for batch in batches for pair in zip(batch.lines, batch.values, strict=True)]


LINES = {
    "plain": (b'{"a":1}\n{"a":2}\n', [(1, b'{"a":1}'), (2, b'{"a":2}')]),
    "no newline at the end": (b"one\ntwo", [(1, b"one"), (2, b"two")]),
    "byte order mark": (b"\xef\xbb\xbfone\n", [(1, b"one")]),
    "windows newlines": (b"one\r\ntwo\r\n", [(1, b"one"), (2, b"two")]),
    "old mac newlines": (b"one\rtwo\r", [(1, b"one"), (2, b"two")]),
    "blank lines count": (b"\n  \none\n\t\r\ntwo\n\n", [(3, b"one"), (5, b"two")]),
    "bytes that are no text": (b"\xff\xfe\x00\none\n", [(1, b"\xff\xfe\x00"), (2, b"one")]),
    "unicode line separators split nothing": ("a\u2028b\x85c\n".encode(), [(1, "a\u2028b\x85c".encode())]),
    "empty": (b"", []),
}


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("block_bytes", [3, 4, 5, 7, 1 << 20])
@pytest.mark.parametrize("packed", [False, True], ids=["plain file", "gzip"])
def test_lines(name: str, block_bytes: int, packed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BLOCK_BYTES", block_bytes)
    content, expected = LINES[name]
    path = tmp_path / ("events.jsonl.gz" if packed else "events.jsonl")
    path.write_bytes(gzip.compress(content) if packed else content)
    assert numbered(read(path)) == expected


def test_a_line_without_end_is_cut_and_the_next_ones_are_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BLOCK_BYTES", 1_000)
    monkeypatch.setattr(lines, "LINE_MAX_BYTES", 5_000)
    path = tmp_path / "calls.jsonl"
    path.write_bytes(b"first\n" + b"x" * 100_000 + b"\nlast\n")
    got = numbered(read(path))
    assert [line for line, _ in got] == [1, 2, 3]
    assert got[0][1] == b"first"
    assert 5_000 <= len(got[1][1]) <= 6_000
    assert got[2][1] == b"last"


def test_many_lines_come_in_batches(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    path.write_bytes(b"".join(b'{"n":%d}\n' % n for n in range(10_000)))
    batches = read(path)
    assert max(len(batch.values) for batch in batches) == lines.BATCH_LEN
    assert numbered(batches) == [(n + 1, b'{"n":%d}' % n) for n in range(10_000)]


def test_progress_is_told_in_bytes_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"a":1}\n' * 1_000))
    [opened] = open_inputs([str(path)])
    assert opened.size_bytes == path.stat().st_size
    assert opened.done_bytes == 0
    reading = opened.batches()
    next(reading)
    assert opened.done_bytes == opened.size_bytes
    reading.close()
    assert opened.done_bytes == opened.size_bytes


def test_standard_input() -> None:
    [opened] = open_inputs(["-"], stream="calls", stdin=io.BytesIO(b"one\n\ntwo\n"))
    assert (opened.name, opened.stream, opened.size_bytes) == ("<stdin>", "calls", None)
    assert numbered(list(opened.batches())) == [(1, b"one"), (3, b"two")]


@pytest.mark.parametrize(
    ("name", "stream"),
    [
        ("calls.jsonl", "calls"),
        ("/somewhere/Complaints_2026-03.csv.gz", "complaints"),
        ("network/today.jsonl", None),
        ("-", None),
    ],
)
def test_stream_of_a_name(name: str, stream: str | None) -> None:
    assert stream_of(name) == stream


def test_the_files_name_goes_before_the_option(tmp_path: Path) -> None:
    for name in ("calls.jsonl", "march.jsonl"):
        (tmp_path / name).touch()
    opened = open_inputs([str(tmp_path / "calls.jsonl"), str(tmp_path / "march.jsonl")], stream="network")
    assert [one.stream for one in opened] == ["calls", "network"]
    for one in opened:
        one.close()
    [asked] = open_inputs([str(tmp_path / "calls.jsonl")], stream="network", ask_names=False)
    assert asked.stream == "network"
    asked.close()


CUT = gzip.compress(b'{"a":1}\n' * 100_000)

UNREADABLE = {
    "cut off": ("x.jsonl.gz", CUT[: len(CUT) // 2], "the gzip file is cut off: its end is missing"),
    "damaged": ("x.jsonl.gz", CUT[:10] + b"\xff" * 50 + CUT[60:], "the gzip file is damaged: "),
    "not gzip": ("x.jsonl.gz", b'{"a":1}\n', "not a gzip file, or followed by something else: "),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_broken_files(name: str, tmp_path: Path) -> None:
    base, content, expected = UNREADABLE[name]
    (tmp_path / base).write_bytes(content)
    with pytest.raises(UnreadableError) as caught:
        read(tmp_path / base)
    assert str(caught.value).startswith(f"{tmp_path / base}: {expected}")
    assert "\n" not in str(caught.value)


def test_what_a_cut_gzip_still_holds_is_read_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BLOCK_BYTES", 1_000)
    path = tmp_path / "calls.jsonl.gz"
    path.write_bytes(CUT[:-20])
    [opened] = open_inputs([str(path)])
    got: list[bytes] = []
    with pytest.raises(UnreadableError):
        got.extend(value for batch in opened.batches() for value in batch.values)
    assert len(got) > 1_000
    assert set(got) == {b'{"a":1}'}


def test_every_name_is_looked_at_before_any_is_read(tmp_path: Path) -> None:
    (tmp_path / "calls.jsonl").write_bytes(b"one\n")
    with pytest.raises(UnreadableError, match=r"nowhere\.jsonl: cannot be read: No such file or directory$"):
        open_inputs([str(tmp_path / "calls.jsonl"), str(tmp_path / "nowhere.jsonl")])


def test_a_folder_is_no_input(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match=r": cannot be read: Is a directory$"):
        open_inputs([str(tmp_path)])


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["calls.xlsx"], "calls.xlsx: expected .jsonl or .csv (also .gz), not .xlsx"),
        (["calls.tar.gz"], "calls.tar.gz: expected .jsonl or .csv (also .gz), not .tar"),
        (["-", "-"], "standard input (-) can be read only once"),
    ],
)
def test_wrong_names(names: list[str], message: str) -> None:
    with pytest.raises(WrongInputError) as caught:
        open_inputs(names, stdin=io.BytesIO())
    assert str(caught.value) == message


def events(content: str | bytes, tmp_path: Path) -> tuple[list[dict[str, Any]], list[Lines]]:
    path = tmp_path / "complaints.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    batches = read(path)
    return [json.loads(value) for batch in batches for value in batch.values], batches


def test_cells_are_read_by_the_types_of_the_stream(tmp_path: Path) -> None:
    got, [batch] = events(
        "id,time,category,severity,major,repeat,region,unheard\r\n"
        "a,2026-03-01T09:00:00Z,billing,3,yes,0,长沙,7\r\n"
        "b,1772355600.5,network,2.5,FALSE,1,,\r\n",
        tmp_path,
    )
    assert got == [
        {"id": "a", "time": "2026-03-01T09:00:00Z", "category": "billing", "severity": 3, "major": True}
        | {"repeat": False, "region": "长沙", "unheard": "7"},
        {"id": "b", "time": 1772355600.5, "category": "network", "severity": 2.5, "major": False, "repeat": True},
    ]
    assert list(batch.lines) == [2, 3]
    assert batch.original(1) == b"b,1772355600.5,network,2.5,FALSE,1,,"


@pytest.mark.parametrize(
    "cell",
    ["three", "1_000", "nan", "inf", "1e999", "0x10", "\u0661\u0662", "9" * 5_000, "1,5"],
    ids=lambda cell: cell[:8],
)
def test_a_cell_that_is_not_of_its_type_stays_text(cell: str, tmp_path: Path) -> None:
    """So that the decoder refuses the event by its type."""
    [got], _ = events(f'id,severity\na,"{cell}"\n', tmp_path)
    assert got == {"id": "a", "severity": cell}


def test_a_column_names_the_stream(tmp_path: Path) -> None:
    rows = ["network,a,12,yes", "surveys,b,12,yes", "nowhere,c,12,yes", ",d,12,yes"]
    got, _ = events("\n".join(["stream,id,users,satisfied", *rows]), tmp_path)
    assert got == [
        {"stream": "network", "id": "a", "users": 12, "satisfied": "yes"},
        {"stream": "surveys", "id": "b", "users": "12", "satisfied": True},
        {"stream": "nowhere", "id": "c", "users": "12", "satisfied": "yes"},
        {"id": "d", "users": "12", "satisfied": "yes"},
    ]


def test_rows_over_several_lines_keep_the_line_they_start_on(tmp_path: Path) -> None:
    got, [batch] = events('id,reason\na,"two\nlines"\n\nb,x\n', tmp_path)
    assert [event["reason"] for event in got] == ["two\nlines", "x"]
    assert list(batch.lines) == [2, 5]


ROWS = {
    "too many cells": ("id,region\na,b,c\nd,e\n", 2, "bad-value", "the row has 3 cells, the header 2"),
    "not the encoding": (
        b"id,region\na,\xff\nd,e\n",
        2,
        "not-json",
        "the row holds bytes that are not of the file's encoding",
    ),
    "a quote left open": (
        'id,region\na,"' + "x\n" * 70_000 + "d,e\n",
        2,
        "too-large",
        "no CSV row: it would span more than 100 lines; is a quote left open?",
    ),
    "a quote left open near the end": (
        'id,region\na,"b\nd,e\n',
        2,
        "too-large",
        "no CSV row: the file ends within it; is a quote left open?",
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_row_that_cannot_be_used_stops_nothing(name: str, tmp_path: Path) -> None:
    content, line, reason, detail = ROWS[name]
    got, batches = events(content, tmp_path)
    first = next(unusable for batch in batches for unusable in batch.unusable)
    assert (first.line, first.reason, first.detail) == (line, reason, detail)
    assert got[-1] == {"id": "d", "region": "e"}


def test_a_quote_left_open_costs_its_own_line_only(tmp_path: Path) -> None:
    rows = [f"{number},r{number}" for number in range(300)]
    rows[10] = '10,"r10'
    got, batches = events("id,region\n" + "\n".join(rows) + "\n", tmp_path)
    assert [event["id"] for event in got] == [str(number) for number in range(300) if number != 10]
    assert [line for batch in batches for line in batch.lines] == [line for line in range(2, 302) if line != 12]


def test_an_endless_line_of_a_table_is_cut(tmp_path: Path) -> None:
    got, _ = events("id,region\n" + "x" * 3_000_000 + "\nd,e\n", tmp_path)
    assert got[-1] == {"id": "d", "region": "e"}


def test_short_rows_are_filled_up_and_an_empty_file_is_no_trouble(tmp_path: Path) -> None:
    assert events("\ufeffid,region,outlet\na\nb,c,d,\n", tmp_path)[0] == [
        {"id": "a"},
        {"id": "b", "region": "c", "outlet": "d"},
    ]
    assert events("", tmp_path)[0] == []


def test_a_header_may_look_strange(tmp_path: Path) -> None:
    got, _ = events('id,"two\nlines",\u3000,no\xa0break\na,b,,d\n', tmp_path)
    assert got == [{"id": "a", "two\nlines": "b", "no\xa0break": "d"}]


def test_a_column_may_stand_once(tmp_path: Path) -> None:
    with pytest.raises(WrongInputError, match=r"complaints\.csv:1: column 'region' is there twice$"):
        events("id,region,region\na,b,c\n", tmp_path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "gbk"])
def test_a_header_of_another_encoding(encoding: str, tmp_path: Path) -> None:
    with pytest.raises(WrongInputError, match=r"complaints\.csv:1: the header is not utf-8 text; a map can name"):
        events("id,地市\na,长沙\n".encode(encoding), tmp_path)


def test_an_input_takes_any_binary_file() -> None:
    one = Input("calls.csv", io.BytesIO(b"id\na\n"), stream="calls")
    assert numbered(list(one.batches())) == [(1, b"id"), (2, b"a")]
