"""Plans: planned work and outside events, as `plans` events tell them. Of each the newest telling counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from alerts.matchers import Matchers
from alerts.records import format_time, parse_time
from alerts.windows import Window

PLANNED = "planned"
PLANS_LEN_MAX = 2_000
"""Plans that hold or will; one more is refused."""

OVER_LEN_MAX = 1_000
"""Plans that are over and still remembered, so that an older telling of one does not bring it back."""

OPEN_MS = 86_400_000
"""An outside event that does not say when it ends counts for a day (ours)."""

AROUND_LEN_MAX = 3
NEVER_MS = 1 << 62
_TEXTS = ("region", "title", "affects")


class PlanError(ValueError):
    """A plan that cannot be taken. One line."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a `plans` event says. Times are milliseconds UTC; `told_ms` is the time of the event."""

    id: str
    kind: str
    told_ms: int
    starts_ms: int
    ends_ms: int | None = None
    region: str = ""
    title: str = ""
    affects: str = ""

    @property
    def name(self) -> str:
        """What people call it."""
        return self.title or self.id

    @property
    def until_ms(self) -> int:
        """When it counts no longer. Planned work without an end is none that could be waited for."""
        if self.ends_ms is not None:
            return self.ends_ms
        return self.starts_ms if self.kind == PLANNED else self.starts_ms + OPEN_MS

    def window(self) -> Window | None:
        """Give the maintenance window that it is; None for an outside event, and without an end.

        It keeps quiet the network alerts of its region, or all where it names none; with `affects` only those of that
        element, outlet or rule. Complaints are not kept quiet: customers are to be heard of above all.

        >>> Plan(id="p1", kind="outside", told_ms=0, starts_ms=0, ends_ms=1).window() is None
        True
        """
        if self.kind != PLANNED or self.ends_ms is None:
            return None
        return Window(
            name=self.name,
            matchers=Matchers(
                key={"region": (self.region,)} if self.region else {},
                streams=("network",),
                anything=(self.affects,) if self.affects else (),
            ),
            starts_ms=self.starts_ms,
            ends_ms=self.ends_ms,
            comment=f"plan {self.id}",
        )

    def as_body(self) -> dict[str, Any]:
        """Write it as the body of a command, times as RFC 3339."""
        texts = {name: text for name in _TEXTS if (text := getattr(self, name))}
        ends = {} if self.ends_ms is None else {"ends": format_time(self.ends_ms)}
        told = {"told": format_time(self.told_ms), "kind": self.kind, "starts": format_time(self.starts_ms)}
        return {**told, **ends, **texts}


def read_plan(id_: str, body: Mapping[str, Any]) -> Plan:
    """Read what `Plan.as_body` wrote. Raise PlanError, in one line, if it is not that."""
    try:
        return Plan(
            id=id_,
            kind=str(body["kind"]),
            told_ms=parse_time(str(body["told"])),
            starts_ms=parse_time(str(body["starts"])),
            ends_ms=parse_time(str(body["ends"])) if "ends" in body else None,
            **{name: str(body.get(name, "")) for name in _TEXTS},
        )
    except (KeyError, ValueError, OverflowError) as error:
        raise PlanError(f"not a plan: {error}") from error


class PlanBook:
    """The plans that hold or will, by id, and the newest that are over."""

    def __init__(self) -> None:
        self._plans: dict[str, Plan] = {}
        self._windows: dict[str, Window] = {}
        self._active: list[tuple[str, Window]] = []  # those that hold from `_from_ms` up to, not including, `_to_ms`
        self._from_ms = self._to_ms = 0

    def knows(self, plan: Plan) -> bool:
        """Say whether this is known, or an older telling of what is."""
        known = self._plans.get(plan.id)
        return known is not None and (plan.told_ms < known.told_ms or plan == known)

    def take(self, plan: Plan, now_ms: int) -> bool:
        """Take up what a plan says by now; say whether that is news. Raise PlanError if there are too many.

        What is over keeps nothing quiet: so an end that has passed withdraws a plan.
        """
        if self.knows(plan):
            return False
        known = self._plans.get(plan.id)
        ahead = sum(each.until_ms > now_ms for each in self._plans.values())
        is_more = plan.until_ms > now_ms and (known is None or known.until_ms <= now_ms)
        if is_more and ahead >= PLANS_LEN_MAX:
            raise PlanError(f"{PLANS_LEN_MAX} plans are known: no more are taken before some are over")
        self._put(plan)
        over = sorted(
            (each for each in self._plans.values() if each.until_ms <= now_ms), key=lambda each: (each.told_ms, each.id)
        )
        for each in over:
            self._windows.pop(each.id, None)
        self._to_ms = self._from_ms
        for each in over[: max(len(over) - OVER_LEN_MAX, 0)]:
            del self._plans[each.id]
        return True

    def windows(self) -> Iterable[tuple[str, Window]]:
        """Give the maintenance windows, by the id of their plan."""
        return self._windows.items()

    def active(self, now_ms: int) -> list[tuple[str, Window]]:
        """Give those that hold. It looks through all of them only where one begins or ends: it is asked often."""
        if not self._from_ms <= now_ms < self._to_ms:
            spans = [(each.starts_ms or 0, each.ends_ms or 0) for each in self._windows.values()]
            moments = {moment for span in spans for moment in span}
            self._from_ms = max((moment for moment in moments if moment <= now_ms), default=0)
            self._to_ms = min((moment for moment in moments if moment > now_ms), default=NEVER_MS)
            self._active = [(id_, each) for id_, each in self._windows.items() if each.is_active(now_ms)]
        return self._active

    def around(self, places: Sequence[str], first_ms: int, last_ms: int) -> tuple[tuple[str, str], ...]:
        """Say what goes on at a place, or around it, in a span of time: (kind, name), the newest to begin first.

        `places` are names, the site as a whole among them as "".
        """
        found = [
            plan
            for plan in self._plans.values()
            if plan.region in places and plan.starts_ms <= last_ms and plan.until_ms > first_ms
        ]
        found.sort(key=lambda plan: (-plan.starts_ms, plan.id))
        return tuple((plan.kind, plan.name) for plan in found[:AROUND_LEN_MAX])

    def dump(self) -> Any:
        """Give the plans as plain data."""
        return msgspec.to_builtins(list(self._plans.values()))

    def load(self, data: Any) -> None:
        """Take up what `dump` gave. Raise ValueError if it is not that."""
        try:
            plans = msgspec.convert(data or [], list[Plan])  # an empty mapping is how older states say "none"
        except msgspec.ValidationError as error:
            raise ValueError(f"not a book of plans: {error}") from error
        self._plans, self._windows = {}, {}
        self._to_ms = self._from_ms
        for plan in plans:
            self._put(plan)

    def _put(self, plan: Plan) -> None:
        self._to_ms = self._from_ms
        self._plans[plan.id] = plan
        self._windows.pop(plan.id, None)
        window = plan.window()
        if window is not None:
            self._windows[plan.id] = window
