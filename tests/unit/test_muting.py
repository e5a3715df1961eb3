"""Matchers, windows and silences by themselves: what they take, what they refuse, and in which words."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from alerts.matchers import Matchers, read_matchers
from alerts.records import parse_time
from alerts.silences import OVER_LEN_MAX, SilenceBook, SilenceError, read_silence
from alerts.windows import read_windows
from streams.settings import SettingsError
from streams.windowfile import windows_of
from tests.alerting import CHINA, record
from tests.happenings import DAY_MS, clock, silence_of

OURS = record()  # complaint-surge at {region: 长沙, category: network}


@pytest.mark.parametrize(
    ("match", "meant"),
    [
        pytest.param({"rule": "complaint-surge"}, True, id="its rule"),
        pytest.param({"rule": ["a", "complaint-surge"]}, True, id="any of the rules"),
        pytest.param({"rule": "other"}, False, id="another rule"),
        pytest.param({"region": "长沙", "category": "network"}, True, id="all fields"),
        pytest.param({"region": "长沙", "category": "billing"}, False, id="one field is another"),
        pytest.param({"region": ["株洲", "长沙"]}, True, id="any of the values"),
        pytest.param({"element": "bts-1"}, False, id="a field it does not have"),
        pytest.param({"level": "orange"}, True, id="its level"),
        pytest.param({"level": ["yellow", "red"]}, False, id="other levels"),
        pytest.param({"stream": "complaints"}, True, id="its stream"),
        pytest.param({"stream": "network"}, False, id="another stream"),
    ],
)
def test_what_matches(match: dict[str, object], meant: bool) -> None:
    assert read_matchers(match).match(OURS, "orange", "complaints") is meant


def test_anything_is_a_value_of_the_key_or_the_rule() -> None:
    assert Matchers(anything=("长沙",)).match(OURS, "orange")
    assert Matchers(anything=("complaint-surge",)).match(OURS, "orange")
    assert not Matchers(anything=("株洲",)).match(OURS, "orange")


@pytest.mark.parametrize(
    ("match", "text"),
    [
        pytest.param({"level": "rot"}, 'unknown level "rot": there are act, yellow, orange, red', id="a level"),
        pytest.param({"region": []}, '"region" must be a name or a list of names', id="no name"),
        pytest.param({"region": {"not": "长沙"}}, '"region" must be a name or a list of names', id="a mapping"),
    ],
)
def test_matchers_that_cannot_be_used_are_refused(match: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        read_matchers(match)


GOOD = {"name": "w", "match": {"rule": "r"}, "from": "01:00", "to": "05:00"}


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        pytest.param({"name": ""}, '"name" is missing', id="no name"),
        pytest.param({"match": {}}, '"match" is missing', id="everything"),
        pytest.param({"form": "01:00"}, 'unknown key "form"', id="misspelt"),
        pytest.param({"to": None}, '"to" must be a time of day', id="no end of day"),
        pytest.param({"from": 60}, '"from" must be a time of day in quotes', id="YAML's sixty"),
        pytest.param({"from": "25:00"}, '"from" must be a time of day', id="no such hour"),
        pytest.param({"zone": "Asia/Changsha"}, 'unknown time zone "Asia/Changsha"', id="no such zone"),
        pytest.param({"days": ["monday"]}, '"days" must be a list of mon', id="no such day"),
        pytest.param({"ends": "2026-03-14T05:00:00"}, '"ends" must say its offset', id="no offset"),
        pytest.param({"starts": "soon"}, '"starts" must be a time with its offset', id="no time"),
        pytest.param({"including_red": "yes"}, '"including_red" must be true or false', id="no boolean"),
    ],
)
def test_windows_that_cannot_be_used_are_refused(changed: dict[str, object], text: str) -> None:
    given = {**GOOD, **changed}
    if changed == {"to": None}:
        given["to"] = 5
    with pytest.raises(ValueError, match=text) as caught:
        read_windows([GOOD, {**given, "name": given["name"] and "x"}, {"name": "y", "match": {"rule": "r"}}], CHINA)
    assert "windows[2]: " in str(caught.value)
    assert 'windows[3]: needs "from" and "to"' in str(caught.value), "every window is told at once"


def test_a_window_file_names_itself_in_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "windows.yaml"
    path.write_text("windows:\n  - {name: w, match: {region: 长沙}, days: [sat]}\n  - {name: w}\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r'windows\.yaml: windows\[2\]: "match" is missing'):
        windows_of(path, CHINA)
    path.write_text("window: []\n", encoding="utf-8")
    with pytest.raises(SettingsError, match='must hold "windows:"'):
        windows_of(path, CHINA)
    path.write_text("windows:\n  - {name: w, match: {region: 长沙}, days: [sat]}\n", encoding="utf-8")
    (window,) = windows_of(path, CHINA)
    saturday = DAY_MS + 5 * 86_400_000
    assert [window.is_active(saturday + shift * 3_600_000) for shift in (-9, -7, 15, 17)] == [False, True, True, False]


HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("window", "at", "span"),
    [
        pytest.param({"from": "01:00", "to": "05:00"}, "02:00", ("01:00", "05:00"), id="of a night"),
        pytest.param({"from": "22:00", "to": "05:00"}, "23:00", ("22:00", "29:00"), id="before midnight"),
        pytest.param({"from": "22:00", "to": "05:00"}, "28:00", ("22:00", "29:00"), id="and after it"),
        pytest.param({"from": "20:00", "to": "24:00"}, "21:00", ("20:00", "24:00"), id="up to midnight"),
        pytest.param({"days": ["mon", "tue"]}, "30:00", ("00:00", "48:00"), id="of days that follow each other"),
        pytest.param(
            {"days": ["mon"], "ends": "2026-03-02T12:00:00+00:00"}, "06:00", ("00:00", "12:00"), id="bounded as a whole"
        ),
        pytest.param(
            {"starts": "2026-03-02T04:00:00+00:00", "ends": "2026-03-02T12:00:00+00:00"},
            "06:00",
            ("04:00", "12:00"),
            id="once",
        ),
    ],
)
def test_a_window_knows_since_when_it_holds_and_until_when(
    window: dict[str, object], at: str, span: tuple[str, str]
) -> None:
    (made,) = read_windows([{"name": "w", "match": {"region": "长沙"}, "zone": "UTC", **window}], CHINA)
    assert made.is_active(clock(at))
    first, last = map(clock, span)
    assert made.span_at(clock(at)) == (first, last)
    assert made.span_at(first) == made.span_at(last - 1) == (first, last)
    assert not made.is_active(last)


def test_a_window_over_the_change_of_the_hour_is_one_span() -> None:
    berlin = {"name": "w", "match": {"region": "x"}, "from": "23:00", "to": "05:00", "zone": "Europe/Berlin"}
    (made,) = read_windows([berlin], CHINA)
    first = parse_time("2026-03-28T22:00:00Z")  # clocks go forward at two in the morning
    last = parse_time("2026-03-29T03:00:00Z")
    assert {made.span_at(first + hour * HOUR_MS) for hour in range(5)} == {(first, last)}


def test_the_example_of_the_operations_page_is_a_window_file(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/operations.md").read_text(encoding="utf-8")
    block = page[page.index("    windows:\n") :].split("\n\n")[0]
    path = tmp_path / "windows.yaml"
    path.write_text("\n".join(line[4:] for line in block.splitlines()), encoding="utf-8")
    assert [window.name for window in windows_of(path, CHINA)] == ["core-upgrade", "fibre works"]


ASKED = {"match": {"region": "长沙"}, "comment": "割接", "ends": "2026-03-02T12:00:00+00:00"}


def test_a_silence_as_people_ask_for_it() -> None:
    asked = {**ASKED, "starts": "2026-03-02T11:00:00+00:00", "including_red": True}
    made = read_silence("s1", "王工", asked, DAY_MS)
    assert (made.starts_ms, made.ends_ms, made.including_red) == (clock("11:00"), clock("12:00"), True)
    assert read_silence("s1", "王工", ASKED, DAY_MS).starts_ms == DAY_MS


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        pytest.param({"until": "x"}, 'unknown field "until": there are match', id="a field"),
        pytest.param({"match": "长沙"}, '"match" must be a mapping', id="no matchers"),
        pytest.param({"match": {"level": "rot"}}, 'unknown level "rot"', id="a level"),
        pytest.param({"ends": "2026-03-02T12:00:00"}, "without an offset", id="no offset"),
        pytest.param({"ends": None}, "Invalid isoformat string", id="no end"),
        pytest.param({"including_red": "yes"}, '"including_red" true or false', id="no boolean"),
    ],
)
def test_a_silence_that_cannot_be_read_says_why(changed: dict[str, object], text: str) -> None:
    with pytest.raises(SilenceError, match=text):
        read_silence("s1", "王工", {**ASKED, **changed}, DAY_MS)


def test_silences_that_are_over_are_bounded() -> None:
    book = SilenceBook()
    for number in range(OVER_LEN_MAX + 5):
        book.add(replace(silence_of(f"s{number}", DAY_MS, "01:00", region="长沙"), ends_ms=DAY_MS + 1), DAY_MS)
    book.add(silence_of("new", DAY_MS + 2, "01:00", region="长沙"), DAY_MS + 2)
    assert len(book.all()) == OVER_LEN_MAX + 1
    assert [each.id for each in book.active(clock("00:30"))] == ["new"]
