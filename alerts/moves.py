"""What an alert makes of its incident: level, peak, leader, timeline. Pure."""

from __future__ import annotations

from msgspec.structs import replace

from alerts.incidents import Entry, Incident, IncidentState, What, noted
from alerts.members import Members
from alerts.records import AlertRecord, format_time
from alerts.scopes import Scope
from alerts.telling import is_worse, moved
from alerts.tuning import Tuning


def begun(record: AlertRecord, scope: Scope, *, is_unexplained: bool) -> Incident:
    """Begin the incident of an alert, which is yet to be put into it."""
    return Incident(
        id=record.incident,
        state=IncidentState.OPEN,
        record=replace(record, level="green"),
        role=scope.role,
        opened_ms=record.started_ms,
        updated_ms=record.time_ms,
        peak_level="green",
        peak_value=None,
        seen=(),
        is_unexplained=is_unexplained,
        revision=0,
    )


def moved_on(incident: Incident, members: Members, record: AlertRecord, what: What, tuning: Tuning) -> Incident:
    """Give an incident as it is after `record`, which its members have taken up; without members it is over."""
    leader = members.leader
    level = members.level
    newest = record if leader is None else leader.record
    peaks = leader is not None and not is_worse(incident.peak_level, level)
    kept = replace(
        incident,
        record=replace(
            newest,
            level=level,
            was=incident.level if leader is None or incident.seen else newest.was,
            time=record.time,
            started=format_time(incident.opened_ms),
            incident=incident.id,
        ),
        updated_ms=record.time_ms,
        resolved_ms=record.time_ms if leader is None else None,
        peak_level=level if peaks else incident.peak_level,
        peak_value=newest.value if peaks else incident.peak_value,
        seen=incident.seen if level == "green" or level in incident.seen else (*incident.seen, level),
        firing=len(members),
        telling=moved(incident.telling, was=incident.level, level=level, at_ms=record.time_ms, tuning=tuning),
        revision=incident.revision + 1,
    )
    return noted(kept, Entry(record.time_ms, what, level, record.value, rule=record.rule, key=record.key))


def what_became(incident: Incident, level: str, *, is_found: bool) -> What:
    """Name what happens to an incident that goes to `level`; `is_found`: with its cause."""
    if not incident.seen:
        return What.OPENED
    if incident.level == "green":
        return What.REOPENED
    if is_found:
        return What.ATTRIBUTED
    if level == incident.level:
        return What.JOINED
    return What.RAISED if is_worse(level, incident.level) else What.LOWERED
