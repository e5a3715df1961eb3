"""The OpenAPI document, made from the table of routes and the types in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from inspect import cleandoc
from typing import Any

import msgspec

from streams.api.asking import REQUEST_BYTES_MAX
from streams.api.pace import BURST, RATE_PER_S
from streams.api.route import JSON, Route, Who
from streams.version import VERSION

_ABOUT = f"""\
Reads and orders for a running worker. Any worker takes commands; what the desk knows is told by the worker that has it,
and others answer 503. The page's token, or an operator's, comes as `Authorization: Bearer …`; without one the page is
for this machine alone. A body is JSON of at most {REQUEST_BYTES_MAX:,} bytes; a caller may ask {RATE_PER_S:.0f} times
a second, {BURST} at once.

Dead letters are not here: they lie in Kafka, in any number, and a worker that reads events has no hands free to look
through them. `tocsin deadletters list|show|retry` does. Customer notices are approved, published and cancelled by
commands.

`/api/v2` is Alertmanager's, as far as its clients need it.
"""

_REFUSED: Mapping[HTTPStatus, str] = {
    HTTPStatus.BAD_REQUEST: "It cannot be read, or cannot be done",
    HTTPStatus.UNAUTHORIZED: "A token is needed",
    HTTPStatus.FORBIDDEN: "Not by this host name, from this site, or for this caller",
    HTTPStatus.NOT_FOUND: "There is none",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too long",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body must be JSON",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests; Retry-After says when to come again",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not by this worker now",
}
_PARAMETER = re.compile(r"{(\w+)}")
_REF = "#/components/schemas/{name}"


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """Describe routes. The same routes give the same document."""
    shapes = [shape for route in routes for shape in _shapes(route)]
    told, components = msgspec.json.schema_components(shapes, ref_template=_REF)
    schemas = dict(zip(map(repr, shapes), told, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tocsin", "version": VERSION, "description": _ABOUT},
        "paths": paths,
        "components": {
            "schemas": {name: _clean(schema) for name, schema in sorted(components.items())},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _clean(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Take the indentation of the code out of a description."""
    return {**schema, "description": cleandoc(schema.get("description", ""))}


def _shapes(route: Route) -> Iterable[Any]:
    yield route.refusal
    if route.body is not None:
        yield route.body
    yield from (answer.shape for answer in route.answers.values() if answer.shape is not None)


def _operation(route: Route, schemas: Mapping[str, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, answer in route.answers.items():
        schema = {"type": "string"} if answer.shape is None else schemas[repr(answer.shape)]
        responses[str(status)] = {"description": answer.text, "content": {answer.media: {"schema": schema}}}
    for refused in route.refusals:
        responses[str(refused.value)] = {
            "description": _REFUSED[refused],
            "content": {JSON: {"schema": schemas[repr(route.refusal)]}},
        }
    told: dict[str, Any] = {
        "operationId": route.name,
        "tags": [route.tag],
        "summary": route.summary,
        "description": f"For: {route.who.value}.",
        "security": [] if route.who is Who.ANYBODY else [{"token": []}],
        "responses": dict(sorted(responses.items())),
    }
    if parameters := [*_in_path(route), *_in_query(route)]:
        told["parameters"] = parameters
    if route.body is not None:
        told["requestBody"] = {"required": True, "content": {JSON: {"schema": schemas[repr(route.body)]}}}
    return told


def _in_path(route: Route) -> Iterable[dict[str, Any]]:
    for name in _PARAMETER.findall(route.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _in_query(route: Route) -> Iterable[dict[str, Any]]:
    if route.query is None:
        return
    (ref,), components = msgspec.json.schema_components([route.query], ref_template="{name}")
    schema = components[ref["$ref"]]
    for name, of in schema["properties"].items():
        yield {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": of}
