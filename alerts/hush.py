"""What keeps alerts quiet, over time: which stages hold now, what they would hide, and what of them is to be told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from alerts.book import IncidentBook
from alerts.incidents import Incident
from alerts.lulls import Lull, LullBook
from alerts.members import Mutes
from alerts.muting import Maintenance, Muter, Muting, Silencing
from alerts.notifications import Reason
from alerts.plans import PlanBook
from alerts.quiet import QuietHours
from alerts.records import AlertRecord
from alerts.scopes import Scopes
from alerts.silences import LENGTH_MS_MAX, Silence, SilenceBook
from alerts.site import Site
from alerts.texts import clean
from detectors.rules import Rule


class Hush:
    """Maintenance, silences, quiet hours and further muters of one desk, asked together."""

    def __init__(self, rules: Mapping[str, Rule], scopes: Scopes, site: Site) -> None:
        self._scopes = scopes
        self.plans = PlanBook()
        self.silences = SilenceBook()
        self.maintenance = Maintenance(scopes, site.windows, self.plans)
        self.quiet = QuietHours(rules)
        stages: tuple[Muter, ...] = (self.maintenance, Silencing(scopes, self.silences), self.quiet, *site.muters)
        self._muting = Muting(stages)
        self._names: tuple[str, ...] = ()
        self._told = LullBook()

    def has_changed(self, now_ms: int) -> bool:
        """Say whether something has begun or ended since this was last asked: then every alert is to be asked anew."""
        names = self._muting.standing(now_ms)
        before, self._names = self._names, names
        return names != before

    def mutes(self, now_ms: int) -> Mutes:
        """Give the question that is asked of each alert at an instant."""
        return self._muting.at(now_ms)

    def news(self, now_ms: int, remind_ms: int) -> list[tuple[Reason, Lull]]:
        """Say which windows and silences have begun, are about to end, and have ended; each once."""
        return self._told.news(self._lulls(now_ms), now_ms, remind_ms)

    def preview(
        self, silence: Silence, incidents: IncidentBook, now_ms: int
    ) -> Iterator[tuple[Incident, tuple[AlertRecord, ...]]]:
        """Say what a silence would hide of what fires now, were it in force: incidents, worst first, and their alerts.

        Nothing is changed. Red alerts are among them only where it includes red.
        """
        SilenceBook().add(silence, now_ms)  # what could not be is refused now
        trial = SilenceBook()
        ends_ms = min(silence.ends_ms, now_ms + LENGTH_MS_MAX)
        trial.add(replace(silence, starts_ms=min(silence.starts_ms, now_ms), ends_ms=ends_ms), now_ms)
        stage = Silencing(self._scopes, trial)
        for incident in incidents.firing():
            hidden = tuple(
                member.record
                for member in incidents.members(incident.id)
                if any(stage.mutes(member.record, member.level, now_ms))
            )
            if hidden:
                yield incident, hidden

    def dump(self) -> dict[str, Any]:
        """Give all that is remembered as plain data, a part a name."""
        return {
            "silences": self.silences.dump(),
            "plans": self.plans.dump(),
            "standing": list(self._names),
            "lulls": self._told.dump(),
        }

    def load(self, data: Mapping[str, Any]) -> None:
        """Take up what `dump` gave. Raise ValueError if it is not that."""
        self.silences.load(data["silences"])
        self.plans.load(data["plans"])
        self._names = tuple(data["standing"])
        self._told.load(data.get("lulls", []))  # states of before windows were told of have none

    def _lulls(self, now_ms: int) -> Iterable[Lull]:
        for id_, window in self.maintenance.active(now_ms):
            begins_ms, ends_ms = window.span_at(now_ms)
            yield Lull(
                id=id_,
                kind="maintenance",
                name=clean(window.name),
                reason=window.reason,
                matchers=window.matchers,
                begins_ms=begins_ms,
                ends_ms=ends_ms,
                by=clean(window.author),
                including_red=window.including_red,
            )
        for silence in self.silences.active(now_ms):
            yield Lull(
                id=f"silence {silence.id}",
                kind="silence",
                name=clean(silence.comment),
                reason=silence.reason,
                matchers=silence.matchers,
                begins_ms=silence.starts_ms,
                ends_ms=silence.ends_ms,
                by=clean(silence.author),
                including_red=silence.including_red,
            )
