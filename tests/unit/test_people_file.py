"""The file of people: what is read from it, every mistake at its line; calendars of iCalendar files."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from alerts.icalendars import read_calendar
from alerts.records import parse_time
from alerts.senders.poster import Reach
from streams.calendarfeeds import CalendarFeeds
from streams.peoplefile import read_crew
from streams.settings import SettingsError

DUTY = Path(__file__).parents[1] / "data" / "duty.ics"
GOOD = """
version: 1
ladders:
  city: {rungs: [{role: duty, wait: 5m}, {role: boss, wait: 10m}], promise: 20m, ack: {red: 30m}}
roles:
  duty:
    - {where: {region: 长沙}, people: [an]}
    - rota:
        people: [an, bo]
        shift: 12h
        from: "2026-03-02T08:00:00+08:00"
        overrides: [{from: "2026-03-03T08:00:00+08:00", to: "2026-03-03T09:00:00+08:00", person: bo}]
  boss: {calendar: duty.ics}
people:
  an: {name: 安, channels: [sms], quiet: "22:00-07:00", pages: {max: 3, within: 30m}}
  bo: {}
"""


def feeds(folder: Path) -> CalendarFeeds:
    return CalendarFeeds(folder, Reach(), lambda: 0)


def crew_of(folder: Path, text: str) -> Any:
    file = folder / "people.yaml"
    file.write_text(text, encoding="utf-8")
    (folder / "duty.ics").write_bytes(DUTY.read_bytes())
    return read_crew(file, "Asia/Shanghai", ("sms", "chat"), feeds(folder))


def test_the_shipped_ladders_are_the_domains() -> None:
    ladders = read_crew(None, "Asia/Shanghai", (), feeds(Path())).ladders
    top = ["regional-general-manager", "division", "vice-president", "president"]
    for name in ("store", "hub", "fleet"):
        roles = [rung.role for rung in ladders[name].rungs]
        assert roles == [f"{name}-manager", "road-district" if name == "store" else f"{name}-district", *top]
        assert ladders[name].promise_ms == 30 * 60_000
    assert "provincial" in ladders, "the rules that come with us name it"


def test_a_good_file_is_read_whole(tmp_path: Path) -> None:
    crew = crew_of(tmp_path, GOOD)
    assert crew.ladders["city"].ack_ms["red"] == 30 * 60_000
    assert crew.ladders["city"].ack_ms["orange"] == 4 * 3_600_000
    assert "provincial" in crew.ladders
    on = crew.roster.on
    assert on("duty", {"region": "长沙"}, parse_time("2026-03-02T21:00:00+08:00")) == ("an",)
    assert on("duty", {}, parse_time("2026-03-02T21:00:00+08:00")) == ("bo",)
    assert on("duty", {}, parse_time("2026-03-03T08:30:00+08:00")) == ("bo",)
    assert on("boss", {}, parse_time("2026-03-04T13:00:00+00:00")) == ("chen",)
    assert crew.roster.person("an").channels == ("sms",)
    assert (crew.roster.person("an").quiet, crew.roster.person("an").pages_max) == ((1320, 420), 3)


@pytest.mark.parametrize(
    ("was", "becomes", "told"),
    [
        ("version: 1", "version: 2", "2:10: version: must be 1"),
        ("channels: [sms]", "channels: [smss]", 'unknown channel "smss": did you mean "sms"?'),
        ("people: [an, bo]", "people: [an, bob]", 'unknown person "bob": did you mean "bo"?'),
        ("wait: 5m", "wait: 5", "ladders.city.rungs[0].wait: must be a duration with its unit, as in 10m"),
        ("wait: 5m", "wait: 0s", "ladders.city.rungs[0].wait: must be more than nothing"),
        ("promise: 20m", "promises: 20m", 'unknown key "promises": did you mean "promise"?'),
        ("ack: {red: 30m}", "ack: {rde: 30m}", 'unknown level "rde"'),
        ("shift: 12h", "shift: half a day", "is not a duration"),
        ('from: "2026-03-02T08:00:00+08:00"', 'from: "2026-03-02T08:00:00"', "must be a time with its offset"),
        ('to: "2026-03-03T09', 'to: "2026-03-03T07', "is not after its beginning"),
        ("22:00-07:00", "22:00", "must be two different hours of the day"),
        ("max: 3", "max: 0", "must be a whole number, at least 1"),
        ("{calendar: duty.ics}", "{calendar: no.ics}", "roles.boss.calendar: no.ics cannot be read"),
        ("{calendar: duty.ics}", "{calendar: people.yaml}", "is no calendar"),
        ("{calendar: duty.ics}", "{calendar: duty.ics, people: [an]}", "needs one of people, rota and calendar"),
        ("[{role: duty, wait: 5m}, {role: boss, wait: 10m}]", "[]", "must have 1 to 20 rungs"),
    ],
)
def test_a_mistake_is_told_at_its_place(tmp_path: Path, was: str, becomes: str, told: str) -> None:
    assert was in GOOD
    with pytest.raises(SettingsError) as refused:
        crew_of(tmp_path, GOOD.replace(was, becomes, 1))
    assert told in str(refused.value)
    assert str(refused.value).startswith(f"{tmp_path}/people.yaml:")


@pytest.mark.parametrize(
    ("at", "who"),
    [
        pytest.param("2026-03-02T00:00:00Z", ("an",), id="the first moment"),
        pytest.param("2026-03-02T12:00:00Z", ("bo",), id="hand-over"),
        pytest.param("2026-03-03T11:59:59Z", ("an",), id="recurs"),
        pytest.param("2026-03-04T13:00:00Z", ("chen",), id="one occurrence changed: stands in"),
        pytest.param("2026-03-05T13:00:00Z", ("bo",), id="and only that one"),
        pytest.param("2026-03-05T01:00:00Z", (), id="one occurrence taken out"),
        pytest.param("2026-03-06T02:30:00Z", ("dai",), id="who starts last"),
        pytest.param("2026-03-01T00:00:00Z", (), id="before it begins"),
    ],
)
def test_a_calendar_says_who_is_on_duty(at: str, who: tuple[str, ...]) -> None:
    assert read_calendar(DUTY.read_text())(parse_time(at)) == who


def test_without_the_libraries_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    known = builtins.__import__

    def without(name: str, globals_: Mapping[str, object] | None = None, *rest: Any) -> Any:
        if name == "recurring_ical_events":
            raise ImportError(name)
        return known(name, globals_, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ValueError, match=r"pip install 'tocsin\[oncall\]'"):
        read_calendar(DUTY.read_text())
