"""Events get the places they lie in: a call from an outlet becomes one from its city and its province."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from detectors.batch import Bool, Column, EventBatch, UInt64
from detectors.codes import EMPTY, MISSING
from detectors.topology import Topology
from detectors.vocabulary import Stream


class Enricher:
    """Fills the levels that the rules read of one stream, a batch at once. `fields` are those it needs to read.

    What an event says itself stays. Else its narrowest place says it, and a wider one that it names (`region` last)
    knows better; what no place tells stays missing. `unknown` counts events that named a place the table lacks.
    """

    def __init__(self, topology: Topology, stream: Stream, levels: Collection[str]) -> None:
        """`levels` are those of the topology that the rules read."""
        self._topology = topology
        self._levels = tuple(levels)
        self.fields = topology.sources(stream)
        self.unknown = 0

    def enrich(self, batch: EventBatch) -> EventBatch:
        """Fill the levels in. Count the events that name an unknown place."""
        size = len(batch)
        places = {level: np.zeros(size, np.int64) for level in self._levels}
        strange = np.zeros(size, np.bool_)
        for field in self.fields:
            codes = _codes(batch.columns[field])
            said = _says(codes)
            if not said.any():
                continue
            numbers = self._topology.find(field, codes)
            strange |= said & (numbers == 0)
            for level, known in places.items():
                above = self._topology.above(level, numbers)
                np.copyto(known, above, where=above != 0)
        self.unknown += int(strange.sum())
        filled = {level: self._filled(batch.columns[level], numbers) for level, numbers in places.items()}
        return replace(batch, columns={**batch.columns, **filled})

    def _filled(self, own: Column, numbers: Any) -> Column:
        said = _says(_codes(own))
        values, codes = self._topology.names[numbers], self._topology.codes[numbers]
        if said.any():
            values[said] = np.array(own.values, object)[said]
            codes[said] = _codes(own)[said]
        return Column(cast("Sequence[object]", values), codes)


def enricher_of(topology: Topology | None, stream: Stream, needed: Mapping[str, bool]) -> Enricher | None:
    """Make the enricher of a stream; None where no rule reads a level, and nothing shall be done."""
    levels = [level for level in topology.levels if level in needed] if topology is not None else []
    return Enricher(topology, stream, levels) if topology is not None and levels else None


def _says(codes: UInt64) -> Bool:
    """Say which events name a place at all; to keys an empty text is a missing one, and so it is here."""
    says: Bool = (codes != MISSING) & (codes != np.uint64(EMPTY))
    return says


def _codes(column: Column) -> UInt64:
    assert column.codes is not None, "a place is a text, and texts have codes"
    return column.codes
