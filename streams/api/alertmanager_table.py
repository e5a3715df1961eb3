"""The table of routes under `/api/v2`: Alertmanager's API, for `amtool`, karma and whatever else speaks it."""

from __future__ import annotations

from http import HTTPStatus

from streams.api import alertmanager_shapes as shapes
from streams.api.route import V2, Answer, Route, Who

_NOT_HERE = (HTTPStatus.SERVICE_UNAVAILABLE,)
_MISSING = (HTTPStatus.NOT_FOUND, *_NOT_HERE)
_TAG = "alertmanager"

STATUS = Route(
    method="GET", path=f"{V2}/status", name="getStatus", tag=_TAG, summary="Tell what runs",
    answers={200: Answer("The status", shapes.Status)},
)  # fmt: skip
RECEIVERS = Route(
    method="GET", path=f"{V2}/receivers", name="getReceivers", tag=_TAG, summary="List all receivers",
    answers={200: Answer("The receivers", list[shapes.Receiver])},
)  # fmt: skip
ALERTS = Route(
    method="GET", path=f"{V2}/alerts", name="getAlerts", tag=_TAG, summary="List the alerts that fire",
    query=shapes.AlertsAsked, answers={200: Answer("The alerts", list[shapes.AlertTold])}, refuses=_NOT_HERE,
)  # fmt: skip
POST_ALERTS = Route(
    method="POST", path=f"{V2}/alerts", name="postAlerts", tag=_TAG, who=Who.OPERATOR,
    summary="Refused always: alerts are the judges' to raise", answers={}, refuses=(HTTPStatus.BAD_REQUEST,),
)  # fmt: skip
GROUPS = Route(
    method="GET", path=f"{V2}/alerts/groups", name="getAlertGroups", tag=_TAG,
    summary="List the alerts that fire, grouped by incident and receiver",
    query=shapes.AlertsAsked, answers={200: Answer("The groups", list[shapes.AlertGroup])}, refuses=_NOT_HERE,
)  # fmt: skip
SILENCES = Route(
    method="GET", path=f"{V2}/silences", name="getSilences", tag=_TAG, summary="List silences, those that are over too",
    query=shapes.SilencesAsked, answers={200: Answer("The silences", list[shapes.SilenceTold])}, refuses=_NOT_HERE,
)  # fmt: skip
POST_SILENCES = Route(
    method="POST", path=f"{V2}/silences", name="postSilences", tag=_TAG, who=Who.OPERATOR,
    summary="Make a silence, or change one. It hides red only if a matcher of level or severity fits red",
    body=shapes.SilencePosted, answers={200: Answer("It is in the desk's log", shapes.SilenceMade)}, refuses=_MISSING,
)  # fmt: skip
SILENCE = Route(
    method="GET", path=f"{V2}/silence/{{silence}}", name="getSilence", tag=_TAG, summary="Show one silence",
    answers={200: Answer("The silence", shapes.SilenceTold)}, refuses=_MISSING,
)  # fmt: skip
DELETE_SILENCE = Route(
    method="DELETE", path=f"{V2}/silence/{{silence}}", name="deleteSilence", tag=_TAG, who=Who.OPERATOR,
    summary="End a silence now; one that is over stays so",
    answers={200: Answer("It is over, or will be at once", media="text/plain")},
    refuses=(HTTPStatus.BAD_REQUEST, *_MISSING),
)  # fmt: skip

ROUTES = (STATUS, RECEIVERS, ALERTS, POST_ALERTS, GROUPS, SILENCES, POST_SILENCES, SILENCE, DELETE_SILENCE)
