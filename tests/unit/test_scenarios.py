"""The scripted troubles, at the level of data: who is affected when, and that the documented timeline holds."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from alerts.records import parse_time
from streams.rulefile import load
from streams.scenarios import SCENARIOS, SPEED, TOUR_STEP_S
from streams.script import Shape
from tests.builders import run as judge
from tests.unit.test_simulator import PROVINCE, SPAN_MS, START_MS, good, simulator

RULES = Path(__file__).parents[2] / "rules" / "telecom"  # those of the demo
LATENESS_MS = 5_000
HOP_S = 10
WINDOW_S = 600
END_S = SPAN_MS // 1_000
TROUBLES = [name for name in SCENARIOS if name not in ("quiet", "tour")]


def told(scenario: str, stream: str) -> list[tuple[float, dict[str, object]]]:
    """Give a stream's events with their seconds since the start, by time."""
    events = [
        ((parse_time(str(event["time"])) - START_MS) / 1_000, event) for name, event in good(scenario) if name == stream
    ]
    return sorted(events, key=lambda entry: (entry[0], str(entry[1]["id"])))


def users_affected(scenario: str) -> dict[int, Counter[str]]:
    """Give users affected by region, and of the whole province (""), at every boundary."""
    latest: dict[object, dict[str, object]] = {}
    coming = iter(told(scenario, "network"))
    after = next(coming, None)
    affected = {}
    for boundary in range(HOP_S, END_S + 1, HOP_S):
        while after and after[0] < boundary:
            latest[after[1]["element"]] = after[1]
            after = next(coming, None)
        affected[boundary] = Counter({"": 0})
        for event in latest.values():
            if event["state"] != "up":
                affected[boundary][str(event["region"])] += int(str(event["users"]))
                affected[boundary][""] += int(str(event["users"]))
    return affected


def first_at(affected: dict[int, Counter[str]], region: str, users: int) -> int | None:
    """Give the first boundary with that many users affected."""
    return next((boundary for boundary, by_region in affected.items() if by_region[region] >= users), None)


@pytest.mark.parametrize(
    ("region", "yellow", "orange", "red"),
    [("", 220, 460, 610), ("长沙", 220, 460, 670), ("株洲", 580, None, None)],
)
def test_the_backbone_cut_climbs_as_documented(region: str, yellow: int, orange: int | None, red: int | None) -> None:
    affected = users_affected("backbone-cut")
    assert [first_at(affected, region, users) for users in (2_000, 5_000, 10_000)] == [yellow, orange, red]


def test_after_the_repair_nobody_is_affected_any_more() -> None:
    affected = users_affected("backbone-cut")
    assert affected[1_260][""] > 2_000
    assert max(affected[boundary][""] for boundary in range(1_330, END_S + 1, HOP_S)) < 1_000


def test_small_troubles_heal_by_themselves_below_yellow() -> None:
    affected = users_affected("quiet")
    province = [by_region[""] for by_region in affected.values()]
    assert 0 < max(province) < 1_000


@pytest.mark.parametrize("scenario", TROUBLES)
def test_every_trouble_is_repaired(scenario: str) -> None:
    assert users_affected(scenario)[END_S][""] < 1_000
    state = {report.element: report.state for report in SCENARIOS[scenario].reports}
    assert set(state.values()) <= {"up"}


def test_a_scripted_element_says_only_what_the_script_says() -> None:
    scripted = {report.element for report in SCENARIOS["backbone-cut"].reports}
    spoken = [event for _, event in told("backbone-cut", "network") if event["element"] in scripted]
    assert len(spoken) == len(SCENARIOS["backbone-cut"].reports)
    assert {event["state"] for event in spoken if "eta" in event} == {"down", "degraded"}


@pytest.mark.parametrize(
    ("scenario", "region", "category", "at_least"),
    [
        ("backbone-cut", "长沙", "network", 60),
        ("backbone-cut", "株洲", "network", 30),
        ("billing-fault", "常德", "billing", 60),
        ("provider-wave", "长沙", "provider", 60),
        ("outlet-dark", "衡阳", "support-systems", 30),
    ],
)
def test_complaints_of_the_place_follow_and_are_forgotten(
    scenario: str, region: str, category: str, at_least: int
) -> None:
    times = [
        second
        for second, event in told(scenario, "complaints")
        if event["region"] == region and event["category"] == category
    ]
    windows = {
        boundary: sum(boundary - WINDOW_S <= second < boundary for second in times)
        for boundary in range(HOP_S, END_S + 1, HOP_S)
    }
    assert max(windows.values()) >= at_least
    assert max(count for boundary, count in windows.items() if boundary <= 270) < 30
    assert max(count for boundary, count in windows.items() if boundary >= 1_740) < 27


def test_the_quiet_day_has_no_surge() -> None:
    per_place = Counter((event["region"], event["category"]) for _, event in told("quiet", "complaints"))
    assert max(per_place.values()) < 15  # in three windows


