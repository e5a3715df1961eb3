"""Escalation: who is rung next, and when, as long as nobody has taken an incident on, or who did does not keep to it.

All follows from the state and the time that is given: nothing is scheduled, so a desk that takes the state up rings on.
A ring within `ON_TIME_MS` of its time counts as on time, and the next one keeps to the timetable; after a longer gap
each rung gets its full time anew, because nobody shall be woken for what another had no chance to answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from typing import Any

import msgspec
from msgspec.structs import replace

from alerts.commands import CommandError
from alerts.duty import Roster
from alerts.incidents import Incident
from alerts.ladders import ACK_MS, NOBODY, Ladder
from alerts.notifications import Reason
from alerts.waiting import Escalation, Ring
from detectors.rules import LEVEL_CODE

ON_TIME_MS = 120_000  # another worker takes up within the session timeout and the time to restore
PROMISE_MS_MAX = 30 * 86_400_000


class EscalationBook:
    """The escalations of all incidents that fire, and of those that are followed until the customer accepts."""

    def __init__(self, ladders: Mapping[str, Ladder], roster: Roster) -> None:
        self._ladders = ladders
        self._roster = roster
        self._open: dict[str, Escalation] = {}
        self._soonest_ms: float = inf  # nothing is due before; looking through all of them for each record would cost

    def get(self, incident: str) -> Escalation | None:
        """Find the escalation of an incident."""
        return self._open.get(incident)

    def follow(
        self, incident: Incident, reason: Reason | None, level: str, ladder_of: Callable[[str], str], now_ms: int
    ) -> list[Ring]:
        """Go along with an incident that is told at a level. `ladder_of` names the ladder of a level ("" for none)."""
        known = self._open.get(incident.id)
        if not incident.is_firing:
            if known is not None:
                self._over(known, now_ms)
            return []
        if known is None:
            owner = incident.acknowledged_by  # of what was over, and fires again
            key = dict(incident.key)
            known = Escalation(incident=incident.id, key=key, started_ms=now_ms, level=level, owner=owner)
        name = ladder_of(level)
        is_worse = LEVEL_CODE[level] > LEVEL_CODE[known.called]
        at_level = replace(known, level=level, called=level if is_worse else known.called)
        ladder = self._ladders.get(name, NOBODY)
        if ladder is NOBODY:
            self._put(replace(at_level, ring_ms=None))
            return []
        on_it = known.ladder == ladder.name
        reason = reason if reason in {Reason.FIRST, Reason.REOPENED} else Reason.RAISED
        if is_worse and not (on_it and known.ring_ms is not None):
            # It is not what was taken on any more. Who climbs already is not slowed down.
            first = known.rung if on_it and not known.owner and known.rung >= 0 else 0
            fresh = replace(at_level, ladder=ladder.name, owner="", owned_until_ms=None)
            return self._ring(fresh, ladder, first, reason, now_ms, lapsed=known.owner)
        if on_it and known.ring_ms is not None and level == "red":
            # It may have waited for somebody's quiet hours to end: for a red nobody waits.
            at_level = replace(at_level, ring_ms=min(known.ring_ms, now_ms + ladder.rungs[known.rung].wait_ms))
        if not known.owner and known.ring_ms is None and known.promised_until_ms is None and known.rung < 0:
            return self._ring(replace(at_level, ladder=ladder.name), ladder, 0, reason, now_ms)
        if not known.owner and known.ring_ms is None and known.ladder and known.rung < len(ladder.rungs) - 1:
            at_level = replace(at_level, ring_ms=now_ms + ladder.rungs[known.rung].wait_ms)  # goes on where it paused
        self._put(at_level)
        return []

    def beat(self, now_ms: int, is_muted: Callable[[str], bool] = lambda _: False) -> list[Ring]:
        """Ring what is due by `now_ms`, in the order of time. What is due for a muted incident waits until it is heard.

        So whatever ends meanwhile, an acknowledgement or a promise, costs nobody their turn.
        """
        rings: list[Ring] = []
        while now_ms >= self._soonest_ms:
            heard = (each for each in self._open.values() if not is_muted(each.incident))
            waiting = [(*each.due, each) for each in heard if each.due is not None]
            self._soonest_ms = min((due_ms for due_ms, _, _ in waiting if due_ms > now_ms), default=inf)
            ready = [each for each in waiting if each[0] <= now_ms]
            for due_ms, reason, escalation in sorted(ready, key=lambda each: (each[0], each[2].incident)):
                rings += self._step(escalation, reason, due_ms if now_ms - due_ms <= ON_TIME_MS else now_ms)
        return rings

    # What people ask. Each raises CommandError where it cannot be done.

    def ack(self, incident: str, *, by: str, now_ms: int) -> Escalation:
        """Let somebody take an incident on, for as long as its level allows; again: for as long again."""
        known = self._known(incident)
        if known.owner and known.owner != by:
            raise CommandError(f"{known.owner} has incident {incident}: take it over instead")
        return self.takeover(incident, by=by, now_ms=now_ms)

    def takeover(self, incident: str, *, by: str, now_ms: int) -> Escalation:
        """Let somebody take an incident on, whoever has it."""
        known = self._known(incident)
        span_ms = self._ladder(known).ack_ms.get(known.level, ACK_MS["red"])
        return self._put(replace(known, owner=by, owned_until_ms=now_ms + span_ms, ring_ms=None))

    def unack(self, incident: str, *, now_ms: int) -> list[Ring]:
        """Let nobody have an incident any more: who was rung last is rung again at once."""
        known = self._known(incident)
        if not known.owner:
            raise CommandError(f"nobody has incident {incident}")
        free = replace(known, owner="", owned_until_ms=None, promised_until_ms=None, check_ms=None)
        return self._ring(free, self._ladder(known), max(known.rung, 0), Reason.RETURNED, now_ms, lapsed=known.owner)

    def promise(self, incident: str, *, by: str, until_ms: int, now_ms: int) -> Escalation:
        """Note that somebody promised a solution by a time. They have the incident until then."""
        known = self._known(incident)
        if not now_ms < until_ms <= now_ms + PROMISE_MS_MAX:
            raise CommandError("a promise is for a time to come, at most 30 days ahead")
        check_ms = now_ms + self._ladder(known).promise_ms
        return self._put(
            replace(
                known,
                owner=by,
                owned_until_ms=None,
                ring_ms=None,
                promised_by=by,
                promised_until_ms=until_ms,
                check_ms=check_ms if check_ms < until_ms else None,
            )
        )

    def resolve(self, incident: str, *, now_ms: int) -> None:
        """End it by hand; what is followed stays until the customer accepts."""
        self._over(self._known(incident), now_ms)

    def accept(self, incident: str) -> None:
        """Note that the customer accepts: the broken promise is no longer followed."""
        known = self._known(incident)
        if not known.is_followed:
            raise CommandError(f"no broken promise is followed for incident {incident}")
        if known.level == "green":
            del self._open[incident]
        else:
            self._put(replace(known, is_followed=False))

    def dump(self) -> Any:
        """Give the whole book as plain data."""
        return msgspec.to_builtins(list(self._open.values()))

    def load(self, data: Any) -> None:
        """Take up what `dump` gave. Raise ValueError if it is not that."""
        try:
            read = msgspec.convert(data, list[Escalation])
        except msgspec.ValidationError as error:
            raise ValueError(f"not a book of escalations: {error}") from error
        self._open, self._soonest_ms = {}, inf
        for each in read:
            self._put(each)

    def _known(self, incident: str) -> Escalation:
        known = self._open.get(incident)
        if known is None:
            raise CommandError(f"no incident {incident} is firing")
        return known

    def _ladder(self, escalation: Escalation) -> Ladder:
        return self._ladders.get(escalation.ladder, NOBODY)

    def _put(self, escalation: Escalation) -> Escalation:
        self._open[escalation.incident] = escalation
        if escalation.due is not None:
            self._soonest_ms = min(self._soonest_ms, escalation.due[0])
        return escalation

    def _over(self, known: Escalation, now_ms: int) -> None:
        if not known.is_followed:
            del self._open[known.incident]
            return
        # The superior of whoever broke the promise is reminded until the customer accepts.
        ring_ms = now_ms + self._ladder(known).promise_ms
        self._put(
            replace(known, level="green", owned_until_ms=None, promised_until_ms=None, check_ms=None, ring_ms=ring_ms)
        )

    def _step(self, known: Escalation, reason: Reason, at_ms: int) -> list[Ring]:
        """Do what is due."""
        ladder = self._ladder(known)
        if reason is Reason.UNSOLVED:
            # The promise still stands, and so does who made it: the rung above is told that nothing has come of it.
            return self._ring(replace(known, check_ms=None), ladder, ladder.superior(known.rung), reason, at_ms)
        if reason is Reason.BROKEN:
            above = ladder.superior(self._rung_of(known, ladder, at_ms))
            broken = replace(
                known, owner="", owned_until_ms=None, promised_until_ms=None, check_ms=None, is_followed=True
            )
            return self._ring(broken, ladder, above, reason, at_ms, lapsed=known.owner)
        if reason is Reason.EXPIRED:
            free = replace(known, owner="", owned_until_ms=None)
            return self._ring(free, ladder, ladder.superior(known.rung), reason, at_ms, lapsed=known.owner)
        if reason is Reason.UNACCEPTED:
            again = self._ring(known, ladder, max(known.rung, 0), reason, at_ms)
            self._put(replace(self._open[known.incident], ring_ms=at_ms + ladder.promise_ms))
            return again
        return self._ring(known, ladder, ladder.superior(known.rung), reason, at_ms)

    def _rung_of(self, known: Escalation, ladder: Ladder, at_ms: int) -> int:
        """Say where whoever promised stands: where they were rung, else by their role, else where we are."""
        if known.promised_by in known.told:
            return known.told[known.promised_by]
        for number, rung in enumerate(ladder.rungs):
            if known.promised_by in self._roster.on(rung.role, known.key, at_ms):
                return number
        return known.rung

    def _ring(  # noqa: PLR0913  the one place where a rung is rung; five of these differ from call to call
        self, known: Escalation, ladder: Ladder, rung: int, reason: Reason, at_ms: int, *, lapsed: str = ""
    ) -> list[Ring]:
        """Ring a rung, and wait for it as long as it says. The last one is rung again as long as it is red."""
        if not ladder.rungs:
            self._put(replace(known, ring_ms=None))
            return [Ring(incident=known.incident, reason=reason, at_ms=at_ms, lapsed=lapsed)] if lapsed else []
        rung = min(rung, len(ladder.rungs) - 1)
        wait_ms, role = ladder.rungs[rung].wait_ms, ladder.rungs[rung].role
        people = self._roster.on(role, known.key, at_ms)
        ends = rung == len(ladder.rungs) - 1 and known.level != "red"
        step = known.step + 1
        ring_ms = None if ends else self._heard_ms(people, known.level, at_ms) + wait_ms
        told = {**known.told, **dict.fromkeys(people or (role,), rung)}
        self._put(replace(known, rung=rung, step=step, told=told, ring_ms=ring_ms))
        return [
            Ring(
                incident=known.incident,
                reason=reason,
                at_ms=at_ms,
                role=role,
                people=people,
                rung=rung,
                step=step,
                started_ms=known.started_ms,
                lapsed=lapsed,
            )
        ]

    def _heard_ms(self, people: tuple[str, ...], level: str, at_ms: int) -> int:
        """Say when the first of them hears it: below red not before their quiet hours end."""
        if level == "red" or not people:
            return at_ms
        return min(self._roster.quiet_until(person, at_ms) or at_ms for person in people)
