"""One worker, joined: stages on their topics, the senders, the page."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry

from alerts.commands import Command
from alerts.desk import Desk
from alerts.notices import NoticeChange
from alerts.outbox.outbox import Outbox, Surroundings
from alerts.placing import Places
from alerts.records import AlertRecord
from alerts.routing import Routing
from alerts.silences import read_silence
from alerts.site import Site as DeskSite
from detectors.rules import Rule
from streams.access import access_of
from streams.breaker import BreakerLimits
from streams.commandlog import add_commands
from streams.desk_stage import DeskStage, Listener
from streams.feed import Feed
from streams.handling import HandlingCollector
from streams.host import Host
from streams.hosting import HostSettings, Wiring
from streams.judge_stage import JudgeStage
from streams.metrics import Metrics
from streams.note_stage import NoteStage
from streams.orders import add_orders
from streams.overview import Overview, Rates, SeriesLevels
from streams.peoplefile import read_crew
from streams.pulse import Pulse
from streams.readiness import unready
from streams.reloading import Reload, Reloader
from streams.settings import Settings, SettingsError, secret_of
from streams.site import SHIPPED, Site
from streams.source_stage import Place, SourceStage, Ways
from streams.stage import Outgoing, Stage
from streams.state import state_folder
from streams.topics import ALERTS, COMMANDS, NOTIFICATIONS, PARTIALS, Topic, notifications, plan, stream_topic
from streams.version import VERSION
from streams.waysout import heartbeat_of, policies_of, senders_of
from streams.web import Caller, Door, make_app, serve
from streams.windowfile import windows_of

_REFRESH_S = 1.0
_SAY_AGAIN_S = 60.0
_SEND_GRACE_S = 3.0


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


class Service:
    """A worker for one set of rules. `clock` tells the time in which events happen, in milliseconds."""

    def __init__(
        self, settings: Settings, rules: Sequence[Rule], *, clock: Callable[[], int], site: Site = SHIPPED
    ) -> None:
        """Join the parts; nothing is opened yet. Raise SettingsError for what does not fit together."""
        self.settings = settings
        self.rules = rules
        watched = (stream for rule in rules for stream in rule.streams)
        self.streams = tuple(dict.fromkeys((*settings.streams, *settings.custom_streams, *watched)))
        self.site = site
        self.access = access_of(settings.security)
        self._clock = clock
        self.metrics = Metrics(CollectorRegistry(), version=VERSION, streams=self.streams, channels=settings.channels)
        self.overview = Overview(rules, self.streams, Rates(self.metrics, _monotonic_ms), clock, settings.zone)
        self.metrics.show_levels(SeriesLevels(self.overview))
        self.metrics.show_targets(lambda: self.rules, clock)
        self.listeners = Listeners(Feed())
        self._zone = ZoneInfo(settings.zone)
        self._crew = self._next_crew = read_crew(settings.people, settings.zone, settings.channels)
        self._routing = Routing(channels=tuple(settings.channels), receivers=settings.receivers)
        self._desk_site = DeskSite(
            windows=windows_of(settings.windows, self._zone),
            english=self.site.english,
            above=None if self.site.topology is None else Places(self.site.topology),
        )
        try:
            self._desk()  # a rule that names a notice nobody wrote is told now, not with the first alert
        except ValueError as error:
            raise SettingsError(str(error)) from error
        self._senders = senders_of(settings, self._publish)
        self._heartbeat = heartbeat_of(settings)
        self._pulse = Pulse()
        token_file = settings.web.token_file
        callers = [Caller(name, one.role, secret_of(one.token_file)) for name, one in settings.web.operators.items()]
        self._door = Door(secret_of(token_file) if token_file else None, settings.web.hosts, tuple(callers))
        self._outbox: Outbox | None = None
        self._reloader = Reloader(settings.rules, self, _wall_ms, site, settings.topology)
        self.host = Host(
            HostSettings(bootstrap=settings.broker, app_id=settings.group, access=self.access),
            self._wirings(),
            clock=clock,
            on_ready=self._up,
        )
        self.metrics.registry.register(HandlingCollector(lambda: self.host.tally, self.host.progress))
        self.overview.held = lambda: {(progress.topic, progress.partition) for progress in self.host.progress()}
        self._on_ready: Callable[[], None] = lambda: None
        self.url = ""

    @property
    def topics(self) -> list[Topic]:
        """The topics this service needs."""
        ours = plan(
            self.streams,
            stream_partitions=self.settings.stream_partitions,
            judge_partitions=self.settings.judge_partitions,
        )
        told = any(channel.type == "kafka" for channel in self.settings.channels.values())
        return [*ours, notifications()] if told else ours

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Serve until `stop`; call `on_ready` once all partitions first assigned are running.

        Raise OSError if the page's address is taken, ExposedError if it would be open without a token, and what
        `Host.run` raises.
        """
        self._on_ready = on_ready
        app = make_app(self.overview, self.metrics.registry, self.listeners.feed, self, self._door)
        add_orders(app, self)
        add_commands(app, self, self._clock)
        server = await serve(app, self.settings.web.host, self.settings.web.port)
        self.url = f"http://{self.settings.web.host}:{server.port}"
        around = Surroundings(now_ms=_wall_ms, folder=state_folder(self.settings.state_dir), name=self.settings.group)
        self._outbox = Outbox(self._senders, policies_of(self.settings, self._senders), self.metrics, around)
        beats = [self._every(_REFRESH_S, self._refresh), self._every(_SAY_AGAIN_S, self._say_again)]
        if self._heartbeat is not None:
            beats.append(self._every(self.settings.heartbeat.every / 1000, self._beat_heart))
        await self._outbox.open(self.host.fail)
        try:
            async with _beside(*beats):
                await self.host.run()
        finally:
            await self._outbox.close(_SEND_GRACE_S)
            if self._heartbeat is not None:
                await self._heartbeat.close()
            await server.stop()

    def stop(self) -> None:
        """Ask `run` to end cleanly."""
        self.host.stop()

    def reasons(self) -> list[str]:
        """Say why the service is not ready."""
        return unready(
            is_ready=self.host.ready,
            held=self.host.progress(),
            slow=self.overview.breakers(),
            trouble=None if self._outbox is None else self._outbox.trouble,
        )

    # Rules, while running.

    async def reload(self) -> Reload:
        """Read the rule files again; take them if all of them are right."""
        return await self._reloader.reload()

    def objections(self, rules: Sequence[Rule]) -> list[str]:
        """Say why these rules, right as they are, cannot be taken while running."""
        said = [
            f"rule {rule.id} reads the stream {stream}, which this worker does not listen to: name it under "
            "streams in the settings, and start anew"
            for rule in rules
            for stream in rule.streams
            if stream not in self.streams
        ]
        try:
            self._next_crew = read_crew(self.settings.people, self.settings.zone, self.settings.channels)
            self._desk(rules)
        except ValueError as error:
            said += str(error).splitlines()
        return said

    def take_rules(self, rules: Sequence[Rule]) -> None:
        """Work by these rules from now on. Every stage takes them at once: no record comes in between."""
        self.rules = rules
        self._crew = self._next_crew
        self.overview.take_rules(rules)
        self.overview.take_desk(self._desk)

    def count_reload(self, result: str) -> None:
        """Count what came of a reload."""
        self.metrics.count_reload(result)

    def rules_told(self) -> dict[str, Any]:
        """Say by which rules this worker counts, which of them wait for others, and what the last reload gave."""
        last = self._reloader.last
        return {
            "rules": {rule.id: rule.fingerprint for rule in self.rules},
            "waiting": sorted(self.overview.waiting()),
            "last_reload": None if last is None else last.as_data(),
        }

    # Commands of people.

    async def enter(self, command: Command) -> None:
        """Put a command into the desk's log, wherever the desk is; raise aiokafka's `KafkaError` if it is not safe."""
        await self.host.publish(Outgoing(COMMANDS, command.encode(), command.command.encode()))

    def outcome(self, command: str) -> str | None:
        """Say what came of a command, if the desk is here and knows it."""
        return next((told for stage in self.overview.desks if (told := stage.desk.outcome(command))), None)

    def incident(self, incident: str) -> Mapping[str, Any] | None:
        """Tell all of an incident, if the desk is here and keeps it."""
        for stage in self.overview.desks:
            known = stage.desk.incidents.get(incident)
            if known is not None:
                followed = stage.desk.callout.escalations.get(incident)
                return {**known.as_data(), "escalation": None if followed is None else followed.as_data()}
        return None

    def silences(self) -> list[dict[str, Any]]:
        """List the silences that hold or will, if the desk is here, the next to end first."""
        known = [each for stage in self.overview.desks for each in stage.desk.silences.all()]
        return [each.as_data() for each in known if each.ends_ms > self._clock()]

    def preview(self, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Say what a silence would hide of what fires now, worst first. Raise SilenceError if it cannot be read."""
        now_ms = self._clock()
        silence = read_silence("preview", "preview", asked, now_ms)
        return [
            {"incident": incident.id, "rule": incident.rule, "level": incident.level, "hidden": len(hidden)}
            for stage in self.overview.desks
            for incident, hidden in stage.desk.preview(silence, now_ms)
        ]

    def release(self, stream: str) -> int:
        """Read partitions of a stream on at full speed though next to nothing is usable; return how many."""
        return sum(stage.breaker.release() for stage in self.overview.sources if stage.stream == stream)

    def _up(self) -> None:
        self._on_ready()

    def _wirings(self) -> list[Wiring]:
        settings = self.settings
        breaker = BreakerLimits(settings.breaker.share, settings.breaker.events)
        ways = Ways(settings.judge_partitions, settings.lateness, settings.expect_every, breaker, self.site)

        def source(stream: str) -> Wiring:
            def make(partition: int, partitions: int) -> Stage:
                place = Place(stream, partition, partitions)
                stage = SourceStage(place, self.rules, self.overview.counts, ways)
                return self.overview.keep(stream_topic(stream), partition, stage)

            return Wiring(stream_topic(stream), make)

        def judge(partition: int, partitions: int) -> Stage:
            expected, english = self.settings.expect_every, self.site.english
            stage = JudgeStage(partition, partitions, self.rules, self.metrics, expected, english=english)
            return self.overview.keep(PARTIALS, partition, stage)

        def desk(partition: int, partitions: int) -> Stage:  # noqa: ARG001  the topic has one partition
            assert self._outbox is not None
            return self.overview.keep(COMMANDS, partition, DeskStage(self._desk(), self._outbox, self.listeners))

        def note(partition: int, partitions: int) -> Stage:  # noqa: ARG001  it keeps nothing
            return NoteStage()

        return [*map(source, self.streams), Wiring(PARTIALS, judge), Wiring(ALERTS, note), Wiring(COMMANDS, desk)]

    def _desk(self, rules: Sequence[Rule] | None = None) -> Desk:
        chosen = self.rules if rules is None else rules
        site = replace(self._desk_site, crew=self._crew)
        return Desk(chosen, self._zone, self._routing, site=site)

    async def _publish(self, value: bytes, key: bytes) -> bool:
        try:
            await self.host.publish(Outgoing(NOTIFICATIONS, value, key))
        except (KafkaError, RuntimeError):  # RuntimeError: Kafka is not, or no longer, connected
            return False
        return True

    async def _refresh(self) -> None:
        self.overview.refresh(self.metrics)
        assert self._outbox is not None
        now_ms = _wall_ms()
        for channel, waiting in self._outbox.waiting().items():
            oldest_ms = now_ms if waiting.oldest_ms is None else waiting.oldest_ms
            self.metrics.set_outbox(channel, waiting.count, max(now_ms - oldest_ms, 0) / 1000)

    async def _say_again(self) -> None:
        assert self._outbox is not None
        for stage in self.overview.desks:
            await self._outbox.refresh(stage.desk.firing)

    async def _beat_heart(self) -> None:
        assert self._heartbeat is not None
        if self._pulse.beats(self.host.progress(), self.reasons()):
            await self._heartbeat.send()

    async def _every(self, seconds: float, act: Callable[[], Awaitable[None]]) -> None:
        try:
            while True:
                await asyncio.sleep(seconds)
                await act()
        except Exception as reason:  # noqa: BLE001  not swallowed: `Host.run` raises it
            self.host.fail(reason)


@contextlib.asynccontextmanager
async def _beside(*work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Do work as long as the block runs."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000
