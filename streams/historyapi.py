"""What happened, over the page of any worker: history, and why. Read-only, but for making it anew from the log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec

from alerts.reports.periods import PeriodError
from alerts.statements import state
from streams.api import history_shapes as shapes
from streams.api import history_table as table
from streams.api.answering import told
from streams.api.asking import Refused, body_of, query_of
from streams.api.route import Route
from streams.api.serving import Handler, add
from streams.api.shapes import NothingAsked
from streams.explain import UnknownId, explanation, timeline
from streams.historian import Historian, HistoryAway
from streams.historyfile import TooLong
from streams.historyreads import HistoryReads, Wanted, WrongQuestion, read_wanted
from streams.overview import Overview
from streams.report import judge_of
from streams.reports import UnknownReport, incident_report, period_report
from streams.standings import read_series, standing_told

if TYPE_CHECKING:
    from aiohttp import web

ID_LEN_MAX = 200


def add_history(app: web.Application, historian: Historian, overview: Overview, judge_partitions: int) -> None:
    """Let `app` answer about what happened, and why."""
    _add_lists(app, historian)
    _add_explanations(app, historian, overview, judge_partitions)


def _add_lists(app: web.Application, historian: Historian) -> None:
    def listing(route: Route, read: Callable[[HistoryReads, Wanted], dict[str, Any]]) -> Handler:
        assert route.query is not None
        known = tuple(each.encode_name for each in msgspec.structs.fields(route.query))

        async def rows(request: web.Request) -> web.StreamResponse:
            wanted = read_wanted(request.query, known)
            found = await historian.ask(lambda reads: read(reads, wanted))
            return await asyncio.to_thread(told, {**found, "behind": historian.behind})

        return rows

    async def incident(request: web.Request) -> web.StreamResponse:
        return await _found(await historian.ask(timeline(_id(request))), "no such incident in the history")

    async def notice(request: web.Request) -> web.StreamResponse:
        name = _id(request)
        steps = await historian.ask(lambda reads: reads.notice(name))
        return await _found(
            {"notice": steps[-1], "steps": list(steps)} if steps else None, "no such notice in the history"
        )

    async def rebuild(request: web.Request) -> web.StreamResponse:
        await body_of(request, NothingAsked)
        historian.rebuild()
        return told({"rebuilding": True}, HTTPStatus.ACCEPTED)

    add(app, table.INCIDENTS, _careful(listing(table.INCIDENTS, HistoryReads.incidents)))
    add(app, table.INCIDENT, _careful(incident))
    add(app, table.ALERTS, _careful(listing(table.ALERTS, HistoryReads.alerts)))
    add(app, table.NOTIFICATIONS, _careful(listing(table.NOTIFICATIONS, HistoryReads.notifications)))
    add(app, table.NOTICE, _careful(notice))
    add(app, table.REBUILD, rebuild)


def _add_explanations(app: web.Application, historian: Historian, overview: Overview, judge_partitions: int) -> None:
    zone = ZoneInfo(overview.zone)

    async def explain(request: web.Request) -> web.StreamResponse:
        found = await historian.ask(explanation(_id(request), zone))
        if historian.behind != 0:
            count = "?" if historian.behind is None else str(historian.behind)
            found["statements"].append(dict(state("behind", count=count)))
        return await asyncio.to_thread(told, {**found, "behind": historian.behind})

    async def standing(request: web.Request) -> web.StreamResponse:
        asked = query_of(request, shapes.SeriesAsked)
        rule, key = read_series(asked.rule, asked.key, overview.rules)
        partition = judge_of(rule.id, judge_partitions)
        return told(await standing_told(rule, key, partition, overview, historian, zone))

    async def period(request: web.Request) -> web.StreamResponse:
        asked = query_of(request, shapes.PeriodAsked)
        found = await historian.ask(period_report(request.match_info["kind"], asked.of, overview.now_ms(), zone))
        return await asyncio.to_thread(told, {**found, "behind": historian.behind})

    async def incident(request: web.Request) -> web.StreamResponse:
        found = await historian.ask(incident_report(_id(request), zone))
        return await asyncio.to_thread(told, {**found, "behind": historian.behind})

    add(app, table.REPORT, _careful(period))
    add(app, table.POST_ANALYSIS, _careful(incident))
    add(app, table.STANDING, _careful(standing))
    add(app, table.EXPLAIN, _careful(explain))


def _careful(handler: Handler) -> Handler:
    """Turn what cannot be answered into a status and one line."""

    async def careful(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except (WrongQuestion, TooLong, PeriodError) as error:
            raise Refused(HTTPStatus.BAD_REQUEST, str(error)) from error
        except (UnknownId, UnknownReport) as error:
            raise Refused(HTTPStatus.NOT_FOUND, str(error)) from error
        except HistoryAway as error:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from error

    return careful


def _id(request: web.Request) -> str:
    name = request.match_info["id"]
    if len(name) > ID_LEN_MAX or not name.isprintable():
        raise WrongQuestion(f"an id is at most {ID_LEN_MAX} printable characters")
    return name


async def _found(found: Mapping[str, Any] | None, why: str) -> web.Response:
    if found is None:
        raise Refused(HTTPStatus.NOT_FOUND, why)
    return await asyncio.to_thread(told, found)  # megabytes of a long incident hold up nobody
