"""Alertmanager's API: alerts, groups and silences in its words, and what it changes in ours."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.silences import read_silence
from streams.door import Door
from tests.apibench import NOW_MS, TEAM, Bench


def matcher(name: str, value: str, *, isRegex: bool = False, isEqual: bool = True) -> dict[str, Any]:  # noqa: N803  theirs
    return {"name": name, "value": value, "isRegex": isRegex, "isEqual": isEqual}


SURGE_IN_CHANGSHA = [
    matcher("alertname", "complaint-surge"),
    matcher("key_region", "长沙"),
]
POSTED = {
    "matchers": SURGE_IN_CHANGSHA,
    "startsAt": "2026-03-01T09:20:00.123456789Z",
    "endsAt": "2026-03-01T12:00:00Z",
    "createdBy": "an",
    "comment": "割接",
}


def regions(rows: list[dict[str, Any]]) -> set[str]:
    return {row["labels"]["key_region"] for row in rows}


async def asked(bench: Bench, method: str, path: str, **more: Any) -> tuple[int, Any]:
    async with bench.client(more.pop("door", None)) as client:
        answer = await client.request(method, f"/api/v2{path}", **more)
        return answer.status, await answer.json() if answer.content_type == "application/json" else None


async def alerts(bench: Bench, **params: Any) -> list[dict[str, Any]]:
    status, told = await asked(bench, "GET", "/alerts", params=params)
    assert status == 200, told
    return told  # type: ignore[no-any-return]


async def made(bench: Bench, **changes: Any) -> str:
    status, told = await asked(bench, "POST", "/silences", json={**POSTED, **changes})
    assert status == 200, told
    return str(told["silenceID"])


async def silence(bench: Bench, id_: str) -> dict[str, Any]:
    status, told = await asked(bench, "GET", f"/silence/{id_}")
    assert status == 200, told
    return told  # type: ignore[no-any-return]


async def test_an_alert_has_the_labels_that_a_real_alertmanager_is_told() -> None:
    (row,) = [row for row in await alerts(Bench()) if row["labels"]["level"] == "orange"]
    assert row["labels"] == {
        "alertname": "complaint-surge",
        "rule": "complaint-surge",
        "level": "orange",
        "severity": "error",
        "key_region": "长沙",
        "key_category": "network",
    }
    assert row["annotations"]["action_en"] == "Find the cause in 长沙"
    assert row["annotations"]["summary"] == "长沙 network 投诉 63 件 / 63 network complaints in 长沙"
    assert row["annotations"]["incident"].startswith("inc-")
    assert row["receivers"] == [{"name": "noc"}, {"name": "duty"}]
    assert row["startsAt"] == "2026-03-01T09:18:00Z"
    assert row["status"] == {"state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []}


@pytest.mark.parametrize(
    ("params", "found"),
    [
        pytest.param({}, {"长沙", "株洲", "湘潭"}, id="all"),
        pytest.param({"filter": "severity=critical"}, {"湘潭"}, id="by a label"),
        pytest.param([("filter", 'level=~"yellow|red"'), ("filter", "key_region!=湘潭")], {"株洲"}, id="by two"),
        pytest.param({"receiver": "ladder:.*"}, {"湘潭"}, id="by receiver"),
        pytest.param({"receiver": "ladder"}, set(), id="a receiver is matched whole"),
        pytest.param({"receiver": "", "filter": ""}, {"长沙", "株洲", "湘潭"}, id="what is empty asks for nothing"),
        pytest.param({"active": "false"}, set(), id="none that is active"),
        pytest.param(
            {"silenced": "false", "inhibited": "0", "unprocessed": "false"}, {"长沙", "株洲", "湘潭"}, id="heard"
        ),
    ],
)
async def test_filters(params: Any, found: set[str]) -> None:
    status, told = await asked(Bench(), "GET", "/alerts", params=params)
    assert (status, regions(told)) == (200, found)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        pytest.param({"filter": "level"}, "'level' is not a matcher", id="no matcher"),
        pytest.param({"filter": 'level=~"("'}, "is not an expression", id="no expression"),
        pytest.param({"receiver": "("}, "is not an expression", id="no expression for a receiver"),
        pytest.param({"active": "perhaps"}, "Expected `bool`", id="no truth value"),
        pytest.param({"inhibited": ""}, "Expected `bool`", id="an empty truth value"),
        pytest.param([("filter", "a=b")] * 51, "at most 50 filters", id="too many"),
    ],
)
async def test_a_query_that_cannot_be_read_is_told_so(params: Any, said: str) -> None:
    for path in ("/alerts", "/alerts/groups"):
        status, told = await asked(Bench(), "GET", path, params=params)
        assert status == 400
        assert said in told


async def test_groups_are_incidents_by_receiver_with_what_their_alerts_have_in_common() -> None:
    status, groups = await asked(Bench(), "GET", "/alerts/groups")
    assert status == 200
    heard = {(group["receiver"]["name"], group["labels"]["key_region"]) for group in groups}
    assert heard == {("ladder:provincial", "湘潭"), ("noc", "长沙"), ("duty", "长沙"), ("noc", "株洲")}
    _, groups = await asked(Bench(), "GET", "/alerts/groups", params={"receiver": "duty"})
    assert [group["receiver"]["name"] for group in groups] == ["duty"]


async def test_a_silence_is_made_changed_and_ended_in_the_desks_log() -> None:
    bench = Bench()
    id_ = await made(bench)
    assert [(each.what.value, each.by, each.command) for each in bench.entered] == [("silence-add", "an", id_)]
    told = await silence(bench, id_)
    assert told["matchers"] == SURGE_IN_CHANGSHA
    assert (told["status"], told["createdBy"], told["comment"]) == ({"state": "active"}, "an", "割接")
    (row,) = await alerts(bench, silenced="true", active="false")
    assert row["status"] == {"state": "suppressed", "silencedBy": [id_], "inhibitedBy": [], "mutedBy": []}
    assert regions(await alerts(bench, silenced="false")) == {"株洲", "湘潭"}

    assert await made(bench, id=id_, endsAt="2026-03-01T13:00:00Z", comment="longer") == id_
    assert (await silence(bench, id_))["endsAt"] == "2026-03-01T13:00:00Z"

    assert (await asked(bench, "DELETE", f"/silence/{id_}"))[0] == 200
    assert (await silence(bench, id_))["status"] == {"state": "expired"}
    assert bench.entered[-1].by == "somebody at 127.0.0.1"
    entered = len(bench.entered)
    assert (await asked(bench, "DELETE", f"/silence/{id_}"))[0] == 200, "over is over"
    assert len(bench.entered) == entered


async def test_red_is_hidden_only_where_red_is_named() -> None:
    bench = Bench()
    surge = SURGE_IN_CHANGSHA[0]
    await made(bench, matchers=[surge])
    assert regions(await alerts(bench, silenced="false")) == {"湘潭"}
    id_ = await made(bench, matchers=[surge, matcher("severity", "critical")])
    assert await alerts(bench, silenced="false") == []
    assert bench.desk is not None
    assert bench.desk.silences.get(id_).including_red  # type: ignore[union-attr]


async def test_the_token_says_who_asks_where_operators_are_named() -> None:
    bench, door = Bench(), Door("main", operators=TEAM)
    for token, expected in (("w", 403), ("main", 403), ("a", 200)):
        headers = {"Authorization": f"Bearer {token}"}
        status, _ = await asked(
            bench, "POST", "/silences", json={**POSTED, "createdBy": "x"}, headers=headers, door=door
        )
        assert status == expected
    assert [each.by for each in bench.entered] == ["an"]
    _, told = await asked(bench, "GET", "/silences", headers={"Authorization": "Bearer w"}, door=door)
    assert [row["createdBy"] for row in told] == ["an"]


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        pytest.param({"matchers": []}, 400, "length >= 1", id="no matcher"),
        pytest.param({"matchers": [matcher("region", "x")]}, 400, "key_region", id="a label there is not"),
        pytest.param({"matchers": [matcher("level", "(", isRegex=True)]}, 400, "not an expression", id="no expression"),
        pytest.param({"matchers": [matcher("level", "red", isEqual=False)]}, 400, "hides everything", id="everything"),
        pytest.param({"matchers": [matcher("stream", "a.*", isRegex=True)]}, 400, "matched once", id="an expression"),
        pytest.param({"comment": " "}, 400, "needs an author and a comment", id="no reason"),
        pytest.param({"createdBy": ""}, 400, "say who asks", id="nobody"),
        pytest.param({"createdBy": "x" * 81}, 400, "80 printable", id="a long name"),
        pytest.param({"endsAt": "2026-03-01T09:00:00Z"}, 400, "must end after it starts", id="over"),
        pytest.param({"endsAt": "2026-05-01T09:00:00Z"}, 400, "31 days at most", id="too long"),
        pytest.param({"endsAt": "soon"}, 400, "times with their offset", id="no time"),
        pytest.param({"id": "unknown"}, 404, "no such silence", id="one that is not there"),
    ],
)  # fmt: skip
async def test_what_can_be_no_silence_never_reaches_the_log(changes: dict[str, Any], status: int, said: str) -> None:
    bench = Bench()
    got, told = await asked(bench, "POST", "/silences", json={**POSTED, **changes})
    assert (got, bench.entered) == (status, [])
    assert said in told


async def test_a_silence_in_our_words_is_told_in_theirs_and_stays_what_it_was() -> None:
    bench = Bench()
    assert bench.desk is not None
    match = {"region": ["长沙", "株洲"], "stream": "complaints", "level": "yellow"}
    ours = read_silence("s1", "王工", {"match": match, "comment": "割接", "ends": "2026-03-01T12:00:00Z"}, NOW_MS)
    bench.desk.silence(ours, NOW_MS)
    told = await silence(bench, "s1")
    assert [(each["name"], each["value"], each["isRegex"]) for each in told["matchers"]] == [
        ("stream", "complaints", False),
        ("key_region", "长沙|株洲", True),
        ("level", "yellow", False),
    ]
    assert regions(await alerts(bench, silenced="false")) == {"长沙", "湘潭"}
    await made(bench, id="s1", matchers=told["matchers"], startsAt=told["startsAt"], comment="longer")
    changed = bench.desk.silences.get("s1")
    assert changed is not None
    assert (changed.matchers, changed.comment) == (ours.matchers, "longer")


async def test_silences_are_filtered_by_their_matchers_and_sorted() -> None:
    bench = Bench()
    ids = {
        "later": await made(bench, endsAt="2026-03-01T14:00:00Z"),
        "sooner": await made(bench),
        "pending": await made(bench, startsAt="2026-03-01T11:00:00Z"),
        "red": await made(bench, matchers=[matcher("level", "red")]),
    }
    await asked(bench, "DELETE", f"/silence/{ids['red']}")
    _, told = await asked(bench, "GET", "/silences")
    assert [row["id"] for row in told] == [ids[name] for name in ("sooner", "later", "pending", "red")]
    _, told = await asked(bench, "GET", "/silences", params={"filter": "level=red"})
    assert [row["id"] for row in told] == [ids["red"]]
    assert (await asked(bench, "GET", "/silences", params={"filter": "level=~red"}))[1] == []


async def test_an_incident_that_another_explains_is_inhibited_by_its_alert() -> None:
    bench = Bench()
    assert bench.desk is not None
    by = {row["labels"]["key_region"]: row for row in await alerts(bench)}
    incident, cause = by["株洲"]["annotations"]["incident"], by["湘潭"]["annotations"]["incident"]
    known = bench.desk.incidents.get(incident)
    assert known is not None
    from msgspec.structs import replace

    telling = replace(known.telling, muted=(f"explained by {cause}",))
    bench.desk.incidents.open[incident] = replace(known, explained_by=cause, telling=telling)
    (row,) = await alerts(bench, active="false")
    assert row["status"]["inhibitedBy"] == [by["湘潭"]["fingerprint"]]
    assert regions(await alerts(bench, inhibited="false")) == {"长沙", "湘潭"}


async def test_alerts_are_not_posted() -> None:
    status, told = await asked(Bench(), "POST", "/alerts", json=[{"labels": {"alertname": "x"}}])
    assert (status, told) == (400, "alerts are the judges' to raise: send events, or write a rule")


async def test_status_and_receivers_are_told_by_any_worker() -> None:
    bench = Bench()
    bench.desk = None
    _, told = await asked(bench, "GET", "/receivers")
    assert told == [{"name": name} for name in ("console", "duty", "ladder:provincial", "noc")]
    _, told = await asked(bench, "GET", "/status")
    assert told["versionInfo"]["version"].startswith("0.27.0+tocsin.")
    assert told["uptime"] == "2026-03-01T09:18:00Z"
    bench.channels, bench.rules = (), ()
    assert (await asked(bench, "GET", "/receivers"))[1] == [{"name": "tocsin"}]
