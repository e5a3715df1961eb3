"""On-call calendars by address: fetched beside, kept, and never waited for."""

from __future__ import annotations

import asyncio
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from alerts.icalendars import read_calendar
from alerts.records import parse_time
from alerts.senders.poster import Reach
from streams.calendarfeeds import CalendarFeeds
from tests.sink import Answer, endless, hang, reset, sink, status

NOW_MS = parse_time("2026-03-02T04:00:00Z")
NEAR = Reach(private=True, connect_timeout_s=3.0, total_timeout_s=3.0)


def duty(name: str) -> str:
    return (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//duty//\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20260301T000000Z\r\n"
        f"DTSTART:20260302T000000Z\r\nDTEND:20260303T000000Z\r\nSUMMARY:{name}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )


@dataclass
class Site:
    """What the feed says now."""

    text: str = field(default_factory=lambda: duty("an"))
    other: Answer | None = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if self.other is not None:
            return await self.other(request)
        return web.Response(text=self.text, content_type="text/calendar")


def counting(folder: Path) -> tuple[CalendarFeeds, list[str]]:
    counted: list[str] = []
    return CalendarFeeds(folder, NEAR, lambda: NOW_MS, counted.append), counted


async def test_a_feed_says_who_is_on_duty_from_the_moment_it_was_read(tmp_path: Path) -> None:
    site = Site()
    async with sink(site.answer) as server:
        made, counted = counting(tmp_path)
        on = made.open(server.url)
        assert on(NOW_MS) == (), "nobody is known yet, so every channel is told"
        await made.refresh()
        assert on(NOW_MS) == ("an",)
        site.text = duty("bo")
        assert on(NOW_MS) == ("an",)
        await made.refresh()
        assert on(NOW_MS) == ("bo",)
        await made.refresh()
    assert counted == ["taken", "taken", "same"]
    assert made.warnings() == []


async def test_the_copy_on_disk_is_used_where_the_feed_is_away_and_others_may_not_read_it(tmp_path: Path) -> None:
    async with sink(Site().answer) as server:
        first, _ = counting(tmp_path)
        first.open(server.url)
        await first.refresh()
        url = server.url
    (copy,) = (tmp_path / "calendars").iterdir()
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    again, counted = counting(tmp_path)
    on = again.open(url)
    assert on(NOW_MS) == ("an",)
    await again.refresh()  # nobody is there
    assert on(NOW_MS) == ("an",)
    assert counted == ["failed"]
    (said,) = again.warnings()
    assert said.startswith("the calendar at 127.0.0.1 cannot be fetched since 2026-03-02T04:00:00Z: ")
    assert said.endswith(" is used")
    assert "/hook" not in said, "an address may let others in"


TROUBLES = {
    "503": (status(503), "status 503"),
    "a redirect": (status(302, location="http://127.0.0.1:1/"), "status 302"),
    "no calendar": (None, "is no calendar"),
    "without end": (endless, "larger than 4 MB"),
    "a hang": (hang, "TimeoutError"),
    "reset": (reset, "ServerDisconnectedError"),
}


@pytest.mark.parametrize("name", TROUBLES)
async def test_what_cannot_be_used_changes_nothing_and_is_said(name: str, tmp_path: Path) -> None:
    other, said = TROUBLES[name]
    site = Site()
    async with sink(site.answer) as server:
        made, counted = counting(tmp_path)
        on = made.open(server.url)
        await made.refresh()
        site.text, site.other = "%%", other
        await made.refresh()
        assert on(NOW_MS) == ("an",)
        assert counted == ["taken", "failed"]
        (warning,) = made.warnings()
        assert said in warning or name in {"without end", "reset"}
        site.text, site.other = duty("bo"), None
        await made.refresh()
    assert on(NOW_MS) == ("bo",)
    assert made.warnings() == []


async def test_a_disk_that_does_not_do_keeps_nobody_off_duty(tmp_path: Path) -> None:
    (tmp_path / "calendars").write_text("a file where the folder should be")
    async with sink(Site().answer) as server:
        made, counted = counting(tmp_path)
        on = made.open(server.url)
        await made.refresh()
    assert (on(NOW_MS), counted) == (("an",), ["taken"])


async def test_a_copy_that_is_damaged_is_none(tmp_path: Path) -> None:
    async with sink(Site().answer) as server:
        made, _ = counting(tmp_path)
        made.open(server.url)
        await made.refresh()
        (copy,) = (tmp_path / "calendars").iterdir()
        copy.write_text("%%")
        assert counting(tmp_path)[0].open(server.url)(NOW_MS) == ()


@pytest.mark.parametrize(
    ("url", "private", "said"),
    [
        ("https://an:secret@feed.example/duty.ics", True, "no user and password"),
        ("http://feed.example/duty.ics", False, "must be https"),
        ("https://10.0.0.1/duty.ics", False, "private network"),
    ],
)
def test_an_address_that_is_not_to_be_asked_is_refused(url: str, private: bool, said: str, tmp_path: Path) -> None:
    made = CalendarFeeds(tmp_path, Reach(private=private), lambda: 0)
    with pytest.raises(ValueError, match=said) as refusal:
        made.open(url)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("often", ["SECONDLY", "minutely", "HOURLY", "SECO\r\n NDLY"])
def test_what_comes_again_each_second_is_no_shift(often: str) -> None:
    text = duty("an").replace("SUMMARY", f"RRULE:FREQ={often}\r\nSUMMARY")
    with pytest.raises(ValueError, match="no shift does"):
        read_calendar(text)


BEGINS = "DTSTART:20260302T000000Z"


@pytest.mark.parametrize("line", ["DTSTART:garbage", "DTEND:garbage", f"{BEGINS}\r\n{BEGINS}"])
def test_what_a_library_trips_over_is_no_calendar(line: str) -> None:
    name = line.partition(":")[0]
    text = re.sub(rf"{name}[:;][^\r]*", line, duty("an"), count=1)
    assert line in text
    with pytest.raises(ValueError, match="is no calendar"):
        read_calendar(text)


async def test_one_that_a_reload_brings_is_fetched_soon_and_one_that_nobody_names_no_longer(tmp_path: Path) -> None:
    site = Site()
    async with sink(site.answer) as server:
        made, counted = counting(tmp_path)
        on = made.open(server.url)
        await made.refresh_new()
        await made.refresh_new()
        assert (counted, on(NOW_MS)) == (["taken"], ("an",))
        assert made.take_opened() == {server.url}
        assert made.take_opened() == set()
        made.keep_only(())
        await made.refresh()
    assert counted == ["taken"]


async def test_none_are_fetched_where_none_are_named(tmp_path: Path) -> None:
    made, counted = counting(tmp_path)
    await asyncio.wait_for(made.refresh(), 1)
    assert counted == []
