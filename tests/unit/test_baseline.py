"""What is usual: the hour and weekday are learned, incidents are not, and what stays becomes usual."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from datetime import date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from detectors.baseline import Baseline
from detectors.hours import Almanac
from detectors.rules import Kind, Measure, Rule

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
STEP = 15 * MINUTE


UTC = Almanac("UTC")


def baseline(
    kind: Kind = Kind.COUNT,
    *,
    low: bool = False,
    field: str | None = None,
    almanac: Almanac = UTC,
    month_days: tuple[tuple[int, int], ...] = (),
) -> Baseline:
    measure = Measure(Kind.UNUSUAL, base=Measure(kind, field), low=low, month_days=month_days)
    return Baseline(Rule("r", "calls", measure, (("yellow", 3.0),), {}, window_ms=STEP, hop_ms=STEP, almanac=almanac))


def walk(watched: Baseline, days: float, value: Callable[[int], float], begin_ms: int = 0) -> dict[int, float]:
    """Show a single series its value at every step on, up to so many days; give how unusual each was."""
    told = {}
    watched.begin(1, begin_ms)
    for time in range(watched.next_ms, int(days * DAY), STEP):
        now = np.array([value(time)])
        watched.learn(now, time)
        told[time] = float(watched.values(np.array([0]), now)[0])
    return told


def poisson(random: Random, mean: float) -> float:
    limit, product, number = math.exp(-mean), random.random(), 0
    while product > limit:
        product *= random.random()
        number += 1
    return float(number)


def day_and_night(time: int) -> float:
    weekend = time // DAY % 7 in (2, 3)  # the epoch was a Thursday
    return (4.0 if weekend else 20.0) * (1.0 + 0.9 * math.sin(2 * math.pi * time / DAY))


def test_nothing_is_unusual_before_a_week_has_been_seen() -> None:
    told = walk(baseline(), 7.5, lambda _: 5.0)
    assert all(math.isnan(value) for time, value in told.items() if time < 7 * DAY)
    assert all(value < 1.0 for time, value in told.items() if time >= 7 * DAY)


def test_the_hours_and_weekdays_are_learned() -> None:
    random, watched = Random(3), baseline()
    walk(watched, 28, lambda time: poisson(random, day_and_night(time)))
    told = walk(watched, 42, lambda time: poisson(random, day_and_night(time)))
    assert sum(value >= 3.0 for value in told.values()) <= 6  # of 1,344: about one is expected by chance
    # 20 calls are nothing at noon of a Thursday and much too many at night; a weekday's noon is too much on a Saturday.
    noon, night, saturday = 42 * DAY + 6 * HOUR, 42 * DAY + 18 * HOUR, 44 * DAY + 6 * HOUR
    assert walk(watched, 42.26, day_and_night)[noon] < 0.5
    assert walk(watched, 42.76, lambda time: 20.0 if time == night else day_and_night(time))[night] > 6
    later = walk(watched, 44.26, lambda time: 38.0 if time == saturday else day_and_night(time))
    assert later[saturday] > 4


def day_of(time: int) -> date:
    return date(1970, 1, 1) + timedelta(days=time // DAY)


def test_a_holiday_is_judged_as_a_sunday_and_leaves_its_weekday_alone() -> None:
    feast = 42 * DAY  # a Thursday
    quiet = lambda time: day_and_night(time if time // DAY != 42 else time + 3 * DAY)  # noqa: E731  as on a Sunday
    known = baseline(low=True, almanac=Almanac("UTC", frozenset([day_of(feast)])))
    unknown = baseline(low=True)
    during = {}
    for watched in (known, unknown):
        walk(watched, 42, day_and_night)
        told = walk(watched, 43, quiet)
        during[watched] = max(value for time, value in told.items() if not math.isnan(value))
    assert during[known] < 1.0
    assert during[unknown] > 3.0
    # The Thursday after is as any other: nothing of the holiday was learned for it.
    assert max(walk(known, 50, day_and_night).values()) < 1.0


def test_the_next_holidays_are_judged_by_how_busy_the_last_were() -> None:
    feasts = [day_of(day * DAY) for day in (42, 43, 44, 56)]
    watched = baseline(almanac=Almanac("UTC", frozenset(feasts)))
    busy = lambda time: day_and_night(time + (3 - time // DAY % 7) * DAY) * 2  # noqa: E731  twice a Sunday
    walk(watched, 42, day_and_night)
    first = walk(watched, 45, busy)
    walk(watched, 56, day_and_night)
    again = walk(watched, 57, busy)
    assert max(again.values()) < max(first.values())
    usual = watched.state(1)["recent"][0]
    assert usual[0] == pytest.approx(usual[1], rel=0.1), "a busy holiday makes the day after it no busier"


def test_the_first_days_of_a_month_are_judged_by_those_of_the_months_before() -> None:
    """Bills come on the first: three times as many call on it, then fewer from day to day; 1970 has such months."""

    def bills(time: int) -> float:
        day = day_of(time).day
        return day_and_night(time) * {1: 3.0, 2: 2.5, 3: 2.0, 4: 1.5, 5: 1.2}.get(day, 1.0)

    told = {}
    for month_days in ((), ((1, 5),)):
        watched = baseline(month_days=month_days)
        told[month_days] = walk(watched, 120, bills)  # January to April
    first = {time for time in told[()] if day_of(time).day <= 5 and day_of(time).month > 1}
    known = told[((1, 5),)]
    assert max(told[()][time] for time in first) > 6.0, "without its days every month begins with an alarm"
    february = [known[time] for time in first if day_of(time).month == 2]
    assert all(math.isnan(value) for value in february), "seen for the first time: nothing to judge it by"
    assert max(known[time] for time in first if day_of(time).month > 2) < 2.0
    others = [value for time, value in known.items() if time not in first and day_of(time).month > 1]
    assert max(others) < 1.0, "and the days after it are judged by days as they are"


def test_a_fault_on_the_second_is_unusual_even_for_a_second() -> None:
    def bills(time: int) -> float:
        return day_and_night(time) * (3.0 if day_of(time).day <= 5 else 1.0)

    watched = baseline(month_days=((1, 5),))
    walk(watched, 90, bills)  # up to the end of March
    during = walk(
        watched, 92, lambda time: bills(time) * (2.5 if time % DAY >= 10 * HOUR and time >= 91 * DAY else 1.0)
    )
    assert max(value for time, value in during.items() if time < 91 * DAY + 10 * HOUR) < 2.0
    assert max(value for time, value in during.items() if time >= 91 * DAY + 10 * HOUR) > 6.0


def test_a_door_that_opens_at_eight_opens_at_eight_in_summer_too() -> None:
    """The clocks are put forward on 29 March 2026: by UTC the door opens an hour earlier from then on."""
    start = 1_771_200_000_000  # Monday, 16 February 2026
    zone = ZoneInfo("Europe/Berlin")

    def door(time: int) -> float:
        return 30.0 if 8 <= datetime.fromtimestamp(time / 1000, zone).hour < 18 else 1.0

    change = datetime(2026, 3, 29, 12, tzinfo=zone).timestamp() * 1000
    highest = {}
    for name in ("Europe/Berlin", "UTC"):
        watched = baseline(almanac=Almanac(name))
        told = walk(watched, (start + 49 * DAY) / DAY, door, start)
        highest[name] = max(value for time, value in told.items() if time > change)
    assert highest["Europe/Berlin"] < 1.0
    assert highest["UTC"] > 5.0


def test_an_incident_is_not_learned() -> None:
    one, other = baseline(), baseline()
    random = Random(5)
    calls = {time: poisson(random, 10.0) for time in range(0, 43 * DAY, STEP)}
    incident = range(28 * DAY, 28 * DAY + 6 * HOUR)
    walk(one, 35, calls.__getitem__)
    during = walk(other, 35, lambda time: calls[time] + (40 if time in incident else 0))
    assert min(during[time] for time in incident if time in during) > 5  # as unusual at its end as at its start
    usual, after = walk(one, 35.5, calls.__getitem__), walk(other, 35.5, calls.__getitem__)
    assert usual == pytest.approx(after, abs=0.3)  # a week later, at the same hours: as if it had not been


def test_what_stays_is_usual_in_the_end() -> None:
    random, watched = Random(7), baseline()
    walk(watched, 28, lambda _: poisson(random, 10.0))
    told = walk(watched, 32, lambda _: poisson(random, 25.0))
    assert statistics.median(list(told.values())[:40]) > 3
    assert max(list(told.values())[-96:]) < 3.5  # four days later


def test_low_is_asked_for_apart() -> None:
    random = Random(9)
    calls = {time: poisson(random, 30.0) for time in range(0, 22 * DAY, STEP)}
    high, low = baseline(), baseline(low=True)
    for watched in (high, low):
        walk(watched, 21, calls.__getitem__)
    assert walk(high, 21.01, lambda _: 2.0)[21 * DAY] < 1e-6
    assert walk(low, 21.01, lambda _: 2.0)[21 * DAY] > 6


def test_a_gauge_is_judged_by_how_it_wanders() -> None:
    random, watched = Random(11), baseline(Kind.MEAN, field="wait_s")
    told = walk(watched, 28, lambda _: random.gauss(30.0, 4.0))
    assert sum(value >= 3.0 for value in told.values()) < 8  # of 2,000
    assert walk(watched, 28.01, lambda _: 50.0)[28 * DAY] > 4
    assert math.isnan(walk(watched, 28.02, lambda _: math.nan).popitem()[1])


def test_a_door_that_opens_is_not_unusual() -> None:
    """A centre that opens at 7: what lies between the empty hour and the full one is not what is expected at 7:00."""
    random, watched = Random(13), baseline()

    def calls(time: int) -> float:
        return poisson(random, 60.0) if 7 <= time % DAY / HOUR < 21 else 0.0

    walk(watched, 21, calls)
    told = walk(watched, 28, calls)
    assert max(told.values()) < 4.5


def test_what_comes_again_at_the_same_hour_is_usual_in_the_end() -> None:
    """From one day on the centre opens an hour earlier: an incident of an hour each morning would never be learned."""
    random, watched = Random(17), baseline()

    def calls(time: int) -> float:
        opens = 7 if time < 28 * DAY else 6
        return poisson(random, 60.0) if opens <= time % DAY / HOUR < 21 else 0.0

    walk(watched, 28, calls)
    told = walk(watched, 49, calls)
    early = [value for time, value in told.items() if 6 <= time % DAY / HOUR < 7]
    assert min(early[4:28]) > 5  # the first week, every morning
    assert max(early[-28:]) < 3.5  # the third
