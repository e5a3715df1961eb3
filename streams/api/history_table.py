"""The table of routes about what happened: history, why, and what could not be delivered."""

from __future__ import annotations

from http import HTTPStatus

from streams.api import history_shapes as shapes
from streams.api.route import V1, Answer, Route, Who
from streams.api.shapes import NothingAsked

_AWAY = (HTTPStatus.SERVICE_UNAVAILABLE,)
_MISSING = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, *_AWAY)

INCIDENTS = Route(
    method="GET", path=f"{V1}/history/incidents", name="listPastIncidents", tag="history",
    summary="List incidents of any time, those opened last first", query=shapes.RowsAsked,
    answers={200: Answer("A page of them", shapes.IncidentsPage)}, refuses=_AWAY,
)  # fmt: skip
INCIDENT = Route(
    method="GET", path=f"{V1}/history/incidents/{{id}}", name="showPastIncident", tag="history",
    summary="Tell all that happened in one incident: alerts, changes, pages, deliveries, orders, notices",
    answers={200: Answer("Its story", shapes.IncidentStory)}, refuses=_MISSING,
)  # fmt: skip
ALERTS = Route(
    method="GET", path=f"{V1}/history/alerts", name="listPastAlerts", tag="history",
    summary="List changes of level of any time, the newest first", query=shapes.RowsAsked,
    answers={200: Answer("A page of them", shapes.AlertsPage)}, refuses=_AWAY,
)  # fmt: skip
NOTIFICATIONS = Route(
    method="GET", path=f"{V1}/history/notifications", name="listPastNotifications", tag="history",
    summary="List what people were told, the newest first, and what came of each", query=shapes.NotificationsAsked,
    answers={200: Answer("A page of them", shapes.NotificationsPage)}, refuses=_AWAY,
)  # fmt: skip
NOTICE = Route(
    method="GET", path=f"{V1}/history/notices/{{id}}", name="showPastNotice", tag="history",
    summary="Show a customer notice after each of its steps",
    answers={200: Answer("The notice", shapes.NoticeStory)}, refuses=_MISSING,
)  # fmt: skip
REBUILD = Route(
    method="POST", path=f"{V1}/history/rebuild", name="rebuildHistory", tag="history", who=Who.OPERATOR,
    summary="Make this worker's history anew from the log", body=NothingAsked,
    answers={202: Answer("It has begun", shapes.Rebuilding)},
)  # fmt: skip
EXPLAIN = Route(
    method="GET", path=f"{V1}/explain/{{id}}", name="explain", tag="history",
    summary="Say why an alert, a page, an incident, a silence or a notice came, or was kept quiet",
    answers={200: Answer("Why", shapes.Explanation)}, refuses=_MISSING,
)  # fmt: skip
STANDING = Route(
    method="GET", path=f"{V1}/explain", name="explainSeries", tag="history",
    summary="Say where a series stands, and why it is at no higher level; `key=FIELD=NAME` for each field of its key",
    query=shapes.SeriesAsked, answers={200: Answer("Where it stands", shapes.Standing)}, refuses=_AWAY,
)  # fmt: skip
REPORT = Route(
    method="GET", path=f"{V1}/reports/{{kind}}", name="reportPeriod", tag="reports",
    summary="Report on a week or a month (`weekly`, `monthly`), beside the one before it", query=shapes.PeriodAsked,
    answers={200: Answer("The report", shapes.PeriodReport)}, refuses=_MISSING,
)  # fmt: skip
POST_ANALYSIS = Route(
    method="GET", path=f"{V1}/reports/incidents/{{id}}", name="reportIncident", tag="reports",
    summary="Look back on one incident: timeline, peak, who was affected, cause, how soon who was told",
    answers={200: Answer("The report", shapes.IncidentReport)}, refuses=_MISSING,
)  # fmt: skip
UNDELIVERED = Route(
    method="GET", path=f"{V1}/notifications/undelivered", name="listUndelivered", tag="notifications",
    summary="List what the outbox of this worker gave up",
    answers={200: Answer("The newest 5,000", shapes.UndeliveredTold)}, refuses=_AWAY,
)  # fmt: skip
RETRY = Route(
    method="POST", path=f"{V1}/notifications/undelivered", name="retryUndelivered", tag="notifications",
    summary="Try some of it again", who=Who.OPERATOR, body=shapes.RetryAsked,
    answers={200: Answer("How many", shapes.Retried)}, refuses=_AWAY,
)  # fmt: skip

ROUTES = (
    INCIDENTS, INCIDENT, ALERTS, NOTIFICATIONS, NOTICE, REBUILD, EXPLAIN, STANDING, REPORT, POST_ANALYSIS,
    UNDELIVERED, RETRY,
)  # fmt: skip
