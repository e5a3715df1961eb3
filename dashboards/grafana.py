"""Pushes dashboards to a Grafana, through grafana-api: the one place that knows that library."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

PUSH_TIMEOUT_S = 10.0
MESSAGE_CHARS_MAX = 200


class UnreachableError(Exception):
    """No Grafana answered there."""


class RefusedError(Exception):
    """Grafana answered, and would not take it."""


def push(url: str, token: str, dashboards: dict[str, str], message: str) -> list[str]:
    """Write dashboards (file name → JSON text) over those with the same uid. Return where each of them is now.

    Raise ValueError for an address that is none, UnreachableError, RefusedError.
    """
    # These two are slow to import, and only this command needs them.
    from grafana_api.grafana_api import GrafanaException
    from grafana_api.grafana_face import GrafanaFace
    from requests import RequestException

    at = urlsplit(url)
    if at.scheme not in {"http", "https"} or not at.hostname or at.username or at.query or at.fragment:
        raise ValueError(f"not the address of a Grafana: {at.scheme}://{at.hostname or ''}")
    prefix = f"{at.path.strip('/')}/" if at.path.strip("/") else ""
    host = f"[{at.hostname}]" if ":" in at.hostname else at.hostname
    grafana = GrafanaFace(
        auth=token, host=host, port=at.port, protocol=at.scheme, url_path_prefix=prefix, timeout=PUSH_TIMEOUT_S
    )
    grafana.api.s.max_redirects = 0  # a redirect must not carry the token elsewhere
    places = []
    for text in dashboards.values():
        request = {"dashboard": json.loads(text), "overwrite": True, "message": message}
        try:
            answer = grafana.dashboard.update_dashboard(request)
        except GrafanaException as error:
            raise RefusedError(f"{error.status_code} {_line(error.message)}") from error
        except (RequestException, ValueError) as error:  # ValueError: an answer that is no JSON
            raise UnreachableError(f"no Grafana at {at.scheme}://{at.netloc} ({type(error).__name__})") from error
        if not isinstance(answer, dict) or "url" not in answer:
            raise UnreachableError(f"what answers at {at.scheme}://{at.netloc} is no Grafana")
        places.append(f"{at.scheme}://{at.netloc}{answer['url']}")
    return places


def _line(text: object) -> str:
    """Put what a server said on one printable line."""
    words = " ".join(str(text).split())
    return "".join(char if char.isprintable() else "?" for char in words)[:MESSAGE_CHARS_MAX]
