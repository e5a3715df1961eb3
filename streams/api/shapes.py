"""What is asked and answered under `/api/v1`, as types: the document's schemas are made from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypedDict

import msgspec
from msgspec import Meta

from alerts.commands import ID_LEN_MAX
from streams.view import IncidentRow, LevelRow, NoticeRow, Texts

Time = Annotated[
    str,
    Meta(
        description="RFC 3339 with its offset",
        examples=["2026-03-01T12:00:00Z"],
        extra_json_schema={"format": "date-time"},
    ),
]
Id = Annotated[str, Meta(max_length=ID_LEN_MAX, description="printable characters")]
Match = Annotated[dict[str, Any], Meta(examples=[{"region": ["长沙", "株洲"]}, {"labels": ['level=~"orange|red"']}])]
Comment = Annotated[str, Meta(examples=["割接"])]
Key = Mapping[str, str | float | bool]

PeoplesVerb = Literal[
    "ack",
    "unack",
    "takeover",
    "comment",
    "promise",
    "resolve",
    "find",
    "accept",
    "silence-add",
    "silence-expire",
    "notice-approve",
    "notice-publish",
    "notice-cancel",
]
"""The verbs of `alerts.commands.Verb` that people may use: `alert` is the judges', `plan` an event of its stream."""


class CommandAsked(msgspec.Struct, forbid_unknown_fields=True):
    """What somebody asks of the desk: `what`, on which incident, silence or notice, by whom, with what besides.

    `by` counts where the settings name no operators; else it is whose token came with it. `command` names the command:
    the same name again is the same command, and is carried out once. `body` is what the verb needs besides: `text` is a
    comment, `cause` and `false_alarm` say what an incident was (of `find` and `resolve`), `until` the end of a promise,
    `audience` the tier a notice is published to, `all` publishes it to every one at once, and that of `silence-add` is
    as in `SilenceAsked`.
    """

    what: PeoplesVerb
    on: Id = ""
    by: str = ""
    body: dict[str, Any] = {}
    command: Id = ""


class SilenceAsked(msgspec.Struct, forbid_unknown_fields=True):
    """A silence as somebody wants it: field → name or names, all of which must match; of several names any does.

    Fields are `rule`, `stream`, `level` and those of keys; `labels` are matchers in Alertmanager's words. It starts
    now if nothing else is said. Red is hidden only if it says so.
    """

    match: Match
    ends: Time
    comment: Comment = ""
    starts: Time | msgspec.UnsetType = msgspec.UNSET
    including_red: bool = False


class StreamAsked(msgspec.Struct, forbid_unknown_fields=True):
    """Which stream is meant."""

    stream: str


class NothingAsked(msgspec.Struct, forbid_unknown_fields=True):
    """Nothing: an empty object."""


class Incidents(TypedDict):
    """The incidents that are not resolved, and the latest that are."""

    incidents: Sequence[IncidentRow]


class Notices(TypedDict):
    """The notices that are not over, and the latest that are."""

    notices: Sequence[NoticeRow]


class Levels(TypedDict):
    """Every series, green ones too."""

    levels: Sequence[LevelRow]


class Flow(TypedDict):
    """Events a second of each stream, how far behind its watermark is in seconds, and what time it is here."""

    rates: Mapping[str, float]
    lag: Mapping[str, float | None]
    now: str
    zone: str


class Health(TypedDict):
    """Alive."""

    status: Literal["ok"]


class ReadyOrNot(TypedDict):
    """Whether the worker can do its work, and why not; `warnings` keep it from nothing."""

    ready: bool
    reasons: Sequence[str]
    warnings: Sequence[str]


class AlertRow(TypedDict):
    """One alert that fires: one rule at one key since it left green."""

    alert: str
    incident: str  # that tells it
    rule: str
    key: Key
    level: str  # at which it counts: one colour more than its own where its incident is unexplained
    started: Time
    updated: Time
    value: float | None
    threshold: float
    title: Texts
    summary: Texts
    muted: Sequence[str]  # why it is not heard; empty: it is


class Alerts(TypedDict):
    """The alerts that fire now, worst incident first."""

    alerts: Sequence[AlertRow]


class RungRow(TypedDict):
    """One step of a ladder: the role that is rung, and how long it has to answer."""

    role: str
    wait_s: float


class LadderRow(TypedDict):
    """Who is rung in turn; `ack_s` is how long an acknowledgement holds, by level."""

    ladder: str
    rungs: Sequence[RungRow]
    promise_s: float
    ack_s: Mapping[str, float]


class PostRow(TypedDict):
    """Who holds a post now; it is for alerts whose key agrees with `where`."""

    where: Key
    people: Sequence[str]


class RoleRow(TypedDict):
    """Who fills a role: the first post that agrees with the alert and is held counts; none: every channel is told."""

    role: str
    posts: Sequence[PostRow]


class Ladders(TypedDict):
    """The ladders there are, and who is on duty at `time`."""

    time: Time
    ladders: Sequence[LadderRow]
    roles: Sequence[RoleRow]


class EntryRow(TypedDict):
    """One line of a timeline."""

    time: Time
    what: str
    level: str
    value: float | None
    by: str
    rule: str
    key: Key
    text: str


class IncidentTold(TypedDict):
    """All of one incident; `escalation` says who was rung and who is next, None where nobody is."""

    incident: str
    rule: str
    key: Key
    title: Texts
    summary: Texts
    state: str
    level: str
    peak_level: str
    value: float | None
    peak_value: float | None
    threshold: float
    opened: Time
    updated: Time
    resolved: Time | None
    acknowledged_by: str
    resolved_by: str
    finding: str
    false_alarm: bool
    role: str
    firing: int
    alerts: int
    users: float | None
    unexplained: bool
    explained_by: str
    muted: Sequence[str]
    flapping: bool
    told_level: str
    told: Sequence[str]
    timeline: Sequence[EntryRow]
    escalation: Mapping[str, Any] | None


class SilenceRow(TypedDict):
    """One silence: what it matches, whose it is, why, and how long."""

    id: str
    match: Mapping[str, Sequence[str]]
    author: str
    comment: str
    starts: Time
    ends: Time
    including_red: bool


class Silences(TypedDict):
    """The silences that hold or will, the next to end first."""

    silences: Sequence[SilenceRow]


class HiddenRow(TypedDict):
    """One incident of which a silence would hide alerts."""

    incident: str
    rule: str
    level: str
    hidden: int


class Hidden(TypedDict):
    """What a silence would hide of what fires now, worst first."""

    incidents: Sequence[HiddenRow]


class CommandTaken(TypedDict):
    """A command that is in the desk's log, under its name, and when it was accepted."""

    command: str
    time: Time


class CommandOutcome(TypedDict):
    """What came of a command: `done`, or `refused: …`; None where the desk is not here or has not come so far."""

    command: str
    outcome: str | None


class ReloadTold(TypedDict):
    """What came of reading the rules again; with `problems` the old rules stay. `notes` tell what was not taken."""

    result: str
    time: Time
    rules: int
    added: Sequence[str]
    changed: Sequence[str]
    removed: Sequence[str]
    problems: Sequence[str]
    notes: Sequence[str]


class Released(TypedDict):
    """How many partitions are read on at full speed."""

    stream: str
    partitions: int


class RulesTold(TypedDict):
    """By which rules this worker counts (rule → fingerprint), which wait for others, and the last reload."""

    rules: Mapping[str, str]
    waiting: Sequence[str]
    last_reload: ReloadTold | None
