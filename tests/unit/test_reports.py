"""Reports on weeks and months: golden papers, periods of the site, and a truth that is counted by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.outbox.item import Outcome
from alerts.records import format_time, parse_time
from alerts.reports.facts import Facts
from alerts.reports.incidentpaper import incident_paper
from alerts.reports.pages import as_html, as_text
from alerts.reports.periodpaper import period_paper
from alerts.reports.periods import PeriodError, PeriodKind, read_period
from alerts.reports.tally import tally
from streams.reports import UnknownReport, incident_report, period_report
from tests.alerting import CHINA
from tests.happenings import CLAIMS, DAY_MS, OUTAGE, SURGE
from tests.recounted import Day, LogEntry, history_of

Golden = Callable[[str, str], None]
HOUR_MS = 3_600_000
WEEK_MS = 7 * 24 * HOUR_MS
LATER_MS = DAY_MS + 8 * 24 * HOUR_MS  # Tuesday of the week after
NOTICED = replace(OUTAGE, notice="outage", title={"en": "Users affected", "zh": "受影响用户"})
PAYOUT = replace(
    CLAIMS, title={"en": "Payout ratio", "zh": "赔付率"}, targets={"target": 11.95, "challenge": 9.0}, by=("region",)
)


def eventful() -> Day:
    """A week: a red with a notice in time, an orange nobody takes on, a false alarm, flapping, and a figure."""
    day = Day(rules=(NOTICED, SURGE, PAYOUT))
    day.pass_to("10:00")
    red = day.alert(NOTICED, "yellow", 1_200, region="长沙")
    day.pass_to("10:10")
    day.delivers()
    day.alert(NOTICED, "red", 12_600, region="长沙")
    day.pass_to("10:16")
    day.delivers(Outcome.EXPIRED)
    day.command("ack", "王工", red.incident)
    notice = "ntc-" + red.incident.removeprefix("inc-")
    day.command("notice-approve", "李工", notice)
    day.pass_to("10:30")
    day.command("notice-publish", "李工", notice)
    day.pass_to("12:00")
    day.alert(NOTICED, "green", 0, region="长沙")
    day.command("find", "王工", red.incident, cause="光缆被挖断 <img src=x>")
    for hour in (13, 14, 15):
        day.pass_to(f"{hour}:00")
        day.alert(SURGE, "orange", 21, region="株洲", category="network")
        day.pass_to(f"{hour}:05")
        day.alert(SURGE, "green", 1, region="株洲", category="network")
    day.pass_to("16:00")
    false = day.alert(SURGE, "yellow", 11, region="", category="billing")
    day.pass_to("16:30")
    day.command("resolve", "王工", false.incident, false_alarm=True)
    day.delivers()
    day.figure(PAYOUT, 14.9, parse_time("2026-03-02T00:00:00+08:00"), region="湖南")
    day.figure(PAYOUT, 11.95, parse_time("2026-03-09T00:00:00+08:00"), region="湖南")
    day.figure(PAYOUT, 20.5, parse_time("2026-03-09T00:00:00+08:00"), 8 * 3_600_000, region="湖北")
    return day


def told(
    log: list[LogEntry], folder: Path, kind: str = "weekly", of: str = "", now_ms: int = LATER_MS
) -> dict[str, Any]:
    with history_of(log, folder) as reads:
        return {**period_report(kind, of, now_ms, CHINA)(reads), "behind": 0}


LOG = eventful().log


def test_a_week_in_both_languages(golden: Golden, tmp_path: Path) -> None:
    found = told(LOG, tmp_path)
    for language in ("zh", "en"):
        golden(f"reports/week.{language}.txt", as_text(period_paper(found, language)) + "\n")
    page = as_html(period_paper(found, "zh"))
    golden("reports/week.zh.html", page + "\n")
    assert "<img" not in page, "text of people stays text"


def test_an_empty_month_is_a_report_too(golden: Golden, tmp_path: Path) -> None:
    found = told([], tmp_path, "monthly", "2026-01")
    golden("reports/empty.en.txt", as_text(period_paper(found, "en")) + "\n")


def test_an_incident_looked_back_on(golden: Golden, tmp_path: Path) -> None:
    with history_of(LOG, tmp_path) as reads:
        worst = period_report("weekly", "", LATER_MS, CHINA)(reads)["worst"][0]["incident"]
        found = {**incident_report(worst, CHINA)(reads), "behind": 3}
        with pytest.raises(UnknownReport, match="knows no incident 'inc-x'"):
            incident_report("inc-x", CHINA)(reads)
    for language in ("zh", "en"):
        golden(f"reports/incident.{language}.txt", as_text(incident_paper(found, language)) + "\n")
    assert "<img" not in as_html(incident_paper(found, "en"))


def test_a_period_that_goes_on_and_one_with_too_much_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alerts.reports.facts.INCIDENTS_MAX", 1)
    found = told(LOG, tmp_path, of="2026-03-03", now_ms=DAY_MS + 20 * HOUR_MS)
    text = as_text(period_paper(found, "en"))
    assert "The period is not over" in text
    assert "There was more than a report looks at" in text
    assert (found["incidents"]["now"], len(found["worst"])) == (5, 1), "all are counted, the worst looked at"


def test_too_many_lines_of_timelines_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alerts.reports.facts.MARKS_MAX", 5)
    assert told(LOG, tmp_path)["cut"]


def test_what_is_kept_quiet_is_counted(tmp_path: Path) -> None:
    day = Day(rules=(SURGE,))
    day.pass_to("10:00")
    ends = "2026-03-02T20:00:00+08:00"
    day.command("silence-add", "王工", "s1", match={"region": "a"}, comment="割接", ends=ends)
    for region in "ab":
        day.alert(SURGE, "yellow", region=region, category="network")
    day.command("silence-add", "王工", "s2", match={"region": "b"}, comment="割接", ends=ends)
    found = told(day.log, tmp_path)
    assert (found["alerts"]["now"], found["muted"]["now"]) == (2, 2), "from the beginning, and later"
    assert (found["alerts"]["before"], found["muted"]["before"]) == (0, 0)


@pytest.mark.parametrize(
    ("state", "published", "now", "counted"),
    [
        pytest.param("published", "2026-03-02T12:59:59Z", "2026-03-03T00:00:00Z", "in_time", id="within three hours"),
        pytest.param("published", "2026-03-02T13:00:00Z", "2026-03-03T00:00:00Z", "in_time", id="at the deadline"),
        pytest.param("all-clear", "2026-03-02T13:00:01Z", "2026-03-03T00:00:00Z", "late", id="after it"),
        pytest.param("draft", None, "2026-03-02T13:00:01Z", "missed", id="not out, the deadline is over"),
        pytest.param("approved", None, "2026-03-02T12:00:00Z", "waiting", id="not out, time left"),
        pytest.param("withdrawn", None, "2026-03-03T00:00:00Z", "withdrawn", id="not needed"),
    ],
)
def test_notices_against_their_deadline(state: str, published: str | None, now: str, counted: str) -> None:
    notice = {"incident": "i", "deadline": "2026-03-02T13:00:00Z", "published": published, "state": state}
    found = tally(Facts(0, 1 << 50, parse_time(now), notices=(notice,))).notices
    assert {name for name in ("in_time", "late", "missed", "waiting", "withdrawn") if getattr(found, name)} == {counted}


@pytest.mark.parametrize(
    ("others", "standing", "over", "counted"),
    [
        pytest.param("2026-03-02T12:30:00Z", "", "", "in_time", id="all audiences heard in time"),
        pytest.param("2026-03-02T13:30:00Z", "", "", "late", id="the last heard late"),
        pytest.param(None, "waiting", "", "missed", id="one is still to hear"),
        pytest.param(None, "dropped", "2026-03-02T14:00:00Z", "in_time", id="one was kept from it"),
        pytest.param(None, "", "2026-03-02T12:59:00Z", "in_time", id="it was over before one was to hear"),
        pytest.param(None, "", "2026-03-02T14:00:00Z", "late", id="it was over when one should have heard long ago"),
    ],
)
def test_a_notice_is_in_time_when_all_its_audiences_are(
    others: str | None, standing: str, over: str, counted: str
) -> None:
    audiences = [
        {"first": "2026-03-02T12:00:00Z", "waiting": False, "dropped": False},
        {"first": others, "waiting": standing == "waiting", "dropped": standing == "dropped"},
    ]
    first = {"incident": "i", "deadline": "2026-03-02T13:00:00Z", "published": "2026-03-02T12:00:00Z"}
    steps = [{"time": "2026-03-02T12:00:00Z", "kind": "first"}, {"time": over, "kind": "all-clear"}][: 2 if over else 1]
    notice = {**first, "state": "publishing", "audiences": audiences, "steps": steps}
    found = tally(Facts(0, 1 << 50, parse_time("2026-03-03T00:00:00Z"), notices=(notice,))).notices
    assert getattr(found, counted) == 1


# Periods.


SHANGHAI, BERLIN = "Asia/Shanghai", "Europe/Berlin"
PERIODS = {
    "a Sunday": (SHANGHAI, "weekly", "2026-03-01", "2026-02-22T16", "2026-03-01T16", "2026-W09"),
    "a Monday": (SHANGHAI, "weekly", "2026-03-02", "2026-03-01T16", "2026-03-08T16", "2026-W10"),
    "an hour less": (BERLIN, "weekly", "2026-W13", "2026-03-22T23", "2026-03-29T22", "2026-W13"),
    "an hour more": (BERLIN, "monthly", "2026-10", "2026-09-30T22", "2026-10-31T23", "2026-10"),
    "a leap year": ("UTC", "monthly", "2028-02-29", "2028-02-01T00", "2028-03-01T00", "2028-02"),
    "the end of a year": ("UTC", "monthly", "2027-12", "2027-12-01T00", "2028-01-01T00", "2027-12"),
    "a week of two years": ("UTC", "weekly", "2027-01-01", "2026-12-28T00", "2027-01-04T00", "2026-W53"),
    "the last week": ("UTC", "weekly", "", "2028-06-19T00", "2028-06-26T00", "2028-W25"),
    "the last month": ("UTC", "monthly", "", "2028-05-01T00", "2028-06-01T00", "2028-05"),
    "one that goes on": ("UTC", "monthly", "2028-06", "2028-06-01T00", "2028-07-01T00", "2028-06"),
}


@pytest.mark.parametrize("case", PERIODS)
def test_periods_begin_and_end_at_midnight_of_the_site(case: str) -> None:
    zone, kind, of, starts, ends, name = PERIODS[case]
    period = read_period(PeriodKind(kind), of, parse_time("2028-06-28T12:00:00Z"), ZoneInfo(zone))
    told = (format_time(period.from_ms), format_time(period.to_ms), period.name)
    assert told == (f"{starts}:00:00Z", f"{ends}:00:00Z", name)
    assert period.before.to_ms == period.from_ms


@pytest.mark.parametrize(
    ("kind", "of", "why"),
    [
        ("weekly", "2028-07-03", "has not begun"),
        ("monthly", "2028-07", "has not begun"),
        ("weekly", "2028-02-30", "not in the calendar"),
        ("weekly", "2027-W53", "not in the calendar"),
        ("weekly", "2028-06", "give a week as 2026-W10"),
        ("monthly", "2028-W10", "give a month as 2026-03"),
        ("monthly", "last", "is no period"),
        ("monthly", "0001-01", "give a year from"),
        ("weekly", "9999-12-31", "give a year from"),
    ],
)
def test_what_is_no_period_is_refused_in_one_line(kind: str, of: str, why: str) -> None:
    with pytest.raises(PeriodError, match=why) as refused:
        read_period(PeriodKind(kind), of, parse_time("2028-06-28T12:00:00Z"), ZoneInfo("UTC"))
    assert "\n" not in str(refused.value)


# The truth, counted from what was done to the desk and not from its records.


class Truth:
    """Counts by itself what a week of one-alert incidents was."""

    def __init__(self) -> None:
        self.peaks: Counter[str] = Counter()
        self.places: Counter[str] = Counter()
        self.at_level_ms: Counter[str] = Counter()
        self.acknowledged_ms: list[int] = []
        self.resolved_ms: list[int] = []
        self.red_after_ms: list[int] = []


Visit = tuple[int, list[tuple[int, str]], int | None, int | None]
_ORDER = ("yellow", "orange", "red")
VISITS = st.lists(
    st.tuples(
        st.integers(0, 20 * 60),  # when it begins: minutes after Sunday 20:00 of the site
        st.lists(st.tuples(st.integers(1, 40), st.sampled_from(_ORDER)), min_size=1, max_size=4),
        st.one_of(st.none(), st.integers(1, 30)),  # acknowledged so many minutes later
        st.one_of(st.none(), st.integers(1, 90)),  # green so many minutes after its last change
    ),
    min_size=1,
    max_size=6,
)
FIRST_MS = parse_time("2026-03-01T20:00:00+08:00")
MONDAY_MS = parse_time("2026-03-02T00:00:00+08:00")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(visits=VISITS)
def test_a_report_agrees_with_what_was_done(visits: list[Visit], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Incidents over the border of two weeks: each belongs to the week it began in, its time to both."""
    steps: list[tuple[int, int, str, str]] = []
    truths = {-1: Truth(), 0: Truth()}
    end_ms = FIRST_MS + 40 * HOUR_MS
    for number, (start, levels, acknowledged, green) in enumerate(visits):
        at_ms = opened_ms = FIRST_MS + start * 60_000 + number  # no two at one time
        own = truths[-1 if opened_ms < MONDAY_MS else 0]
        path: list[tuple[int, str]] = []
        for wait, level in levels:
            if not path or path[-1][1] != level:
                path.append((at_ms, level))
                steps.append((at_ms, number, "level", level))
            at_ms += wait * 60_000
        over_ms = None if green is None else path[-1][0] + green * 60_000
        if over_ms is not None:
            steps.append((over_ms, number, "level", "green"))
            own.resolved_ms.append(over_ms - opened_ms)
        if acknowledged is not None and (over_ms is None or opened_ms + acknowledged * 60_000 < over_ms):
            steps.append((opened_ms + acknowledged * 60_000, number, "ack", ""))
            own.acknowledged_ms.append(acknowledged * 60_000)
        own.peaks[max((level for _, level in path), key=_ORDER.index)] += 1
        own.places[f"r{number}"] += 1
        red_ms = next((time_ms for time_ms, level in path if level == "red"), None)
        if red_ms is not None and path[0][1] != "red":
            own.red_after_ms.append(red_ms - opened_ms)
        ends = [*(time_ms for time_ms, _ in path[1:]), over_ms or end_ms]
        for (time_ms, level), until_ms in zip(path, ends, strict=True):
            truths[-1].at_level_ms[level] += max(min(until_ms, MONDAY_MS) - time_ms, 0)
            truths[0].at_level_ms[level] += max(until_ms - max(time_ms, MONDAY_MS), 0)
    found = told(_done(steps), tmp_path_factory.mktemp("history"), of="2026-03-02", now_ms=end_ms)
    _agrees(found, truths[0], "now")
    _agrees(found, truths[-1], "before")


