"""Routes: who would be told of something, by what, and when, if nobody acted. Asked before it happens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from alerts.callout import Crew
from alerts.ladders import PREFIX, Ladder
from alerts.records import Scalar, format_time
from alerts.routing import Routing


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Somebody who would be told: `rung` counts from 1, and is 0 for a receiver that is no ladder.

    `held_until` is when their quiet hours end, if those hold it back. `note` says what is worth knowing.
    """

    time: str
    receiver: str
    rung: int = 0
    role: str = ""
    person: str = ""
    channels: tuple[str, ...] = ()
    held_until: str | None = None
    note: str = ""

    def as_data(self) -> dict[str, Any]:
        """Give it as plain data."""
        return asdict(self)


def routes(  # noqa: PLR0913  what is asked, and by what it is answered
    receivers: Iterable[str], key: Mapping[str, Scalar], *, level: str, at_ms: int, crew: Crew, routing: Routing
) -> list[Stop]:
    """List, by time, who would be told of an incident of a level that opens at a moment and that nobody answers."""
    stops: list[Stop] = []
    climbed = False
    for receiver in receivers:
        ladder = crew.ladders.get(receiver.removeprefix(PREFIX)) if receiver.startswith(PREFIX) else None
        if ladder is None:
            channels = routing.of({level: (receiver,)}, (level,))
            note = "" if receiver in routing.receivers else "not under receivers in the settings: every channel"
            stops.append(Stop(time=format_time(at_ms), receiver=receiver, channels=channels, note=note))
        elif climbed:
            stops.append(Stop(time=format_time(at_ms), receiver=receiver, note="the first ladder of a level counts"))
        else:
            climbed = True
            stops += _climb(receiver, ladder, key, level, at_ms, crew, routing.channels)
    return sorted(stops, key=lambda stop: stop.time)


def _climb(  # noqa: PLR0913, PLR0917  what `routes` is given, for one ladder
    receiver: str,
    ladder: Ladder,
    key: Mapping[str, Scalar],
    level: str,
    at_ms: int,
    crew: Crew,
    channels: tuple[str, ...],
) -> list[Stop]:
    stops: list[Stop] = []
    roster = crew.roster
    for number, rung in enumerate(ladder.rungs, 1):
        people = roster.on(rung.role, key, at_ms)
        heard_ms = []
        for person in people or ("",):
            quiet_ms = roster.quiet_until(person, at_ms) if people and level != "red" else None
            heard_ms.append(at_ms if quiet_ms is None else quiet_ms)
            stops.append(
                Stop(
                    time=format_time(at_ms),
                    receiver=receiver,
                    rung=number,
                    role=rung.role,
                    person=person,
                    channels=roster.person(person).channels or channels,
                    held_until=None if quiet_ms is None else format_time(quiet_ms),
                    note="" if people else "nobody fills this role: every channel",
                )
            )
        at_ms = min(heard_ms) + rung.wait_ms
    return stops
