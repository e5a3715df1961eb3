"""What a site declares of itself, its streams, its places, its clock: one value for every part that reads events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detectors.batch import EventBatch, Int64
from detectors.enriching import enricher_of
from detectors.hours import HERE, Almanac
from detectors.monitor import fields_needed
from detectors.rules import Rule
from detectors.topology import Topology
from detectors.vocabulary import STREAMS, FieldType, Stream
from streams.columns import to_batch
from streams.topologyfile import TopologyError, read_topology

if TYPE_CHECKING:
    from streams.settings import Settings


@dataclass(frozen=True, slots=True)
class Site:
    """`streams` are ours and the site's own, with the levels of its places as fields; see `site_of`."""

    streams: Mapping[str, Stream] = field(default_factory=lambda: STREAMS)
    topology: Topology | None = None
    almanac: Almanac = HERE

    @property
    def english(self) -> Mapping[str, Mapping[str, str]]:
        """What places are called in English texts: field → name → English name."""
        return {} if self.topology is None else self.topology.english


SHIPPED = Site()
"""No stream but ours, no places, and no holidays."""


def site_of(
    custom: Mapping[str, Stream], topology: Topology | None, file: str = "topology", almanac: Almanac = HERE
) -> Site:
    """Join streams and places, clock and calendar. Raise TopologyError where a level cannot be a field of a stream."""
    streams = {**STREAMS, **custom}
    if topology is None:
        return Site(streams, almanac=almanac)
    clashes = [
        f'{file}: level: "{level}" names no places: it is a field of stream {stream.name} that is no free text'
        for level in topology.levels
        for stream in streams.values()
        if (own := stream.fields.get(level)) is not None and (own.type is not FieldType.STRING or own.one_of)
    ]
    if clashes:
        raise TopologyError("\n".join(clashes))
    return Site({name: topology.widen(stream) for name, stream in streams.items()}, topology, almanac)


def site_from(settings: Settings, topology: Path | None = None) -> Site:
    """Make the site that settings declare; `topology` is a table of places instead of theirs. Raise TopologyError."""
    path = topology or settings.topology
    table = None if path is None else read_topology(path)
    return site_of(settings.custom_streams, table, str(path), settings.almanac)


class Reading:
    """How one stream's events become columns under some rules: the fields read of them, and the levels filled in."""

    def __init__(self, site: Site, name: str, rules: Sequence[Rule]) -> None:
        self._stream = site.streams[name]
        needed = fields_needed(rules, self._stream)
        self._enricher = enricher_of(site.topology, self._stream, needed)
        more = () if self._enricher is None else self._enricher.fields
        self.fields = tuple(dict.fromkeys((*needed, *more)))

    def batch(self, ids: Sequence[str], time_ms: Int64, fields: Mapping[str, list[Any]]) -> EventBatch:
        """Turn the `fields` of events into columns."""
        batch = to_batch(self._stream, ids, time_ms, fields)
        return batch if self._enricher is None else self._enricher.enrich(batch)

    def take_unknown(self) -> int:
        """Say how many events named a place the table lacks, since this was asked last."""
        if self._enricher is None:
            return 0
        unknown, self._enricher.unknown = self._enricher.unknown, 0
        return unknown
