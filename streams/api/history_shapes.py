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


class PeriodAsked(msgspec.Struct, forbid_unknown_fields=True):
    """Which week or month; nothing: the last that is over."""

    of: Annotated[str, Meta(description="2026-W10, 2026-03, or a day in it", max_length=40)] = ""


class PeriodReport(Behind):
    """A week or a month, with the numbers of the one before (`before`) beside its own (`now`); spans are seconds.

    `cut`: there was more than a report looks at (`cut_at`). Of lists `listed_max` rows are told at most.
    """

    kind: Literal["weekly", "monthly"]
    period: Row
    before: Row
    incidents: Row
    by_level: Sequence[Row]
    by_rule: Sequence[Row]
    by_place: Sequence[Row]
    listed_max: int
    rules: int
    places: int
    at_level_s: Sequence[Row]
    acknowledging: Row
    resolving: Row
    reddening: Row
    noticing: Row
    unacknowledged: Row
    unresolved: Row
    notices: Mapping[str, Row]
    pages: Sequence[Row]
    alerts: Row
    muted: Row
    noisy: Sequence[Row]
    false_alarms: Row
    worst: Sequence[Row]
    figures: Sequence[Row]
    cut: bool
    cut_at: Mapping[str, int]


class IncidentReport(Behind):
    """One incident, looked back on; times are None where something never came, spans seconds since it began."""

    incident: str
    zone: str
    title: Texts
    key: Mapping[str, str | float | bool]
    place: str | None
    rule: str
    state: str
    peak_level: str
    peak_value: float | None
    users: float | None
    alerts: int
    acknowledged_by: str
    finding: str
    false_alarm: bool
    explained_by: str
    opened: Time
    resolved: Time | None
    moments: Sequence[Row]
    top: Sequence[Row]
    levels: Sequence[Row]
    pages: Sequence[Row]
    told: int
    notices: Sequence[Row]
    statements: Sequence[Texts]
    cut: bool


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
