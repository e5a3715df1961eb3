"""A site's table of places, as incidents ask of it: what lies around the place of a key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from alerts.records import Scalar
from detectors.codes import code_of
from detectors.topology import REGION, Topology


class Places:
    """What a topology says of single keys (`alerts.scopes.Above`). Answers are kept: alerts are of few places."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self.levels: Sequence[str] = topology.levels
        self._fields = (*topology.levels, *((REGION,) if REGION not in topology.levels else ()))
        self._known: dict[tuple[str, str], tuple[str, ...]] = {}

    def above(self, key: Mapping[str, Scalar]) -> Sequence[str]:
        """Name the places around the narrowest that a key names, the nearest first; none where it is not known."""
        for field in self._fields:
            name = key.get(field)
            if isinstance(name, str) and (around := self._around(field, name)):
                return around
        return ()

    def _around(self, field: str, name: str) -> tuple[str, ...]:
        if (field, name) in self._known:
            return self._known[field, name]
        numbers = self._topology.find(field, np.array([code_of(name)], np.uint64))
        own = int(numbers[0])
        if own == 0:
            return ()
        wider = [int(self._topology.above(level, numbers)[0]) for level in self.levels]
        names = tuple(str(self._topology.names[each]) for each in wider if each not in {0, own})
        self._known[field, name] = names
        return names
