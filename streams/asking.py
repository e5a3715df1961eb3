"""Asking a running worker through its page's address: one request, one JSON answer, in few seconds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

PAGE = "http://127.0.0.1:8010"

TIMEOUT_S = 30.0

_ANSWER_BYTES_MAX = 16 << 20


class NoAnswer(ConnectionError):
    """Nobody there, or nobody of ours. One line."""


class Refused(Exception):
    """The worker does not want to: wrong token, or what it said. One line."""


class _NoRedirect(HTTPRedirectHandler):
    """A worker sends nobody elsewhere, and a token must not go there."""

    def redirect_request(self, *_args: object) -> None:
        """Follow none."""


def ask(page: str, path: str, body: Mapping[str, Any] | None = None, *, token: str = "") -> tuple[int, dict[str, Any]]:
    """Ask the worker at `page` (GET, or POST with a body); return status and answer. Raises NoAnswer, Refused.

    A status below 500 with a JSON object is an answer; 401, 403 and 404 are refusals.
    """
    where = urlsplit(page)
    if where.scheme not in ("http", "https") or not where.hostname or where.username is not None:
        raise Refused(f"{page} is not the address of a worker: http://HOST:PORT")
    data = None if body is None else json.dumps(body).encode()
    request = Request(page.rstrip("/") + path, data=data)  # noqa: S310  its scheme is checked above
    request.add_header("Content-Type", "application/json")
    if token:
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    opener = build_opener(ProxyHandler({}), _NoRedirect())
    try:
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            status, raw = answer.status, answer.read(_ANSWER_BYTES_MAX)
    except HTTPError as error:
        with error:
            status, raw = error.code, error.read(_ANSWER_BYTES_MAX)
    except (OSError, ValueError) as error:
        raise NoAnswer(f"no worker answers at {page}: {getattr(error, 'reason', None) or error}") from error
    try:
        told = json.loads(raw)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise NoAnswer(f"what answers at {page} is no worker of this version (status {status})")
    if status in (401, 403, 404, 405) or status >= 500:
        raise Refused(f"{page}: {told.get('error', f'status {status}')}")
    return status, told
