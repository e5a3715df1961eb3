"""One route: what is asked, who may ask it, and what can come of it. The document and the server both go by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Literal, TypedDict

V1 = "/api/v1"
V2 = "/api/v2"

JSON = "application/json"


class Who(StrEnum):
    """Who may ask."""

    ANYBODY = "anybody"  # nothing of the site's data is in the answer
    READER = "reader"  # whoever has the page's token or an operator's; without a token, whoever is on this machine
    OPERATOR = "operator"  # where the settings name operators: one of them, and no viewer; else as a reader


class Refusal(TypedDict):
    """Why not, in one line."""

    error: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What one status means, and the type of its body; None for a body that is no JSON."""

    text: str
    shape: Any = None
    media: str = JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method at one path. `{names}` in the path are its parameters; `query` is a Struct of the others.

    `body` is the type of what is sent; `answers` go by status; `refuses` are the statuses of refusals besides those
    that follow from the route itself.
    """

    method: Literal["GET", "POST", "DELETE"]
    path: str
    name: str
    tag: str
    summary: str
    answers: Mapping[int, Answer]
    who: Who = Who.READER
    body: Any = None
    query: type | None = None
    refuses: tuple[HTTPStatus, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether it is more than a look: then a page of another site must not be able to send it."""
        return self.method != "GET"

    @property
    def refusal(self) -> Any:
        """The type of a refusal: Alertmanager's clients expect a bare text."""
        return str if self.path.startswith(V2) else Refusal

    @property
    def refusals(self) -> tuple[HTTPStatus, ...]:
        """All statuses with which it may be refused, in their order."""
        own = {*self.refuses, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}
        if self.who is not Who.ANYBODY:
            own.add(HTTPStatus.UNAUTHORIZED)
        if self.query is not None or self.body is not None:
            own.add(HTTPStatus.BAD_REQUEST)
        if self.body is not None:
            own |= {HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE}
        return tuple(sorted(own))
