"""What is asked and answered under `/api/v2`, in the names of Alertmanager's API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, NotRequired, TypedDict

import msgspec
from msgspec import Meta

from alerts.labelmatchers import MATCHERS_LEN_MAX
from streams.api.shapes import Comment, Time

# ruff: noqa: N815  the names are theirs

Labels = Mapping[str, str]


class AlertsAsked(msgspec.Struct):
    """Which alerts are meant; `filter` are matchers, `receiver` is an expression. `unprocessed` is never so here."""

    active: bool = True
    silenced: bool = True
    inhibited: bool = True
    unprocessed: bool = True
    filter: tuple[str, ...] = ()
    receiver: str = ""


class SilencesAsked(msgspec.Struct):
    """Which silences are meant: those that have each of these matchers."""

    filter: tuple[str, ...] = ()


class MatcherAsked(msgspec.Struct):
    """One matcher: labels are `alertname`, `rule`, `level`, `severity`, and `key_` with a field of the key."""

    name: Annotated[str, Meta(examples=["key_region"])]
    value: Annotated[str, Meta(examples=["长沙"])]
    isRegex: bool
    isEqual: bool = True


class SilencePosted(msgspec.Struct):
    """A silence to be made; with an id, what becomes of the one that has it."""

    matchers: Annotated[list[MatcherAsked], Meta(min_length=1, max_length=MATCHERS_LEN_MAX)]
    startsAt: Time
    endsAt: Time
    createdBy: Annotated[str, Meta(examples=["王工"])]
    comment: Comment
    id: str = ""


class SilenceMade(TypedDict):
    """The id of a silence that was made or changed."""

    silenceID: str


class MatcherTold(TypedDict):
    """One matcher."""

    name: str
    value: str
    isRegex: bool
    isEqual: bool


Phase = Literal["expired", "active", "pending"]
State = Literal["unprocessed", "active", "suppressed"]


class SilenceState(TypedDict):
    """Whether it holds."""

    state: Phase


class SilenceTold(TypedDict):
    """One silence."""

    id: str
    status: SilenceState
    updatedAt: Time
    matchers: Sequence[MatcherTold]
    startsAt: Time
    endsAt: Time
    createdBy: str
    comment: str


class Receiver(TypedDict):
    """Whom a rule names, or a channel."""

    name: str


class AlertStatus(TypedDict):
    """Whether it is heard: `silencedBy` are ids of silences, `inhibitedBy` fingerprints, `mutedBy` other reasons."""

    state: State
    silencedBy: Sequence[str]
    inhibitedBy: Sequence[str]
    mutedBy: Sequence[str]


class AlertTold(TypedDict):
    """One alert that fires."""

    annotations: Labels
    endsAt: Time
    fingerprint: str
    receivers: Sequence[Receiver]
    startsAt: Time
    status: AlertStatus
    updatedAt: Time
    labels: Labels
    generatorURL: NotRequired[str]


class AlertGroup(TypedDict):
    """The alerts of one incident that one receiver hears; `labels` are those they have in common."""

    labels: Labels
    receiver: Receiver
    alerts: Sequence[AlertTold]


class Peer(TypedDict):
    """Another of a cluster: there are none."""

    name: str
    address: str


class ClusterStatus(TypedDict):
    """Workers share their work through Kafka, and are no cluster of Alertmanagers."""

    status: Literal["ready", "settling", "disabled"]
    peers: Sequence[Peer]


class VersionInfo(TypedDict):
    """`version` is that of the API, with ours after the plus sign."""

    version: str
    revision: str
    branch: str
    buildUser: str
    buildDate: str
    goVersion: str


class Configuration(TypedDict):
    """The receivers, as a configuration that tools can read."""

    original: str


class Status(TypedDict):
    """What runs, and since when."""

    cluster: ClusterStatus
    versionInfo: VersionInfo
    config: Configuration
    uptime: Time
