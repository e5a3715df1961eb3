"""Alertmanager's API over the desk, for `amtool`, karma and the like. What they change goes into the desk's log."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from typing import Any, Protocol
from uuid import uuid4

from aiohttp import web

from alerts.commands import Verb
from alerts.records import format_time
from alerts.silences import Silence, SilenceBook, SilenceError, read_silence
from detectors.rules import Rule
from streams.api import alertmanager_rows as rows
from streams.api import alertmanager_shapes as shapes
from streams.api import alertmanager_table as table
from streams.api.alertmanager_asked import filters, silence_body, wanted
from streams.api.answering import told
from streams.api.asking import Refused, body_of, query_of
from streams.api.serving import add
from streams.commandlog import Commanded, command_of, entered
from streams.deskside import Desked, desk_of
from streams.version import VERSION

API_VERSION = "0.27.0"
"""Whose API this is: clients look at it to know what they may ask."""

NOBODY = "tocsin"
"""The receiver where there is no channel."""

_WAIT_S = 2.0  # for the desk to carry out what was accepted, so that who asks next sees it
_POLL_S = 0.02


class Alertmanaged(Desked, Commanded, Protocol):
    """Who may have the desk, takes commands to it, and knows who is told."""

    @property
    def rules(self) -> Sequence[Rule]:
        """The rules in force."""

    @property
    def channels(self) -> Sequence[str]:
        """All channels."""


def add_alertmanager(app: web.Application, desked: Alertmanaged, clock: Callable[[], int], began_ms: int) -> None:
    """Let `app` answer as an Alertmanager would. `clock` gives milliseconds; the worker began at `began_ms`."""
    side = _Side(desked, clock, began_ms)
    add(app, table.STATUS, side.status)
    add(app, table.RECEIVERS, side.receivers)
    add(app, table.ALERTS, side.alerts)
    add(app, table.POST_ALERTS, side.post_alerts)
    add(app, table.GROUPS, side.groups)
    add(app, table.SILENCES, side.silences)
    add(app, table.POST_SILENCES, side.post_silences)
    add(app, table.SILENCE, side.silence)
    add(app, table.DELETE_SILENCE, side.delete_silence)


class _Side:
    """The handlers, one a route."""

    def __init__(self, desked: Alertmanaged, clock: Callable[[], int], began_ms: int) -> None:
        self._desked = desked
        self._clock = clock
        self._began_ms = began_ms
        self._one_at_a_time = asyncio.Lock()

    async def status(self, _request: web.Request) -> web.StreamResponse:
        return told(status_row(receivers_of(self._desked), self._began_ms))

    async def receivers(self, _request: web.Request) -> web.StreamResponse:
        return told([{"name": name} for name in receivers_of(self._desked)])

    async def alerts(self, request: web.Request) -> web.StreamResponse:
        which = wanted(query_of(request, shapes.AlertsAsked))
        return await self._written(
            which, lambda found: sorted((each.row for each in found), key=lambda row: row["fingerprint"])
        )

    async def post_alerts(self, _request: web.Request) -> web.StreamResponse:
        raise Refused(HTTPStatus.BAD_REQUEST, "alerts are the judges' to raise: send events, or write a rule")

    async def groups(self, request: web.Request) -> web.StreamResponse:
        which = wanted(query_of(request, shapes.AlertsAsked))
        return await self._written(which, lambda found: rows.groups(found, which))

    async def silences(self, request: web.Request) -> web.StreamResponse:
        matchers = set(filters(query_of(request, shapes.SilencesAsked).filter))
        now_ms = self._clock()
        found = [
            rows.silence_row(each, now_ms)
            for each in desk_of(self._desked).silences.all()
            if matchers <= set(rows.label_matchers(each.matchers, including_red=each.including_red))
        ]
        return told(rows.in_order(found))

    async def silence(self, request: web.Request) -> web.StreamResponse:
        return told(rows.silence_row(self._known(request.match_info["silence"]), self._clock()))

    async def post_silences(self, request: web.Request) -> web.StreamResponse:
        posted = await body_of(request, shapes.SilencePosted)
        body = silence_body(posted, self._known(posted.id) if posted.id else None)
        id_ = await self._order(request, Verb.SILENCE_ADD, posted.id, by=posted.createdBy, body=body)
        return told({"silenceID": id_})

    async def delete_silence(self, request: web.Request) -> web.StreamResponse:
        known = self._known(request.match_info["silence"])
        if known.ends_ms > self._clock():  # it names nobody but by a token
            await self._order(request, Verb.SILENCE_EXPIRE, known.id, by=f"somebody at {request.remote}", body={})
        return web.Response(content_type="text/plain")

    async def _order(self, request: web.Request, what: Verb, on: str, *, by: str, body: dict[str, Any]) -> str:
        """Enter a command and wait a moment for the desk; return the id of the silence it is about.

        Raise Refused if the desk refuses, or would. What it has not come to yet, it will.
        """
        desk_of(self._desked)
        now_ms = self._clock()
        command = command_of(request, what=what, on=on, by=by, body=body, id_=str(uuid4()), now_ms=now_ms)
        id_ = command.on or command.command
        if what is Verb.SILENCE_ADD:  # the desk will say the same, but by then the caller may be gone
            try:
                SilenceBook().add(read_silence(id_, command.by, body, now_ms), now_ms)
            except SilenceError as error:
                raise Refused(HTTPStatus.BAD_REQUEST, str(error)) from error
        await entered(self._desked, command)
        for _ in range(round(_WAIT_S / _POLL_S)):
            outcome = self._desked.outcome(command.command)
            if outcome is not None:
                if outcome != "done":
                    raise Refused(HTTPStatus.BAD_REQUEST, outcome)
                break
            await asyncio.sleep(_POLL_S)
        return id_

    def _known(self, id_: str) -> Silence:
        known = desk_of(self._desked).silences.get(id_)
        if known is None:
            raise Refused(HTTPStatus.NOT_FOUND, "no such silence, or it was over long ago")
        return known

    async def _written(
        self, which: rows.Wanted, arrange: Callable[[Iterator[rows.Told]], object]
    ) -> web.StreamResponse:
        """Write the alerts that are wanted, in a thread and one answer at a time: ten thousand take two seconds."""
        async with self._one_at_a_time:
            desk = desk_of(self._desked)
            named = {rule.id: rule.notify for rule in self._desked.rules}
            everybody = self._desked.channels or (NOBODY,)
            at = rows.moment(desk, self._clock())

            def hears(rule: str, level: str) -> Sequence[str]:
                return named.get(rule, {}).get(level) or everybody

            return await asyncio.to_thread(lambda: told(arrange(rows.alerts(at, desk.action_of, hears, which))))


def receivers_of(desked: Alertmanaged) -> list[str]:
    """Name whoever is told of anything: whom rules name, and channels."""
    named = {name for rule in desked.rules for names in rule.notify.values() for name in names}
    return sorted({*named, *(desked.channels or (NOBODY,))})


def status_row(receivers: Sequence[str], began_ms: int) -> shapes.Status:
    """Tell what runs."""
    configuration = {"route": {"receiver": receivers[0]}, "receivers": [{"name": name} for name in receivers]}
    return {
        "cluster": {"status": "disabled", "peers": []},
        "versionInfo": {
            "version": f"{API_VERSION}+tocsin.{VERSION}",
            "revision": "",
            "branch": "",
            "buildUser": "",
            "buildDate": "",
            "goVersion": "",
        },
        "config": {"original": json.dumps(configuration)},  # JSON is YAML
        "uptime": format_time(began_ms),
    }
