"""What the desk knows, told by the worker that has it: incidents, alerts, silences; and who is on duty, told by any."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from alerts.callout import Crew
from alerts.desk import Desk
from alerts.records import format_time
from alerts.silences import SilenceError, read_silence
from streams.api import shapes, table
from streams.api.answering import told
from streams.api.asking import Refused, body_of
from streams.api.serving import add

if TYPE_CHECKING:
    from aiohttp import web


class Desked(Protocol):
    """Who may have the desk."""

    @property
    def desk(self) -> Desk | None:
        """The desk, if it is here."""

    @property
    def crew(self) -> Crew:
        """The ladders, and who is on them."""


def add_deskside(app: web.Application, desked: Desked, clock: Callable[[], int]) -> None:
    """Let `app` tell what the desk knows. `clock` gives milliseconds."""

    async def incident(request: web.Request) -> web.StreamResponse:
        desk = desk_of(desked)
        known = desk.incidents.get(request.match_info["incident"])
        if known is None:
            raise Refused(HTTPStatus.NOT_FOUND, "no such incident, or it was over long ago")
        followed = desk.callout.escalations.get(known.id)
        return told({**known.as_data(), "escalation": None if followed is None else followed.as_data()})

    async def alerts(_request: web.Request) -> web.StreamResponse:
        rows = alert_rows(desk_of(desked))
        return await asyncio.to_thread(told, {"alerts": rows})  # ten thousand take long to write

    async def ladders(_request: web.Request) -> web.StreamResponse:
        return told(ladder_rows(desked.crew, clock()))

    async def silences(_request: web.Request) -> web.StreamResponse:
        now_ms = clock()
        known = desk_of(desked).silences.all()
        return told({"silences": [each.as_data() for each in known if each.ends_ms > now_ms]})

    async def silence(request: web.Request) -> web.StreamResponse:
        known = desk_of(desked).silences.get(request.match_info["silence"])
        if known is None:
            raise Refused(HTTPStatus.NOT_FOUND, "no such silence, or it was over long ago")
        return told(known.as_data())

    async def preview(request: web.Request) -> web.StreamResponse:
        asked = msgspec.to_builtins(await body_of(request, shapes.SilenceAsked))
        asked["comment"] = asked["comment"] or "preview"
        return told({"incidents": hidden_rows(desk_of(desked), asked, clock())})

    add(app, table.INCIDENT, incident)
    add(app, table.ALERTS, alerts)
    add(app, table.LADDERS, ladders)
    add(app, table.SILENCES, silences)
    add(app, table.SILENCE, silence)
    add(app, table.PREVIEW, preview)


def desk_of(desked: Desked) -> Desk:
    """Give the desk. Raise Refused where another worker has it: an empty list would say that all is well."""
    if desked.desk is None:
        why = "the desk is at another worker, or on its way: ask the pages of the others"
        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, why)
    return desked.desk


def alert_rows(desk: Desk) -> list[shapes.AlertRow]:
    """List the alerts that fire, those of the worst incident first."""
    return [
        {
            "alert": member.record.alert,
            "incident": incident.id,
            "rule": member.record.rule,
            "key": member.record.key,
            "level": member.level,
            "started": member.record.started,
            "updated": member.record.time,
            "value": member.record.value,
            "threshold": member.record.threshold,
            "title": member.record.title,
            "summary": member.record.summary,
            "muted": member.muted or incident.telling.muted,
        }
        for incident in desk.incidents.firing()
        for member in desk.incidents.members(incident.id)
    ]


def hidden_rows(desk: Desk, asked: dict[str, Any], now_ms: int) -> list[shapes.HiddenRow]:
    """Say what a silence would hide, worst first. Raise Refused if there can be no such silence."""
    try:
        found = desk.preview(read_silence("preview", "preview", asked, now_ms), now_ms)
    except SilenceError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, str(error)) from error
    return [
        {"incident": incident.id, "rule": incident.rule, "level": incident.level, "hidden": len(hidden)}
        for incident, hidden in found
    ]


def ladder_rows(crew: Crew, now_ms: int) -> shapes.Ladders:
    """Tell the ladders, and who is on duty for each role that any of them or the file of people names."""
    roster = crew.roster
    named = (rung.role for ladder in crew.ladders.values() for rung in ladder.rungs)
    return {
        "time": format_time(now_ms),
        "ladders": [
            {
                "ladder": name,
                "rungs": [{"role": rung.role, "wait_s": rung.wait_ms / 1000} for rung in ladder.rungs],
                "promise_s": ladder.promise_ms / 1000,
                "ack_s": {level: span_ms / 1000 for level, span_ms in ladder.ack_ms.items()},
            }
            for name, ladder in sorted(crew.ladders.items())
        ],
        "roles": [
            {
                "role": role,
                "posts": [
                    {"where": post.where, "people": list(dict.fromkeys(post.on(now_ms, roster.zone)))}
                    for post in roster.roles.get(role, ())
                ],
            }
            for role in sorted({*named, *roster.roles})
        ],
    }
