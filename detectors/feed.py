"""The first half of a rule: events of one source partition become partials, one a pane.

Work follows the events: a batch is reduced to its cells (pane × series) once, and waits in its panes until the
watermark closes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from detectors.batch import Column, EventBatch, Int64, UInt64
from detectors.cells import Cells, Weighing
from detectors.codes import MISSING, code_of, combine
from detectors.latest import HIT, NO_HIT
from detectors.partial import Array, Partial, Stages, Things, latest_things, merge, reduce_by
from detectors.rules import Kind, Rule
from detectors.seriestable import SeriesTable
from detectors.sharing import Choice, Shared
from detectors.steps import ACTUAL, PLANNED, STEP, UNTIL, countdown_roles, overruns_of, roles_of
from detectors.vocabulary import Stream
from detectors.where import asking

_CHUNKS_MAX = 64  # parts of one open pane; more are merged, so that many small batches stay small


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Events of a batch, by number, that fall into one pane, and their rows in it; `matched` is of the whole batch."""

    events: Int64
    places: Int64
    matched: Array


class Feeder:
    """One rule over one source partition: its open panes."""

    def __init__(self, rule: Rule, stream: Stream) -> None:
        self.rule = rule
        self.stream = stream
        self._choice = Choice.of(rule)
        self._matching = asking(rule.measure.matching)
        self._open: dict[int, list[Partial]] = {}

    def feed(self, shared: Shared, table: SeriesTable) -> None:
        """Count a batch into its panes; its events' series are those of `table`."""
        rows = shared.rows(table)
        for part in self._things(shared, rows, table) if self._places_things else self._cells(shared, rows, table):
            chunks = self._open.setdefault(part.end_ms, [])
            chunks.append(part)
            if len(chunks) > _CHUNKS_MAX:
                self._open[part.end_ms] = [merge(chunks)]

    def close(self, watermark_ms: int) -> list[Partial]:
        """Take out the panes that are complete at this watermark, in order."""
        ends = sorted(end for end in self._open if end <= watermark_ms)
        return [merge(self._open.pop(end)) for end in ends]

    @property
    def _places_things(self) -> bool:
        return self.rule.measure.kind.places_things

    def _cells(self, shared: Shared, rows: Int64, table: SeriesTable) -> Iterator[Partial]:
        """Add the events that are the rule's up. Rules that choose and group alike share the cells."""
        rule = self.rule
        events = shared.chosen(self._choice)
        if not len(events):
            return
        alike = (self._choice.name, rule.hop_ms, table.by, table.level)
        cells = shared.once(alike, lambda: Cells(shared, events, rows, table.keys, rule.hop_ms))
        columns, field = self._columns(cells), rule.measure.field or ""
        for end, own, keys in cells.panes():
            told = {name: column[own] for name, column in columns.items()}
            pairs = weights = moments = parts = whose = None
            match rule.measure.kind:
                case Kind.DISTINCT:
                    pairs = cells.pairs(field, own)
                case Kind.QUANTILE:
                    told["coarse"], weights = cells.weights(field, own)
                case Kind.MOMENTS:
                    moments = cells.moments(field, own)
            if rule.contributors and moments is not None:
                whose = cells.whose(field, rule.contributors, own)
            elif rule.contributors:
                parts = cells.parts(rule.contributors, own, self._weighing)
            yield Partial(rule.id, end, keys, told, pairs, None, weights, moments, parts=parts, whose=whose)

    @cached_property
    def _weighing(self) -> Weighing:
        """Say what each event brings: its amount to a sum or a mean, a hit to a share, itself to all others."""
        measure, below = self.rule.measure, self.rule.below
        if measure.kind in (Kind.SUM, Kind.MEAN):
            return Weighing(f"sum {measure.field}", field=measure.field)
        if measure.kind is Kind.SHARE:  # a low share is driven by what does not match
            return Weighing(repr((measure.matching, below)), matching=self._matching, turned=below)
        return Weighing()

    def _columns(self, cells: Cells) -> dict[str, Array]:
        """Give every column that the measure adds up."""
        measure, field = self.rule.measure, self.rule.measure.field or ""
        columns: dict[str, Array] = {"count": cells.count}
        if self.rule.below:
            columns["first_ms"] = cells.first_ms()
        match measure.kind:
            case Kind.SILENT:
                columns["last_ms"] = cells.last_ms()
            case Kind.SHARE:
                columns["hits"] = cells.hits(self._matching)
            case Kind.MAX:
                columns["max"] = cells.greatest(field)
            case Kind.SUM | Kind.MEAN:
                columns["filled"] = cells.filled(field)
                columns["limbs"] = cells.limbs(field)
        return columns

    def _things(self, shared: Shared, rows: Int64, table: SeriesTable) -> Iterator[Partial]:
        """Tell of every thing there are events of: what one is *not* any more counts too, so nothing is left out."""
        rule, batch = self.rule, shared.batch
        matched = np.zeros(len(batch), np.bool_)
        matched[shared.chosen(self._choice)] = True
        ends = (batch.time_ms // rule.hop_ms + 1) * rule.hop_ms
        for end in np.unique(ends).tolist():
            events = np.flatnonzero(ends == end)
            groups, places = np.unique(rows[events], return_inverse=True)
            columns: dict[str, Array] = {"first_ms": batch.time_ms[events]} if rule.below else {}
            keys = [table.keys[row] for row in groups.tolist()]
            things = self._things_of(shared, _Chosen(events, places, matched), table.level)
            yield Partial(rule.id, end, keys, reduce_by(places, columns)[1], None, things)

    def _things_of(self, shared: Shared, chosen: _Chosen, level: str | None) -> Things:
        batch, events = shared.batch, chosen.events
        measure = self.rule.measure
        size = len(events)
        stages: Stages | None = None
        numbers = np.full(size, np.nan)
        values = np.zeros(size, np.uint64)
        if measure.kind is Kind.NOW_SUM:
            numbers = shared.numbers(measure.field or "")[events]
        if measure.kind is Kind.NOW_DISTINCT:
            values = shared.codes(measure.field or "")[events]
        if measure.kind is Kind.NOW_SHARE:
            hit = shared.asked.matches(self._matching)
            values = np.where(True if hit is None else hit[events], np.uint64(HIT), np.uint64(NO_HIT))
        if measure.clock is not None and measure.clock.moment is not None:
            numbers = shared.numbers(measure.clock.moment)[events]
            steps = shared.codes(STEP)[events] if measure.clock.ends else None
            values = countdown_roles(measure.clock, steps, numbers)
        elif measure.clock is not None:
            values = roles_of(measure.clock, shared.codes(STEP)[events])
            if UNTIL in batch.columns:
                numbers = shared.numbers(UNTIL)[events]
        if measure.clock is not None and measure.clock.name_worst:
            planned, actual = (shared.numbers(name)[events] for name in (PLANNED, ACTUAL))
            names = batch.columns[STEP].values
            stages = [str(names[event]) for event in events.tolist()], overruns_of(planned, actual)
        codes = self._codes_of_things(shared, events)
        if level is not None:  # a thing has a place at each level
            codes = combine([codes, np.full(size, code_of(level), np.uint64)], size)
        things = Things(
            codes,
            batch.time_ms[events],
            [batch.ids[event] for event in events.tolist()],
            chosen.places,
            chosen.matched[events],
            numbers,
            values,
            every=measure.clock is not None,
            stages=stages,
            texts=self._texts(batch, events),
        )
        return things if things.every else latest_things([(things, np.arange(size))])

    def _codes_of_things(self, shared: Shared, events: Int64) -> UInt64:
        """Give the code of each event's thing; an event that names none is one of its own."""
        if self.stream.thing is None:
            codes = np.zeros(len(events), np.uint64)
        else:
            codes = shared.codes(self.stream.thing)[events]
        nameless = np.flatnonzero(codes == MISSING)
        if len(nameless):
            codes[nameless] = [code_of(f"id {shared.batch.ids[event]}") for event in events[nameless].tolist()]
        return codes

    def _texts(self, batch: EventBatch, events: Int64) -> list[tuple[str, ...]]:
        columns = [batch.columns[field].values for field in self.rule.contributors]
        return [tuple(str(values[event] or "") for values in columns) for event in events.tolist()] if columns else []

    def state(self) -> list[Any]:
        """Write the open panes down, each merged into one partial."""
        return [merge(chunks).state() for _, chunks in sorted(self._open.items())]

    def restore(self, panes: Sequence[Any]) -> None:
        """Take up the open panes that `state` gave."""
        self._open = {pane.end_ms: [pane] for pane in map(Partial.of, panes)}


def _numbers(column: Column) -> Any:
    assert column.numbers is not None, "a column asked for as a number has numbers"
    return column.numbers


_CODED = (Kind.DISTINCT, Kind.NOW_DISTINCT, Kind.MOMENTS)  # what asks which values are the same


def fields_of(rule: Rule, stream: Stream) -> Mapping[str, bool]:
    """Name the fields a rule reads, and whether their codes are needed (keys, things, distinct values)."""
    conditions = (*rule.where, *rule.excepted, *rule.measure.matching)
    fields = {field: False for condition in conditions for field in condition.fields}
    fields |= dict.fromkeys((*rule.at, *rule.by, *rule.contributors), True)
    kind = rule.measure.kind
    if kind.places_things and stream.thing is not None:
        fields[stream.thing] = True
    clock = rule.measure.clock
    if clock is not None and clock.moment is not None:
        fields |= {clock.moment: fields.get(clock.moment, False)} | ({STEP: True} if clock.ends else {})
    elif clock is not None:
        fields |= {STEP: True} | ({UNTIL: fields.get(UNTIL, False)} if UNTIL in stream.fields else {})
    if clock is not None and clock.name_worst:
        fields |= {PLANNED: fields.get(PLANNED, False), ACTUAL: fields.get(ACTUAL, False)}
    if rule.measure.field is not None:
        fields[rule.measure.field] = fields.get(rule.measure.field, False) or kind in _CODED
    return fields