def test_the_wave_is_of_one_provider() -> None:
    wave = [
        event
        for second, event in told("provider-wave", "complaints")
        if event["category"] == "provider" and 150 <= second < 1_320
    ]
    providers = Counter(event["provider"] for event in wave)
    assert providers["jade-horoscope"] / len(wave) > 0.9
    assert [event["severity"] for event in wave if event["major"]] == [5]


@pytest.mark.parametrize(
    ("scenario", "queue"), [("backbone-cut", "faults"), ("billing-fault", "billing"), ("queue-overload", "inquiry")]
)
def test_waits_and_abandonment_rise_and_recover(scenario: str, queue: str) -> None:
    calls = [(second, event) for second, event in told(scenario, "calls") if event["queue"] == queue]
    spans = {"before": (0, 150), "during": (600, 840), "after": (1_320, END_S)}
    waits, lost = {}, {}
    for span, (begin, end) in spans.items():
        within = [event for second, event in calls if begin <= second < end]
        waits[span] = sum(float(str(event.get("wait_s", 0))) for event in within) / len(within)
        lost[span] = sum(event["outcome"] == "abandoned" for event in within) / len(within)
    usual_wait_s = 11.0
    assert waits["during"] > 4 * usual_wait_s
    assert lost["during"] > 0.15
    assert waits["before"] == pytest.approx(usual_wait_s, rel=0.3)
    assert waits["after"] == pytest.approx(usual_wait_s, rel=0.3)
    assert max(lost["before"], lost["after"]) < 0.08


def test_four_outlets_go_dark_and_come_back() -> None:
    state: dict[object, object] = {}
    dark = []
    for _, event in told("outlet-dark", "network"):
        if event["kind"] == "outlet":
            assert event["outlet"] in PROVINCE.outlets
            state[event["outlet"]] = event["state"]
            dark.append(sum(now != "up" for now in state.values()))
    assert max(dark) == 4
    assert dark[-1] == 0


def test_the_tour_tells_every_story_in_turn() -> None:
    tour = SCENARIOS["tour"]
    assert len(tour.reports) == sum(len(SCENARIOS[name].reports) for name in TROUBLES)
    assert {wave.shape.starts_s // TOUR_STEP_S for wave in tour.waves} == set(range(len(TROUBLES)))
    assert [scene.at_s for scene in tour.scenes] == sorted(scene.at_s for scene in tour.scenes)
    last = max(report.at_s for report in tour.reports)
    assert simulator("tour").scenes(START_MS, START_MS + (last + 1) * 1_000)


def test_every_scene_and_title_is_told_in_both_languages() -> None:
    for scenario in SCENARIOS.values():
        for text in (scenario.title, *(scene.text for scene in scenario.scenes)):
            assert text["zh"]
            assert text["en"].isascii()


def test_the_default_is_the_backbone_cut() -> None:
    assert next(iter(SCENARIOS)) == "backbone-cut"


@pytest.mark.parametrize("corners", [(5, 5, 6, 7), (0, 3, 2, 5), (-1, 2, 3, 4), (0, 1, 4, 4)])
def test_a_shape_runs_forward(corners: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="forward"):
        Shape(*corners)


@pytest.mark.slow
def test_the_shipped_rules_tell_the_story_in_time() -> None:
    """Red for 长沙 well before 35 s on the wall; before 85 s green again, but for the count of the last half hour."""
    said = judged("backbone-cut", round(85 * SPEED))
    first: dict[tuple[str, tuple[object, ...], str], float] = {}
    for at_s, rule, key, level in said:
        first.setdefault((rule, key, level), at_s / SPEED)
    assert first["users-affected", ("长沙",), "yellow"] < 10
    assert first["users-affected", ("长沙",), "orange"] < 18
    assert first["users-affected", ("长沙",), "red"] < 25
    assert {rule for _, rule, _, _ in said} >= {"complaint-surge", "abandonment", "mean-wait"}
    last = {(rule, key): level for _, rule, key, level in said if rule != "place-complaints"}
    assert set(last.values()) == {"green"}


@pytest.mark.slow
def test_the_shipped_rules_leave_a_quiet_day_in_peace() -> None:
    assert judged("quiet", END_S) == []


def judged(scenario: str, until_s: int) -> list[tuple[float, str, tuple[object, ...], str]]:
    """Judge a scenario by the shipped rules: seconds since the start, rule, key and new level of every transition."""
    events = [
        {name: value for name, value in event.items() if name != "eta"}  # the builder reads no times but `time`
        | {"stream": stream, "time": parse_time(str(event["time"]))}
        for stream, event in simulator(scenario).advance(START_MS + until_s * 1_000)
        if not str(event["id"]).endswith("-bad")
    ]
    rules = load([RULES]).rules
    slices = [events[at : at + 5_000] for at in range(0, len(events), 5_000)]
    return [
        ((time_ms - START_MS) / 1_000, rule, key, level)
        for time_ms, rule, key, _, level, *_ in judge(rules, slices, LATENESS_MS)
    ]
