"""Working days as the State Council published them, days and hours of a site's own, and clocks that run by them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from detectors.calendars import ALWAYS, Calendar
from detectors.durations import FOREVER
from streams.calendarfile import read_calendars
from streams.calendars import CHINA, Calendars, Plan, made
from streams.rulefile import load

HOUR_MS = 3_600_000
SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture(scope="module")
def china() -> Calendar:
    return Calendars()[CHINA]


def ms(text: str, zone: ZoneInfo = SHANGHAI) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


def due(calendar: Calendar, since: str, hours: float, zone: ZoneInfo = SHANGHAI) -> str:
    """Say when so many working hours after an instant are up."""
    worked = calendar.worked(np.array([ms(since, zone)])) + round(hours * HOUR_MS)
    return str(datetime.fromtimestamp(int(calendar.reached(worked)[0]) / 1000, zone).replace(tzinfo=None))[:16]


def days_off(calendar: Calendar, first: str, last: str) -> list[str]:
    """Name the days, both ends included, on which nobody works."""
    day, end = date.fromisoformat(first), date.fromisoformat(last)
    off = []
    while day <= end:
        midnight, next_midnight = (ms(str(day + timedelta(days=n))) for n in (0, 1))
        worked = np.diff(calendar.worked(np.array([midnight, next_midnight])))[0]
        assert worked in (0, 24 * HOUR_MS), f"{day} is worked in part"
        if not worked:
            off.append(f"{day:%m-%d}")
        day += timedelta(days=1)
    return off


# The Spring Festivals as the notices of the State Council's General Office have them (国办发明电 2023 No. 7, 2024
# No. 12, 2025 No. 7): the days off, and around them the weekends, of which the swapped ones are worked.
FESTIVALS = {
    2024: ("02-01", "02-25", "03 10 11 12 13 14 15 16 17 24 25", "Sunday 4 and Sunday 18 are worked"),
    2025: ("01-18", "02-09", "18 19 25 28 29 30 31 01 02 03 04 09", "Sunday 26 January and Saturday 8 are worked"),
    2026: ("02-07", "03-01", "07 08 15 16 17 18 19 20 21 22 23 01", "Saturday 14 and Saturday 28 are worked"),
}


@pytest.mark.parametrize("year", FESTIVALS)
def test_the_days_around_the_spring_festival_are_the_official_ones(china: Calendar, year: int) -> None:
    first, last, off, _ = FESTIVALS[year]
    assert " ".join(day[3:] for day in days_off(china, f"{year}-{first}", f"{year}-{last}")) == off


CASES = [  # opened, working days, due
    ("2024-02-09 15:00", 1, "2024-02-18 15:00"),  # the last day before, and Sunday 18, which is worked
    ("2024-02-09 15:00", 3, "2024-02-20 15:00"),
    ("2024-02-03 09:30", 1, "2024-02-05 00:00"),  # opened on a Saturday: Sunday 4 is a working day
    ("2024-02-12 10:00", 3, "2024-02-21 00:00"),  # opened in the festival
    ("2024-02-24 00:00", 1, "2024-02-27 00:00"),
    ("2025-01-25 12:00", 3, "2025-02-06 00:00"),  # Sunday 26, Monday 27, Wednesday 5
    ("2025-01-27 16:00", 3, "2025-02-07 16:00"),
    ("2025-02-06 09:00", 3, "2025-02-10 09:00"),  # Saturday 8 is worked, Sunday 9 is not
    ("2026-02-13 10:00", 3, "2026-02-25 10:00"),  # Friday 13, Saturday 14, Tuesday 24
    ("2026-02-26 12:00", 3, "2026-03-02 12:00"),  # Saturday 28 is worked, Sunday 1 is not
    (
        "2026-02-20 08:00",
        60,
        "2026-05-21 00:00",
    ),  # the longest clock of the courier, over Qingming and the first of May
    ("2026-09-30 18:00", 10, "2026-10-20 18:00"),  # the national holiday, and Saturday 10, which is worked
]


@pytest.mark.parametrize(("opened", "days", "expected"), CASES)
def test_working_days_run_over_the_festivals(china: Calendar, opened: str, days: int, expected: str) -> None:
    assert due(china, opened, 24 * days) == expected


def test_years_that_are_not_published_have_the_statutory_days(china: Calendar) -> None:
    assert days_off(china, "2035-10-01", "2035-10-03") == ["10-01", "10-02", "10-03"]
    assert due(china, "2098-12-31 12:00", 24) == "2099-01-02 12:00"
    assert china.reached(china.worked(np.array([ms("2099-12-31 12:00")])) + 13 * HOUR_MS).tolist() == [FOREVER]


def test_days_are_those_of_the_site(china: Calendar) -> None:
    utc = Calendars("UTC")[CHINA]
    assert [int(calendar.starts[-1]) % (24 * HOUR_MS) for calendar in (china, utc)] == [16 * HOUR_MS, 0]


def test_always_is_time_itself() -> None:
    times = np.array([-5, 0, 1_772_355_600_000])
    worked = ALWAYS.worked(times)
    assert np.diff(worked).tolist() == np.diff(times).tolist()
    assert ALWAYS.reached(worked + 7).tolist() == (times + 7).tolist()
    assert ALWAYS.reached(np.array([FOREVER])).tolist() == [FOREVER]


@pytest.mark.parametrize("seed", range(20))
def test_the_two_look_ups_are_a_walk_through_time(seed: int) -> None:
    random = Random(seed)
    edges = sorted(random.sample(range(200), 20))
    calendar = Calendar("any", edges[::2], edges[1::2])
    inside = [any(a <= t < b for a, b in zip(edges[::2], edges[1::2], strict=True)) for t in range(220)]
    worked = calendar.worked(np.arange(220)).tolist()
    assert worked == [sum(inside[:t]) for t in range(220)]
    for amount in range(worked[-1] + 3):
        first = next((t for t in range(220) if worked[t] >= amount), FOREVER)
        assert amount == 0 or calendar.reached(np.array([amount])).tolist() == [first]


def test_intervals_that_touch_are_one() -> None:
    calendar = Calendar("days", [0, 10, 30], [10, 20, 40])
    assert (calendar.starts.tolist(), calendar.ends.tolist()) == ([0, 30], [20, 40])


@pytest.mark.parametrize(("starts", "ends"), [([], []), ([0], [0]), ([0, 5], [6, 9]), ([0, 5], [9])])
def test_intervals_out_of_order_are_refused(starts: list[int], ends: list[int]) -> None:
    with pytest.raises(ValueError, match="must follow each other"):
        Calendar("wrong", starts, ends)


SHOP = """
calendars:
  shop:
    workdays: [mon, tue, wed, thu, fri, sat]
    hours: ["09:00-12:00", "13:30-18:00"]
    holidays: [2026-05-01]
    extra_workdays: [2026-05-03]
  office:
    like: china-workdays
    hours: ["08:30-17:30"]
    extra_workdays: [2026-02-23]
  harbour: {zone: Europe/Berlin}
