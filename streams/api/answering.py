"""Writing what is answered: JSON that holds any text an event may hold, and no number that JSON has no word for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web

from streams.api.route import JSON

_AT_ONCE_BYTES_MAX = 65_536  # what is longer is compressed in a thread


def told(data: object, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    """Answer with data, compressed where the caller takes that. Long data may be written in a thread."""
    # ASCII escapes carry any text, lone surrogates too.
    body = json.dumps(_finite(data), allow_nan=False).encode("ascii")
    response = web.Response(
        body=body, status=status, content_type=JSON, charset="utf-8", zlib_executor_size=_AT_ONCE_BYTES_MAX
    )
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
