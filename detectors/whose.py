"""What each event of an unmatched had in the fields of contributors, until it is known which have no counterpart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from detectors.batch import Int64, UInt64
from detectors.contributors import Parts


@dataclass(frozen=True, slots=True)
class Whose:
    """Codes (n, fields) of n events, and the text of each code; more texts than codes do no harm."""

    codes: UInt64
    texts: Mapping[int, str]

    def state(self) -> list[Any]:
        """Write down as plain data and arrays."""
        known = self._used()
        return [self.codes, list(known), list(known.values())]

    @classmethod
    def of(cls, state: Sequence[Any]) -> Whose:
        """Take up what `state` wrote."""
        codes, known, texts = state
        return cls(codes, dict(zip(known, texts, strict=True)))

    def only(self, events: Any) -> Whose:
        """Keep some events."""
        return Whose(self.codes[events], self.texts)

    def parts(self, events: Any, rows: Int64) -> Parts:
        """Say how many of some events each value has; `rows` are the series of all events."""
        chosen = self.codes[events]
        known, value = np.unique(chosen.T, return_inverse=True)
        kind, event = np.divmod(np.arange(chosen.size), max(len(chosen), 1))
        row = rows[events][event].astype(np.int32)
        texts = [self.texts[code] for code in known.tolist()]
        value = value.reshape(-1)
        return Parts(
            row, kind.astype(np.int8), value.astype(np.int32), np.ones(chosen.size, np.int64), known, texts
        ).settled()

    def sizes(self) -> Int64:
        """Count the characters that the texts of each event have: (n,)."""
        known, place = np.unique(self.codes, return_inverse=True)
        lengths = np.array([len(self.texts[code]) for code in known.tolist()], np.int64)
        total: Int64 = lengths[place].reshape(self.codes.shape).sum(axis=1)
        return total

    def _used(self) -> dict[int, str]:
        return {code: self.texts[code] for code in np.unique(self.codes).tolist()}


def together(parts: Sequence[Whose]) -> Whose:
    """Put the events of several parts one behind the other."""
    texts = {code: text for part in parts for code, text in part.texts.items()}
    return Whose(np.concatenate([part.codes for part in parts]), texts)
