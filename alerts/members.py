"""The alerts of one incident: which fire, at which levels, and how many of them may be heard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import msgspec

from alerts.records import AlertRecord
from alerts.scopes import Role
from detectors.rules import LEVEL_CODE

_NEXT: dict[str, str] = {"yellow": "orange", "orange": "red"}

Mutes = Callable[[AlertRecord, str], tuple[str, ...]]
"""Says why an alert, which counts at a level, is not to be heard: nothing if it is."""


class Member(msgspec.Struct, frozen=True):
    """A firing alert: its newest record, its part, the level it counts at, what mutes it.

    `was_red` says that it was red and could be heard: turning red again is no news.
    """

    record: AlertRecord
    role: Role
    level: str
    muted: tuple[str, ...] = ()
    was_red: bool = False

    @property
    def is_red(self) -> bool:
        """Whether it is red and may be heard."""
        return self.level == "red" and not self.muted


class Members:
    """The firing alerts of an incident, causes apart from the others, each in the order in which they came."""

    def __init__(self) -> None:
        self._causes: dict[str, Member] = {}
        self._others: dict[str, Member] = {}
        self._levels: Counter[str] = Counter()
        self._heard: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._causes) + len(self._others)

    def __iter__(self) -> Iterator[Member]:
        """Go through them, causes first."""
        yield from self._causes.values()
        yield from self._others.values()

    def get(self, alert: str) -> Member | None:
        """Find an alert."""
        return self._causes.get(alert) or self._others.get(alert)

    def put(self, record: AlertRecord, role: Role, mutes: Mutes, *, is_raised: bool) -> Member:
        """Take up an alert, or what became of it. `is_raised`: it counts one colour more."""
        known = self.get(record.alert)
        part = role if known is None else known.role  # rules may have changed since it came
        self.drop(record.alert, forget=False)
        level = _NEXT.get(record.level, record.level) if is_raised else record.level
        member = Member(
            record, part, level, mutes(record, level), known is not None and (known.was_red or known.is_red)
        )
        self._place(member)
        return member

    def drop(self, alert: str, *, forget: bool = True) -> None:
        """Let go of an alert. Without `forget` its turn in the order stays."""
        known = self.get(alert)
        if known is None:
            return
        self._levels[known.level] -= 1
        if not known.muted:
            self._heard[known.level] -= 1
        self._reasons.subtract(known.muted)
        if forget:
            (self._causes if known.role is Role.CAUSE else self._others).pop(alert)

    def judge(self, mutes: Mutes, *, is_raised: bool) -> None:
        """Ask anew of every alert what mutes it and at which level it counts."""
        for member in list(self):
            self.put(member.record, member.role, mutes, is_raised=is_raised)

    @property
    def leader(self) -> Member | None:
        """The alert that tells what the trouble is: the oldest cause, else the oldest there is."""
        return next(iter(self._causes.values()), None) or next(iter(self._others.values()), None)

    @property
    def level(self) -> str:
        """The worst level."""
        return _worst(self._levels)

    @property
    def heard(self) -> str:
        """The worst level of those that nothing mutes."""
        return _worst(self._heard)

    def reasons(self) -> tuple[str, ...]:
        """Say what mutes any of them."""
        return tuple(sorted(reason for reason, count in self._reasons.items() if count > 0))

    def dump(self) -> list[Member]:
        """Give all of them, causes first."""
        return list(self)

    def load(self, members: list[Member]) -> None:
        """Take up what `dump` gave."""
        for member in members:
            self._place(member)

    def _place(self, member: Member) -> None:
        (self._causes if member.role is Role.CAUSE else self._others)[member.record.alert] = member
        self._levels[member.level] += 1
        if not member.muted:
            self._heard[member.level] += 1
        self._reasons.update(member.muted)


def _worst(counts: Counter[str]) -> str:
    return max((level for level, count in counts.items() if count), key=LEVEL_CODE.__getitem__, default="green")
