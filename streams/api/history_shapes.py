"""What is asked and answered about what happened, as types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import msgspec
from msgspec import Meta

from streams.api.shapes import Time
from streams.view import Texts

KEYS_LEN_MAX = 100
"""Notifications that may be tried again by one request."""

Limit = Annotated[int, Meta(ge=1, le=500)]
Words = Annotated[str, Meta(description="all of them are found in the rule, the key or the texts")]
Next = Annotated[str, Meta(description="the `next` of the page before")]
Row = Mapping[str, Any]


class SpanAsked(msgspec.Struct, rename={"from_": "from"}):
    """From when, up to, not including, when; a page at a time, the newest first."""

    from_: Time | msgspec.UnsetType = msgspec.UNSET
    to: Time | msgspec.UnsetType = msgspec.UNSET
    level: str = ""
    limit: Limit = 100
    after: Next | msgspec.UnsetType = msgspec.UNSET


class RowsAsked(SpanAsked):
    """Which incidents or changes of level."""

    rule: str = ""
    q: Words = ""


class NotificationsAsked(SpanAsked):
    """Which notifications."""

    incident: str = ""
    channel: str = ""


class SeriesAsked(msgspec.Struct, forbid_unknown_fields=True):
    """Which series: a rule, and `key=FIELD=NAME` for each field of its key."""

    rule: str
    key: tuple[str, ...] = ()


class Behind(TypedDict):
    """How many records of the log this worker's history has not read yet; None if it does not know."""

    behind: int | None


class IncidentsPage(Behind):
    """Incidents by when they were opened, as the last of their changes left them."""

    incidents: Sequence[Row]
    next: str | None


class AlertsPage(Behind):
    """Alert records."""

    alerts: Sequence[Row]
    next: str | None


class NotificationsPage(Behind):
    """What was handed to the outbox, with the ends it met there."""

    notifications: Sequence[Row]
    next: str | None


class IncidentStory(TypedDict):
    """All that is known of an incident, in the order of time; `cut`: there was more than is told."""

    incident: str
    state: Row | None
    timeline: Sequence[Row]
    alerts: Sequence[Row]
    orders: Sequence[Row]
    notices: Sequence[Row]
    cut: bool


class NoticeStory(TypedDict):
    """A notice as it stands, and after each of its steps."""

    notice: Row
    steps: Sequence[Row]


class Explanation(Behind):
    """Why: the statements, and the facts behind them."""

    id: str
    kind: Literal["alert", "incident", "page", "silence", "notice"]
    incident: str | None
    statements: Sequence[Texts]
    facts: Any


class Standing(TypedDict):
    """Where a series stands; `here`: its judge is in this worker's hands. Else `partition` is the judge's."""

    kind: Literal["series"]
    rule: str
    here: bool
    key: NotRequired[Mapping[str, str | float | bool]]
    partition: NotRequired[int]
    statements: Sequence[Texts]
    facts: Any


class Rebuilding(TypedDict):
    """The history is being made anew from the log."""

    rebuilding: bool


class UndeliveredRow(TypedDict):
    """One notification that was given up."""

    key: str
    channel: str
    to: str
    reason: str
    level: str
    rule: str
    of: Mapping[str, str | float | bool]
    incident: str
    offered: Time
    ended: Time
    outcome: str


class UndeliveredTold(TypedDict):
    """What this worker's outbox gave up and still keeps, the oldest first."""

    undelivered: Sequence[UndeliveredRow]


class RetryAsked(msgspec.Struct, forbid_unknown_fields=True):
    """Which of them to try again."""

    keys: Annotated[tuple[str, ...], Meta(max_length=KEYS_LEN_MAX)]


class Retried(TypedDict):
    """How many there were."""

    retried: int
