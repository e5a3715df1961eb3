"""People's commands, accepted at the page's address of any worker and entered into the desk's log.

What comes of one is decided by the desk, which may be another worker's: the answer is that it was accepted, and the
outcome can be asked for by its id. Who asks is known by their token where the settings name operators.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from secrets import token_hex
from typing import Any, Protocol

from aiohttp import web

from alerts.commands import BODY_BYTES_MAX, Command, Verb, decode_command
from alerts.records import format_time
from alerts.silences import SilenceError
from streams.orders import guarded, refusal
from streams.web import DOOR, Door

COMMANDS = "/api/v1/commands"
INCIDENTS = "/api/v1/incidents"
SILENCES = "/api/v1/silences"

_REQUEST_BYTES_MAX = BODY_BYTES_MAX + 4_096
_KEYS = frozenset(("what", "on", "by", "body", "command"))
_NOTICES = (Verb.NOTICE_APPROVE, Verb.NOTICE_PUBLISH, Verb.NOTICE_CANCEL)


class Commanded(Protocol):
    """Who takes commands to the desk, and knows what the desk says."""

    async def enter(self, command: Command) -> None:
        """Put a command into the desk's log."""

    def outcome(self, command: str) -> str | None:
        """Say what came of a command, if the desk is here and knows it."""

    def incident(self, incident: str) -> Mapping[str, Any] | None:
        """Tell all of an incident, if the desk is here and keeps it."""

    def silences(self) -> list[dict[str, Any]]:
        """List the silences that hold or will, if the desk is here."""

    def preview(self, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Say what a silence would hide of what fires now. Raise SilenceError if it cannot be read."""


class _Refusal(Exception):
    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


def add_commands(app: web.Application, commanded: Commanded, clock: Callable[[], int]) -> None:
    """Let `app` take commands. Its middleware has asked for a token by then. `clock` gives milliseconds."""

    async def enter(request: web.Request) -> web.Response:
        try:
            asked = await _asked(request)
            command = _command(asked, _author(app[DOOR], request, asked), clock())
        except _Refusal as why:
            return refusal(why.status, str(why))
        await commanded.enter(command)
        return web.json_response({"command": command.command, "time": command.time}, status=HTTPStatus.ACCEPTED)

    async def outcome(request: web.Request) -> web.Response:
        told = commanded.outcome(request.match_info["command"])
        return web.json_response({"command": request.match_info["command"], "outcome": told})

    async def incident(request: web.Request) -> web.Response:
        told = commanded.incident(request.match_info["incident"])
        if told is None:
            return refusal(HTTPStatus.NOT_FOUND, "no such incident at the desk of this worker")
        return web.json_response(told)

    async def silences(_: web.Request) -> web.Response:
        return web.json_response({"silences": commanded.silences()})

    async def preview(request: web.Request) -> web.Response:
        try:
            found = commanded.preview(await _object(request))
        except _Refusal as why:
            return refusal(why.status, str(why))
        except SilenceError as error:
            return refusal(HTTPStatus.BAD_REQUEST, str(error))
        return web.json_response({"incidents": found})

    app.router.add_get(SILENCES, silences)
    app.router.add_post(SILENCES + "/preview", guarded(preview))
    app.router.add_post(COMMANDS, guarded(enter))
    app.router.add_get(COMMANDS + "/{command}", outcome)
    app.router.add_get(INCIDENTS + "/{incident}", incident)


async def _asked(request: web.Request) -> Mapping[str, Any]:
    asked = await _object(request)
    if unknown := sorted(asked.keys() - _KEYS):
        raise _Refusal(HTTPStatus.BAD_REQUEST, f"unknown key {unknown[0][:80]!r}: there are {', '.join(sorted(_KEYS))}")
    return asked


async def _object(request: web.Request) -> Mapping[str, Any]:
    raw = bytearray()
    async for block in request.content.iter_chunked(_REQUEST_BYTES_MAX):
        raw += block
        if len(raw) > _REQUEST_BYTES_MAX:
            raise _Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a command is at most {_REQUEST_BYTES_MAX} bytes")
    try:
        asked = json.loads(raw)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise _Refusal(HTTPStatus.BAD_REQUEST, "a command is a JSON object")
    return asked


def _author(door: Door, request: web.Request, asked: Mapping[str, Any]) -> str:
    """Say who asks: whose token it is; where the settings name no operators, whoever they say they are."""
    if not door.operators:
        by = asked.get("by")
        if not isinstance(by, str) or not by.strip():
            raise _Refusal(HTTPStatus.BAD_REQUEST, 'say in "by" who asks')
        return by.strip()
    caller = door.caller(request.headers.get("Authorization"))
    if caller is None:
        raise _Refusal(HTTPStatus.FORBIDDEN, "commands need the token of an operator")
    if caller.role == "viewer":
        raise _Refusal(HTTPStatus.FORBIDDEN, f"{caller.name} may look, and give no commands")
    if asked.get("what") in _NOTICES and caller.role != "approver":
        raise _Refusal(HTTPStatus.FORBIDDEN, f"{caller.name} may give no commands about customer notices")
    return caller.name


def _command(asked: Mapping[str, Any], by: str, now_ms: int) -> Command:
    entry = {
        "command": asked.get("command") or token_hex(12),
        "time": format_time(now_ms),
        "by": by,
        "what": asked.get("what"),
        "on": asked.get("on", ""),
        "body": asked.get("body", {}),
    }
    if entry["what"] == Verb.ALERT:
        raise _Refusal(HTTPStatus.BAD_REQUEST, "alerts are the judges' to raise")
    if entry["what"] == Verb.PLAN:
        raise _Refusal(HTTPStatus.BAD_REQUEST, "plans are told as events of the stream plans")
    try:
        return decode_command(json.dumps(entry).encode())
    except ValueError as error:
        raise _Refusal(HTTPStatus.BAD_REQUEST, str(error)) from error
