"""What people may look at: the shapes of the page's data, and where it comes from. Times are RFC 3339 text in UTC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypedDict

Texts = Mapping[str, str]
"""Language (`zh`, `en`) → text."""


class IncidentRow(TypedDict):
    """One incident: what, where, since when, how many, and what to do."""

    id: str
    level: str  # act, yellow, orange, red
    state: str  # firing, acknowledged, resolved
    blind: bool  # its source is not heard now: the level is the last one known
    rule: str
    key: Mapping[str, str | float | bool]
    title: Texts
    summary: Texts
    action: Texts
    owner: str  # who has taken it on; nobody: empty
    since: str
    updated: str
    value: float | None
    threshold: float | None
    alerts: int  # that fire now, told as this one
    users: float | None  # affected at most
    unexplained: bool  # raised one colour, for nothing explains it
    muted: Sequence[str]  # why nobody is told of it now


class AudienceRow(TypedDict):
    """One audience of a notice, in the order in which they are told."""

    audience: str  # its tier
    form: str  # short, long
    waiting: bool  # the newest text is for it, and it was not told
    first: str | None  # when it first heard of the trouble
    told: str | None  # when it was told the newest text


class NoticeRow(TypedDict):
    """One customer notice; `text` is what customers read, or will."""

    id: str
    state: str  # draft, approved, publishing, published, updated, stopped, all-clear, withdrawn
    level: str
    incident: str
    title: Texts
    text: Texts
    created: str
    due: str | None  # when the last audience must have heard of it, while it has not
    audiences: Sequence[AudienceRow]
    next_audience: str | None  # when the next one is told without anybody asking


class LevelRow(TypedDict):
    """One series as it stands; `level` may be `blind`."""

    rule: str
    title: Texts
    key: Mapping[str, str | float | bool]
    level: str
    value: float | None


class View(Protocol):
    """The service as it stands. Called on the event loop at each request: quick, and without I/O."""

    def incidents(self) -> Sequence[IncidentRow]:
        """Give the incidents that are not resolved, and the latest that are, in any order."""

    def notices(self) -> Sequence[NoticeRow]:
        """Give the notices that are not over, and the latest that are, in any order."""

    def levels(self) -> Sequence[LevelRow]:
        """Give every series, green ones too, at most a few thousand."""

    def rates(self) -> Mapping[str, float]:
        """Give the accepted events a second of each stream that is listened to."""

    @property
    def zone(self) -> str:
        """The time zone of the site, in which times are shown."""

    def now(self) -> str:
        """Tell the time by the clock in which events happen."""

    def lag(self) -> Mapping[str, float | None]:
        """Give how far each stream's watermark is behind the clock, in seconds; None before its first event."""


class Readiness(Protocol):
    """Whether the service can do its work."""

    def reasons(self) -> Sequence[str]:
        """Say, in a line each, why it cannot; nothing when it can."""

    def warnings(self) -> Sequence[str]:
        """Say, in a line each, what is not as it should be and keeps nothing from being done."""
