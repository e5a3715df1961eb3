"""Who is on duty for a role at a moment: a pure function of rotas, calendars and the time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

from alerts.records import Scalar

DAY_MS = 86_400_000
_PAGES_MAX = 20
_PAGES_WITHIN_MS = 3_600_000
_DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who can be told.

    `quiet` are minutes of the day, start and end, in the site's zone; they may pass midnight.
    `pages_max` within `pages_within_ms` is what below red may ring them; what is more waits for a digest.
    """

    id: str
    name: str = ""
    channels: tuple[str, ...] = ()  # none named: all
    quiet: tuple[int, int] | None = None
    pages_max: int = _PAGES_MAX
    pages_within_ms: int = _PAGES_WITHIN_MS


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody stands in, from a moment up to another, in milliseconds."""

    start_ms: int
    end_ms: int
    person: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rota:
    """People who take turns: the first from `start_ms` for one `shift_ms`, then the next, round and round.

    A shift of whole days changes hands at the same hour of the site's clock, whatever its summer time does.
    """

    people: tuple[str, ...]
    start_ms: int
    shift_ms: int
    overrides: tuple[Override, ...] = ()

    def on(self, at_ms: int, zone: tzinfo) -> tuple[str, ...]:
        """Say whose turn it is; nobody's before the rota starts. The override named last counts."""
        for override in reversed(self.overrides):
            if override.start_ms <= at_ms < override.end_ms:
                return (override.person,)
        if at_ms < self.start_ms:
            return ()
        passed_ms = at_ms - self.start_ms
        if self.shift_ms % DAY_MS == 0:
            passed_ms = round((_local(at_ms, zone) - _local(self.start_ms, zone)) / timedelta(milliseconds=1))
        return (self.people[passed_ms // self.shift_ms % len(self.people)],)


Calendar = Callable[[int], tuple[str, ...]]
"""A calendar that was read: who is on duty at a moment (milliseconds), by the titles of its events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One way a role is filled, for keys that agree with `where`: by fixed people, a rota, or a calendar."""

    where: Mapping[str, Scalar] = field(default_factory=dict)
    people: tuple[str, ...] = ()
    rota: Rota | None = None
    calendar: Calendar | None = None

    def on(self, at_ms: int, zone: tzinfo) -> tuple[str, ...]:
        """Say who holds the post at a moment."""
        if self.calendar is not None:
            return self.calendar(at_ms)
        return self.rota.on(at_ms, zone) if self.rota is not None else self.people


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """Everybody there is, and who fills which role. `zone` is the site's, for quiet hours and shifts of days."""

    zone: tzinfo = UTC
    people: Mapping[str, Person] = field(default_factory=dict)
    roles: Mapping[str, tuple[Post, ...]] = field(default_factory=dict)

    def on(self, role: str, key: Mapping[str, Scalar], at_ms: int) -> tuple[str, ...]:
        """Say who fills a role for a key at a moment: the first post whose `where` agrees and that is held."""
        for post in self.roles.get(role, ()):
            if all(key.get(name) == value for name, value in post.where.items()):
                held = post.on(at_ms, self.zone)
                if held:
                    return tuple(dict.fromkeys(held))
        return ()

    def person(self, name: str) -> Person:
        """Find somebody; a name from a calendar that the file does not know is told by every channel."""
        return self.people.get(name) or Person(id=name)

    def quiet_until(self, name: str, at_ms: int) -> int | None:
        """Say when somebody's quiet hours end, in milliseconds; None if they are not in them."""
        quiet = self.person(name).quiet
        if quiet is None:
            return None
        start, end = quiet
        now = _local(at_ms, self.zone)
        minute = now.hour * 60 + now.minute
        is_quiet = start <= minute < end if start < end else minute >= start or minute < end
        if not is_quiet:
            return None
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        ends = midnight + timedelta(minutes=end if minute < end else end + _DAY_MINUTES)
        return round(ends.replace(tzinfo=self.zone).timestamp() * 1000)


def _local(at_ms: int, zone: tzinfo) -> datetime:
    """Read the clock on the wall: without its zone, so that a day is a day."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).replace(tzinfo=None)
