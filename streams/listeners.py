"""Everybody who hears the desk at once, as one listener."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from alerts.notices import NoticeChange
from alerts.records import AlertRecord
from streams.desk_stage import Listener
from streams.feed import Feed


@dataclass(slots=True)
class Listeners:
    """Everybody who hears the desk at once: open pages, and whoever runs the service."""

    feed: Feed
    others: list[Listener] = field(default_factory=list)

    def alert(self, record: AlertRecord) -> None:
        """Pass a change of level on."""
        self.feed.publish("alert", msgspec.to_builtins(record))
        for other in self.others:
            other.alert(record)

    def notice(self, change: NoticeChange) -> None:
        """Pass a step of a notice on."""
        self.feed.publish("notice", change.notice.as_data())
        for other in self.others:
            other.notice(change)
