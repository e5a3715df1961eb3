"""What the desk knows, over the API: by the worker that has it, and refused by the others."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.callout import Crew
from alerts.ladders import Ladder
from streams.deskside import ladder_rows
from tests.apibench import CREW, NOW_MS, Bench

SILENCE = {"match": {"region": "长沙"}, "comment": "割接", "ends": "2026-03-01T12:00:00Z"}


async def got(bench: Bench, path: str) -> tuple[int, Any]:
    async with bench.client() as client:
        answer = await client.get(path)
        return answer.status, await answer.json()


async def test_alerts_are_told_with_their_incidents_worst_first() -> None:
    status, told = await got(Bench(), "/api/v1/alerts")
    assert status == 200
    assert [(row["key"]["region"], row["level"], row["muted"]) for row in told["alerts"]] == [
        ("湘潭", "red", []),
        ("长沙", "orange", []),
        ("株洲", "yellow", []),
    ]
    red = told["alerts"][0]
    assert (red["rule"], red["started"], red["value"], red["threshold"]) == (
        "complaint-surge",
        "2026-03-01T09:18:00Z",
        63.0,
        120.0,
    )
    assert (await got(Bench(), f"/api/v1/incidents/{red['incident']}"))[1]["peak_level"] == "red"


async def test_a_silence_is_tried_made_listed_shown_and_seen_on_the_alert() -> None:
    bench = Bench()
    async with bench.client() as client:
        tried = await (await client.post("/api/v1/preview/silence", json=SILENCE)).json()
        assert [(row["level"], row["hidden"]) for row in tried["incidents"]] == [("orange", 1)]
        assert bench.entered == []
        asked = {"what": "silence-add", "by": "an", "command": "s1", "body": SILENCE}
        assert (await client.post("/api/v1/commands", json=asked)).status == 202
        assert (await (await client.get("/api/v1/commands/s1")).json())["outcome"] == "done"
        (row,) = (await (await client.get("/api/v1/silences")).json())["silences"]
        assert (row["id"], row["author"], row["match"]) == ("s1", "an", {"region": ["长沙"]})
        assert await (await client.get("/api/v1/silences/s1")).json() == row
        alerts = (await (await client.get("/api/v1/alerts")).json())["alerts"]
        assert {alert["key"]["region"]: alert["muted"] for alert in alerts}["长沙"] == ["silence s1 by an"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"until": 1}, "unknown field `until`", id="an unknown field"),
        pytest.param({"match": {}}, "hides everything", id="everything"),
        pytest.param({"match": {"labels": ["level=~("]}}, "not an expression", id="no expression"),
        pytest.param({"ends": "2026-02-01T12:00:00Z"}, "must end after it starts", id="over before it begins"),
        pytest.param({"ends": "2027-03-01T12:00:00Z"}, "31 days at most", id="longer than anybody remembers"),
        pytest.param({"ends": "noon"}, "times with their offset", id="no time"),
    ],
)
async def test_what_can_be_no_silence_is_told_so(changes: dict[str, Any], said: str) -> None:
    async with Bench().client() as client:
        answer = await client.post("/api/v1/preview/silence", json={**SILENCE, **changes})
        assert answer.status == 400
        assert said in (await answer.json())["error"]


@pytest.mark.parametrize("path", ["/api/v1/incidents/inc-x", "/api/v1/silences/x", "/api/v2/silence/x"])
async def test_what_is_not_known_is_not_found(path: str) -> None:
    assert (await got(Bench(), path))[0] == 404


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/incidents/inc-x",
        "/api/v1/alerts",
        "/api/v1/silences",
        "/api/v1/silences/x",
        "/api/v2/alerts",
        "/api/v2/alerts/groups",
        "/api/v2/silences",
        "/api/v2/silence/x",
    ],
)
async def test_where_another_worker_has_the_desk_nothing_looks_like_calm(path: str) -> None:
    bench = Bench()
    bench.desk = None
    status, told = await got(bench, path)
    assert status == 503
    assert "the desk is at another worker" in (told if isinstance(told, str) else told["error"])


async def test_ladders_are_told_by_any_worker() -> None:
    bench = Bench()
    bench.desk = None
    status, told = await got(bench, "/api/v1/ladders")
    assert status == 200
    assert told == ladder_rows(CREW, NOW_MS)
    (duty, leader) = told["roles"]
    assert duty == {
        "role": "duty",
        "posts": [{"where": {"region": "长沙"}, "people": ["zhang"]}, {"where": {}, "people": ["li"]}],
    }
    assert leader == {"role": "leader", "posts": []}
    assert [rung["wait_s"] for rung in told["ladders"][0]["rungs"]] == [300, 600]
    assert ladder_rows(CREW, NOW_MS + 60_000)["roles"][0]["posts"][1]["people"] == ["wang"], "the next shift"


def test_a_ladder_without_rungs_is_told_all_the_same() -> None:
    assert ladder_rows(Crew(ladders={"a": Ladder(name="a", rungs=())}), 0)["ladders"][0]["rungs"] == []
