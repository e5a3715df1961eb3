"""Rules read again while the service runs: all of them are right, or the old ones stay."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from alerts.records import format_time
from detectors.rules import Rule
from streams.rulefile import load
from streams.site import SHIPPED, Site

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """What came of reading the rules: with `problems` the old ones stay. Names of rules, sorted.

    `notes` say what else has changed and was not taken.
    """

    time_ms: int
    rules: int  # in force now
    added: Sequence[str] = ()
    changed: Sequence[str] = ()  # their arithmetic: they begin anew
    removed: Sequence[str] = ()
    problems: Sequence[str] = ()
    notes: Sequence[str] = ()

    @property
    def result(self) -> str:
        """What the metric calls it."""
        return "refused" if self.problems else "taken"

    def as_data(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {
            "result": self.result,
            "time": format_time(self.time_ms),
            "rules": self.rules,
            "added": list(self.added),
            "changed": list(self.changed),
            "removed": list(self.removed),
            "problems": list(self.problems),
            "notes": list(self.notes),
        }


class Ruled(Protocol):
    """Who works by rules."""

    rules: Sequence[Rule]

    def objections(self, rules: Sequence[Rule]) -> Iterable[str]:
        """Say why these rules, right as they are, cannot be taken while running."""

    def take_rules(self, rules: Sequence[Rule]) -> None:
        """Work by these rules from now on."""

    def count_reload(self, result: str) -> None:
        """Count what came of a reload."""


class Reloader:
    """Reads the rules of `paths` again, one time after the other. `now_ms` is wall time.

    The table of places is not read again: `table` is looked at only to say that it has changed.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        ruled: Ruled,
        now_ms: Callable[[], int],
        site: Site = SHIPPED,
        table: Path | None = None,
    ) -> None:
        self._paths = paths
        self._ruled = ruled
        self._now_ms = now_ms
        self._site = site
        self._table = table
        self._table_digest = _digest(table)
        self._lock = asyncio.Lock()
        self.last: Reload | None = None

    async def reload(self) -> Reload:
        """Read the files; take the rules if nothing is wrong with any, else say what is and change nothing."""
        async with self._lock:
            found = await asyncio.to_thread(load, self._paths, self._site.streams, self._site.almanac)
            notes = await asyncio.to_thread(self._notes)
            problems = [str(problem) for problem in found.problems]
            if not problems and not found.rules:
                problems = [f"{', '.join(map(str, self._paths)) or 'rules'}: no rules"]
            problems = problems or list(self._ruled.objections(found.rules))
            old = self._ruled.rules
            new = old if problems else found.rules
            if not problems:
                self._ruled.take_rules(new)
            self.last = Reload(
                time_ms=self._now_ms(), rules=len(new), problems=problems, notes=notes, **difference(old, new)
            )
        self._ruled.count_reload(self.last.result)
        if problems:
            _log.error("the rules were not taken, the old ones stay: %s", "; ".join(problems))
        else:
            _log.warning("%d rules are in force: %s", len(new), _told(self.last))
        for note in notes:
            _log.warning("%s", note)
        return self.last

    def _notes(self) -> list[str]:
        if _digest(self._table) == self._table_digest:
            return []
        return [
            f"{self._table} has changed and was not taken: places are read at the start; restart the workers one by one"
        ]


def _digest(file: Path | None) -> bytes:
    """Tell one content of a file from another; what cannot be read is empty."""
    try:
        return b"" if file is None else hashlib.blake2b(file.read_bytes()).digest()
    except OSError:
        return b""


def difference(old: Sequence[Rule], new: Sequence[Rule]) -> dict[str, list[str]]:
    """Name the rules that were added, changed in their arithmetic, removed."""
    before = {rule.id: rule.fingerprint for rule in old}
    after = {rule.id: rule.fingerprint for rule in new}
    return {
        "added": sorted(after.keys() - before.keys()),
        "changed": sorted(id_ for id_ in after.keys() & before.keys() if after[id_] != before[id_]),
        "removed": sorted(before.keys() - after.keys()),
    }


def _told(done: Reload) -> str:
    parts = {"added": done.added, "changed": done.changed, "removed": done.removed}
    return "; ".join(f"{what} {', '.join(names)}" for what, names in parts.items() if names) or "none began anew"