def _done(steps: list[tuple[int, int, str, str]]) -> list[LogEntry]:
    """Do it all to a desk, in the order of time."""
    day = Day(rules=(SURGE,), now_ms=FIRST_MS)
    incidents: dict[int, str] = {}
    for at_ms, number, what, level in sorted(steps):
        day.now_ms = at_ms
        if what == "ack":
            day.command("ack", "an", incidents[number])
        else:
            record = day.alert(SURGE, level, region=f"r{number}", category="network")
            incidents.setdefault(number, record.incident)
    return day.log


def _agrees(found: dict[str, Any], truth: Truth, side: str) -> None:
    peaks = {row["level"]: row[side] for row in found["by_level"]}
    assert {level: count for level, count in peaks.items() if count} == dict(truth.peaks)
    assert found["incidents"][side] == truth.peaks.total()
    assert {row["name"]: row[side] for row in found["by_place"] if row[side]} == dict(truth.places)
    spans = {row["level"]: row[side] * 1000 for row in found["at_level_s"] if row[side]}
    assert spans == pytest.approx({level: span for level, span in truth.at_level_ms.items() if span})
    for name, times, worst in (
        ("acknowledging", truth.acknowledged_ms, max),
        ("resolving", truth.resolved_ms, max),
        ("reddening", truth.red_after_ms, min),
    ):
        assert found[name]["count"][side] == len(times)
        if times:
            assert found[name]["median_s"][side] * 1000 == pytest.approx(round(median(times)))
            assert found[name]["worst_s"][side] * 1000 == pytest.approx(worst(times))
