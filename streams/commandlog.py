"""People's commands, accepted at the page's address of any worker and entered into the desk's log.

What comes of one is decided by the desk, which may be another worker's: the answer is that it was accepted, and the
outcome can be asked for by its id. Who asks is known by their token where the settings name operators.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from alerts.commands import Command, Verb, decode_command
from alerts.records import format_time
from streams.api import shapes, table
from streams.api.answering import told
from streams.api.asking import Refused, body_of, operator_of
from streams.api.serving import add

if TYPE_CHECKING:
    from aiohttp import web

_NOTICES = (Verb.NOTICE_APPROVE, Verb.NOTICE_PUBLISH, Verb.NOTICE_CANCEL)


class LogAwayError(Exception):
    """The desk's log cannot be written now: the command may or may not be in it."""


class Commanded(Protocol):
    """Who takes commands to the desk."""

    async def enter(self, command: Command) -> None:
        """Put a command into the desk's log. Raise LogAwayError if it is not safe there."""

    def outcome(self, command: str) -> str | None:
        """Say what came of a command, if the desk is here and knows it."""


def add_commands(app: web.Application, commanded: Commanded, clock: Callable[[], int]) -> None:
    """Let `app` take commands. `clock` gives milliseconds."""

    async def enter(request: web.Request) -> web.StreamResponse:
        asked = await body_of(request, shapes.CommandAsked)
        command = command_of(
            request, what=asked.what, on=asked.on, by=asked.by, body=asked.body, id_=asked.command, now_ms=clock()
        )
        await entered(commanded, command)
        return told({"command": command.command, "time": command.time}, HTTPStatus.ACCEPTED)

    async def outcome(request: web.Request) -> web.StreamResponse:
        command = request.match_info["command"]
        return told({"command": command, "outcome": commanded.outcome(command)})

    add(app, table.COMMAND, enter)
    add(app, table.OUTCOME, outcome)


def command_of(  # noqa: PLR0913  what a command is made of
    request: web.Request, *, what: str, by: str, now_ms: int, on: str = "", body: Mapping[str, Any], id_: str = ""
) -> Command:
    """Write down what a request asks. `by` is who they say they are, where the settings name no operators.

    Raise Refused if they may not, or if it is no command.
    """
    operator = operator_of(request)
    if operator is not None and what in _NOTICES and operator.role != "approver":
        why = f"{operator.name} may give no commands about customer notices"
        raise Refused(HTTPStatus.FORBIDDEN, why)
    author = by.strip() if operator is None else operator.name
    if not author:
        raise Refused(HTTPStatus.BAD_REQUEST, 'say who asks: --by NAME, or "by" in the body')
    entry = {
        "command": id_ or token_hex(12),
        "time": format_time(now_ms),
        "by": author,
        "what": what,
        "on": on,
        "body": body,
    }
    try:
        return decode_command(msgspec.json.encode(entry))
    except ValueError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, str(error)) from error


async def entered(commanded: Commanded, command: Command) -> None:
    """Put a command into the desk's log. Raise Refused where that cannot be done now."""
    try:
        await commanded.enter(command)
    except LogAwayError as error:
        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from error
