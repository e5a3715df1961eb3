"""The table of routes under `/api/v1`, and of health and metrics: all that there is, and who may ask for it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from streams.api import shapes
from streams.api.route import V1, Answer, Route, Who

_NOT_HERE = (HTTPStatus.SERVICE_UNAVAILABLE,)
_MISSING = (HTTPStatus.NOT_FOUND, *_NOT_HERE)

INCIDENTS = Route(
    method="GET", path=f"{V1}/incidents", name="listIncidents", tag="incidents",
    summary="List incidents, those that fire and the latest that are over; none where the desk is another worker's",
    answers={200: Answer("The incidents", shapes.Incidents)},
)  # fmt: skip
INCIDENT = Route(
    method="GET", path=f"{V1}/incidents/{{incident}}", name="showIncident", tag="incidents",
    summary="Tell all of one incident, with its timeline and who is rung next",
    answers={200: Answer("The incident", shapes.IncidentTold)}, refuses=_MISSING,
)  # fmt: skip
ALERTS = Route(
    method="GET", path=f"{V1}/alerts", name="listAlerts", tag="alerts",
    summary="List the alerts that fire now, with the incident that tells each, and what mutes it",
    answers={200: Answer("The alerts, those of the worst incident first", shapes.Alerts)}, refuses=_NOT_HERE,
)  # fmt: skip
LADDERS = Route(
    method="GET", path=f"{V1}/ladders", name="listLadders", tag="people",
    summary="List the ladders, and who is on duty now",
    answers={200: Answer("The ladders and the roles on them", shapes.Ladders)},
)  # fmt: skip
SILENCES = Route(
    method="GET", path=f"{V1}/silences", name="listSilences", tag="silences",
    summary="List the silences that hold or will",
    answers={200: Answer("The silences, the next to end first", shapes.Silences)}, refuses=_NOT_HERE,
)  # fmt: skip
SILENCE = Route(
    method="GET", path=f"{V1}/silences/{{silence}}", name="showSilence", tag="silences",
    summary="Show one silence, also one that is over",
    answers={200: Answer("The silence", shapes.SilenceRow)}, refuses=_MISSING,
)  # fmt: skip
PREVIEW = Route(
    method="POST", path=f"{V1}/preview/silence", name="previewSilence", tag="silences",
    summary="Say what a silence would hide of what fires now; nothing is changed",
    body=shapes.SilenceAsked,
    answers={200: Answer("What it would hide, worst first", shapes.Hidden)}, refuses=_NOT_HERE,
)  # fmt: skip
COMMAND = Route(
    method="POST", path=f"{V1}/commands", name="enterCommand", tag="commands",
    summary="Ask something of the desk: acknowledge, promise, silence, approve a notice; any worker takes it",
    who=Who.OPERATOR, body=shapes.CommandAsked,
    answers={202: Answer("It is in the desk's log; ask for the outcome by its name", shapes.CommandTaken)},
    refuses=_NOT_HERE,
)  # fmt: skip
OUTCOME = Route(
    method="GET", path=f"{V1}/commands/{{command}}", name="showOutcome", tag="commands",
    summary="Say what came of a command",
    answers={200: Answer("The outcome, as far as it is known here", shapes.CommandOutcome)},
)  # fmt: skip
NOTICES = Route(
    method="GET", path=f"{V1}/notices", name="listNotices", tag="notices",
    summary="List customer notices; none where the desk is another worker's. Commands approve, publish, cancel them",
    answers={200: Answer("The notices", shapes.Notices)},
)  # fmt: skip
LEVELS = Route(
    method="GET", path=f"{V1}/levels", name="listLevels", tag="page",
    summary="List the series this worker judges, each with its level; at most 5,000",
    answers={200: Answer("The series", shapes.Levels)},
)  # fmt: skip
FLOW = Route(
    method="GET", path=f"{V1}/flow", name="showFlow", tag="page",
    summary="Tell the flow of events through this worker",
    answers={200: Answer("Rates, lags and the time", shapes.Flow)},
)  # fmt: skip
EVENTS = Route(
    method="GET", path=f"{V1}/events", name="listen", tag="page",
    summary="Listen to changes of level and steps of notices as they happen; Last-Event-ID goes on where one stopped",
    answers={200: Answer("Server-sent events `alert` and `notice`, without an end", media="text/event-stream")},
    refuses=_NOT_HERE,
)  # fmt: skip
RELOAD = Route(
    method="POST", path=f"{V1}/reload", name="reloadRules", tag="worker",
    summary="Read the rule files again; take them if all of them are right", who=Who.OPERATOR, body=shapes.NothingAsked,
    answers={
        200: Answer("They are in force", shapes.ReloadTold),
        409: Answer("Something is wrong with them, and the old ones stay", shapes.ReloadTold),
    },
)  # fmt: skip
RELEASE = Route(
    method="POST", path=f"{V1}/release", name="releaseStream", tag="worker",
    summary="Read a stream on at full speed though next to nothing in it is usable", who=Who.OPERATOR,
    body=shapes.StreamAsked, answers={200: Answer("How many partitions that were", shapes.Released)},
)  # fmt: skip
RULES = Route(
    method="GET", path=f"{V1}/rules", name="showRules", tag="worker",
    summary="Say by which rules this worker counts",
    answers={200: Answer("The rules, and the last reload", shapes.RulesTold)},
)  # fmt: skip
DOCUMENT = Route(
    method="GET", path=f"{V1}/openapi.json", name="showDocument", tag="worker",
    summary="Give this document", answers={200: Answer("OpenAPI 3.1", dict[str, Any])},
)  # fmt: skip
HEALTHZ = Route(
    method="GET", path="/healthz", name="isAlive", tag="health", who=Who.ANYBODY,
    summary="Answer as long as the event loop comes round",
    answers={200: Answer("Alive", shapes.Health)},
)  # fmt: skip
READYZ = Route(
    method="GET", path="/readyz", name="isReady", tag="health", who=Who.ANYBODY,
    summary="Say whether the worker can do its work",
    answers={200: Answer("It can", shapes.ReadyOrNot), 503: Answer("It cannot, and why", shapes.ReadyOrNot)},
)  # fmt: skip
METRICS = Route(
    method="GET", path="/metrics", name="showMetrics", tag="health",
    summary="Give the metrics to Prometheus",
    answers={200: Answer("In the format asked for, by default Prometheus's text", media="text/plain")},
)  # fmt: skip

ROUTES = (
    INCIDENTS, INCIDENT, ALERTS, LADDERS, SILENCES, SILENCE, PREVIEW, COMMAND, OUTCOME, NOTICES, LEVELS, FLOW, EVENTS,
    RELOAD, RELEASE, RULES, DOCUMENT, HEALTHZ, READYZ, METRICS,
)  # fmt: skip
