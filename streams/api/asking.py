"""Reading what is asked: bodies that are bounded and typed, queries that are typed, and who asks."""

from __future__ import annotations

from http import HTTPStatus
from typing import TypeVar, get_origin

import msgspec
from aiohttp import web

from alerts.commands import BODY_BYTES_MAX
from alerts.texts import clean
from streams.api.route import V2
from streams.door import DOOR, Caller

REQUEST_BYTES_MAX = BODY_BYTES_MAX + 4_096

_WHY_CHARS_MAX = 300

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)


class Refused(Exception):
    """What is asked is refused: the status and, in one line, why."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


def refusal(request: web.BaseRequest, status: HTTPStatus, why: str) -> web.Response:
    """Say in one line why not, in the form that the clients of this path expect."""
    return web.json_response(why if request.path.startswith(V2) else {"error": why}, status=status)


async def body_of(request: web.Request, shape: type[T]) -> T:
    """Read the body as one type. Raise Refused if it is longer than a body may be, or is not that."""
    raw = bytearray()
    async for block in request.content.iter_chunked(REQUEST_BYTES_MAX):
        raw += block
        if len(raw) > REQUEST_BYTES_MAX:
            why = f"a body is at most {REQUEST_BYTES_MAX} bytes"
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, why)
    try:
        return msgspec.json.decode(raw, type=shape)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        why = f"the body is not what is asked for: {clean(str(error), _WHY_CHARS_MAX)}"
        raise Refused(HTTPStatus.BAD_REQUEST, why) from error


def query_of(request: web.Request, shape: type[S]) -> S:
    """Read the query as one Struct. A parameter given several times is a list, of which empty ones are left out.

    Raise Refused if it is not that.
    """
    given: dict[str, object] = {}
    lists = {each.encode_name for each in msgspec.structs.fields(shape) if get_origin(each.type) is tuple}
    for name in request.query:
        values = request.query.getall(name)
        given[name] = [value for value in values if value] if name in lists else values[-1]
    try:
        return msgspec.convert(given, shape, strict=False)
    except (msgspec.MsgspecError, ValueError) as error:
        why = f"the query is not what is asked for: {clean(str(error), _WHY_CHARS_MAX)}"
        raise Refused(HTTPStatus.BAD_REQUEST, why) from error


def operator_of(request: web.Request) -> Caller | None:
    """Find the operator who asks; None where the settings name none. Raise Refused if it is nobody who may order."""
    door = request.app[DOOR]
    if not door.operators:
        return None
    caller = door.caller(request.headers.get("Authorization"))
    if caller is None:
        raise Refused(HTTPStatus.FORBIDDEN, "this needs the token of an operator")
    if caller.role == "viewer":
        raise Refused(HTTPStatus.FORBIDDEN, f"{caller.name} may look, and give no commands")
    return caller
