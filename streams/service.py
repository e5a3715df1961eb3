"""One worker, joined: stages on their topics, the senders, the page."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry

from alerts.desk import Desk
from alerts.outbox.outbox import Outbox, Surroundings
from alerts.placing import Places
from alerts.routing import Routing
from alerts.senders.poster import Reach
from alerts.site import Site as DeskSite
from detectors.rules import Rule
from streams.access import access_of
from streams.alertmanagerside import add_alertmanager
from streams.atdesk import AtDesk
from streams.beside import Beside
from streams.calendarfeeds import CalendarFeeds
from streams.commandlog import add_commands
from streams.desk_stage import DeskStage
from streams.deskside import add_deskside
from streams.door import Caller, Door
from streams.feed import Feed
from streams.handling import HandlingCollector
from streams.historian import Historian
from streams.historyapi import add_history
from streams.host import Host
from streams.hosting import HostSettings
from streams.listeners import Listeners
from streams.metrics import Metrics
from streams.orders import add_orders
from streams.overview import Overview, Rates, SeriesLevels
from streams.peoplefile import read_crew
from streams.readiness import unready
from streams.reloading import Reload, Reloader
from streams.settings import Settings, SettingsError, secret_of
from streams.site import SHIPPED, Site
from streams.stage import Outgoing
from streams.state import state_folder
from streams.tellings import Tellings
from streams.topics import NOTIFICATIONS, Topic, notifications, plan
from streams.undelivered import add_undelivered
from streams.version import VERSION
from streams.waysout import heartbeat_of, policies_of, senders_of
from streams.web import make_app, serve
from streams.windowfile import windows_of
from streams.wirings import Wirings

if TYPE_CHECKING:
    from aiohttp import web

_SEND_GRACE_S = 3.0


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
        folder, reach = state_folder(settings.state_dir), Reach(private=settings.calendars.private)
        self._feeds = CalendarFeeds(folder, reach, _wall_ms, self.metrics.count_calendar)
        self._crew = self._next_crew = read_crew(settings.people, settings.zone, settings.channels, self._feeds)
        self._addresses = self._next_addresses = self._feeds.take_opened()
        self._routing = Routing(channels=tuple(settings.channels), receivers=settings.receivers)
        self._desk_site = DeskSite(
            windows=windows_of(settings.windows, self._zone),
            english=self.site.english,
            audiences=settings.notices.chosen,
            page=settings.web.url or "",
            above=None if self.site.topology is None else Places(self.site.topology),
        )
        try:
            self._desk()  # a rule that names a notice nobody wrote is told now, not with the first alert
        except ValueError as error:
            raise SettingsError(str(error)) from error
        self._senders = senders_of(settings, self._publish)
        self._heartbeat = heartbeat_of(settings)
        token_file = settings.web.token_file
        callers = [Caller(name, one.role, secret_of(one.token_file)) for name, one in settings.web.operators.items()]
        self._door = Door(secret_of(token_file) if token_file else None, settings.web.hosts, tuple(callers))
        self._outbox: Outbox | None = None
        self.beside: Beside | None = None  # while it runs
        self._reloader = Reloader(settings.rules, self, _wall_ms, site, settings.topology)
        wirings = Wirings(settings, site, self.overview, rules=lambda: self.rules, desk=self._desk_stage)
        self.host = Host(
            HostSettings(bootstrap=settings.broker, app_id=settings.group, access=self.access),
            wirings.all(self.streams, self.metrics),
            clock=clock,
            on_ready=self._up,
        )
        self.at_desk = AtDesk(
            self.overview,
            self.host.publish,
            channels=tuple(settings.channels),
            rules=lambda: self.rules,
            crew=lambda: self._crew,
        )
        self._folder = state_folder(settings.state_dir)
        self._historian = Historian(
            settings.broker, self._folder, settings.group, self.metrics, now_ms=_wall_ms, access=self.access
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
        server = await serve(self.app(), self.settings.web.host, self.settings.web.port)
        self.url = f"http://{self.settings.web.host}:{server.port}"
        tellings = Tellings(self.host.publish, self.metrics.count_history)
        around = Surroundings(now_ms=_wall_ms, folder=self._folder, name=self.settings.group, witness=tellings.witness)
        self._outbox = Outbox(self._senders, policies_of(self.settings, self._senders), self.metrics, around)
        beside = self.beside = Beside(
            host=self.host,
            overview=self.overview,
            metrics=self.metrics,
            outbox=self._outbox,
            now_ms=_wall_ms,
            reasons=self.reasons,
            heartbeat=self._heartbeat,
            heartbeat_every_s=self.settings.heartbeat.every / 1000,
            feeds=self._feeds,
            feeds_every_s=self.settings.calendars.every / 1000,
        )
        await self._outbox.open(self.host.fail)
        try:
            async with beside.at_work(tellings.run(), self._historian.run()):
                await self.host.run()
        finally:
            await self._outbox.close(_SEND_GRACE_S)
            await self._historian.close()
            if self._heartbeat is not None:
                await self._heartbeat.close()
            await server.stop()

    def app(self) -> web.Application:
        """Put the page and the whole API together."""
        metrics, feed = self.metrics, self.listeners.feed
        app = make_app(self.overview, metrics.registry, feed, self, self._door, count=metrics.count_request)
        add_orders(app, self)
        add_commands(app, self.at_desk, self._clock)
        add_deskside(app, self.at_desk, self._clock)
        add_alertmanager(app, self.at_desk, self._clock, _wall_ms())
        add_history(app, self._historian, self.overview, self.settings.judge_partitions)
        add_undelivered(app, lambda: self._outbox)
        return app

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

    def warnings(self) -> list[str]:
        """Say what is not as it should be, and keeps nothing from being done."""
        return self._feeds.warnings()

    # Rules, while running.

    async def reload(self) -> Reload:
        """Read the rule files again; take them if all of them are right."""
        done = await self._reloader.reload()
        self._feeds.keep_only(self._addresses)
        return done

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
            self._next_crew = read_crew(self.settings.people, self.settings.zone, self.settings.channels, self._feeds)
            self._desk(rules)
        except ValueError as error:
            said += str(error).splitlines()
        self._next_addresses = self._feeds.take_opened()
        return said

    def take_rules(self, rules: Sequence[Rule]) -> None:
        """Work by these rules from now on. Every stage takes them at once: no record comes in between."""
        self.rules = rules
        self._crew, self._addresses = self._next_crew, self._next_addresses
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

    def release(self, stream: str) -> int:
        """Read partitions of a stream on at full speed though next to nothing is usable; return how many."""
        return sum(stage.breaker.release() for stage in self.overview.sources if stage.stream == stream)

    def _up(self) -> None:
        self._on_ready()

    def _desk_stage(self) -> DeskStage:
        assert self._outbox is not None
        return DeskStage(self._desk(), self._outbox, self.listeners, self.metrics.count_bad_command)

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


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000
