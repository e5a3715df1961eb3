"""What happened, over the page of any worker: history, and why. Read-only, but for making it anew from the log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from alerts.statements import state
from streams.explain import UnknownId, explanation, timeline
from streams.historian import Historian, HistoryAway
from streams.historyfile import TooLong
from streams.historyreads import HistoryReads, Wanted, WrongQuestion, read_wanted
from streams.orders import guarded, refusal
from streams.overview import Overview
from streams.report import judge_of
from streams.standings import read_series, standing_told

HISTORY = "/api/v1/history"
EXPLAIN = "/api/v1/explain"
INCIDENTS = HISTORY + "/incidents"
ALERTS = HISTORY + "/alerts"
NOTIFICATIONS = HISTORY + "/notifications"
NOTICES = HISTORY + "/notices"
REBUILD = HISTORY + "/rebuild"

_SPAN = ("from", "to", "level", "limit", "after")
PARAMETERS: Mapping[str, tuple[str, ...]] = {
    INCIDENTS: (*_SPAN, "rule", "q"),
    ALERTS: (*_SPAN, "rule", "q"),
    NOTIFICATIONS: (*_SPAN, "incident", "channel"),
}
"""What each list may be asked for."""

ID_LEN_MAX = 200

_Handler = Callable[[web.Request], Awaitable[web.Response]]


def add_history(app: web.Application, historian: Historian, overview: Overview, judge_partitions: int) -> None:
    """Let `app` answer about what happened, and why. Its middleware has asked for the token by then."""
    _add_lists(app, historian)
    _add_explanations(app, historian, overview, judge_partitions)


def _add_lists(app: web.Application, historian: Historian) -> None:
    def listing(path: str, read: Callable[[HistoryReads, Wanted], dict[str, Any]]) -> _Handler:
        async def rows(request: web.Request) -> web.Response:
            wanted = read_wanted(request.query, PARAMETERS[path])
            told = await historian.ask(lambda reads: read(reads, wanted))
            return web.json_response({**told, "behind": historian.behind})

        return rows

    async def incident(request: web.Request) -> web.Response:
        return _found(await historian.ask(timeline(_id(request))), "no such incident in the history")

    async def notice(request: web.Request) -> web.Response:
        name = _id(request)
        steps = await historian.ask(lambda reads: reads.notice(name))
        return _found({"notice": steps[-1], "steps": list(steps)} if steps else None, "no such notice in the history")

    async def rebuild(_: web.Request) -> web.Response:
        historian.rebuild()
        return web.json_response({"rebuilding": True}, status=HTTPStatus.ACCEPTED)

    app.router.add_get(INCIDENTS, _careful(listing(INCIDENTS, HistoryReads.incidents)))
    app.router.add_get(INCIDENTS + "/{id}", _careful(incident))
    app.router.add_get(ALERTS, _careful(listing(ALERTS, HistoryReads.alerts)))
    app.router.add_get(NOTIFICATIONS, _careful(listing(NOTIFICATIONS, HistoryReads.notifications)))
    app.router.add_get(NOTICES + "/{id}", _careful(notice))
    app.router.add_post(REBUILD, guarded(rebuild))


def _add_explanations(app: web.Application, historian: Historian, overview: Overview, judge_partitions: int) -> None:
    zone = ZoneInfo(overview.zone)

    async def explain(request: web.Request) -> web.Response:
        told = await historian.ask(explanation(_id(request), zone))
        if historian.behind != 0:
            count = "?" if historian.behind is None else str(historian.behind)
            told["statements"].append(dict(state("behind", count=count)))
        return web.json_response({**told, "behind": historian.behind})

    async def standing(request: web.Request) -> web.Response:
        for name in request.query:
            if name not in {"rule", "key"}:
                raise WrongQuestion(
                    f'unknown parameter "{name[:40]}": there are rule, and key=FIELD=NAME for each field'
                )
        rule, key = read_series(request.query.get("rule", ""), request.query.getall("key", []), overview.rules)
        partition = judge_of(rule.id, judge_partitions)
        return web.json_response(await standing_told(rule, key, partition, overview, historian, zone))

    app.router.add_get(EXPLAIN, _careful(standing))
    app.router.add_get(EXPLAIN + "/{id}", _careful(explain))


def _careful(handler: _Handler) -> _Handler:
    """Turn what cannot be answered into a status and one line."""

    async def careful(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except (WrongQuestion, TooLong) as error:
            return refusal(HTTPStatus.BAD_REQUEST, str(error))
        except UnknownId as error:
            return refusal(HTTPStatus.NOT_FOUND, str(error))
        except HistoryAway as error:
            return refusal(HTTPStatus.SERVICE_UNAVAILABLE, str(error))

    return careful


def _id(request: web.Request) -> str:
    name = request.match_info["id"]
    if len(name) > ID_LEN_MAX or not name.isprintable():
        raise WrongQuestion(f"an id is at most {ID_LEN_MAX} printable characters")
    return name


def _found(told: Mapping[str, Any] | None, why: str) -> web.Response:
    return refusal(HTTPStatus.NOT_FOUND, why) if told is None else web.json_response(told)
