"""Which stage reads which topic: the way of an event, in one list."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from detectors.rules import Rule
from streams.breaker import BreakerLimits
from streams.desk_stage import DeskStage
from streams.hosting import Wiring
from streams.judge_stage import JudgeStage
from streams.metrics import Metrics
from streams.note_stage import NoteStage
from streams.overview import Overview
from streams.settings import Settings
from streams.site import Site
from streams.source_stage import Place, SourceStage, Ways
from streams.stage import Stage
from streams.topics import ALERTS, COMMANDS, PARTIALS, stream_topic


class Wirings:
    """Makes the stages of one worker. `rules` says by which they count now, and `desk` makes the stage of the desk."""

    def __init__(
        self,
        settings: Settings,
        site: Site,
        overview: Overview,
        *,
        rules: Callable[[], Sequence[Rule]],
        desk: Callable[[], DeskStage],
    ) -> None:
        self._settings = settings
        self._overview = overview
        self._rules = rules
        self._desk = desk
        breaker = BreakerLimits(settings.breaker.share, settings.breaker.events)
        self._ways = Ways(settings.judge_partitions, settings.lateness, settings.expect_every, breaker, site)

    def all(self, streams: Sequence[str], metrics: Metrics) -> list[Wiring]:
        """List them: the streams, the judges, the alerts, the log of the desk."""
        return [
            *map(self._source, streams),
            self._judge(metrics),
            Wiring(ALERTS, lambda _partition, _partitions: NoteStage()),  # it keeps nothing
            Wiring(COMMANDS, lambda partition, _: self._overview.keep(COMMANDS, partition, self._desk())),
        ]

    def _source(self, stream: str) -> Wiring:
        topic = stream_topic(stream)

        def make(partition: int, partitions: int) -> Stage:
            place = Place(stream, partition, partitions)
            stage = SourceStage(place, self._rules(), self._overview.counts, self._ways)
            return self._overview.keep(topic, partition, stage)

        return Wiring(topic, make)

    def _judge(self, metrics: Metrics) -> Wiring:
        expected, english = self._settings.expect_every, self._ways.site.english

        def make(partition: int, partitions: int) -> Stage:
            stage = JudgeStage(partition, partitions, self._rules(), metrics, expected, english=english)
            return self._overview.keep(PARTIALS, partition, stage)

        return Wiring(PARTIALS, make)
