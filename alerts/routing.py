"""Who hears by what: every channel there is, and the channels of each receiver that rules name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """The channels of each receiver.

    A receiver that is not listed hears by every channel: a wrong name must not lose a page.
    """

    channels: tuple[str, ...]
    receivers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, notify: Mapping[str, tuple[str, ...]], levels: Iterable[str]) -> tuple[str, ...]:
        """List the channels of those a rule's `notify` names for any of `levels`; a level it does not name: all."""
        wanted: set[str] = set()
        for level in levels:
            for receiver in notify.get(level, ("",)):
                wanted.update(self.receivers.get(receiver, self.channels))
        return self.ordered(wanted)

    def ordered(self, wanted: Iterable[str]) -> tuple[str, ...]:
        """List channels once each, in the site's order; those that are no longer there are left out."""
        chosen = frozenset(wanted)
        return tuple(channel for channel in self.channels if channel in chosen)