"""
HEAD = "id: r, title: {en: X, zh: 某}, stream: cases, levels: {yellow: 1}"


def limit_of(folder: Path, limit: str, calendar: str) -> tuple[Calendar, float]:
    """Load a rule beside the calendars above; give its calendar, and its limit in hours."""
    (folder / "calendars.yaml").write_text(SHOP)
    measure = f"{{overdue: count, from: opened, until: closed, limit: {limit}, calendar: {calendar}}}"
    (folder / "rules.yaml").write_text(f"rules:\n  - {{{HEAD}, measure: {measure}}}\n", encoding="utf-8")
    one, two = load([folder]), load([folder / "rules.yaml"])
    assert one.problems == two.problems == ()
    assert one.rules == two.rules, "calendars are found beside a rule file that is named on its own"
    clock = one.rules[0].measure.clock
    assert clock is not None
    assert clock.limit_ms is not None
    return clock.calendar, clock.limit_ms / HOUR_MS


@pytest.mark.parametrize(
    ("calendar", "limit", "opened", "expected"),
    [
        ("shop", "1d", "2026-04-29 11:00", "2026-04-30 11:00"),  # seven and a half hours are a day
        ("shop", "2h", "2026-04-29 11:00", "2026-04-29 14:30"),  # over lunch
        ("shop", "2d", "2026-04-30 17:00", "2026-05-03 17:00"),  # the first is off, Sunday the third is not
        ("shop", "90m", "2026-05-03 17:30", "2026-05-04 10:00"),
        ("office", "1d", "2026-02-14 17:00", "2026-02-23 17:00"),  # the site works a day before everybody else
        ("office", "24h", "2026-02-24 08:30", "2026-02-26 14:30"),
        ("china-workdays", "3d", "2026-02-13 10:00", "2026-02-25 10:00"),
        ("china-workdays", "72h", "2026-02-13 10:00", "2026-02-25 10:00"),
    ],
)
def test_a_limit_in_days_is_in_days_of_the_calendar(
    calendar: str, limit: str, opened: str, expected: str, tmp_path: Path
) -> None:
    found, hours = limit_of(tmp_path, limit, calendar)
    assert due(found, opened, hours) == expected


def test_a_day_on_which_clocks_are_put_forward_is_an_hour_shorter(tmp_path: Path) -> None:
    found, hours = limit_of(tmp_path, "1d", "harbour")
    berlin = ZoneInfo("Europe/Berlin")
    assert due(found, "2026-03-27 12:00", hours, berlin) == "2026-03-30 12:00", "the change was on Sunday"
    sunday = made("all week", Plan("Europe/Berlin", workdays=frozenset(range(7))))
    assert due(sunday, "2026-03-28 12:00", 24, berlin) == "2026-03-29 13:00"


def test_a_calendar_with_a_mistake_does_not_make_its_rules_wrong_too() -> None:
    plans, problems = read_calendars({"calendars": {"shop": {"workdays": [], "hours": ["9"]}}}, "UTC")
    assert len(problems) == 2
    assert plans == {"shop": Plan("UTC")}


def test_official_years_are_all_there(china: Calendar) -> None:
    """Nobody has worked for longer than two weeks or rested for longer than ten days (Spring Festival of 2020)."""
    rests = (china.starts[1:] - china.ends[:-1]) / (24 * HOUR_MS)
    spells = (china.ends - china.starts) / (24 * HOUR_MS)
    assert 0.9 < rests.min() < rests.max() <= 10, "there was summer time in the eighties"
    assert spells.max() < 14
    assert (china.starts[0], china.ends[-1]) == (ms("1970-01-02"), ms("2100-01-01"))
