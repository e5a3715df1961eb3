"""What is waited for with one incident, and the ring that follows when it does not come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from alerts.notifications import Reason
from alerts.records import Scalar, format_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """A rung is to be told: by `people`, or by its role where nobody fills it. Without a role nobody is: see `lapsed`.

    `lapsed` says that whoever had taken the incident on has it no longer. `step` numbers the rings of an escalation.
    """

    incident: str
    reason: Reason
    at_ms: int
    role: str = ""
    people: tuple[str, ...] = ()
    rung: int = -1
    step: int = 0
    started_ms: int = 0
    lapsed: str = ""


class Escalation(msgspec.Struct, frozen=True, kw_only=True):
    """How far people are with one incident. Times are milliseconds UTC; None where nothing is waited for.

    `ring_ms`: the next rung, if nobody answers; `owned_until_ms`: the acknowledgement ends; `check_ms`: a promise
    without a solution; `promised_until_ms`: a promise is broken. `called` is the worst level that was rung for.
    `told` maps people to the rung they were last rung on. `is_followed`: a promise was broken, so that it is over only
    when the customer accepts.
    """

    incident: str
    key: dict[str, Scalar]
    started_ms: int
    level: str
    called: str = "green"
    ladder: str = ""
    rung: int = -1
    step: int = 0
    ring_ms: int | None = None
    owner: str = ""
    owned_until_ms: int | None = None
    promised_by: str = ""
    promised_until_ms: int | None = None
    check_ms: int | None = None
    is_followed: bool = False
    told: dict[str, int] = {}

    @property
    def due(self) -> tuple[int, Reason] | None:
        """Say what is due next, and when."""
        waiting = (
            (self.check_ms, Reason.UNSOLVED),
            (self.promised_until_ms, Reason.BROKEN),
            (self.owned_until_ms, Reason.EXPIRED),
            (self.ring_ms, Reason.UNACCEPTED if self.level == "green" else Reason.UNANSWERED),
        )
        known = [(at_ms, reason) for at_ms, reason in waiting if at_ms is not None]
        return min(known, key=lambda each: each[0], default=None)

    def as_data(self) -> dict[str, Any]:
        """Give it as plain data for pages and programs, times as RFC 3339."""
        due = self.due
        return {
            "ladder": self.ladder,
            "rung": self.rung,
            "owner": self.owner,
            "owned_until": _time(self.owned_until_ms),
            "promised_by": self.promised_by,
            "promised_until": _time(self.promised_until_ms),
            "followed": self.is_followed,
            "told": list(self.told),
            "next": None if due is None else {"time": _time(due[0]), "reason": due[1].value},
        }


def _time(at_ms: int | None) -> str | None:
    return None if at_ms is None else format_time(at_ms)
