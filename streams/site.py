"""What a site declares of itself, its streams and its places: one value for every part that reads events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from detectors.batch import EventBatch, Int64
from detectors.enriching import enricher_of
from detectors.monitor import fields_needed
from detectors.rules import Rule
from detectors.topology import Topology
from detectors.vocabulary import STREAMS, FieldType, Stream
from streams.columns import to_batch
from streams.event_types import Event
from streams.topologyfile import TopologyError, read_topology

if TYPE_CHECKING:
    from streams.settings import Settings


@dataclass(frozen=True, slots=True)
class Site:
    """`streams` are ours and the site's own, with the levels of its places as fields; see `site_of`."""

    streams: Mapping[str, Stream] = field(default_factory=lambda: STREAMS)
    topology: Topology | None = None

    @property
    def english(self) -> Mapping[str, Mapping[str, str]]:
        """What places are called in English texts: field → name → English name."""
        return {} if self.topology is None else self.topology.english


SHIPPED = Site()
"""No stream but ours, and no places."""


def site_of(custom: Mapping[str, Stream], topology: Topology | None, file: str = "topology") -> Site:
    """Join streams and places. Raise TopologyError where a level cannot be a field of a stream."""
    streams = {**STREAMS, **custom}
    if topology is None:
        return Site(streams)
    clashes = [
        f'{file}: level: "{level}" names no places: it is a field of stream {stream.name} that is no free text'
        for level in topology.levels
        for stream in streams.values()
        if (own := stream.fields.get(level)) is not None and (own.type is not FieldType.STRING or own.one_of)
    ]
    if clashes:
        raise TopologyError("\n".join(clashes))
    return Site({name: topology.widen(stream) for name, stream in streams.items()}, topology)


def site_from(settings: Settings, topology: Path | None = None) -> Site:
    """Make the site that settings declare; `topology` is a table of places instead of theirs. Raise TopologyError."""
    path = topology or settings.topology
    return site_of(settings.custom_streams, None if path is None else read_topology(path), str(path))


class Reading:
    """How one stream's events become columns under some rules: the fields read of them, and the levels filled in."""

    def __init__(self, site: Site, name: str, rules: Sequence[Rule]) -> None:
        self._stream = site.streams[name]
        needed = fields_needed(rules, self._stream)
        self._enricher = enricher_of(site.topology, self._stream, needed)
        more = () if self._enricher is None else self._enricher.fields
        self._fields = needed | dict.fromkeys(more, True)  # places are looked up by their codes

    def batch(self, events: Sequence[Event], time_ms: Int64) -> EventBatch:
        """Turn events into columns."""
        batch = to_batch(self._stream, events, time_ms, self._fields)
        return batch if self._enricher is None else self._enricher.enrich(batch)

    def take_unknown(self) -> int:
        """Say how many events named a place the table lacks, since this was asked last."""
        if self._enricher is None:
            return 0
        unknown, self._enricher.unknown = self._enricher.unknown, 0
        return unknown
