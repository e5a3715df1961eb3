"""One source partition: its gate and the first half of all its rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from detectors.batch import EventBatch
from detectors.feed import Feeder, fields_of
from detectors.gate import Gate
from detectors.partial import Partial
from detectors.rules import Rule
from detectors.seriestable import SeriesTable
from detectors.sharing import Shared
from detectors.vocabulary import Stream

_Keying = tuple[tuple[str, ...], str | None]
"""The fields that make the keys of a table of series, and the level it is of."""


def _keyings(rule: Rule) -> list[_Keying]:
    """Say by what a rule tells its series apart: once, or once a level."""
    return [((level, *rule.by), level) for level in rule.at] or [(rule.by, None)]


class Monitor:
    """Counts the events of one source partition into the panes of every rule that reads them.

    Events pass the `gate` first; `feed` takes those it accepted, `close` gives what the watermark has completed.
    """

    def __init__(self, rules: Sequence[Rule], streams: Mapping[str, Stream], *, lateness_ms: int) -> None:
        self.gate = Gate(lateness_ms)
        self._feeders = {
            _name(rule, number): Feeder(side, streams[side.stream])
            for rule in rules
            for number, side in enumerate(rule.sides)
        }
        self._tables: dict[tuple[str, _Keying], SeriesTable] = {}

    def feed(self, batch: EventBatch) -> None:
        """Count accepted events of one stream in."""
        shared: Shared | None = None
        for feeder in self._feeders.values():
            if feeder.rule.stream != batch.stream:
                continue
            shared = shared or Shared(batch, feeder.stream)
            for keying in _keyings(feeder.rule):
                table = self._tables.setdefault((batch.stream, keying), SeriesTable(*keying))
                feeder.feed(shared, table)

    def close(self, watermark_ms: int) -> list[Partial]:
        """Take out every pane that is complete at this watermark: by rule, and in order of time."""
        return [
            replace(partial, side=_side_of(name)) if "/" in name else partial
            for name, feeder in self._feeders.items()
            for partial in feeder.close(watermark_ms)
        ]

    def state(self) -> dict[str, Any]:
        """Write the gate and the open panes down as plain data, arrays and partials."""
        return {
            "gate": self.gate.state(),
            "open": {name: (feeder.rule.fingerprint, feeder.state()) for name, feeder in self._feeders.items()},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `state` wrote; a rule whose arithmetic changed since then begins anew."""
        self.gate.restore(state["gate"])
        for name, (fingerprint, panes) in state["open"].items():
            feeder = self._feeders.get(name)
            if feeder is not None and feeder.rule.fingerprint == fingerprint:
                feeder.restore(panes)


def _name(rule: Rule, side: int) -> str:
    """Name a side as partials do: the first by the rule alone."""
    return f"{rule.id}/{side}" if side else rule.id


def _side_of(name: str) -> int:
    return int(name.partition("/")[2])


def fields_needed(rules: Sequence[Rule], stream: Stream) -> dict[str, bool]:
    """Name the fields the rules read of a stream, and whether their codes are needed."""
    needed: dict[str, bool] = {}
    for side in (side for rule in rules for side in rule.sides):
        if side.stream == stream.name:
            for field, codes in fields_of(side, stream).items():
                needed[field] = needed.get(field, False) or codes
    return needed
