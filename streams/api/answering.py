"""Writing what is answered: JSON that holds any text an event may hold, and no number that JSON has no word for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus

from aiohttp import web


def told(data: object, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    """Answer with data, compressed where the caller takes that."""
    # ASCII escapes carry any text, lone surrogates too.
    response = web.json_response(_finite(data), status=status, dumps=partial(json.dumps, allow_nan=False))
    response.enable_compression()
    return response


def _finite(value: object) -> object:
    """Replace NaN and infinities with None."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, Mapping):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return value
