"""All that is known of one incident, as history gives it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from alerts.audit import AuditRecord
from alerts.chronicle import Change, Happening
from alerts.records import AlertRecord

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Story:
    """One incident: its `state` by now, and what happened, each kind in the order of time.

    `silences` are what people asked about the silences that are named in it, `others` the states of other incidents
    that are. `cut` says that there is more than is told.
    """

    incident: str
    state: Mapping[str, Any] | None = None
    happenings: tuple[Happening, ...] = ()
    alerts: tuple[AlertRecord, ...] = ()
    orders: tuple[AuditRecord, ...] = ()
    notices: tuple[Mapping[str, Any], ...] = ()
    cut: bool = False
    silences: Mapping[str, tuple[AuditRecord, ...]] = field(default_factory=dict)
    others: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def of(self, kind: type[T]) -> Iterator[T]:
        """Go through the happenings of a kind."""
        return (each for each in self.happenings if isinstance(each, kind))

    def reasons(self) -> Iterator[str]:
        """Name all that ever kept something of it quiet."""
        for each in self.happenings:
            yield from getattr(each, "muted", ())
            if isinstance(each, Change) and each.what in {"muted", "heard"}:
                yield from each.text.split("; ")

    def attributions(self) -> Iterator[Change]:
        """Go through the changes that name another incident as the cause."""
        return (each for each in self.of(Change) if each.what == "attributed" and each.record is None)

    def with_names(
        self, silences: Mapping[str, tuple[AuditRecord, ...]], others: Mapping[str, Mapping[str, Any]]
    ) -> Story:
        """Add what is known of what it names."""
        return replace(self, silences=silences, others=others)
